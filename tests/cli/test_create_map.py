"""`create` from a request map: the same stack file as with options; what the map holds besides goes nowhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.engine.stack_files import load
from fedml_infra.wire.blobs import encrypt_request
from fedml_infra.wire.spellings import in_old_spelling
from fedml_infra.wire.v2.request import RequestContext
from tests.cli.conftest import Done, Run
from tests.cli.test_create import ARGUMENTS, nothing_left, path
from tests.operations.worlds import MEMBER, OTHER, OWN, World
from tests.wire.values import FED_KEY, TOKEN, V1_KEY, V2_KEY, invite

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREATE = {
    "fed_name": "cardio",
    "pid": "charite",
    "aws_region": "us-east-1",
    "s3_bucket": "cardio-charite",
    "sync_sched": "m30",
}
KEYS = {"aws_access_key": ACCESS, "aws_secret_key": SECRET}
TOPIC = f"arn:aws:sns:us-east-1:{OTHER}:cardio"
JOIN = {
    **CREATE,
    "pid": "insel",
    "s3_bucket": "insel-fed",
    "aws_id": OWN,
    "aws_topic_arn": TOPIC,
    "topic_region": "US_EAST_1",
    "fed_secret_key": FED_KEY,
    "fed_rest_url": "https://fed.example.org/x",
    "fed_req_token": TOKEN,
}


def from_map(run: Run, here: World, given: dict[str, Any], *more: str) -> Done:
    file = here.project / "map.json"
    file.write_text(json.dumps(given))
    return run("create", "--from-map", str(file), *more, "--yes")


def test_a_map_writes_what_the_options_write(here: World, run: Run) -> None:
    by_options = run("create", *ARGUMENTS, "--preview").out
    assert from_map(run, here, CREATE, "--preview").out == by_options
    assert "pid: charite" in by_options


def test_a_map_comes_from_standard_input(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(CREATE).encode())))
    assert run("create", "--from-map", "-", "--yes").code == 0
    assert load(path(here)).nodes[0].pid == "charite"


def test_both_spellings_of_keys_and_regions_are_read(here: World, run: Run) -> None:
    done = from_map(run, here, {**in_old_spelling(CREATE), "aws_region": "EU_WEST_1"})
    assert done.code == 0, done.err
    assert load(path(here)).region == "eu-west-1"


def test_what_is_missing_is_named_at_once(here: World, run: Run) -> None:
    done = from_map(run, here, {"fed_name": "cardio"})
    assert done.code == 2
    for key in ("pid", "aws_region", "s3_bucket", "sync_sched"):
        assert f"{key}: is missing" in done.err
    assert nothing_left(here)


def test_a_joiner_s_map_with_keys_missing_names_them_all(here: World, run: Run) -> None:
    done = from_map(run, here, {"aws_topic_arn": TOPIC, "fed_secret_key": FED_KEY})
    assert done.code == 2
    for key in ("fed_name", "pid", "aws_id", "s3_bucket", "fed_req_token", "fed_rest_url", "aws_topic_region"):
        assert f"{key}: is missing" in done.err
    assert FED_KEY not in done.err


def test_the_node_s_name_may_come_beside_the_map(here: World, run: Run) -> None:
    done = from_map(run, here, {key: value for key, value in CREATE.items() if key != "pid"}, "--pid", "usz")
    assert done.code == 0, done.err
    assert load(path(here)).nodes[0].pid == "usz"


def test_unknown_keys_are_told(here: World, run: Run) -> None:
    done = from_map(run, here, {**CREATE, "colour": "blue"})
    assert done.code == 0, done.err
    assert "colour is no key here" in done.err


def test_a_joiner_s_map_makes_a_joiner_s_stack_with_the_map_s_key(here: World, run: Run) -> None:
    done = from_map(run, here, JOIN)
    assert done.code == 0, done.err
    config = load(path(here))
    assert (config.aws_topic_arn, config.nodes[0].pid) == (TOPIC, "insel")
    key = here.engine.get_secret("cardio", "fedml-infra:fed_secret_key")
    assert key is not None
    assert key.get_secret_value() == FED_KEY
    assert "administrator" in done.err


def test_a_v2_invite_s_map_is_for_join(here: World, run: Run) -> None:
    given = {**invite(aws_topic_arn=TOPIC).to_map(), **{key: JOIN[key] for key in ("pid", "s3_bucket", "aws_region")}}
    done = from_map(run, here, {**given, "aws_id": OWN})
    assert done.code == 2
    assert "fedml-infra join" in done.err
    assert nothing_left(here)


def test_no_secret_of_a_map_is_said_or_written(here: World, run: Run) -> None:
    here.aws = type(here.aws)({Access(): OWN, Access(keys=Keys(ACCESS, SECRET)): OWN})
    done = from_map(run, here, {**JOIN, **KEYS}, "--json")
    assert done.code == 0, done.err
    for secret in (SECRET, FED_KEY, TOKEN):
        assert secret not in done.out + done.err + path(here).read_text()
    assert ACCESS not in path(here).read_text()


def with_accounts(here: World, given: str) -> None:
    """AWS in which the map's keys are of account `given`, and the environment has none."""
    here.aws = type(here.aws)({Access(keys=Keys(ACCESS, SECRET)): given})


def test_aws_keys_of_a_map_are_used_for_the_run(here: World, run: Run) -> None:
    with_accounts(here, OWN)
    done = from_map(run, here, {**CREATE, **KEYS, "aws_id": OWN})
    assert done.code == 0, done.err
    assert "kept nowhere" in done.err


def test_the_engine_gets_them_through_its_environment_and_nothing_that_is_stronger(here: World, run: Run) -> None:
    with_accounts(here, OWN)
    from_map(run, here, {**CREATE, **KEYS})
    handed = here.engine.environment
    assert (handed["AWS_ACCESS_KEY_ID"], handed["AWS_SECRET_ACCESS_KEY"]) == (ACCESS, SECRET)
    assert handed["AWS_PROFILE"] is None
    assert handed["AWS_SESSION_TOKEN"] is None


def test_without_keys_in_the_map_the_engine_s_environment_is_as_it_was(here: World, run: Run) -> None:
    from_map(run, here, CREATE)
    assert here.engine.environment == {}


@pytest.mark.parametrize(("keys", "whose"), [(KEYS, "The map's AWS keys"), ({}, "The environment's credentials")])
def test_another_account_s_credentials_are_refused(keys: dict[str, str], whose: str, here: World, run: Run) -> None:
    if keys:
        with_accounts(here, OWN)
    done = from_map(run, here, {**CREATE, **keys, "aws_id": MEMBER})
    assert done.code == 3
    assert f"{whose} belong to account {OWN}, and its aws_id says account {MEMBER}" in done.err
    assert nothing_left(here)


def test_one_of_the_two_aws_keys_alone_is_refused(here: World, run: Run) -> None:
    done = from_map(run, here, {**CREATE, "aws_secret_key": SECRET})
    assert done.code == 2
    assert "aws_access_key: is missing" in done.err
    assert SECRET not in done.err


CONTEXT = RequestContext("POST", "/symetry/rest/c1/fedml/create", "c1", "2026-01-31 12:00:00;0")
IN_CONTEXT = ("--verb", CONTEXT.verb, "--path", CONTEXT.path, "--cid", CONTEXT.cid, "--sym-date", CONTEXT.sym_date)


def encrypted(here: World, version: str) -> tuple[str, ...]:
    """Options for a map that is encrypted as a client does, and the file of its key."""
    key = V1_KEY if version == "v1" else V2_KEY
    (here.project / "key").write_text(key.text.get_secret_value() + "\n")
    (here.project / "body").write_text(encrypt_request(CREATE, key, None if version == "v1" else CONTEXT) + "\n")
    return ("--from-encrypted-map", str(here.project / "body"), "--key-file", str(here.project / "key"))


@pytest.mark.parametrize(("version", "context"), [("v1", ()), ("v2", IN_CONTEXT)])
def test_an_encrypted_map_is_told_apart_by_its_form(
    version: str, context: tuple[str, ...], here: World, run: Run
) -> None:
    done = run("create", *encrypted(here, version), *context, "--yes")
    assert done.code == 0, done.err
    assert load(path(here)).nodes[0].pid == "charite"


def test_a_v2_map_without_its_context_says_which_options_give_it(here: World, run: Run) -> None:
    done = run("create", *encrypted(here, "v2"), "--yes")
    assert done.code == 2
    assert "--verb, --path, --cid, --sym-date" in done.err


def test_the_key_may_come_from_the_environment(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_KEY", V1_KEY.text.get_secret_value())
    done = run("create", *encrypted(here, "v1")[:2], "--yes")
    assert done.code == 0, done.err


def test_a_wrong_key_touches_nothing(here: World, run: Run) -> None:
    options = encrypted(here, "v1")
    (here.project / "key").write_text("AAAAAAAAAAAAAAAAAAAAAA==")
    done = run("create", *options, "--yes")
    assert done.code == 2
    assert "cannot be read" in done.err
    assert nothing_left(here)


def test_what_is_no_map_is_refused(here: World, run: Run) -> None:
    (here.project / "map.json").write_text('["fed_name"]')
    done = run("create", "--from-map", str(here.project / "map.json"), "--yes")
    assert done.code == 2
    assert "holds no JSON map" in done.err


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--region", "us-east-1"), "--region: with --from-map, the map says that"),
        (("--fed-secret-key-stdin",), "--fed-secret-key-stdin"),
        (("--verb", "POST"), "only --from-encrypted-map needs that"),
        (("--from-encrypted-map", "map.json"), "exclude each other"),
    ],
)
def test_options_that_do_not_go_with_a_map_are_refused(more: tuple[str, ...], word: str, here: World, run: Run) -> None:
    done = from_map(run, here, CREATE, *more)
    assert done.code == 2
    assert word in done.err
    assert nothing_left(here)


def test_another_name_than_the_map_s_is_refused(here: World, run: Run) -> None:
    done = from_map(run, here, CREATE, "neuro")
    assert done.code == 2
    assert "is 'cardio' in the map, and 'neuro' was asked for" in done.err
    assert from_map(run, here, CREATE, "cardio").code == 0


def test_without_a_name_and_without_a_map_it_says_so(here: World, run: Run) -> None:
    done = run("create", "--region", "us-east-1")
    assert done.code == 2
    assert "FED_NAME" in done.err


@pytest.mark.parametrize("flag", ["--no-protect", "--no-persist"])
def test_a_flag_is_stronger_than_the_map_s_protect(flag: str, here: World, run: Run) -> None:
    assert from_map(run, here, {**CREATE, "protect": "true"}, flag).code == 0
    assert not load(path(here)).protect


def test_the_same_map_again_goes_on(here: World, run: Run) -> None:
    assert from_map(run, here, JOIN).code == 0
    done = from_map(run, here, JOIN)
    assert done.code == 0, done.err
    assert "going on with it" in done.err


def test_the_same_map_with_another_key_is_refused(here: World, run: Run) -> None:
    assert from_map(run, here, JOIN).code == 0
    done = from_map(run, here, {**JOIN, "fed_secret_key": "A" * 21 + "Q=="})
    assert done.code == 2
    assert "another fed_secret_key" in done.err


def test_a_map_may_only_be_looked_at(here: World, run: Run) -> None:
    (here.project / "map.json").write_text(json.dumps(JOIN))
    done = run("create", "--from-map", str(here.project / "map.json"), "--preview", "--json")
    assert done.code == 0, done.err
    assert done.json["values"]["fedml-infra:aws_topic_arn"] == TOPIC
    assert FED_KEY not in done.out
    assert TOKEN not in done.out
    assert not path(here).exists()


def test_a_file_that_is_not_there_is_said(here: World, run: Run, tmp_path: Path) -> None:
    assert run("create", "--from-map", str(tmp_path / "none"), "--yes").code == 2

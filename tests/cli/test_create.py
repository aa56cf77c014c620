"""`create`: options to stack file to `up`; every refusal leaves nothing behind."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.locks import LockHolder
from fedml_infra.engine.stack_files import StackFile, load
from fedml_infra.errors import AuthenticationError
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, KEY, MEMBER, OTHER, OWN, FileEngine, World

ARGUMENTS = (
    "cardio",
    "--region",
    "us-east-1",
    "--sync-sched",
    "m30",
    "--pid",
    "charite",
    "--s3-bucket",
    "cardio-charite",
)
ROLE = "arn:aws:sts::111111111111:assumed-role/admin/me"


def path(here: World) -> Path:
    return here.project / "stacks" / "Pulumi.cardio.yaml"


def nothing_left(here: World) -> bool:
    return not any((here.project / "stacks").iterdir()) and not here.engine.stacks()


def test_it_writes_the_stack_file_in_the_contract_s_order_and_comes_up(here: World, run: Run) -> None:
    done = run("create", *ARGUMENTS, "--member", f"{MEMBER}:publish:insel", "--no-protect", "--yes")
    assert done.code == 0, done.err
    assert path(here).read_text() == (
        "# yaml-language-server: $schema=schema.json\n"
        "config:\n"
        "  aws:region: us-east-1\n"
        "  fedml-infra:fed_name: cardio\n"
        "  fedml-infra:sync_sched: m30\n"
        "  fedml-infra:fed_secret_key: {secure: v1:encrypted-1}\n"
        "  fedml-infra:hub_key: {secure: v1:encrypted-1}\n"
        "  fedml-infra:members:\n"
        f'    - aws_id: "{MEMBER}"\n'
        "      rights: [publish]\n"
        "      nodes: [insel]\n"
        "  fedml-infra:nodes:\n"
        "    - pid: charite\n"
        "      s3_bucket: cardio-charite\n"
    )
    assert here.engine.outputs("cardio")["federation"]["name"] == "cardio"
    assert (here.project / "stacks" / "schema.json").exists()


def test_the_key_is_16_random_bytes_and_goes_through_the_engine(here: World, run: Run) -> None:
    import base64

    run("create", *ARGUMENTS, "--yes")
    key = here.engine.get_secret("cardio", "fedml-infra:fed_secret_key")
    assert key is not None
    assert len(base64.b64decode(key.get_secret_value())) == 16
    assert key.get_secret_value() not in path(here).read_text()


def test_a_brought_key_comes_from_standard_input(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY + "\n"))
    done = run("create", *ARGUMENTS, "--fed-secret-key-stdin", "--yes")
    assert done.code == 0, done.err
    key = here.engine.get_secret("cardio", "fedml-infra:fed_secret_key")
    assert key is not None
    assert key.get_secret_value() == KEY
    assert KEY not in done.out + done.err


def test_a_wrong_key_is_refused_and_not_repeated(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2hunter2\n"))
    done = run("create", *ARGUMENTS, "--fed-secret-key-stdin", "--yes")
    assert done.code == 2
    assert "fed_secret_key: is not base64 of 16 bytes" in done.err
    assert "hunter2" not in done.err
    assert nothing_left(here)


def test_a_key_promised_and_not_given_is_said(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    done = run("create", *ARGUMENTS, "--fed-secret-key-stdin", "--yes")
    assert done.code == 2
    assert nothing_left(here)


def test_on_aws_it_is_protected_unless_told(here: World, run: Run) -> None:
    done = run("create", *ARGUMENTS, "--yes")
    assert load(path(here)).protect
    assert "--no-protect leaves it out" in done.err


@pytest.mark.parametrize("flag", ["--no-protect", "--no-persist"])
def test_told_so_it_is_not_protected(flag: str, here: World, run: Run) -> None:
    run("create", *ARGUMENTS, flag, "--yes")
    assert not load(path(here)).protect


def test_against_a_local_aws_it_is_not_protected(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:4566")
    run("create", *ARGUMENTS, "--yes")
    assert not load(path(here)).protect


def test_against_an_endpoint_elsewhere_it_is_protected(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost.example.org")
    run("create", *ARGUMENTS, "--yes")
    assert load(path(here)).protect


def test_an_ephemeral_stack_cannot_be_protected(here: World, run: Run) -> None:
    assert run("create", *ARGUMENTS, "--no-persist", "--protect", "--yes").code == 2
    assert nothing_left(here)


def test_an_own_bucket_is_adopted_and_that_is_said(here: World, run: Run) -> None:
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 0, done.err
    assert load(path(here)).nodes[0].adopt_bucket
    assert "never written to" in done.err


def test_a_bucket_of_others_is_refused(here: World, run: Run) -> None:
    here.aws.add_bucket(OTHER, "us-east-1", "cardio-charite")
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 4
    assert "cardio-charite belongs to somebody else" in done.err
    assert nothing_left(here)


def test_a_bucket_to_adopt_that_is_not_there_is_refused(here: World, run: Run) -> None:
    node = "{pid: insel, s3_bucket: no-such-bucket, adopt_bucket: true}"
    done = run("create", *ARGUMENTS, "--node", node, "--yes")
    assert done.code == 2
    assert "there is none of that name" in done.err
    assert nothing_left(here)


def test_a_queue_that_is_not_ours_is_refused_before_anything_is_written(here: World, run: Run) -> None:
    here.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 4
    assert "a queue cardio_charite in us-east-1 that is not this federation's" in done.err
    assert nothing_left(here)


def test_all_mistakes_are_told_at_once(here: World, run: Run) -> None:
    done = run(
        "create", "cardio", "--region", "us-east-9", "--sync-sched", "30m", "--member", "22", "--pid", "a b", "--yes"
    )
    assert done.code == 2
    for told in ("aws:region", "sync_sched", "members[0].aws_id", "nodes[0].pid", "nodes[0].s3_bucket"):
        assert told in done.err
    assert nothing_left(here)


def test_mistakes_are_json_where_json_was_asked_for(here: World, run: Run) -> None:
    done = run("create", "cardio", "--region", "us-east-1", "--json", "--yes")
    assert done.code == 2
    assert done.json["error"]["problems"][0]["key"] == "sync_sched"


def test_credentials_that_aws_does_not_know_are_told(here: World, run: Run) -> None:
    done = run("create", *ARGUMENTS, "--profile", "nobody", "--yes")
    assert done.code == 3
    assert "profile nobody" in done.err
    assert nothing_left(here)


def test_without_a_terminal_it_never_asks(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("create", *ARGUMENTS)
    assert done.code == 2
    assert "Give --yes" in done.err
    assert nothing_left(here)


def test_a_preview_writes_nothing(here: World, run: Run) -> None:
    done = run("create", *ARGUMENTS, "--preview")
    assert done.code == 0
    assert "fedml-infra:sync_sched: m30" in done.out
    assert "Node charite is new: it may publish and receive." in done.out
    assert nothing_left(here)


def test_a_preview_in_json_is_one_document(here: World, run: Run) -> None:
    done = run("create", *ARGUMENTS, "--preview", "--json")
    assert done.json["values"]["fedml-infra:sync_sched"] == "m30"
    assert "fedml-infra:fed_secret_key" not in done.json["values"]


def test_again_with_the_same_values_it_goes_on(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--yes")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")  # as the first run made it
    before = path(here).read_text()
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 0, done.err
    assert "going on with it" in done.err
    assert path(here).read_text() == before
    assert not load(path(here)).nodes[0].adopt_bucket


def test_it_waits_for_a_run_that_lives_as_long_as_it_is_told(here: World, run: Run) -> None:
    assert run("create", *ARGUMENTS, "--yes").code == 0
    here.engine.lock("cardio", LockHolder("eve", socket.gethostname(), 1, "2100-01-02T03:04:05Z"))
    refused = run("create", *ARGUMENTS, "--yes", "--wait-timeout", "0.1")
    assert refused.code == 4 and "Waiting …" in refused.err


def test_again_with_other_values_it_says_what_differs(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--yes")
    before = path(here).read_text()
    done = run("create", *[word.replace("m30", "h1") for word in ARGUMENTS], "--yes")
    assert done.code == 2
    assert 'sync_sched: is "m30" in the file, and "h1" was asked for' in done.err
    assert path(here).read_text() == before


def test_again_with_another_key_is_refused(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create", *ARGUMENTS, "--yes")
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY))
    done = run("create", *ARGUMENTS, "--fed-secret-key-stdin", "--yes")
    assert done.code == 2
    assert "another fed_secret_key" in done.err


def test_a_brought_key_is_compared_with_a_file_that_came_from_elsewhere(
    here: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write(HUB_FILE + "  fedml-infra:protect: true\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY))
    arguments = [word.replace("cardio-charite", "cardio-charite/updates") for word in ARGUMENTS]
    done = run("create", *arguments, "--member", MEMBER, "--fed-secret-key-stdin", "--yes")
    assert done.code == 2
    assert "another fed_secret_key" in done.err


def test_cut_off_before_the_key_was_in_the_file_it_goes_on(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--preview")
    file = StackFile.new(path(here))
    for key, value in {
        "aws:region": "us-east-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:protect": True,
        "fedml-infra:nodes": [{"pid": "charite", "s3_bucket": "cardio-charite"}],
    }.items():
        file.set(key, value)
    file.write()
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 0, done.err
    assert load(path(here)).has_secret("fed_secret_key")


@pytest.mark.parametrize("step", ["init", "encrypt"])
def test_what_fails_before_the_stack_is_whole_leaves_nothing(step: str, here: World, run: Run) -> None:
    here.engine.failing[step] = AuthenticationError("The passphrase is wrong")
    done = run("create", *ARGUMENTS, "--yes")
    assert done.code == 3
    assert nothing_left(here)


def test_a_secrets_provider_is_handed_to_the_engine(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--secrets-provider", "awskms://alias/fed", "--yes")
    assert here.engine.providers["cardio"] == "awskms://alias/fed"


def test_every_key_that_a_person_sets_has_an_option(here: World, run: Run) -> None:
    boundary = f"arn:aws:iam::{OWN}:policy/boundary"
    kms = f"arn:aws:kms:us-east-1:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    done = run(
        "create", *ARGUMENTS, "--topology", "hybrid", "--rights", "publish,receive", "--local-type", "gpu",
        "--node-role", "trainer", "--encrypt", "--sharing", "bucket_policy", "--message-filter", "none",
        "--retention", "d7", "--kms-key-arn", kms, "--permissions-boundary", boundary, "--iam-path", "/fedml/",
        "--roster-bucket", "cardio-roster", "--tag", "team=heart", "--member", f"{MEMBER}:publish+receive", "--yes",
    )  # fmt: skip
    assert done.code == 0, done.err
    config = load(path(here))
    assert (str(config.topology), config.fed_encrypt, str(config.sharing)) == ("hybrid", True, "bucket_policy")
    assert (str(config.message_filter), str(config.retention), config.iam_path) == ("none", "d7", "/fedml/")
    assert (config.kms_key_arn, config.permissions_boundary, dict(config.tags)) == (kms, boundary, {"team": "heart"})
    assert config.roster_bucket == "cardio-roster"
    assert (config.nodes[0].node_role, str(config.nodes[0].fed_local_type)) == ("trainer", "gpu")


def test_a_joiner_s_stack_by_hand_has_the_topic_and_no_members(here: World, run: Run) -> None:
    topic = f"arn:aws:sns:us-east-1:{OTHER}:cardio"
    done = run("create", *ARGUMENTS, "--topic-arn", topic, "--no-protect", "--yes")
    assert done.code == 0, done.err
    assert [*StackFile.read(path(here)).config] == [
        "aws:region",
        "fedml-infra:fed_name",
        "fedml-infra:sync_sched",
        "fedml-infra:aws_topic_arn",
        "fedml-infra:fed_secret_key",
        "fedml-infra:nodes",
    ]


def test_a_region_of_the_environment_will_do(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    run("create", "cardio", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", "cardio-charite", "--yes")
    assert load(path(here)).region == "eu-west-1"


def test_a_long_schedule_with_a_role_shares_by_bucket_policy(here: World, run: Run) -> None:
    here.aws.callers[Access()] = ROLE
    done = run("create", *[word.replace("m30", "h3") for word in ARGUMENTS], "--yes")
    assert str(load(path(here)).sharing) == "bucket_policy"
    assert "credentials in messages would live an hour" in done.err


@pytest.mark.parametrize(("schedule", "sharing"), [("h1", "sts"), ("h12", "sts"), ("h13", "bucket_policy")])
def test_a_user_s_keys_live_twelve_hours(schedule: str, sharing: str, here: World, run: Run) -> None:
    run("create", *[word.replace("m30", schedule) for word in ARGUMENTS], "--yes")
    assert str(load(path(here)).sharing) == sharing


def test_a_node_s_role_lives_an_hour_whoever_creates(here: World, run: Run) -> None:
    run("create", *[word.replace("m30", "h3") for word in ARGUMENTS], "--node-role", "trainer", "--yes")
    assert str(load(path(here)).sharing) == "bucket_policy"


@pytest.mark.parametrize(("topology", "sharing"), [("centralized", "bucket_policy"), ("decentralized", "sts")])
def test_a_joiner_shares_by_bucket_policy_only_where_the_hub_alone_reads(
    topology: str, sharing: str, here: World, run: Run
) -> None:
    here.aws.callers[Access()] = ROLE
    topic = f"arn:aws:sns:us-east-1:{OTHER}:cardio"
    arguments = [word.replace("m30", "h3") for word in ARGUMENTS]
    done = run("create", *arguments, "--topic-arn", topic, "--topology", topology, "--yes")
    assert str(load(path(here)).sharing) == sharing
    assert ("is longer than the hour" in done.err) == (sharing == "sts")


def test_what_is_said_of_sharing_holds(here: World, run: Run) -> None:
    here.aws.callers[Access()] = ROLE
    run("create", *[word.replace("m30", "h3") for word in ARGUMENTS], "--sharing", "sts", "--yes")
    assert str(load(path(here)).sharing) == "sts"


def test_in_an_empty_folder_it_writes_the_project(
    run: Run, here: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    here.engine = FileEngine(empty)
    done = run("-C", str(empty), "create", *ARGUMENTS, "--yes")
    assert done.code == 0, done.err
    assert (empty / "Pulumi.yaml").exists()
    assert (empty / "stacks" / "Pulumi.cardio.yaml").exists()


def test_a_refusal_in_an_empty_folder_writes_no_project(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert run("-C", str(empty), "create", "cardio", "--region", "us-east-1", "--yes").code == 2
    assert not any(empty.iterdir())


def test_a_taken_queue_name_in_an_empty_folder_writes_nothing(
    here: World, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    here.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    assert run("-C", str(empty), "create", *ARGUMENTS, "--yes").code == 4
    assert not any(empty.iterdir())

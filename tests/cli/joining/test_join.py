"""join: what it asks, prints and writes, what is refused, and what a cut leaves."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.operations.waiting_join import own_public_key
from fedml_infra.wire.blobs import seal_invite
from fedml_infra.wire.invites import InviteV1
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.keypairs import hub_public_key, new_hub_key
from tests.cli.joining.sides import (
    CONFIGURATION,
    OK,
    PASSPHRASE,
    REFUSED,
    RESOURCE,
    Side,
    untouched,
)
from tests.cli.terminal import in_terminal
from tests.operations.federations import TOPIC
from tests.operations.joins import INSEL, USZ, Gate
from tests.operations.worlds import KEY


def test_an_account_that_proves_itself_joins_and_learns_what_its_node_needs(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url)
    done = insel.join(invite, "--yes", "--json")
    assert done.code == OK, done.err
    assert done.json["nodes"]["insel"]["topic_arn"] == TOPIC
    assert (done.json["waits"], done.json["verified"], done.json["account"]) == (False, None, INSEL)
    assert hub.members == {INSEL: ("insel",)}
    values = {key.removeprefix("fedml-infra:"): value for key, value in insel.file.items()}
    assert values["hub_public_key"] == invite.hub_public_key
    assert values["nodes"] == [{"pid": "insel", "s3_bucket": "insel-fed"}]
    assert values["protect"] is True
    assert insel.world.engine.get_secret("cardio", "fedml-infra:fed_secret_key") == SecretStr(KEY)
    assert KEY not in done.out + done.err


def test_what_it_comes_to_is_shown_before_anything_is_written(hub: Gate, url: str, insel: Side) -> None:
    done = insel.join(hub.invite(url=url))
    assert (done.code, "Give --yes" in done.err) == (CONFIGURATION, True)
    for line in ("What is made", "Queue cardio_insel in us-east-1", "What others will be able to do", "S3 storage"):
        assert line in done.out
    assert untouched(insel) and hub.members == {}


def test_a_preview_says_the_same_and_asks_nobody(hub: Gate, url: str, insel: Side) -> None:
    done = insel.join(hub.invite(url=url), "--preview", "--json")
    assert done.code == OK, done.err
    assert set(done.json["words"]) == {"creates", "able", "others", "costs"}
    assert untouched(insel) and hub.members == {}


def test_a_wrong_passphrase_touches_nothing(hub: Gate, url: str, insel: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "another")
    done = insel.join(hub.invite(url=url), "--yes")
    assert (done.code, "cannot be read" in done.err) == (CONFIGURATION, True)
    assert untouched(insel) and hub.members == {}


def test_what_must_be_said_and_is_not_is_named_by_its_option(hub: Gate, url: str, insel: Side) -> None:
    assert "--pid" in insel.join(hub.invite(url=url), "--yes", pid="").err
    assert "as an argument" in insel.call("join").err


@pytest.mark.parametrize(
    ("state", "said"),
    [("expired", "This invite expired at"), ("used", "used by another account"), ("revoked", "it was revoked")],
)
def test_an_invite_that_gives_nothing_is_said_by_name_and_nothing_is_written(
    hub: Gate, url: str, insel: Side, state: str, said: str
) -> None:
    invite = hub.invite(url=url, life=timedelta(hours=-1 if state == "expired" else 1))
    if state == "used":
        hub.knock(invite, USZ, "usz").granted()
    if state == "revoked":
        hub.store.tokens.revoke(token_id(digest(invite.fed_req_token)), "admin")
    done = insel.join(invite, "--yes")
    assert (done.code, said in done.err) == (REFUSED, True), done.err
    assert untouched(insel)


def test_a_pid_that_is_taken_is_refused_and_another_one_goes(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url)
    done = insel.join(invite, "--yes", pid="charite")
    assert (done.code, "a node charite already" in done.err) == (CONFIGURATION, True), done.err
    assert untouched(insel)
    assert insel.join(invite, "--yes").code == OK


def test_an_invite_for_another_account_is_refused_with_both_named(hub: Gate, url: str, insel: Side) -> None:
    done = insel.join(hub.invite(USZ, url=url), "--yes")
    assert done.code == REFUSED
    assert USZ in done.err and INSEL in done.err
    assert untouched(insel)


def test_a_region_that_is_not_enabled_is_named(hub: Gate, url: str, insel: Side) -> None:
    insel.world.aws.regions_off = {"eu-south-1"}
    done = insel.join(hub.invite(url=url), "--yes", "--region", "eu-south-1")
    assert (done.code, "eu-south-1 is not enabled" in done.err) == (CONFIGURATION, True), done.err
    assert untouched(insel)


def test_a_bucket_of_others_and_a_name_that_aws_refuses_are_said_before_anything_is_made(
    hub: Gate, url: str, insel: Side
) -> None:
    insel.world.aws.add_bucket(USZ, "us-east-1", "insel-fed")
    assert insel.join(hub.invite(url=url), "--yes").code == RESOURCE
    done = insel.join(hub.invite(url=url), "--yes", pid="in sel", bucket="fine")
    assert (done.code, "nodes[0].pid" in done.err) == (CONFIGURATION, True)
    assert untouched(insel)


def test_an_own_bucket_is_adopted(hub: Gate, url: str, insel: Side) -> None:
    insel.world.aws.add_bucket(INSEL, "us-east-1", "insel-fed")
    assert insel.join(hub.invite(url=url), "--yes").code == OK
    assert insel.file["fedml-infra:nodes"][0]["adopt_bucket"] is True


def test_a_server_without_tls_gets_nothing(hub: Gate, insel: Side) -> None:
    done = insel.join(hub.invite(url="http://fed.example.org/fedml/x/createPolicies"), "--yes")
    assert (done.code, "not https" in done.err) == (CONFIGURATION, True)
    assert untouched(insel)


def test_done_again_nothing_changes(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url)
    assert insel.join(invite, "--yes").code == OK
    text, hubs = insel.path.read_bytes(), hub.party.path.read_bytes()
    again = insel.join(invite, "--yes", pid="")
    assert (again.code, "nothing had to change" in again.err) == (OK, True), again.err
    assert (insel.path.read_bytes(), hub.party.path.read_bytes()) == (text, hubs)


@pytest.mark.parametrize(("pid", "bucket", "key"), [("other", "insel-fed", "pid"), ("insel", "other", "s3_bucket")])
def test_a_file_of_another_join_is_not_gone_on_with(
    hub: Gate, url: str, insel: Side, pid: str, bucket: str, key: str
) -> None:
    invite = hub.invite(url=url)
    insel.join(invite, "--yes")
    text = insel.path.read_bytes()
    done = insel.join(invite, "--yes", pid=pid, bucket=bucket)
    assert (done.code, f"nodes[0].{key}" in done.err) == (CONFIGURATION, True), done.err
    assert insel.path.read_bytes() == text


def test_nor_one_of_another_federation_of_that_name(hub: Gate, url: str, insel: Side) -> None:
    insel.world.write()
    done = insel.join(hub.invite(url=url), "--yes")
    assert (done.code, "a federation of its own in the file" in done.err) == (CONFIGURATION, True), done.err


def test_cut_off_while_the_hub_s_side_cannot_the_same_goes_on_with_the_same_key(
    hub: Gate, url: str, insel: Side
) -> None:
    invite = hub.invite(url=url)
    hub.party.world.aws.sts_down = True
    done = insel.join(invite, "--yes")
    assert (done.code, "goes on from here" in done.err) == (RESOURCE, True), done.err
    waiting = insel.file
    assert "fedml-infra:member_key" in waiting and "fedml-infra:fed_secret_key" not in waiting
    hub.party.world.aws.sts_down = False
    assert insel.join(invite, "--yes").code == OK
    assert insel.file["fedml-infra:member_key"] == waiting["fedml-infra:member_key"]


def test_cut_off_before_its_own_key_was_in_the_file_another_one_is_made(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url)
    hub.party.world.aws.sts_down = True
    insel.join(invite, "--yes")
    file = StackFile.read(insel.path)
    file.remove("fedml-infra:member_key")
    file.write()
    insel.world.engine._secrets.clear()
    hub.party.world.aws.sts_down = False
    done = insel.join(invite, "--yes")
    assert (done.code, hub.members) == (OK, {INSEL: ("insel",)}), done.err


def test_admitted_and_cut_off_before_the_answer_it_goes_on_by_the_roster_alone(
    hub: Gate, url: str, insel: Side
) -> None:
    """Though the invite has expired by then, and its server is gone."""
    invite = hub.invite(INSEL, url=url)
    hub.party.world.aws.sts_down = True
    insel.join(invite, "--yes")
    key = own_public_key("cardio", insel.world.engine)
    hub.party.world.aws.sts_down = False
    hub.knock(hub.invite(), public_key=key).granted()
    gone = invite.model_copy(update={"fed_rest_url": "http://127.0.0.1:9/x"})
    done = insel.join(gone, "--yes")
    assert done.code == OK, done.err


def test_a_roster_that_the_invite_s_hub_has_not_signed_is_not_believed(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url, hub_public_key=hub_public_key(new_hub_key()))
    done = insel.join(invite, "--yes")
    assert (done.code, "not signed by its hub" in done.err) == (REFUSED, True), done.err
    assert "fedml-infra:fed_secret_key" not in insel.file


def test_a_v1_invite_brings_its_key_and_is_handed_in_without_a_public_key(hub: Gate, url: str, insel: Side) -> None:
    invite = hub.invite(url=url)
    kept = {name: getattr(invite, name) for name in InviteV1.model_fields if name in type(invite).model_fields}
    done = insel.join(InviteV1.model_validate({**kept, "fed_secret_key": SecretStr(KEY)}), "--yes")
    assert done.code == OK, done.err
    assert hub.party.config.members[0].public_key is None
    assert not {"fedml-infra:member_key", "fedml-infra:hub_public_key"} & set(insel.file)


def test_what_is_done_is_recorded_once(hub: Gate, url: str, insel: Side) -> None:
    insel.join(hub.invite(url=url), "--yes")
    rows = insel.call("audit", "--json").json["entries"]
    assert [(row["action"], row["outcome"], row["details"]["account"]) for row in rows] == [("join", "done", INSEL)]


def test_a_hub_continues_no_join(hub: Gate, insel: Side) -> None:
    insel.world.write()
    done = insel.call("join", "--continue")
    assert (done.code, "hub's stack file" in done.err) == (CONFIGURATION, True)


def test_at_a_terminal_all_that_is_missing_is_asked_for(hub: Gate, tmp_path: Path) -> None:
    """The passphrase at the terminal itself, unseen; an invite that has expired is said before anything else is."""
    blob = tmp_path / "blob"
    blob.write_text(seal_invite(hub.invite(url="https://fed.example.org/x"), SecretStr(PASSPHRASE)), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    answers = [
        ("The invite: ", str(blob)),
        ("The invite's passphrase: ", PASSPHRASE),
        ("The node's pid, its name in the federation: ", "insel"),
        ("Its bucket, or bucket/prefix: ", "Not A Bucket"),
    ]
    env = {"FEDML_INFRA_PASSPHRASE": "", "AWS_REGION": "us-east-1"}
    command = (sys.executable, "-m", "cli", "join", "-C", str(tmp_path / "empty"))
    code, screen = in_terminal(*command, answers=answers, env=env)
    assert (code, "nodes[0].s3_bucket" in screen) == (CONFIGURATION, True), screen
    assert PASSPHRASE not in screen
    assert not any((tmp_path / "empty").iterdir())

    blob.write_text(seal_invite(hub.invite(life=-timedelta(hours=1)), SecretStr(PASSPHRASE)), encoding="utf-8")
    code, screen = in_terminal(*command, answers=answers[:2], env=env)
    assert (code, "This invite expired" in screen) == (REFUSED, True), screen

"""join, admit and node env: what each asks, prints and writes, what is refused, and what a cut leaves."""

from __future__ import annotations

import io
import json
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr

import cli
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.operations.waiting_join import own_public_key
from fedml_infra.rest.door_app import door_app
from fedml_infra.wire.blobs import seal_invite
from fedml_infra.wire.invites import Invite, InviteV1
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.keypairs import hub_public_key, new_hub_key
from tests.cli.conftest import Done
from tests.cli.terminal import in_terminal
from tests.operations.federations import TOPIC
from tests.operations.joins import INSEL, USZ, Gate, gate, shut
from tests.operations.worlds import KEY, World, world

PASSPHRASE = "of a test"
OK, CONFIGURATION, REFUSED, RESOURCE, NO_STACK = 0, 2, 3, 4, 6


@dataclass
class Side:
    """A joining organisation: a folder, credentials, a command line."""

    world: World
    call: Callable[..., Done]

    @property
    def path(self) -> Path:
        return self.world.project / "stacks" / "Pulumi.cardio.yaml"

    @property
    def file(self) -> dict[str, Any]:
        return StackFile.read(self.path).config

    def join(self, invite: Invite | InviteV1, *more: str, pid: str = "insel", bucket: str = "insel-fed") -> Done:
        (self.world.project / "invite").write_text(seal_invite(invite, SecretStr(PASSPHRASE)), encoding="utf-8")
        own = ("--pid", pid, "--s3-bucket", bucket) if pid else ()
        return self.call("join", "invite", *own, "--region", "us-east-1", "--no-verify", *more)


Organisations = Callable[[str], Side]


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "FEDML_INFRA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub")
    yield made
    shut(made)


@pytest.fixture
def url(hub: Gate) -> Iterator[str]:
    """The hub's door, on a socket."""
    bound = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{bound.getsockname()[1]}"
    app = door_app(hub.door.create_policies, public)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    serving.start()
    yield f"{public}/fedml/charite/createPolicies"
    server.should_exit = True
    serving.join()


@pytest.fixture
def side(
    hub: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Organisations:
    """`side(account)`: an organisation whose credentials are that account's."""

    def make(account: str) -> Side:
        folder = tmp_path / account
        folder.mkdir()
        made = world(folder, {Access(): account})
        made.aws.rosters = hub.party.world.aws.rosters

        def call(*arguments: str) -> Done:
            monkeypatch.chdir(folder)
            capsys.readouterr()
            code = cli.main(list(arguments), tools=made.tools)
            said = capsys.readouterr()
            return Done(code, said.out, said.err)

        return Side(made, call)

    return make


@pytest.fixture
def insel(side: Organisations) -> Side:
    return side(INSEL)


@pytest.fixture
def admit(
    hub: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """The hub's command line."""

    def call(*arguments: str) -> Done:
        party = hub.party.world
        monkeypatch.chdir(party.project)
        capsys.readouterr()
        code = cli.main(["admit", *arguments, "--data-dir", str(tmp_path / "hub" / "store")], tools=party.tools)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


def untouched(side: Side) -> bool:
    return not side.path.exists() and not side.world.engine.stacks()


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


def test_without_a_server_a_request_is_written_admitted_and_gone_on_with(
    hub: Gate, insel: Side, admit: Callable[..., Done]
) -> None:
    invite = hub.invite(INSEL, url=None)
    assert "Give --request-out" in insel.join(invite, "--yes").err
    assert untouched(insel)

    insel.world.aws.roster_readers = set()
    asked = insel.join(invite, "--request-out", "request", "--yes", "--json")
    assert (asked.code, asked.json["waits"], asked.json["request"]) == (OK, True, "request"), asked.err
    for command in (("up", "--yes"), ("info",), ("sync",)):
        waits = insel.call(*command)
        assert (waits.code, "join --continue" in waits.err) == (CONFIGURATION, True)
    early = insel.call("join", "--continue")
    assert (early.code, "not admitted" in early.err) == (REFUSED, True)

    request = str(insel.world.project / "request")
    seen = admit(request, "--preview", "--json")
    assert (seen.code, seen.json["aws_id"], seen.json["pid"], seen.json["admitted"]) == (OK, INSEL, "insel", False)
    asks = admit(request)
    assert (asks.code, "Give --yes" in asks.err) == (CONFIGURATION, True)
    assert INSEL in asks.out and "publish and receive" in asks.out
    assert hub.members == {}
    assert admit(request, "--yes", "--json").json["admitted"] is True
    assert admit(request, "--yes", "--json").json["changed"] is False

    insel.world.aws.roster_readers = {INSEL}
    done = insel.call("join", "--continue", "cardio", "--no-verify", "--json")
    assert (done.code, done.json["nodes"]["insel"]["epoch"]) == (OK, 1), done.err
    assert [row.action for row in hub.store.audit.entries()] == ["admit", "admit"]


def test_an_offline_request_needs_an_invite_for_one_account(hub: Gate, url: str, insel: Side) -> None:
    done = insel.join(hub.invite(url=url), "--request-out", "request", "--yes")
    assert (done.code, "a file proves none" in done.err) == (CONFIGURATION, True)
    assert untouched(insel)


def test_a_hub_continues_no_join(hub: Gate, insel: Side) -> None:
    insel.world.write()
    done = insel.call("join", "--continue")
    assert (done.code, "hub's stack file" in done.err) == (CONFIGURATION, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("join", "--continue", "--pid", "x"),
        ("join", "x", "--wait-admitted", "1", "--request-out", "y"),
        ("join", "x", "-s", "cardio"),
        ("admit",),
        ("admit", "a", "b", "c"),
        ("admit", "a", "--port", "1"),
        ("admit", "--listen", "--yes"),
        ("admit", "a", "b", "--listen"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(insel: Side, arguments: tuple[str, ...]) -> None:
    done = insel.call(*arguments)
    assert (done.code, "Usage:" in done.err) == (CONFIGURATION, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "--tls-cert"),
        (("--public-url", "http://fed.example.org"), "is not https"),
        (("--public-url", "fed.example.org"), "is not the address"),
        (("--host", "127.0.0.1", "--port", "1", "--public-url", "ftp://x"), "is not the address"),
    ],
)
def test_a_door_that_joiners_could_not_trust_is_not_opened(
    hub: Gate, admit: Callable[..., Done], options: tuple[str, ...], said: str
) -> None:
    done = admit("--listen", *options)
    assert (done.code, said in done.err) == (CONFIGURATION, True), done.err


def test_a_file_that_is_no_request_is_told(hub: Gate, admit: Callable[..., Done], tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 10_000)
    assert "larger than one can be" in admit(str(large)).err
    assert "cannot be read" in admit(str(tmp_path / "none")).err
    large.write_text("{}")
    assert admit(str(large)).code == CONFIGURATION


def test_node_env_is_an_env_file_that_a_shell_reads_as_it_is(hub: Gate, url: str, insel: Side) -> None:
    insel.join(hub.invite(url=url), "--yes")
    done = insel.call("node", "env", "insel")
    read = dict(each.split("=", 1) for each in shlex.split(done.out))
    assert read["FEDML_TOPIC_ARN"] == TOPIC
    assert (read["FEDML_SYNC_SCHED"], read["FEDML_SYNC_SECONDS"], read["FEDML_ENCRYPT"]) == ("m30", "1800", "false")
    assert "FEDML_PREFIX" not in read
    told = insel.call("node", "env", "insel", "--json").json
    assert told["bucket"] == "insel-fed" and told["prefix"] is None
    assert KEY not in done.out + json.dumps(told)


def test_node_env_of_what_is_not_there_names_what_is(hub: Gate, url: str, insel: Side) -> None:
    insel.join(hub.invite(url=url), "--yes")
    done = insel.call("node", "env", "usz")
    assert (done.code, "Its nodes are insel" in done.err) == (CONFIGURATION, True)
    insel.call("destroy", "--yes", "--delete-data")
    assert insel.call("node", "env", "insel").code == NO_STACK


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

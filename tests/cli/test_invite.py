"""`invite`: what goes to standard output, what beside it, what is refused, and what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.model.validation import FED_KEY
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.invites import Invite, InviteV1
from tests.cli.conftest import Run
from tests.operations.worlds import KEY, OTHER, World

ROOT = Path(__file__).parents[2]
URL = "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies"


@pytest.fixture(autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def hub(here: World) -> World:
    here.write()
    here.engine.init("cardio")
    here.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    here.engine.up("cardio")
    return here


def store(data: Path) -> Store:
    return open_store(StorePlace(data))


def create(run: Run, *more: str) -> dict[str, str]:
    done = run("invite", "create", "--account", OTHER, "--json", *more)
    assert done.code == 0, done.err
    made: dict[str, str] = done.json
    return made


def test_the_invite_is_all_of_standard_output(hub: World, run: Run) -> None:
    """So that `> file` has it, and the passphrase is seen apart from it."""
    done = run("invite", "create", "cardio", "--account", OTHER)
    (blob,) = done.out.split()
    passphrase = next(line for line in done.err.splitlines() if line.startswith("Passphrase:")).split()[1]
    assert isinstance(open_invite(blob, SecretStr(passphrase)), Invite)
    assert passphrase not in done.out
    assert "another way" in done.err


def test_in_json_it_is_four_things(hub: World, run: Run) -> None:
    made = create(run, "--expires", "d7")
    assert set(made) == {"id", "invite", "passphrase", "expires"}
    invite = open_invite(made["invite"], SecretStr(made["passphrase"]))
    assert isinstance(invite, Invite)
    assert f"{invite.expires:%Y-%m-%dT%H:%M:%SZ}" == made["expires"]


def test_rights_are_those_that_were_given(hub: World, run: Run) -> None:
    made = create(run, "--rights", "publish")
    assert open_invite(made["invite"], SecretStr(made["passphrase"])).to_map()["rights"] == "publish"
    assert run("invite", "show", made["id"], "--json").json["rights"] == ["publish"]


def test_the_federation_s_key_is_on_no_terminal(hub: World, run: Run) -> None:
    for more in (("--account", OTHER), ("--v1", "--rest-url", URL)):
        done = run("invite", "create", *more)
        assert done.code == 0
        assert KEY not in done.out + done.err


def test_a_v1_invite_opens_with_the_passphrase_of_the_other_side(hub: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("theirs\n")
    done = run("invite", "create", "--v1", "--rest-url", URL, "--passphrase-file", str(tmp_path / "pass"), "--json")
    assert done.json["passphrase"] is None
    assert isinstance(open_invite(done.json["invite"], SecretStr("theirs")), InviteV1)
    assert "theirs" not in done.out + done.err


def test_a_v1_invite_comes_with_a_warning(hub: World, run: Run) -> None:
    assert "Warning: A v1 invite carries the federation's key" in run("invite", "create", "--v1", "--rest-url", URL).err


def test_a_v2_passphrase_is_not_brought(hub: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("mine\n")
    done = run("invite", "create", "--account", OTHER, "--passphrase-file", str(tmp_path / "pass"))
    assert (done.code, done.out) == (2, "")
    assert "--v1" in done.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--expires", "soon"),
        ("--expires", "90d"),
        ("--rights", "read"),
        ("--rights", ""),
        ("--account", "12"),
        ("--rest-url", "nowhere"),
        ("--v1",),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(hub: World, run: Run, data: Path, wrong: tuple[str, ...]) -> None:
    done = run("invite", "create", "--account", OTHER, *wrong)
    assert (done.code, done.out) == (2, "")
    with store(data) as opened:
        assert opened.tokens.list() == ()


def test_without_account_and_server_it_is_refused(hub: World, run: Run) -> None:
    done = run("invite", "create", "--json")
    assert done.code == 2
    assert {problem["key"] for problem in done.json["error"]["problems"]} == {"--account"}


def test_a_stack_that_is_not_up_is_refused(here: World, run: Run) -> None:
    here.write()
    done = run("invite", "create", "--account", OTHER)
    assert done.code == 2
    assert "fedml-infra up cardio" in done.err


def test_an_unknown_stack_ends_with_6(hub: World, run: Run) -> None:
    assert run("invite", "create", "neuro", "--account", OTHER).code == 6


def test_invites_are_listed_with_what_became_of_them(hub: World, run: Run, data: Path) -> None:
    pending, used, revoked, expired = (create(run)["id"] for _ in range(4))
    with store(data) as opened:
        digest = opened.tokens.get(used).digest
        opened.tokens.redeem(digest, aws_id=OTHER, pid="insel", public_key=None)
        with opened._database.writing() as connection:
            connection.exec_driver_sql("UPDATE tokens SET expires_at = 1 WHERE id = ?", (expired,))
    run("invite", "revoke", revoked)
    listed = {each["id"]: each for each in run("invite", "list", "--json").json["invites"]}
    assert {name: each["state"] for name, each in listed.items()} == {
        pending: "pending", used: "used", revoked: "revoked", expired: "expired",
    }  # fmt: skip
    assert (listed[used]["used_by"], listed[used]["pid"]) == (OTHER, "insel")
    assert listed[revoked]["revoked_by"] == listed[pending]["created_by"]
    shown = run("invite", "list").out
    assert f"by {OTHER} for insel" in shown
    assert [len(line) > 0 for line in shown.splitlines()] == [True] * 5


def test_invites_of_one_federation_are_listed(hub: World, run: Run) -> None:
    made = create(run)
    assert [each["id"] for each in run("invite", "list", "cardio", "--json").json["invites"]] == [made["id"]]
    assert run("invite", "list", "neuro", "--json").json == {"invites": []}


def test_no_invites_are_told(run: Run) -> None:
    done = run("invite", "list")
    assert (done.code, done.out) == (0, "")
    assert "invite create" in done.err


def test_one_is_shown_without_what_nobody_keeps(hub: World, run: Run, data: Path) -> None:
    made = create(run)
    shown = run("invite", "show", made["id"][:5])
    for part in (made["id"], "pending", OTHER, "arn:aws:sns:us-east-1:111111111111:cardio"):
        assert part in shown.out
    with store(data) as opened:
        digest = opened.tokens.get(made["id"]).digest.hex()
    assert digest not in shown.out + run("invite", "show", made["id"], "--json").out


def test_who_used_and_who_revoked_it_is_shown(hub: World, run: Run, data: Path) -> None:
    made = create(run)
    with store(data) as opened:
        opened.tokens.redeem(opened.tokens.get(made["id"]).digest, aws_id=OTHER, pid="insel", public_key=None)
    done = run("invite", "revoke", made["id"])
    assert f"members remove {OTHER}" in done.err
    shown = run("invite", "show", made["id"]).out
    assert f"by account {OTHER} for insel" in shown
    assert "revoked" in shown


@pytest.mark.parametrize("command", ["show", "revoke"])
def test_an_unknown_invite_ends_with_2(run: Run, command: str) -> None:
    done = run("invite", command, "nothing")
    assert done.code == 2
    assert "invite list" in done.err


def test_revoking_an_unused_v1_invite_advises_a_rotation(hub: World, run: Run) -> None:
    made = run("invite", "create", "--v1", "--rest-url", URL, "--json").json
    done = run("invite", "revoke", made["id"], "--json")
    assert "rotate-key cardio" in done.json["notes"][0]
    assert done.json["state"] == "revoked"


def test_what_was_made_revoked_and_refused_is_recorded(hub: World, run: Run) -> None:
    made = create(run)
    run("invite", "revoke", made["id"])
    run("invite", "create")
    entries = run("audit", "--json").json["entries"]
    assert [(each["action"], each["outcome"]) for each in entries] == [
        ("invite create", "done"), ("invite revoke", "done"), ("invite create", "refused"),
    ]  # fmt: skip
    assert entries[0]["details"] == {"invite": made["id"], "version": "v2", "for": OTHER}
    told = json.dumps(entries)
    assert made["passphrase"] not in told and made["invite"] not in told


def test_a_store_that_cannot_be_opened_makes_no_invite(hub: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("invite", "create", "--account", OTHER, "--data-dir", str(tmp_path / "file" / "data"))
    assert (done.code, done.out) == (1, "")


@pytest.mark.parametrize("command", [["invite", "list"], ["invite", "create"], ["audit"]])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        f"import sys, cli; cli.main([*{command!r}, '--help']); "
        "heavy = {'pulumi', 'boto3', 'botocore', 'pulumi_aws', 'sqlalchemy', 'alembic', 'psycopg', 'pydantic'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_list_loads_neither_the_engine_nor_aws(data: Path) -> None:
    code = (
        "import sys, cli; cli.main(['invite', 'list']); "
        "sys.exit(', '.join({'pulumi', 'boto3', 'botocore', 'pulumi_aws'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr

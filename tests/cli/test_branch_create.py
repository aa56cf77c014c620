"""`create` and `admit FILE` with --branch and --no-apply: a stack file or a member, and no AWS."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.errors import AuthenticationError
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import NewToken
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.join_request import JoinRequest
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tests.cli.conftest import Done
from tests.gitops.proposals import FILE, Host, Reviewed, host, reviewed
from tests.gitops.repositories import IDENTITY
from tests.operations.federations import TOPIC
from tests.operations.joins import INSEL
from tests.operations.worlds import OWN

Run = Callable[..., Done]
NEURO = ("create", "neuro", "--region", "us-east-1", "--sync-sched", "m30", "--pid", "usz", "--s3-bucket", "neuro-usz")
NEURO_FILE = "stacks/Pulumi.neuro.yaml"


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "FEDML_INFRA_TRACEBACK", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def there(tmp_path: Path) -> Reviewed:
    return reviewed(tmp_path, members="")


@pytest.fixture
def gh(there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return host(tmp_path / "bin", there.bare.root, monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(StorePlace(tmp_path / "store", None))


@pytest.fixture
def run(there: Reviewed, called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str) -> Done:
        monkeypatch.chdir(there.checkout.root)
        return called(there.party.world.tools, *arguments)

    return call


def closed(*_: Any, **__: Any) -> Any:
    raise AuthenticationError("No credentials.")


# create


def test_a_federation_is_proposed_and_neither_made_nor_left_here(there: Reviewed, gh: Host, run: Run) -> None:
    before = there.snapshot()
    done = run(*NEURO, "--yes", "--branch", "new/neuro", "--json")
    assert done.code == 0, done.err
    assert there.snapshot() == before
    assert "fed_name: neuro" in there.of("new/neuro", NEURO_FILE)
    assert "fed_secret_key: {secure:" in there.of("new/neuro", NEURO_FILE)
    assert there.bare.git("diff", "--name-only", "main", "new/neuro") == NEURO_FILE
    assert (done.json["applied"], done.json["branch"]["pull_request"]) == (False, "https://example.org/pull/1")
    assert "--title=Create neuro" in gh.call("create")


def test_it_is_recorded_as_not_applied(there: Reviewed, gh: Host, run: Run, store: Store) -> None:
    run(*NEURO, "--yes", "--branch", "new/neuro")
    (row,) = store.audit.entries()
    assert (row.action, row.stack, dict(row.details)) == ("create", "neuro", {"applied": "no", "branch": "new/neuro"})


def test_its_state_is_not_the_backend_s(there: Reviewed, gh: Host, run: Run) -> None:
    run(*NEURO, "--yes", "--branch", "new/neuro")
    assert str(there.party.world.engine.environment["PULUMI_BACKEND_URL"]).startswith("file:///")


def test_without_credentials_what_was_not_looked_up_is_said(there: Reviewed, gh: Host, run: Run) -> None:
    for name in ("account_of", "bucket_state", "caller_arn"):
        setattr(there.party.world.aws, name, closed)
    done = run(*NEURO, "--sync-sched", "d1", "--yes", "--branch", "new/neuro")
    assert done.code == 0, done.err
    assert "Whether neuro-usz is there already was not looked up" in done.err
    assert "--sharing" in done.err
    assert "adopt_bucket" in gh.call("create")[-2]


def test_with_credentials_a_bucket_that_is_there_is_adopted(there: Reviewed, gh: Host, run: Run) -> None:
    there.party.world.aws.add_bucket(OWN, "us-east-1", "neuro-usz")
    assert run(*NEURO, "--yes", "--branch", "new/neuro").code == 0
    assert "adopt_bucket: true" in there.of("new/neuro", NEURO_FILE)


def test_a_federation_is_written_and_not_brought_up(there: Reviewed, run: Run) -> None:
    done = run(*NEURO, "--yes", "--no-apply", "--json")
    assert (done.code, done.json["applied"]) == (0, False), done.err
    assert (there.checkout.root / NEURO_FILE).is_file()
    assert not there.party.world.engine.outputs("neuro")


def test_what_is_asked_for_twice_finds_its_branch(there: Reviewed, gh: Host, run: Run) -> None:
    run(*NEURO, "--yes", "--branch", "new/neuro")
    again = run(*NEURO, "--yes", "--branch", "new/neuro", "--json")
    assert (again.code, again.json["resumes"], len(gh.pulls)) == (0, True, 1)


@pytest.mark.parametrize("option", [("--import",), ("--wait",), ("--timeout", "3"), ("-m", "x")])
def test_what_a_run_needs_is_refused(run: Run, option: tuple[str, ...]) -> None:
    done = run(*NEURO, "--yes", "--no-apply", *option)
    assert (done.code, "nothing is brought up" in done.err) == (2, True)


# admit FILE


@pytest.fixture
def request_file(store: Store, tmp_path: Path) -> Path:
    token = new_token()
    store.tokens.add(
        NewToken(
            id=token_id(digest(token)),
            digest=digest(token),
            fed_name="cardio",
            topic_arn=TOPIC,
            version="v2",
            rights=None,
            aws_id=INSEL,
            created_by="admin@host",
            expires_at=store.now().replace(year=store.now().year + 1),
        )
    )
    public_key = member_public_key(new_member_key())
    asked = JoinRequest.make(token, aws_topic_arn=TOPIC, aws_id=INSEL, pid="insel", public_key=public_key)
    path = tmp_path / "request.json"
    path.write_bytes(asked.write())
    return path


def test_a_member_is_proposed_and_its_invite_used_up(
    there: Reviewed, gh: Host, run: Run, request_file: Path, store: Store
) -> None:
    before = there.snapshot()
    done = run("admit", str(request_file), "--yes", "--json", "--branch")
    assert done.code == 0, done.err
    assert there.snapshot() == before
    assert done.json["branch"]["name"] == "fedml-infra/admit-cardio"
    assert INSEL in there.of("fedml-infra/admit-cardio")
    assert (done.json["admitted"], done.json["applied"], done.json["changed"]) == (False, False, True)
    (token,) = store.tokens.list(TOPIC)
    assert (token.used_by, token.pid) == (INSEL, "insel")
    words = gh.call("create")
    assert f"--title=Let account {INSEL} into cardio" in words
    assert f"--body=- Account {INSEL} becomes a member" in "".join(words)
    again = run("admit", str(request_file), "--yes", "--json", "--branch")
    assert (again.code, again.json["changed"], len(gh.pulls)) == (0, False, 1)


def test_where_the_state_is_out_of_reach_the_request_says_which_topic(
    there: Reviewed, gh: Host, run: Run, request_file: Path
) -> None:
    there.party.world.engine.outputs = closed  # type: ignore[method-assign]
    done = run("admit", str(request_file), "--yes", "--branch", "in/insel")
    assert done.code == 0, done.err
    assert f"{TOPIC} is the request's word" in done.err


def test_but_not_one_that_cannot_be_this_hub_s(there: Reviewed, run: Run, request_file: Path) -> None:
    there.party.world.engine.outputs = closed  # type: ignore[method-assign]
    said = json.loads(request_file.read_text())
    request_file.write_text(json.dumps({**said, "aws_topic_arn": TOPIC.replace("cardio", "neuro")}))
    done = run("admit", str(request_file), "--yes", "--branch", "in/insel")
    assert (done.code, "not that of Pulumi.cardio.yaml" in done.err) == (2, True)


def test_a_member_is_written_and_not_brought_up(there: Reviewed, run: Run, request_file: Path) -> None:
    done = run("admit", str(request_file), "--yes", "--no-apply")
    assert done.code == 0, done.err
    assert [each.aws_id for each in there.party.config.members] == [INSEL]
    assert there.party.outputs["federation"]["members"] == []


def test_a_hub_key_that_is_not_committed_is_missed(there: Reviewed, run: Run, request_file: Path, store: Store) -> None:
    text = there.party.path.read_text()
    there.checkout.write(FILE, "\n".join(line for line in text.splitlines() if "hub_key" not in line) + "\n")
    there.checkout.commit()
    done = run("admit", str(request_file), "--yes", "--branch")
    assert (done.code, "has no hub_key, as it is committed" in done.err) == (2, True)
    assert store.tokens.list(TOPIC)[0].used_by is None


def test_a_stack_is_not_taken_for_a_branch(run: Run, request_file: Path) -> None:
    done = run("admit", str(request_file), "--branch", "cardio")
    assert (done.code, "cardio is a stack" in done.err) == (2, True)


@pytest.mark.parametrize("options", [("--listen", "--no-apply"), ("--listen", "--branch", "x", "--no-apply")])
def test_a_server_writes_on_a_branch_or_brings_up(run: Run, options: tuple[str, ...]) -> None:
    assert run("admit", *options).code == 2

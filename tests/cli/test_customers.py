"""`customers`: the key goes to standard output once, all else beside it, and nothing is asked without a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_values import NewJob
from fedml_infra.store.store import open_store
from fedml_infra.wire.keys import CustomerKey
from tests.cli.conftest import Run

ROLE = "arn:aws:iam::222222222222:role/fedml-infra"


@pytest.fixture(autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(folder))
    return folder


@pytest.mark.parametrize(("options", "size"), [((), 32), (("--v1",), 16)])
def test_a_key_for_machines(run: Run, options: tuple[str, ...], size: int) -> None:
    made = run("customers", "add", "c1", *options, "--json")
    assert made.code == 0 and set(made.json) == {"cid", "key"}
    assert CustomerKey.parse(made.json["key"]).size == size


def test_standard_output_has_the_key_alone(run: Run) -> None:
    made = run("customers", "add", "c1", "--v1", "--unsigned", "--role-arn", ROLE)
    assert CustomerKey.parse(made.out.strip()).size == 16
    assert "weak" in made.err and "send it again" in made.err and "external id" in made.err


def test_it_is_never_shown_again(run: Run) -> None:
    key = run("customers", "add", "c1", "--json").json["key"]
    for arguments in (("list",), ("show", "c1"), ("list", "--json"), ("show", "c1", "--json")):
        shown = run("customers", *arguments)
        assert key not in shown.out + shown.err


def test_a_key_is_brought_on_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    monkeypatch.setattr("sys.stdin", io.StringIO(key + "\n"))
    assert run("customers", "add", "c1", "--key-stdin", "--json").json["key"] == key


def test_a_key_of_the_wrong_length_is_refused_and_not_repeated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("QUFBQUFBQUFBQUFBQUFBQQ==\n"))
    refused = run("customers", "add", "c1", "--key-stdin")
    assert refused.code == 2 and "QUFB" not in refused.err


def test_what_is_wrong_is_named_by_its_option(run: Run) -> None:
    refused = run("customers", "add", "c 1", "--account", "12", "--quota", "0", "--refuse-keys")
    assert refused.code == 2
    assert all(name in refused.err for name in ("CID", "--account", "--quota", "--refuse-keys"))


def test_a_customer_is_shown_with_its_trust_policy(run: Run) -> None:
    run("customers", "add", "c1", "--role-arn", ROLE, "--account", "222222222222", "--quota", "3")
    shown = run("customers", "show", "c1", "--json").json
    assert (shown["accounts"], shown["quota"], shown["projects"]) == (["222222222222"], 3, [])
    assert shown["external_id"] in shown["trust_policy"]
    assert "sts:ExternalId" in run("customers", "show", "c1").out


def test_a_list_of_none_says_how_to_add_one(run: Run) -> None:
    assert "customers add" in run("customers", "list").err
    assert run("customers", "list", "--json").json == {"customers": []}


def test_a_rotated_key_is_another(run: Run) -> None:
    first = run("customers", "add", "c1", "--json").json["key"]
    assert run("customers", "rotate-key", "c1", "--json").json["key"] != first


def test_a_customer_is_disabled_and_enabled(run: Run) -> None:
    run("customers", "add", "c1")
    assert run("customers", "disable", "c1", "--json").json["disabled_at"] is not None
    assert run("customers", "enable", "c1", "--json").json["disabled_at"] is None


def test_a_customer_is_removed_when_that_is_agreed_to(run: Run) -> None:
    run("customers", "add", "c1")
    assert run("customers", "remove", "c1").code == 2
    assert run("customers", "remove", "c1", "--yes", "--json").json == {"cid": "c1", "removed": True}
    assert run("customers", "remove", "c1", "--yes").code == 2


def test_one_with_jobs_under_way_is_not(run: Run, data: Path) -> None:
    run("customers", "add", "c1")
    with open_store(StorePlace(data)) as store:
        store.jobs.submit(NewJob("c1", "awsinfo"))
    refused = run("customers", "remove", "c1", "--yes")
    assert refused.code == 2 and "jobs under way" in refused.err


@pytest.mark.parametrize("command", ["show", "rotate-key", "disable", "enable"])
def test_who_is_not_there_is_told(run: Run, command: str) -> None:
    refused = run("customers", command, "nobody")
    assert refused.code == 2 and "no customer 'nobody'" in refused.err


def test_a_wrong_master_key_is_told(run: Run, tmp_path: Path) -> None:
    run("customers", "add", "c1")
    other = tmp_path / "other.key"
    other.write_text("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n", encoding="ascii")
    other.chmod(0o600)
    refused = run("customers", "add", "c2", "--master-key-file", str(other))
    assert refused.code == 1 and "not the master key" in refused.err

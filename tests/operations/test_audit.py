"""What is done is recorded, whatever came of it: as a must, or as far as it can be."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedml_infra.errors import AuthenticationError, CancelledError, ConfigurationError, ResourceError, StoreError
from fedml_infra.operations.actor import actor
from fedml_infra.operations.audit import Doing, audited, audited_if_possible
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import AuditRow

CANARY = "canary-Zq8vT1xx"


@pytest.fixture
def place(tmp_path: Path) -> StorePlace:
    return StorePlace(tmp_path / "data")


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


def doing() -> Doing:
    return Doing("members remove", "cardio", "arn:aws:sns:us-east-1:111111111111:cardio")


def only(store: Store) -> AuditRow:
    (found,) = store.audit.entries()
    return found


def broken(store: Store) -> None:
    """Nothing can be added any more."""
    with store._database.writing() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")


def test_who_did_what_to_which_stack_is_recorded(store: Store) -> None:
    with audited(store, doing()) as about:
        about.account = "111111111111"
        about.details["account"] = "222222222222"
    found = only(store)
    assert found.actor == f"{getpass.getuser()}@{socket.gethostname()} (111111111111)"
    assert (found.action, found.stack, found.outcome) == ("members remove", "cardio", "done")
    assert found.topic_arn == "arn:aws:sns:us-east-1:111111111111:cardio"
    assert found.details == {"account": "222222222222"}


def test_an_actor_without_an_account_is_user_and_host() -> None:
    assert actor() == f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConfigurationError("no"), "refused"),
        (AuthenticationError("no"), "refused"),
        (ResourceError("broken"), "failed"),
        (CancelledError("stopped"), "failed"),
        (RuntimeError("broken"), "failed"),
        (KeyboardInterrupt(), "failed"),
    ],
)
def test_what_did_not_end_well_is_recorded_with_the_kind_of_its_error(
    store: Store, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), audited(store, doing()):
        raise error
    assert (only(store).outcome, only(store).details) == (outcome, {"error": type(error).__name__})


def test_the_text_of_an_error_is_not_recorded(store: Store) -> None:
    with pytest.raises(RuntimeError), audited(store, doing()):
        raise RuntimeError(CANARY)
    assert CANARY not in str(only(store))


def test_a_secret_of_the_environment_is_not_recorded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "FEDML_INFRA_PASSPHRASE", CANARY)
    with audited(store, doing()) as about:
        about.details["file"] = f"of {CANARY}"
    assert only(store).details == {"file": "of [secret]"}


def test_what_must_be_recorded_is_not_begun_where_it_cannot_be(store: Store) -> None:
    with store._database.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    begun = []
    with pytest.raises(StoreError), audited(store, doing()):
        begun.append(True)
    assert begun == []


def test_what_must_be_recorded_and_was_not_is_told(store: Store) -> None:
    broken(store)
    with pytest.raises(StoreError, match="members remove of cardio is done, but not recorded"), audited(store, doing()):
        pass


def test_an_error_is_told_before_that_it_was_not_recorded(store: Store) -> None:
    broken(store)
    with pytest.raises(ResourceError, match="AWS"), audited(store, doing()):
        raise ResourceError("AWS broke")


def test_what_may_go_unrecorded_is_recorded_too(place: StorePlace, store: Store) -> None:
    told: list[str] = []
    with audited_if_possible(lambda: open_store(place), doing(), told.append):
        pass
    with pytest.raises(ResourceError), audited_if_possible(lambda: open_store(place), doing(), told.append):
        raise ResourceError("AWS broke")
    assert [found.outcome for found in store.audit.entries()] == ["done", "failed"]
    assert told == []


def test_a_store_that_cannot_be_opened_stops_nothing_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done, told = [], []
    with audited_if_possible(lambda: open_store(StorePlace(tmp_path / "file")), doing(), told.append):
        done.append(True)
    assert done == [True]
    assert len(told) == 1 and "not in the audit" in told[0]


def test_a_store_that_fails_hides_no_error(place: StorePlace, store: Store) -> None:
    broken(store)
    told: list[str] = []
    with pytest.raises(ResourceError), audited_if_possible(lambda: open_store(place), doing(), told.append):
        raise ResourceError("AWS broke")
    assert len(told) == 1

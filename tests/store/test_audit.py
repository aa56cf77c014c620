"""The audit only grows, and shows what somebody did to it who could do more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from fedml_infra.errors import StoreError
from fedml_infra.store.audit import BEGINNING, _hash
from fedml_infra.store.place import FILE, StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.tables import AUDIT
from tests.store.values import entry, execute, without_triggers

COUNT = 6


@pytest.fixture
def kept(store: Store) -> Store:
    for number in range(1, COUNT + 1):
        store.audit.append(entry(number))
    return store


def test_entries_come_back_as_they_were_added_numbered_from_1(store: Store) -> None:
    before = store.now()
    row = store.audit.append(entry(1))
    (found,) = store.audit.entries()
    assert found == row
    assert (found.number, found.actor, found.stack, found.action) == (1, "user1@host", "cardio", "invite create")
    assert (found.outcome, found.details) == ("done", {"invite": "id1"})
    assert before <= found.at <= store.now()


def test_the_newest_are_given_the_oldest_of_them_first(kept: Store) -> None:
    assert [row.number for row in kept.audit.entries(limit=2)] == [COUNT - 1, COUNT]


def test_entries_of_one_stack_are_given(kept: Store) -> None:
    kept.audit.append(entry(stack="other"))
    assert [row.number for row in kept.audit.entries("other")] == [COUNT + 1]


def test_an_empty_audit_is_whole(store: Store) -> None:
    chain = store.audit.chain()
    assert (chain.entries, chain.head, chain.broken) == (0, BEGINNING, None)


def test_what_is_added_is_whole(kept: Store) -> None:
    assert kept.audit.first_broken() is None
    assert kept.audit.chain().head == kept.audit.entries()[-1].hash


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
        f"DELETE FROM audit WHERE number = {COUNT}",
    ],
)
def test_the_database_refuses_to_change_it(kept: Store, statement: str) -> None:
    with pytest.raises(StoreError, match="append-only"):
        execute(kept, statement)
    assert kept.audit.chain().entries == COUNT


@pytest.mark.parametrize("number", [2, COUNT + 2])
def test_sqlite_refuses_to_put_another_in_its_place(sqlite_store: Store, number: int) -> None:
    """INSERT OR REPLACE runs no trigger of DELETE."""
    for made in range(1, COUNT + 1):
        sqlite_store.audit.append(entry(made))
    with pytest.raises(StoreError, match="append-only"):
        execute(
            sqlite_store,
            "INSERT OR REPLACE INTO audit (number, at, actor, stack, action, outcome, details, hash) "
            f"VALUES ({number}, 0, 'x', 'x', 'x', 'x', '{{}}', 'x')",
        )


@pytest.mark.postgresql
def test_postgresql_refuses_to_empty_it(migrated_schema: Store) -> None:
    with pytest.raises(StoreError, match="append-only"):
        execute(migrated_schema, "TRUNCATE audit")


@pytest.mark.parametrize("column", ["at", "actor", "stack", "topic_arn", "action", "outcome", "details", "hash"])
def test_a_changed_entry_is_found(kept: Store, column: str) -> None:
    without_triggers(kept)
    new = f"{column} + 1" if column == "at" else "'{}'"
    execute(kept, f"UPDATE audit SET {column} = {new} WHERE number = 3")
    assert kept.audit.first_broken() == 3


def test_a_deleted_entry_is_found(kept: Store) -> None:
    without_triggers(kept)
    execute(kept, "DELETE FROM audit WHERE number = 3")
    assert kept.audit.first_broken() == 3


def test_a_deleted_first_entry_is_found(kept: Store) -> None:
    without_triggers(kept)
    execute(kept, "DELETE FROM audit WHERE number = 1")
    assert kept.audit.first_broken() == 1


def test_a_deletion_that_is_numbered_over_is_found(kept: Store) -> None:
    without_triggers(kept)
    execute(kept, "DELETE FROM audit WHERE number = 3")
    for number in range(4, COUNT + 1):
        execute(kept, f"UPDATE audit SET number = {number - 1} WHERE number = {number}")
    assert kept.audit.first_broken() == 3


def test_two_entries_that_changed_places_are_found(kept: Store) -> None:
    without_triggers(kept)
    execute(
        kept,
        "UPDATE audit SET number = 99 WHERE number = 2",
        "UPDATE audit SET number = 2 WHERE number = 4",
        "UPDATE audit SET number = 4 WHERE number = 99",
    )
    assert kept.audit.first_broken() == 2


def rehash(store: Store, *numbers: int) -> None:
    """As somebody does who knows how it is made, over the entries that are there."""
    with store._database.writing() as connection:
        rows = [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]
        before = BEGINNING
        for row in rows:
            if row["number"] in numbers:
                row["hash"] = _hash(before, row)
                connection.execute(update(AUDIT).where(AUDIT.c.number == row["number"]).values(hash=row["hash"]))
            before = row["hash"]


def test_a_changed_entry_with_a_hash_of_its_own_breaks_the_next(kept: Store) -> None:
    without_triggers(kept)
    execute(kept, "UPDATE audit SET actor = 'nobody' WHERE number = 3")
    rehash(kept, 3)
    assert kept.audit.first_broken() == 4


def test_a_deletion_with_all_hashes_made_anew_leaves_a_gap(kept: Store) -> None:
    without_triggers(kept)
    execute(kept, "DELETE FROM audit WHERE number = 3")
    rehash(kept, *range(4, COUNT + 1))
    assert kept.audit.first_broken() == 3


def test_what_is_cut_off_the_end_shows_by_the_head_that_was_kept(kept: Store) -> None:
    head = kept.audit.chain().head
    without_triggers(kept)
    execute(kept, f"DELETE FROM audit WHERE number = {COUNT}")
    chain = kept.audit.chain()
    assert chain.broken is None
    assert (chain.entries, chain.head == head) == (COUNT - 1, False)


@pytest.fixture(scope="module")
def template(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of an audit whose triggers are gone."""
    folder = tmp_path_factory.mktemp("audit")
    shutil.copy(migrated_file, folder)
    with open_store(StorePlace(folder)) as opened:
        for number in range(1, COUNT + 1):
            opened.audit.append(entry(number))
        without_triggers(opened)
    yield folder / FILE


CHANGES = st.one_of(
    st.tuples(
        st.just("UPDATE audit SET {column} = ? WHERE number = {number}"),
        st.integers(1, COUNT),
        st.sampled_from(["actor", "stack", "topic_arn", "action", "outcome", "details", "hash"]),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=70),
    ),
    st.tuples(st.just("DELETE FROM audit WHERE number = {number}"), st.integers(1, COUNT - 1), st.none(), st.none()),
)


@given(change=CHANGES)
@settings(max_examples=30)
def test_whatever_is_changed_is_found_where_it_was(
    template: Path, tmp_path_factory: pytest.TempPathFactory, change: tuple[str, int, str | None, str | None]
) -> None:
    statement, number, column, value = change
    folder = tmp_path_factory.mktemp("changed")
    shutil.copy(template, folder)
    with open_store(StorePlace(folder)) as opened:
        before = opened.audit.entries()
        with opened._database.writing() as connection:
            connection.exec_driver_sql(
                statement.format(column=column, number=number), () if value is None else (value,)
            )
            raw = connection.exec_driver_sql("SELECT number FROM audit").all()
        same = len(raw) == COUNT and _entries(opened) == [row.as_json() for row in before]
        assert opened.audit.first_broken() == (None if same else number)


def _entries(store: Store) -> list[object]:
    """None where they cannot even be read any more."""
    try:
        return [row.as_json() for row in store.audit.entries()]
    except ValueError:
        return []

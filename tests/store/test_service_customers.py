"""Customers and their projects: what is kept, who finds it, and that nothing is written over."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.master_key import VARIABLE, master_key
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from tests.store.racing import claim_topic, keep, race, take_room, write_stack_file
from tests.store.values import TOPIC, A, B, new_customer, new_workspace


def test_a_customer_comes_back_as_it_went_in(store: Store) -> None:
    added = store.customers.add(new_customer(accounts=(A, B), quota=3, role_arn="arn", refuse_keys=True, unsigned=True))
    assert store.customers.get("c1") == added
    assert (added.accounts, added.quota, added.role_arn) == ((A, B), 3, "arn")
    assert (added.refuse_keys, added.unsigned, added.key, added.disabled_at) == (True, True, b"sealed", None)


def test_an_empty_list_of_accounts_stays_empty(store: Store) -> None:
    """Not a list of one account without digits."""
    assert store.customers.add(new_customer()).accounts == ()


def test_a_cid_is_given_once(store: Store) -> None:
    store.customers.add(new_customer())
    with pytest.raises(ConfigurationError, match="already"):
        store.customers.add(new_customer(key=b"another"))
    assert store.customers.require("c1").key == b"sealed"


def test_who_is_not_there_is_told(store: Store) -> None:
    assert store.customers.get("c1") is None
    for act in (store.customers.require, store.customers.disable, store.customers.remove):
        with pytest.raises(ConfigurationError, match="no customer"):
            act("c1")


def test_customers_are_listed_by_id(store: Store) -> None:
    for cid in ("c2", "c1"):
        store.customers.add(new_customer(cid))
    assert [each.cid for each in store.customers.list()] == ["c1", "c2"]


def test_a_change_leaves_the_rest(store: Store) -> None:
    store.customers.add(new_customer(quota=3))
    assert store.customers.change("c1", key=b"new", accounts=(A,)).quota == 3
    assert store.customers.require("c1").accounts == (A,)


def test_a_customer_is_disabled_from_the_first_time(store: Store) -> None:
    store.customers.add(new_customer())
    first = store.customers.disable("c1").disabled_at
    assert first is not None and store.customers.disable("c1").disabled_at == first
    assert store.customers.disable("c1", disabled=False).disabled_at is None


def test_a_removed_customer_is_gone(store: Store) -> None:
    store.customers.add(new_customer())
    store.customers.remove("c1")
    assert store.customers.list() == ()


def test_a_project_comes_back_as_it_went_in(store: Store) -> None:
    added = store.workspaces.add(new_workspace(credentials=b"keys", topic_arn=TOPIC, persist=False))
    assert added is not None and store.workspaces.get("c1", "p1") == added
    assert (added.version, added.stack_file, added.outputs, added.roster) == (0, None, None, None)
    assert (added.credentials, added.topic_arn, added.persist, added.is_hub) == (b"keys", TOPIC, False, True)


def test_a_pid_is_given_once_to_each_customer(store: Store) -> None:
    assert store.workspaces.add(new_workspace()) is not None
    assert store.workspaces.add(new_workspace()) is None
    assert store.workspaces.add(new_workspace("c2")) is not None


def test_nobody_finds_another_customers_project(store: Store) -> None:
    store.workspaces.add(new_workspace())
    assert store.workspaces.get("c2", "p1") is None
    assert store.workspaces.list("c2") == ()
    assert not store.workspaces.write("c2", "p1", 0, "theirs")
    store.workspaces.keep("c2", "p1", outputs={"theirs": 1})
    store.workspaces.remove("c2", "p1")
    found = store.workspaces.get("c1", "p1")
    assert found is not None and (found.stack_file, found.outputs) == (None, None)


def test_a_quota_is_kept(store: Store) -> None:
    store.customers.add(new_customer())
    assert store.workspaces.add(new_workspace(), quota=1) is not None
    assert store.workspaces.add(new_workspace(pid="p2"), quota=1) is None
    assert store.workspaces.add(new_workspace(pid="p2"), quota=2) is not None
    assert store.workspaces.count("c1") == 2


def test_a_stack_file_is_written_over_the_one_that_was_read_and_no_other(store: Store) -> None:
    store.workspaces.add(new_workspace())
    assert store.workspaces.write("c1", "p1", 0, "first")
    assert not store.workspaces.write("c1", "p1", 0, "by who read it before")
    found = store.workspaces.get("c1", "p1")
    assert found is not None and (found.stack_file, found.version) == ("first", 1)
    assert store.workspaces.write("c1", "p1", 1, None)


def test_what_a_run_came_to_is_kept_and_the_rest_stays(store: Store) -> None:
    store.workspaces.add(new_workspace())
    store.workspaces.keep("c1", "p1", outputs={"federation": {"epoch": 1}}, topic_arn=TOPIC)
    store.workspaces.keep("c1", "p1", roster=b"roster")
    store.workspaces.keep("c1", "p1")
    found = store.workspaces.get("c1", "p1")
    assert found is not None
    assert (found.outputs, found.topic_arn, found.roster) == ({"federation": {"epoch": 1}}, TOPIC, b"roster")


def test_a_topic_leads_to_its_hub_and_to_no_joiner(store: Store) -> None:
    store.workspaces.add(new_workspace(pid="joiner", is_hub=False, topic_arn=TOPIC))
    assert store.workspaces.of_topic(TOPIC) is None
    store.workspaces.add(new_workspace("c2", topic_arn=TOPIC))
    found = store.workspaces.of_topic(TOPIC)
    assert found is not None and found.cid == "c2"


def test_a_topic_has_one_hub(store: Store) -> None:
    """Two stacks that both made it would take it from each other."""
    store.workspaces.add(new_workspace())
    store.workspaces.add(new_workspace("c2"))
    store.workspaces.add(new_workspace("c3", is_hub=False, topic_arn=TOPIC))
    assert store.workspaces.claim_topic("c1", "p1", TOPIC)
    assert store.workspaces.claim_topic("c1", "p1", TOPIC)
    assert not store.workspaces.claim_topic("c2", "p1", TOPIC)
    found = store.workspaces.get("c2", "p1")
    assert found is not None and found.topic_arn is None


def test_what_is_kept_first_stays(store: Store) -> None:
    assert store.kept.get("check") is None
    assert store.kept.keep("check", b"1") == b"1"
    assert store.kept.keep("check", b"2") == b"1"


def test_secrets_do_not_print_themselves(store: Store) -> None:
    customer = store.customers.add(new_customer(key=b"c4n4ry"))
    project = store.workspaces.add(new_workspace(passphrase=b"c4n4ry", credentials=b"c4n4ry"))
    assert "c4n4ry" not in repr(customer) + repr(project)


def test_processes_that_ask_at_once_find_no_more_room_than_there_is(place: StorePlace) -> None:
    with open_store(place) as store:
        store.customers.add(new_customer())
    (answers,) = race(6, place, take_room, [0])
    assert sum(answers) == 3


def test_processes_that_write_one_stack_file_do_not_write_over_each_other(place: StorePlace) -> None:
    with open_store(place) as store:
        store.workspaces.add(new_workspace())
    answers = race(4, place, write_stack_file, [0, 1, 2])
    assert [sum(each) for each in answers] == [1] * 3


def test_processes_that_claim_one_topic_have_one_hub(place: StorePlace) -> None:
    with open_store(place) as store:
        for number in range(4):
            store.workspaces.add(new_workspace(pid=f"p{number}"))
    answers = race(4, place, claim_topic, [f"{TOPIC}{number}" for number in range(5)])
    assert [sum(each) for each in answers] == [1] * 5


def test_processes_that_begin_together_keep_one_value(place: StorePlace) -> None:
    answers = race(4, place, keep, [f"name{number}" for number in range(3)])
    assert [len(set(each)) for each in answers] == [1] * 3


@pytest.mark.postgresql
def test_processes_that_share_a_database_must_be_given_a_master_key(new_schema: Callable[[], str]) -> None:
    with open_store(StorePlace(None, SecretStr(new_schema()))) as store:
        with pytest.raises(ConfigurationError, match="share a master key"):
            master_key(store, environ={})
        given = base64.b64encode(bytes(32)).decode()
        assert master_key(store, environ={VARIABLE: given}).get_secret_value() == bytes(32)

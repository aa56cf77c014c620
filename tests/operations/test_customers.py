"""Customers: their keys are shown once and kept sealed, and nobody chooses an external id."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes, SecretStr

from fedml_infra.errors import ConfigurationError, ConflictError, StoreError
from fedml_infra.operations.customers import (
    CustomerWanted,
    add_customer,
    customer_json,
    key_of,
    remove_customer,
    rotate_key,
    set_disabled,
    trust_policy,
)
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import NewJob
from fedml_infra.store.store import Store, open_store
from tests.store.values import new_workspace

SEALER = Sealer(SecretBytes(bytes(range(32))))
ROLE = "arn:aws:iam::222222222222:role/fedml-infra"
BROUGHT = {size: SecretStr(base64.b64encode(bytes(size)).decode()) for size in (16, 32)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StorePlace(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize(("version", "size"), [("v1", 16), ("v2", 32)])
def test_a_key_is_made_of_the_versions_length(store: Store, version: Any, size: int) -> None:
    made = add_customer(store, SEALER, CustomerWanted("c1", version))
    assert made.key.size == size
    assert key_of(SEALER, store.customers.require("c1")) == made.key


def test_the_store_has_no_key_in_the_clear(store: Store, tmp_path: Path) -> None:
    made = add_customer(store, SEALER, CustomerWanted("c1"))
    store.close()
    for path in tmp_path.iterdir():
        raw = path.read_bytes()
        assert made.key.raw.get_secret_value() not in raw
        assert made.key.text.get_secret_value().encode() not in raw


def test_a_key_moved_to_another_customer_does_not_open(store: Store) -> None:
    """Somebody who writes the database, and would like to be c2 with the key of c1."""
    first = add_customer(store, SEALER, CustomerWanted("c1")).customer
    add_customer(store, SEALER, CustomerWanted("c2"))
    moved = store.customers.change("c2", key=first.key)
    with pytest.raises(StoreError):
        key_of(SEALER, moved)


def test_a_key_can_be_brought(store: Store) -> None:
    made = add_customer(store, SEALER, CustomerWanted("c1", key=BROUGHT[32]))
    assert made.key.text == BROUGHT[32]


@pytest.mark.parametrize(("version", "size"), [("v1", 32), ("v2", 16)])
def test_a_key_of_the_other_version_is_refused(store: Store, version: Any, size: int) -> None:
    with pytest.raises(ConfigurationError, match="needs a key of"):
        add_customer(store, SEALER, CustomerWanted("c1", version, BROUGHT[size]))
    assert store.customers.list() == ()


def test_each_customer_has_an_external_id_of_its_own(store: Store) -> None:
    ids = {add_customer(store, SEALER, CustomerWanted(f"c{n}")).customer.external_id for n in range(3)}
    assert len(ids) == 3 and all(len(each) == 32 for each in ids)


def test_the_trust_policy_asks_for_the_external_id(store: Store) -> None:
    customer = add_customer(store, SEALER, CustomerWanted("c1", role_arn=ROLE)).customer
    (statement,) = json.loads(trust_policy(customer, "arn:aws:iam::111111111111:role/service"))["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:role/service"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": customer.external_id}}


def test_everything_that_is_wrong_is_told_at_once(store: Store) -> None:
    wanted = CustomerWanted("a/b", accounts=("12",), quota=0, role_arn="arn:aws:iam::1:user/x")
    with pytest.raises(ConfigurationError) as refused:
        add_customer(store, SEALER, wanted)
    assert [each.key for each in refused.value.problems] == ["CID", "--account", "--quota", "--role-arn"]


@pytest.mark.parametrize("cid", ["", "a b", "../x", "a" * 65, "ä", "a\n"])
def test_a_cid_is_a_part_of_an_address(store: Store, cid: str) -> None:
    with pytest.raises(ConfigurationError, match="CID"):
        add_customer(store, SEALER, CustomerWanted(cid))


def test_refusing_keys_needs_a_role(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="refuse-keys"):
        add_customer(store, SEALER, CustomerWanted("c1", refuse_keys=True))


def test_a_rotated_key_is_another_and_the_rest_stays(store: Store) -> None:
    before = add_customer(store, SEALER, CustomerWanted("c1", role_arn=ROLE))
    after = rotate_key(store, SEALER, "c1")
    assert after.key != before.key and key_of(SEALER, store.customers.require("c1")) == after.key
    assert after.customer.external_id == before.customer.external_id


def test_a_customer_with_projects_is_not_removed_unless_told(store: Store) -> None:
    add_customer(store, SEALER, CustomerWanted("c1"))
    store.workspaces.add(new_workspace("c1", "p1"))
    with pytest.raises(ConflictError, match="1 projects: p1"):
        remove_customer(store, "c1")
    remove_customer(store, "c1", even_with_projects=True)
    assert store.customers.list() == () and store.workspaces.list() == ()


def test_a_customer_with_jobs_under_way_is_not_removed(store: Store) -> None:
    add_customer(store, SEALER, CustomerWanted("c1"))
    store.jobs.submit(NewJob("c1", "awsinfo"))
    with pytest.raises(ConflictError, match="1 jobs"):
        remove_customer(store, "c1", even_with_projects=True)


def test_who_gets_a_cid_again_finds_nothing_of_who_had_it(store: Store) -> None:
    add_customer(store, SEALER, CustomerWanted("c1"))
    job = store.jobs.submit(NewJob("c1", "awsinfo"))
    store.jobs.cancel(job.id)
    remove_customer(store, "c1")
    add_customer(store, SEALER, CustomerWanted("c1"))
    assert store.jobs.list("c1") == ()


def test_what_is_done_to_customers_is_in_the_audit(store: Store) -> None:
    add_customer(store, SEALER, CustomerWanted("c1"))
    rotate_key(store, SEALER, "c1")
    set_disabled(store, "c1", disabled=True)
    set_disabled(store, "c1", disabled=False)
    remove_customer(store, "c1")
    entries = store.audit.entries()
    assert [each.action.removeprefix("customers ") for each in entries] == [
        "add", "rotate-key", "disable", "enable", "remove",
    ]  # fmt: skip
    assert {each.details["customer"] for each in entries} == {"c1"}


def test_a_customer_for_machines_has_no_key(store: Store) -> None:
    made = add_customer(store, SEALER, CustomerWanted("c1"))
    assert "key" not in customer_json(made.customer, 0)

"""Customers of the REST service: who may call it, with which key, in which AWS accounts, and with whose credentials."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, ConflictError, Problem
from fedml_infra.model.arns import Arn
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.names import account_id
from fedml_infra.operations.audit import Doing, audited
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Customer, NewCustomer, Version
from fedml_infra.store.store import Store
from fedml_infra.wire.keys import V1_BYTES, V2_BYTES, CustomerKey

PURPOSE = "customer key"
_CID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLE = re.compile(r"role/[\w+=,.@/-]{1,512}")
BYTES: dict[Version, int] = {"v1": V1_BYTES, "v2": V2_BYTES}


@dataclass(frozen=True)
class CustomerWanted:
    """A customer to be added. `key` is made where None."""

    cid: str
    version: Version = "v2"
    key: SecretStr | None = None
    unsigned: bool = False
    accounts: tuple[str, ...] = ()
    quota: int | None = None
    role_arn: str | None = None
    refuse_keys: bool = False


@dataclass(frozen=True)
class WithKey:
    """A customer, and its key, which is shown this once."""

    customer: Customer
    key: CustomerKey


def add_customer(store: Store, sealer: Sealer, wanted: CustomerWanted) -> WithKey:
    """Keep a new customer. ConfigurationError with everything that is wrong, or where the cid is taken."""
    problems = list(_problems(wanted))
    if problems:
        raise ConfigurationError("This customer cannot be added:", problems)
    key = _key(wanted.version, wanted.key)
    new = NewCustomer(
        wanted.cid,
        wanted.version,
        _sealed(sealer, wanted.cid, key),
        # Nobody chooses it: with one that an attacker knows or picks, another's role could be assumed
        # (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
        secrets.token_hex(16),
        wanted.unsigned,
        wanted.accounts,
        wanted.quota,
        wanted.role_arn,
        wanted.refuse_keys,
    )
    with audited(store, _doing("customers add", wanted.cid, version=wanted.version)):
        return WithKey(store.customers.add(new), key)


def rotate_key(store: Store, sealer: Sealer, cid: str, key: SecretStr | None = None) -> WithKey:
    """Give a customer another key; the old one is worth nothing from now on. ConfigurationError as `add_customer`."""
    customer = store.customers.require(cid)
    fresh = _key(customer.version, key)
    with audited(store, _doing("customers rotate-key", cid)):
        return WithKey(store.customers.change(cid, key=_sealed(sealer, cid, fresh)), fresh)


def set_disabled(store: Store, cid: str, *, disabled: bool) -> Customer:
    """Refuse all calls of a customer from now on, or no longer. ConfigurationError where there is none."""
    with audited(store, _doing("customers disable" if disabled else "customers enable", cid)):
        return store.customers.disable(cid, disabled=disabled)


def remove_customer(store: Store, cid: str, *, even_with_projects: bool = False) -> None:
    """Forget a customer and its key. ConfigurationError where there is none.

    Raises ConflictError where it has projects, whose resources would stay in AWS, or jobs under way;
    `even_with_projects` forgets the projects too, with their stack files.
    """
    store.customers.require(cid)
    projects, jobs = store.workspaces.list(cid), store.jobs.waiting(cid)
    if jobs:
        raise ConflictError(
            f"Customer {cid} has {jobs} jobs under way.", fix=f"`fedml-infra customers disable {cid}`, and wait."
        )
    if projects and not even_with_projects:
        names = ", ".join(each.pid for each in projects[:10])
        raise ConflictError(
            f"Customer {cid} has {len(projects)} projects: {names}.",
            fix="Their resources would stay in AWS with nobody to manage them; --even-with-projects forgets them.",
        )
    with audited(store, _doing("customers remove", cid, projects=str(len(projects)))):
        for each in projects:
            store.workspaces.remove(cid, each.pid)
        store.jobs.forget(cid)
        store.customers.remove(cid)


def key_of(sealer: Sealer, customer: Customer) -> CustomerKey:
    """The customer's key. StoreError where it was sealed with another master key, or for another customer."""
    raw = sealer.open(customer.key, PURPOSE, customer.cid)
    return CustomerKey.parse(base64.b64encode(raw).decode())


def trust_policy(customer: Customer, caller_arn: str) -> str:
    """The trust policy that the customer's role needs, for a service that calls as `caller_arn`. JSON.

    (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html)
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": caller_arn},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": customer.external_id}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def customer_json(customer: Customer, projects: int) -> dict[str, Any]:
    """A customer for machines, without its key."""
    disabled = customer.disabled_at
    return {
        "cid": customer.cid,
        "version": customer.version,
        "unsigned": customer.unsigned,
        "accounts": list(customer.accounts),
        "quota": customer.quota,
        "projects": projects,
        "role_arn": customer.role_arn,
        "external_id": customer.external_id,
        "refuse_keys": customer.refuse_keys,
        "created_at": f"{customer.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "disabled_at": None if disabled is None else f"{disabled:%Y-%m-%dT%H:%M:%SZ}",
    }


def _problems(wanted: CustomerWanted) -> Iterable[Problem]:
    if not _CID.fullmatch(wanted.cid):
        yield Problem("CID", "is not 1 to 64 letters, digits, _ or -", "it is a part of every address")
    for account in wanted.accounts:
        try:
            account_id(account)
        except MistakeError as error:
            yield Problem("--account", error.what, error.fix)
    if wanted.quota is not None and wanted.quota < 1:
        yield Problem("--quota", "must be at least 1", "`customers disable` refuses all calls")
    if wanted.role_arn is not None and not _is_role(wanted.role_arn):
        yield Problem("--role-arn", "is no role's ARN", "it looks like arn:aws:iam::222222222222:role/fedml-infra")
    if wanted.refuse_keys and wanted.role_arn is None:
        yield Problem("--refuse-keys", "leaves nothing to act with", "give --role-arn too")


def _is_role(text: str) -> bool:
    try:
        arn = Arn.parse(text)
    except ValueError:
        return False
    return arn.service == "iam" and _ROLE.fullmatch(arn.resource) is not None


def _key(version: Version, given: SecretStr | None) -> CustomerKey:
    if given is None:
        return CustomerKey.parse(base64.b64encode(secrets.token_bytes(BYTES[version])).decode())
    key = CustomerKey.parse(given)
    key.require(BYTES[version])
    return key


def _sealed(sealer: Sealer, cid: str, key: CustomerKey) -> bytes:
    return sealer.seal(key.raw.get_secret_value(), PURPOSE, cid)


def _doing(action: str, cid: str, **details: str) -> Doing:
    return Doing(action, "", details={"customer": cid, **details})

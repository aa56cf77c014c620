"""Take a customer's request: everything that is wrong with it is told before it is queued; nothing of AWS is asked."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.errors import BusyError, ConfigurationError, ConflictError, NotAllowedError, Problem
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.mistake import nearest
from fedml_infra.model.regions import normalise_region
from fedml_infra.model.validation import FED_KEY, NAMESPACE, validate
from fedml_infra.operations.jobs.requests import (
    ADMIT,
    AWS_INFO,
    CREATE,
    CREATE_JOIN,
    NEW_SCHEDULE,
    credentials_of,
    invite_in,
    join_keys,
    own_values,
)
from fedml_infra.operations.knock import require_private
from fedml_infra.operations.schedule import parse_schedule
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Customer, Job, NewJob, NewWorkspace, Workspace
from fedml_infra.store.store import Store
from fedml_infra.wire.request_map import AWS_KEYS, CREATE_KEYS, StackRequest, from_map

MOST_OF_CUSTOMER = 100
MOST_OF_ALL = 10_000
"""Jobs that are queued or running at the same time."""
LONGEST_KEY = 256
"""Characters of an idempotency key."""
_LONGEST_NAME = 64

_log = logging.getLogger(__name__)


def require_project(store: Store, cid: str, pid: str) -> Workspace:
    """A customer's project that has been made. ConfigurationError, in the contract's words, where there is none."""
    found = store.workspaces.get(cid, pid)
    if found is None or found.outputs is None:
        raise ConfigurationError(f"Cannot Find SYMETRYML id[{pid}] for Customer id [{cid}]")
    return found


@dataclass(frozen=True)
class Submitter:
    """What the HTTP layer calls with a decrypted map. Each answers the queued job, or that of the same idempotency key.

    Raises ConfigurationError (400) with everything that is wrong at once, ConflictError (409), NotAllowedError (403),
    BusyError (429).
    """

    store: Store
    sealer: Sealer

    def create(
        self,
        customer: Customer,
        given: Mapping[str, Any],
        *,
        pid: str,
        persist: bool = True,
        idempotency_key: str | None = None,
    ) -> Job:
        """A federation of the customer's own."""
        request = self._read(customer, given, CREATE_KEYS, pid=pid)
        if request.joining is not None or NAMESPACE + "aws_topic_arn" in request.values:
            raise ConfigurationError("The request map cannot be used:", [Problem("aws_topic_arn", "is for createJoin")])
        fed_name = _validated(request)
        new = _NewJob(CREATE, pid, dict(given), persist, idempotency_key)
        return self._make(customer, new, fed_name=fed_name, is_hub=True, topic_arn=None)

    def create_join(
        self,
        customer: Customer,
        given: Mapping[str, Any],
        *,
        pid: str | None = None,
        persist: bool = True,
        idempotency_key: str | None = None,
    ) -> Job:
        """A part in another's federation, by an invite's keys. `pid` is made up where neither query nor map has it."""
        there = self._of_key(customer, idempotency_key)
        pid = pid or given.get("pid") or (there.pid if there is not None else None) or f"node-{secrets.token_hex(4)}"
        request = self._read(customer, given, join_keys(given), pid=pid)
        invite = invite_in(given)
        if invite.fed_rest_url is None:
            missing = Problem("fed_rest_url", "is missing, and there is nothing else to prove the account to")
            raise ConfigurationError("The invite cannot be used:", [missing])
        require_private(invite.fed_rest_url)
        _validated(request)
        new = _NewJob(CREATE_JOIN, pid, dict(given), persist, idempotency_key)
        return self._make(customer, new, fed_name=invite.fed_name, is_hub=False, topic_arn=invite.aws_topic_arn)

    def aws_info(
        self,
        customer: Customer,
        given: Mapping[str, Any],
        *,
        pid: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """What the account of the map's keys has. `pid`: of a project that must be there; None for none."""
        if pid is not None:
            require_project(self.store, customer.cid, pid)
        problems = _strings(given)
        problems += [Problem(key, "is missing") for key in sorted(self._needed_keys(customer)) if not given.get(key)]
        problems += self._unknown(customer, given, {*AWS_KEYS, "aws_region", "aws_id"})
        if not problems and given.get("aws_region"):
            try:
                normalise_region(given["aws_region"])
            except ValueError as error:
                problems.append(Problem("aws_region", str(error)))
        if problems:
            raise ConfigurationError("The request map cannot be used:", problems)
        self._may_use(customer, bool(AWS_KEYS & set(given)), given.get("aws_id"))
        # Not the project's own job: it changes nothing, and need not wait for a run.
        return self._submit(customer, _NewJob(AWS_INFO, None, dict(given), True, idempotency_key))

    def new_schedule(
        self, customer: Customer, given: Mapping[str, Any], *, pid: str, idempotency_key: str | None = None
    ) -> Job:
        """Another schedule for the federation of a project that is its hub."""
        workspace = require_project(self.store, customer.cid, pid)
        problems = _strings(given) + self._unknown(customer, given, {"sync_sched"})
        if not given.get("sync_sched"):
            problems.append(Problem("sync_sched", "is missing"))
        if problems:
            raise ConfigurationError("The request map cannot be used:", problems)
        parse_schedule(given["sync_sched"])
        if not workspace.is_hub:
            raise ConfigurationError("The schedule is decided by the hub; this project only joins it.")
        return self._submit(customer, _NewJob(NEW_SCHEDULE, pid, dict(given), True, idempotency_key))

    def admit(self, workspace: Workspace) -> Job:
        """Take in whoever redeemed a token of that hub; the job that is queued for it already, if one is."""
        return self.store.jobs.submit(NewJob(workspace.cid, ADMIT, workspace.pid))

    def _read(
        self, customer: Customer, given: Mapping[str, Any], required: Collection[str], *, pid: str
    ) -> StackRequest:
        request = from_map(given, {*required, *self._needed_keys(customer)}, pid=pid)
        problems = self._unknown(customer, given, set(given) - set(request.ignored))
        if problems:
            raise ConfigurationError("The request map cannot be used:", problems)
        self._may_use(customer, request.aws_keys is not None, request.aws_id)
        return request

    def _needed_keys(self, customer: Customer) -> Collection[str]:
        return () if customer.role_arn is not None else AWS_KEYS

    def _unknown(self, customer: Customer, given: Mapping[str, Any], known: Collection[str]) -> list[Problem]:
        """Clients of v1 may send more than is known: that is ignored. Of v2 each key is refused by name."""
        unknown = [_printable(key) for key in given if key not in known]
        if customer.version == "v1":
            if unknown:
                _log.info("customer %s: keys that mean nothing here: %s", customer.cid, ", ".join(unknown))
            return []
        return [
            Problem(key, "is no key of this call", f"did you mean {' or '.join(near)}?" if near else None)
            for key in unknown
            for near in [nearest(key, sorted(known))]
        ]

    def _may_use(self, customer: Customer, brings_keys: bool, aws_id: str | None) -> None:
        if brings_keys and customer.refuse_keys:
            raise NotAllowedError(
                "AWS keys are refused here: the service assumes the customer's role.",
                fix="Leave aws_access_key and aws_secret_key out.",
            )
        if aws_id is not None and customer.accounts and aws_id not in customer.accounts:
            raise NotAllowedError(f"Customer [{customer.cid}] may not use account {_printable(aws_id)}.")

    def _make(self, customer: Customer, new: _NewJob, *, fed_name: str, is_hub: bool, topic_arn: str | None) -> Job:
        cid, pid = customer.cid, new.pid
        assert pid is not None
        if self._of_key(customer, new.idempotency_key) is not None:
            return self._submit(customer, new)
        self._require_room(customer)
        there = self.store.workspaces.get(cid, pid)
        if there is None:
            credentials = credentials_of(new.given)
            row = NewWorkspace(
                cid,
                pid,
                fed_name,
                is_hub,
                new.persist,
                passphrase=self.sealer.seal(secrets.token_urlsafe(32).encode(), "workspace passphrase", cid, pid),
                credentials=self.sealer.seal(credentials, "workspace credentials", cid, pid) if credentials else None,
                topic_arn=topic_arn,
            )
            there = self.store.workspaces.add(row, quota=customer.quota) or self.store.workspaces.get(cid, pid)
        if there is None:
            raise NotAllowedError(f"Customer [{cid}] has its {customer.quota} federations, and may have no more.")
        taken = ConflictError(f"Customer [{cid}] already have SYMETRYML with id[{pid}]")
        # One that never came up is no project yet: the same request goes on with it.
        if there.outputs is not None or (there.fed_name, there.is_hub) != (fed_name, is_hub):
            raise taken
        try:
            return self._submit(customer, new)
        except ConflictError:
            raise taken from None

    def _of_key(self, customer: Customer, key: str | None) -> Job | None:
        """The job that came with the key before."""
        if key is None:
            return None
        if not (key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY):
            raise ConfigurationError(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters.")
        return self.store.jobs.of_key(customer.cid, key)

    def _require_room(self, customer: Customer) -> None:
        jobs = self.store.jobs
        if jobs.waiting(customer.cid) >= MOST_OF_CUSTOMER or jobs.waiting() >= MOST_OF_ALL:
            raise BusyError("Too many jobs are under way.", fix="Ask again when some have ended.")

    def _submit(self, customer: Customer, asked: _NewJob) -> Job:
        key = asked.idempotency_key
        if self._of_key(customer, key) is None:
            self._require_room(customer)
        new = NewJob(customer.cid, asked.kind, asked.pid, idempotency_key=key, fingerprint=asked.fingerprint())
        sealed = self.sealer.seal(asked.write(), "job request", customer.cid, new.id)
        return self.store.jobs.submit(replace(new, request=sealed))


@dataclass(frozen=True)
class _NewJob:
    kind: str
    pid: str | None
    given: Mapping[str, Any]
    persist: bool
    idempotency_key: str | None

    def write(self) -> bytes:
        return json.dumps({"map": dict(self.given), "persist": self.persist}, sort_keys=True).encode()

    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.write()).digest()


def _validated(request: StackRequest) -> str:
    """Holds what is asked for to the model; the federation's name."""
    values = {**own_values(request), FED_KEY: request.fed_secret_key or Ciphertext("")}
    name = str(values.get(NAMESPACE + "fed_name", ""))
    return validate(values, stack=name).fed_name


def _strings(given: Mapping[str, Any]) -> list[Problem]:
    return [Problem(_printable(key), "must be text") for key, value in given.items() if not isinstance(value, str)]


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "·" for sign in text[:_LONGEST_NAME])

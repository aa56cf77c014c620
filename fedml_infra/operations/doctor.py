"""Look at everything that a run depends on, all at once, and say how to mend what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.backend import backend_url
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import FedmlError
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.accounts import Accounts, check_accounts, ways_of
from fedml_infra.operations.checks import accounts as of_accounts
from fedml_infra.operations.checks import kept_state, names, quotas
from fedml_infra.operations.checks.accounts import Caller
from fedml_infra.operations.checks.finding import Check, Finding, Status, asked, fail, ok, warn
from fedml_infra.operations.checks.machine import machine_checks
from fedml_infra.operations.load import Stack
from fedml_infra.operations.state import TOPIC, State
from fedml_infra.operations.tools import Tools
from fedml_infra.operations.up import exported_or_empty, outputs_of
from fedml_infra.policies.stack_policies import stack_operator_policies, stack_resources

HOME = "us-east-1"
"""Where credentials are asked for where no stack names a region."""


@dataclass(frozen=True)
class Report:
    """All findings, in the order of the checks."""

    stack: str | None
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """That of the worst failure: the highest of the table. 0 where there is none."""
        return max((finding.exit_code for finding in self.findings), default=0)

    def count(self, status: Status) -> int:
        """How many are so."""
        return sum(finding.status is status for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "stack": self.stack,
            "exit_code": self.exit_code,
            "counts": {str(status): self.count(status) for status in Status},
            "findings": [finding.as_json() for finding in self.findings],
        }


def examine_machine(tools: Tools, *, note: Finding | None = None) -> Report:
    """What can be looked at without a stack: this machine, and the environment's credentials.

    `note`: what there is to say of the stack that could not be looked at.
    """
    machine = tools.machine()
    region = machine.environment.get("AWS_REGION") or machine.environment.get("AWS_DEFAULT_REGION") or HOME

    def credentials() -> Iterator[Finding]:
        found = of_accounts.caller(tools.aws, Access(), ["the environment"], region)
        yield of_accounts.credentials(found)
        yield of_accounts.clock(tools.aws, found.access, region)

    found = _all([*machine_checks(machine), Check("credentials", credentials)])
    return Report(None, (*([note] if note else []), *found))


def examine(project: Path, stack: Stack, tools: Tools) -> Report:
    """Everything that a run of the stack depends on. Changes nothing, raises nothing of ours, installs nothing."""
    machine = tools.machine()
    engine = tools.engine(project) if machine.engine is not None else None
    seen = _Seen()
    region = stack.config.region
    ways = {way: Access.of(way, stack.settings) for way in ways_of(stack.config)}
    users = {access: _users(stack.config, stack.settings, access) for access in ways.values()}

    def ask(access: Access) -> Finding:
        found = of_accounts.caller(tools.aws, access, users[access], region)
        seen.callers[access] = found
        return of_accounts.credentials(found)

    first = [
        *machine_checks(machine),
        *_kept(project, stack, tools, engine, machine.environment, seen),
        *(Check("credentials", partial(ask, access)) for access in users if users[access]),
    ]
    findings = [ok("stack file", str(stack.path)), *(warn("stack file", each) for each in stack.config.notes)]
    findings += _all(first)
    findings += _all([*_of_callers(stack, tools, seen), *_of_resources(stack, tools, seen)])
    return Report(stack.name, tuple(findings))


def unloadable(name: str | None, error: FedmlError, tools: Tools) -> Report:
    """The report of a stack that cannot be loaded: why, and all that can be looked at without it."""
    return replace(examine_machine(tools, note=fail("stack file", error)), stack=name)


@dataclass
class _Seen:
    """What the first round of checks leaves for the second."""

    callers: dict[Access, Caller] = field(default_factory=dict)
    exported: Mapping[str, Any] | None = None
    """The stack's state; None where it could not be read."""


def _all(checks: list[Check]) -> list[Finding]:
    """Every check, at the same time."""
    return [finding for outcome in each(asked, checks) for finding in outcome.unwrap()]


def _users(config: StackConfig, settings: Mapping[str, Any], access: Access) -> list[str]:
    """Who of the stack uses an access. The stack's own is used by the hub, to assume roles, and by nodes."""
    nodes = [f"node {node.pid}" for node in config.nodes if Access.of(node.account, settings) == access]
    own = access == Access.of(None, settings)
    assuming = any(node.account is not None and node.account.assume_role for node in config.nodes)
    first = ["the hub"] if own and config.is_hub else ["who assumes the roles"] if own and assuming else []
    return [*first, *nodes]


def _kept(
    project: Path,
    stack: Stack,
    tools: Tools,
    engine: Engine | None,
    environment: Mapping[str, str],
    seen: _Seen,
) -> Iterator[Check]:
    yield Check("lock", lambda: kept_state.lock(stack.name, project, environment, tools.aws))
    if engine is None:
        for name in ("backend", "secrets", "pending"):
            yield Check(name, partial(warn, name, "Not looked at, as there is no engine."))
        return

    def pending() -> Finding:
        seen.exported = exported_or_empty(engine, stack.name)
        return kept_state.pending(stack.name, seen.exported)

    yield Check("backend", lambda: kept_state.backend(engine, stack.name, backend_url(environment, project)))
    yield Check("secrets", lambda: kept_state.secrets(engine, stack, environment))
    yield Check("pending", pending)


def _of_callers(stack: Stack, tools: Tools, seen: _Seen) -> Iterator[Check]:
    """The clock, and the regions of the callers that are known."""
    config, settings = stack.config, stack.settings
    known_first = sorted(seen.callers.values(), key=lambda found: found.error is not None)
    for found in known_first[:1]:
        yield Check("clock", partial(of_accounts.clock, tools.aws, found.access, config.region))
    needed: dict[Access, list[str]] = {}
    if config.is_hub:
        needed.setdefault(Access.of(None, settings), []).append(config.region)
    for node in config.nodes:
        # A queue's owner subscribes in the topic's region.
        regions = [config.node_region(node), config.topic_region]
        needed.setdefault(Access.of(node.account, settings), []).extend(regions)
    for access, name in of_accounts.regions_of(needed):
        found = seen.callers[access]
        if found.error is None:
            yield Check("region", partial(of_accounts.region, tools.aws, found, name))


def _of_resources(stack: Stack, tools: Tools, seen: _Seen) -> Iterator[Check]:
    """Rights, names and quotas, of the part of the stack whose accounts are known."""
    config, settings = stack.config, stack.settings
    own = seen.callers.get(Access.of(None, settings))
    of_node = {node.pid: seen.callers[Access.of(node.account, settings)] for node in config.nodes}
    nodes = {pid: found.account for pid, found in of_node.items() if found.account is not None}
    account = own.account if own is not None else None
    if account is None and not config.is_hub:
        account = next(iter(nodes.values()), None)
    if account is None or len(nodes) < len(config.nodes):
        missing = ", ".join(found.who for found in seen.callers.values() if found.error is not None)
        yield Check("rights", lambda: warn("rights", f"Not looked at for {missing}: mend the credentials first."))
        yield Check("names", lambda: warn("names", f"Not looked at for {missing}: mend the credentials first."))
    if account is None:
        return
    part = replace(stack, config=config.model_copy(update={"nodes": tuple(n for n in config.nodes if n.pid in nodes)}))
    accounts = Accounts(account, nodes)
    yield Check("accounts", lambda: _accounts(part, accounts, seen))
    yield from _rights(part, accounts, tools, seen)
    yield from _names(part, accounts, tools, seen)
    yield Check("policy sizes", lambda: quotas.policy_sizes(part.config, account=account, node_accounts=nodes))
    if config.is_hub:
        yield Check("filter policies", lambda: quotas.filter_policies(config, _subscribed(part, accounts, tools, seen)))


def _accounts(stack: Stack, accounts: Accounts, seen: _Seen) -> Finding:
    check_accounts(stack.config, stack.settings, accounts, outputs_of(seen.exported or {}))
    return ok("accounts", "the credentials lead where the stack says they do")


def _rights(stack: Stack, accounts: Accounts, tools: Tools, seen: _Seen) -> Iterator[Check]:
    documents = stack_operator_policies(stack.config, account=accounts.own, node_accounts=accounts.nodes)
    for account, several in documents.items():
        for found in seen.callers.values():
            if found.account == account:
                ask = partial(of_accounts.rights, tools.aws, found, stack.config.region, several, stack.name)
                yield Check("rights", ask)
                break


def _names(stack: Stack, accounts: Accounts, tools: Tools, seen: _Seen) -> Iterator[Check]:
    if seen.exported is None:
        told = "Not looked at: without the state nobody knows which of them are the stack's own."
        yield Check("names", lambda: warn("names", told))
        return
    yield from names.checks(stack, accounts, tools.aws, State.of(seen.exported), names.begun_in(seen.exported))


def _subscribed(stack: Stack, accounts: Accounts, tools: Tools, seen: _Seen) -> int | None:
    """How many subscriptions the topic has; None where it is not up or may not be asked."""
    if not State.of(seen.exported or {}).of_type(TOPIC):
        return None
    hub, _ = stack_resources(stack.config, account=accounts.own, node_accounts=accounts.nodes)
    assert hub is not None
    try:
        return len(tools.aws.subscriptions(Access.of(None, stack.settings), hub.region, hub.topic_arn))
    except FedmlError:
        return None

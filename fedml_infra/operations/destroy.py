"""Take a stack down: everything that it made, in an order that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.errors import ResourceError, StackNotFoundError
from fedml_infra.operations.accounts import Accounts, check_accounts, find_accounts
from fedml_infra.operations.load import Stack
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.state import Resource, State
from fedml_infra.operations.up import outputs_of

NAMED_AT_MOST = 10
"""Members that a warning names."""


@dataclass(frozen=True)
class Payloads:
    """A bucket that the stack made and that holds something."""

    bucket: str
    region: str
    account: str
    access: Access


@dataclass(frozen=True)
class DestroyPlan:
    """What goes."""

    stack: str
    resources: tuple[Resource, ...]
    """What is in AWS."""
    total: int
    """All that the state has, components and providers too: what a run counts."""
    protected: bool
    payloads: tuple[Payloads, ...]
    members: tuple[str, ...]
    """Other organisations' accounts that lose the topic; none for a joiner's stack."""
    adopted: tuple[str, ...]
    """Buckets that were adopted, and so stay."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person may not think of."""
        found = []
        if self.members:
            named = ", ".join(self.members[:NAMED_AT_MOST])
            more = f" and {len(self.members) - NAMED_AT_MOST} more" if len(self.members) > NAMED_AT_MOST else ""
            found.append(
                f"The topic goes, and with it the subscriptions of the members {named}{more}: their nodes get no more "
                "messages. Each takes its own side down with `fedml-infra leave`."
            )
        found.extend(f"Bucket {bucket} was adopted: it stays, with all that is in it." for bucket in self.adopted)
        return tuple(found)


def plan_destroy(recovery: Recovery, *, only_look: bool = False) -> DestroyPlan:
    """What `destroy` would delete, and which of its buckets hold payloads; changes nothing in AWS.

    What an earlier run left under way is settled first in the state, so that what it made goes too, unless this is
    to be a look and no more.

    Raises StackNotFoundError where the backend has no such stack, AuthenticationError for credentials of another
    account than the stack's.
    """
    stack, aws = recovery.stack, recovery.aws
    exported = recovery.foreseen()[0] if only_look else recovery.ready()
    if not exported:
        raise StackNotFoundError(
            f"The state backend has no stack {stack.name!r}, so there is nothing to destroy.",
            fix=f"Delete {stack.path} by hand if nobody needs it; PULUMI_BACKEND_URL says which backend is used.",
        )
    state, outputs = State.of(exported), outputs_of(exported)
    found: tuple[Payloads, ...] = ()
    if state.in_aws:
        accounts = find_accounts(stack.config, stack.settings, aws)
        check_accounts(stack.config, stack.settings, accounts, outputs)
        found = tuple(_places(stack, state, outputs.get("nodes") or {}, accounts))

    def holds(place: Payloads) -> bool:
        return aws.has_objects(place.access, place.region, place.bucket, account=place.account)

    return DestroyPlan(
        stack=stack.name,
        resources=state.in_aws,
        total=len(state.resources),
        protected=state.protected,
        payloads=tuple(outcome.item for outcome in each(holds, found) if outcome.unwrap()),
        members=tuple(member.aws_id for member in stack.config.members),
        adopted=tuple(str(node.s3_bucket) for node in stack.config.nodes if node.adopt_bucket),
    )


def require_no_payloads(plan: DestroyPlan) -> None:
    """Raise ResourceError where buckets hold payloads and nobody said that they may go."""
    if plan.payloads:
        named = ", ".join(place.bucket for place in plan.payloads)
        raise ResourceError(
            f"Payloads are in {named}, which this stack made and would delete; nothing was deleted.",
            fix="Copy what is needed, then give --delete-data to delete them with their buckets.",
        )


def destroy(
    plan: DestroyPlan,
    recovery: Recovery,
    options: RunOptions,
) -> RunResult:
    """Delete the payloads of the plan, then every resource, then the stack in the backend.

    The stack file stays. Cut off, the same goes on: what is gone by then is no error. `options.ignore_protect` says
    whether protected resources may go.
    """
    for place in plan.payloads:
        count = recovery.aws.delete_objects(place.access, place.region, place.bucket, account=place.account)
        recovery.say(f"Deleted {count} object versions in {place.bucket}.")

    def act(asked: RunOptions) -> RunResult:
        result = recovery.engine.destroy(plan.stack, asked)
        recovery.engine.remove(plan.stack)
        return result

    return recovery.run(act, options)


def remove_file(path: Path) -> None:
    """Delete the stack file; one that is gone already is no error."""
    path.unlink(missing_ok=True)


def _places(
    stack: Stack, state: State, nodes: Mapping[str, Mapping[str, str]], accounts: Accounts
) -> Iterator[Payloads]:
    """The buckets made for nodes, and how each is reached: as its node is, by the file or by the last outputs."""
    pids = {node.s3_bucket.bucket: node.pid for node in stack.config.nodes}
    pids |= {node["bucket"]: pid for pid, node in nodes.items()}
    ways = {node.pid: node.account for node in stack.config.nodes}
    for bucket in state.node_buckets():
        pid = pids.get(bucket.id, "")
        yield Payloads(
            bucket=bucket.id,
            region=str(bucket.outputs.get("region") or stack.config.region),
            account=nodes.get(pid, {}).get("account") or accounts.nodes.get(pid, accounts.own),
            access=Access.of(ways.get(pid), stack.settings),
        )

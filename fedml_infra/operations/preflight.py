"""What can be known to go wrong before anything is touched: accounts, names that are taken, buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fedml_infra.aws.buckets import BucketKind
from fedml_infra.aws.parallel import Outcome, each
from fedml_infra.aws.protocol import Aws
from fedml_infra.aws.queues import QueueKind
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import ConfigurationError, FedmlError, ResourceError
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.accounts import Accounts, check_accounts, find_accounts
from fedml_infra.operations.state import State
from fedml_infra.policies.stack_policies import stack_resources


class TakenError(ConfigurationError):
    """A bucket that is to be made is there already, in the stack's own account."""


def preflight(
    config: StackConfig,
    settings: Mapping[str, Any],
    *,
    aws: Aws,
    outputs: Mapping[str, Any],
    state: State,
) -> Accounts:
    """Ask AWS, in parallel and without changing anything, whether a run would hit a wall; the accounts found.

    Raises AuthenticationError (credentials of another account than the stack says), ConfigurationError (a bucket to
    be made that exists already, one to be adopted that does not) or ResourceError (a queue's or bucket's name that
    somebody else has). Of several, all are named by the first kind's error.
    """
    accounts, asked = _asked(config, settings, aws=aws, outputs=outputs, state=state)
    _raise_all([problem for outcome in asked if (problem := outcome.unwrap())])
    return accounts


def foresee(config: StackConfig, settings: Mapping[str, Any], *, aws: Aws) -> tuple[Accounts, tuple[FedmlError, ...]]:
    """The same of a stack that has nothing yet, for credentials that may not see all of it; the accounts, and what
    stands in the way or could not be seen: `preflight` would end with it.

    Raises AuthenticationError (credentials of another account) and ConfigurationError (a bucket to be made that exists
    already, one to be adopted that does not).
    """
    accounts, asked = _asked(config, settings, aws=aws, outputs={}, state=State())
    problems = [problem for outcome in asked if (problem := outcome.error or outcome.value) is not None]
    for problem in problems:
        if not isinstance(problem, FedmlError) or isinstance(problem, ConfigurationError):
            raise problem
    return accounts, tuple(problem for problem in problems if isinstance(problem, FedmlError))


@dataclass(frozen=True)
class NameCheck:
    """Whether one name that a run would use can be used."""

    subject: str
    """`queue cardio_charite`, `bucket cardio-charite`."""
    ask: Callable[[], FedmlError | None]
    """The error that a run would end with; None where all is well. Raises where AWS does not answer."""


def name_checks(
    config: StackConfig, settings: Mapping[str, Any], accounts: Accounts, *, aws: Aws, state: State
) -> tuple[NameCheck, ...]:
    """The checks of all names that are not the stack's own already."""
    checks: list[NameCheck] = []
    hub, nodes = stack_resources(config, account=accounts.own, node_accounts=accounts.nodes)
    for node, planned in zip(config.nodes, nodes, strict=True):
        access = Access.of(node.account, settings)
        if planned.queue_arn is not None and planned.queue_arn not in state.queue_arns:
            checks.append(NameCheck(f"queue {planned.queue_name}", _queue_check(aws, access, planned)))
        subject = f"bucket {planned.bucket}"
        if planned.bucket not in state.bucket_names:
            checks.append(NameCheck(subject, _bucket_check(aws, access, planned)))
        elif planned.adopt_bucket:
            checks.append(NameCheck(subject, partial(_made_here, planned)))
    if hub is not None and hub.roster_bucket not in state.bucket_names:
        ask = _roster_check(aws, Access.of(None, settings), hub.region, hub.roster_bucket, accounts.own)
        checks.append(NameCheck(f"bucket {hub.roster_bucket}", ask))
    return tuple(checks)


def _asked(
    config: StackConfig, settings: Mapping[str, Any], *, aws: Aws, outputs: Mapping[str, Any], state: State
) -> tuple[Accounts, tuple[Outcome[NameCheck, FedmlError | None], ...]]:
    """The accounts, and what came of each check of a name."""
    accounts = find_accounts(config, settings, aws, outputs)
    check_accounts(config, settings, accounts, outputs)
    checks = name_checks(config, settings, accounts, aws=aws, state=state)
    return accounts, each(lambda check: check.ask(), checks)


def _queue_check(aws: Aws, access: Access, node: NodeResources) -> Callable[[], FedmlError | None]:
    name = node.queue_name
    assert name is not None

    def check() -> FedmlError | None:
        state = aws.queue_state(access, node.region, name, federation=node.federation, pid=node.pid)
        if state.kind is not QueueKind.FOREIGN:
            return None
        return ResourceError(
            f"Node {node.pid}: account {node.account} has a queue {name} in {node.region} that is not this "
            "federation's (it lacks the federation's tags).",
            fix="Choose another pid, or delete that queue if nobody needs it; nothing was changed.",
        )

    return check


def _bucket_check(aws: Aws, access: Access, node: NodeResources) -> Callable[[], FedmlError | None]:
    def check() -> FedmlError | None:
        state = aws.bucket_state(access, node.region, node.bucket, account=node.account)
        if state.kind is BucketKind.FOREIGN:
            return bucket_of_others(node.pid, node.bucket)
        if node.adopt_bucket and state.kind is BucketKind.ABSENT:
            return ConfigurationError(
                f"Node {node.pid}: bucket {node.bucket} is to be adopted, and there is none of that name.",
                fix="Correct s3_bucket, or take adopt_bucket out so that the bucket is made.",
            )
        if not node.adopt_bucket and state.kind is BucketKind.OWN:
            return TakenError(
                f"Node {node.pid}: bucket {node.bucket} is to be made, and account {node.account} has it already.",
                fix="Set adopt_bucket: true to use it as it is (it is never written to), or choose another name.",
            )
        return None

    return check


def _roster_check(aws: Aws, access: Access, region: str, bucket: str, account: str) -> Callable[[], FedmlError | None]:
    def check() -> FedmlError | None:
        state = aws.bucket_state(access, region, bucket, account=account)
        if state.kind is BucketKind.ABSENT:
            return None
        whose = "account " + account if state.kind is BucketKind.OWN else "somebody else"
        kind = TakenError if state.kind is BucketKind.OWN else ConfigurationError
        return kind(
            f"The roster bucket {bucket} is to be made, and {whose} has it already.",
            fix="Set fedml-infra:roster_bucket to another name; nothing was changed.",
        )

    return check


def _made_here(node: NodeResources) -> ConfigurationError:
    """A bucket that the stack made and would delete, were it adopted now."""
    return ConfigurationError(
        f"Node {node.pid}: this stack made bucket {node.bucket}; with adopt_bucket: true the run would delete it.",
        fix="Take adopt_bucket out; nothing was changed.",
    )


def bucket_of_others(pid: str, bucket: str) -> ResourceError:
    """The error for a bucket of another account."""
    return ResourceError(
        f"Node {pid}: bucket {bucket} belongs to somebody else, or these credentials may not look at it.",
        fix="Bucket names are global: choose another in s3_bucket; nothing was changed.",
    )


def _raise_all(problems: list[FedmlError]) -> None:
    if not problems:
        return
    first = problems[0]
    if len(problems) > 1:
        others = "\n".join(f"  Also: {problem.what}" for problem in problems[1:])
        raise type(first)(f"{first.what}\n{others}", fix=first.fix)
    raise first

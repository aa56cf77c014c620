"""How near the stack is to AWS's quotas: sizes of policies, and filter policies of its topic."""

from __future__ import annotations

from collections.abc import Mapping

from fedml_infra.errors import ResourceError
from fedml_infra.model.fields import MessageFilter
from fedml_infra.model.rights import Right
from fedml_infra.model.rules import FILTER_POLICY_LIMIT
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.checks.finding import Finding, fail, ok, warn
from fedml_infra.policies.limits import LIMITS, size
from fedml_infra.policies.stack_policies import stack_policies

NEAR = 0.8
"""Part of a quota from which on it is near."""
FILTER_POLICIES = 200
"""Of one topic, by default: https://docs.aws.amazon.com/general/latest/gr/sns.html"""


def policy_sizes(config: StackConfig, *, account: str, node_accounts: Mapping[str, str]) -> Finding:
    """The document that is nearest to its limit. Pure. Raises PolicyError where one is beyond it."""
    sizes = [
        (size(each.document) / LIMITS[each.kind].bytes, size(each.document), each)
        for each in stack_policies(config, account=account, node_accounts=node_accounts)
    ]
    if not sizes:
        return ok("policy sizes", "there are no policies")
    part, used, fullest = max(sizes, key=lambda each: each[0])
    told = f"at most {part:.0%}: {fullest.kind} of {fullest.name}, {used:,} of {LIMITS[fullest.kind].bytes:,} bytes"
    if part >= NEAR:
        return warn("policy sizes", told, "Plan a second federation, or members with fewer kinds of rights.")
    return ok("policy sizes", told)


def filter_policies(config: StackConfig, subscribed: int | None) -> Finding:
    """How many of the topic's filter policies are used. Pure.

    `subscribed`: the topic's subscriptions, None where they are not known; then the stack file's nodes are counted.
    """
    if config.message_filter is MessageFilter.NONE:
        return ok("filter policies", "none, as message_filter says")
    nodes = sum(Right.RECEIVE in config.node_rights(node) for node in config.nodes)
    members = sum(max(1, len(m.nodes)) for m in config.members if Right.RECEIVE in config.member_rights(m))
    used = subscribed if subscribed is not None else nodes + members
    whence = "subscribed" if subscribed is not None else "by the stack file"
    told = f"{used} of {FILTER_POLICIES} of the topic's, {whence}"
    fix = (
        "Set message_filter: none on all sides (each node then drops its own messages), or ask AWS for a higher quota."
    )
    if used > FILTER_POLICIES:
        return fail("filter policies", ResourceError(f"{told}: SNS refuses further ones.", fix=fix))
    if used >= min(NEAR * FILTER_POLICIES, FILTER_POLICY_LIMIT):
        return warn("filter policies", told, fix)
    return ok("filter policies", told)

"""What each local AWS really does, so that a claim is made only where it was put to the test.

Every entry is asked of the running emulator by tests/sandbox/local_aws/test_conformance.py, in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which local AWS."""

    MINISTACK = "ministack"
    MOTO = "moto"

    @property
    def label(self) -> str:
        """As its makers write it."""
        return "MiniStack" if self is Kind.MINISTACK else "moto"


@dataclass(frozen=True)
class Capabilities:
    """True where the local AWS behaves as AWS does."""

    policies: bool
    """Topic, queue, bucket and identity policies deny whom they should deny, across accounts and over plain HTTP."""
    queues_across_accounts: bool
    """A queue's URL leads to the queue from another account; else that account finds none there."""
    role_trust: bool
    """AssumeRole heeds the role's trust policy, and refuses a role that does not exist."""
    session_policies: bool
    """Credentials narrowed by a session policy can do no more than it says."""
    signatures: bool
    """A call that is signed with a wrong secret is refused."""
    keeps_queue_policy: bool
    """SetQueueAttributes without a policy leaves the policy as it was."""
    redrive_allow_policy: bool
    """A queue's RedriveAllowPolicy is returned and heeded."""


CAPABILITIES: dict[Kind, Capabilities] = {
    Kind.MINISTACK: Capabilities(
        policies=True,
        queues_across_accounts=True,
        role_trust=True,
        session_policies=True,
        signatures=True,
        keeps_queue_policy=True,
        redrive_allow_policy=True,
    ),
    Kind.MOTO: Capabilities(
        policies=False,
        queues_across_accounts=False,
        role_trust=False,
        session_policies=False,
        signatures=False,
        keeps_queue_policy=False,
        redrive_allow_policy=False,
    ),
}

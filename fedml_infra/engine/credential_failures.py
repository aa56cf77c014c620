"""Credentials that AWS stopped to accept while a run was under way: what is done, what is not, and how to go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fedml_infra.engine.events import label
from fedml_infra.errors import AuthenticationError, FedmlError

if TYPE_CHECKING:
    from fedml_infra.engine.failures import Failure

NAMED = 6
"""Resources that are named; the rest is counted."""

CLOSED_ACCOUNT = (
    "Where the account was closed, nothing in it can be reached any more, and what was in it goes with it: take its "
    "node out of the stack file, and out of the state with `pulumi state delete URN --target-dependents`, URN being "
    "the node's in `pulumi stack --show-urns`; then run the same command again."
)


def expired(_: re.Match[str], failure: Failure) -> FedmlError:
    """The session ended: the same command goes on once there is a new one."""
    return AuthenticationError(
        f"The AWS credentials have expired{how_far(failure)}",
        fix="Log in again (`aws sso login`, or new keys), then run the same command: it goes on from there. "
        "`aws sts get-caller-identity` shows who you are.",
    )


def unknown(_: re.Match[str], failure: Failure) -> FedmlError:
    """The keys were deleted, or the account is gone."""
    return AuthenticationError(
        f"AWS does not know these credentials{how_far(failure)}",
        fix="`aws sts get-caller-identity` shows whether they hold; log in again, or name a profile with AWS_PROFILE. "
        + CLOSED_ACCOUNT,
    )


def how_far(failure: Failure) -> str:
    """`, in the middle of the up of stack cardio: …`; nothing where nothing had begun."""
    waiting = sorted({label(found.urn) for found in failure.errors if found.urn and "pulumi:Stack" not in found.urn})
    if not waiting:
        return ""
    named = ", ".join(waiting[:NAMED]) + (f" and {len(waiting) - NAMED} more" if len(waiting) > NAMED else "")
    of = f" of stack {failure.stack}" if failure.stack else ""
    settled = "1 resource is" if failure.done == 1 else f"{failure.done} resources are"
    return f", in the middle of the {failure.operation}{of}: {settled} settled; not done: {named}, and what comes after"

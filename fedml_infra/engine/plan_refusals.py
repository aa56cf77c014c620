"""An `up` that would have done what its plan does not have, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fedml_infra.engine.events import label
from fedml_infra.engine.protocol import PlanRefusedError

if TYPE_CHECKING:
    from fedml_infra.engine.failures import Failure

# sdk/go/common/resource/plan.go and pkg/resource/deploy of pulumi/pulumi.
OFF_PLAN = re.compile(
    r"(?P<step>\w[\w-]* is not allowed by the plan: [^\n]*)"
    r"|resource (?P<urn>urn:[^\n]*?::[^\s:]+) (?P<goal>violates plan: [^\n]*)"
    r"|(?P<missed>expected resource operations for [^\n]* but none were seen)"
)


def off_plan(match: re.Match[str], failure: Failure) -> PlanRefusedError:
    """The error that names what does not fit, and of which resource where that is known."""
    of = next((one.urn for one in failure.errors if match[0] in one.message), None)
    urn = match["urn"] or of
    named = f"{label(urn)}: " if urn else ""
    return PlanRefusedError(
        f"The plan of stack {failure.stack} does not fit any more: {named}"
        f"{match['step'] or match['goal'] or match['missed']}",
        fix="Something changed since it was made; what was done until here was in it. Make a new preview, have it "
        "reviewed, and apply that.",
    )

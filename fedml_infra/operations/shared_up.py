"""One `up` for all who changed a stack's members at the same time: whoever comes first does it for the others too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.engine.recovery import pending_in
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.summary import federation_summary
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.up import Run, outputs_of, publish, recovered_before, up


def shared_up(project: Path, recovery: Recovery, options: RunOptions) -> Run | None:
    """Bring a hub up as its file says once no other run has it; None where another run has done so meanwhile.

    The file is read once the stack is held, so that it has what everybody wrote until then; `recovery.stack` is what
    was read. The roster is published in either case. `recovery.wait` says for how long to wait. Errors as `up`.
    """
    with recovery.alone():
        recovery.stack = load_stack(project, recovery.stack.name)
        exported = recovery.exported()
        if pending_in(exported):
            return up(recovery, recovered_before(recovery), options)
        if in_force(recovery.stack.config, outputs_of(exported)) and publish(recovery):
            return None
        return up(recovery, recovered_before(recovery, exported), options)


def in_force(config: StackConfig, outputs: Mapping[str, Any]) -> bool:
    """Whether the last run of a hub ended with the federation that the file describes. Pure."""
    made = outputs.get("federation") or {}
    topic_arn = str(made.get("topic_arn") or "")
    if not topic_arn or not config.is_hub:
        return False
    account = topic_arn.split(":")[4]
    hub = hub_resources(config, account)
    return bool(made == federation_summary(config, topic_arn=hub.topic_arn, roster_bucket=hub.roster_bucket))

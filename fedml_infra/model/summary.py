"""What a stack exports of its federation, and whether that is still what its file says."""

from __future__ import annotations

from typing import Any

from fedml_infra.model.stack import StackConfig


def federation_summary(config: StackConfig, *, topic_arn: str, roster_bucket: str) -> dict[str, Any]:
    """The `federation` output: name, topology, schedule, epoch, topic_arn, roster_bucket and members."""
    return {
        "name": config.fed_name,
        "topology": str(config.topology),
        "schedule": str(config.sync_sched),
        "epoch": config.fed_epoch,
        "topic_arn": topic_arn,
        "roster_bucket": roster_bucket,
        "members": [
            {
                "aws_id": member.aws_id,
                "rights": sorted(config.member_rights(member)),
                "nodes": list(member.nodes),
            }
            for member in config.members
        ],
    }

"""Who takes part in the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedml_infra.model.arns import role_arn, topic_arn
from fedml_infra.model.regions import partition_of

FEDERATION = "cardio"
NODE_ROLE = "trainer"
OUTSIDER = "999999999999"


@dataclass(frozen=True)
class Organisation:
    """A hospital with an AWS account of its own."""

    name: str
    pid: str
    account: str
    region: str

    @property
    def bucket(self) -> str:
        """Where its payloads lie."""
        return f"{FEDERATION}-{self.pid}"

    @property
    def s3_bucket(self) -> str:
        """Bucket and prefix, as its stack file names them."""
        return f"{self.bucket}/updates"

    @property
    def node_role(self) -> str:
        """ARN of the role that its training process has anyway; the node's policy is attached to it."""
        return role_arn(partition_of(self.region), self.account, NODE_ROLE)


ADMINISTRATOR = Organisation("Charité", "charite", "111111111111", "eu-central-1")
ONLINE = Organisation("Inselspital", "insel", "222222222222", "eu-central-1")
"""Joins by proving its account to the administrator's listener; stays."""
OFFLINE = Organisation("UCSF", "ucsf", "333333333333", "us-east-1")
"""Joins by a request file; is removed in the end."""
JOINERS = (ONLINE, OFFLINE)
ORGANISATIONS = (ADMINISTRATOR, *JOINERS)
TOPIC_ARN = topic_arn(ADMINISTRATOR.region, ADMINISTRATOR.account, FEDERATION)


def request_values() -> dict[str, Any]:
    """What the administrator asks for when the federation is created, by full key of a stack file."""
    node = {"pid": ADMINISTRATOR.pid, "s3_bucket": ADMINISTRATOR.s3_bucket, "node_role": NODE_ROLE}
    return {
        "aws:region": ADMINISTRATOR.region,
        "fedml-infra:fed_name": FEDERATION,
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:nodes": [node],
    }

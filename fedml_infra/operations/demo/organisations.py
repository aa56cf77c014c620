"""Who takes part in the demo, and the stack files that they write by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    def node_role(self) -> str:
        """ARN of the role that its training process has anyway; the node's policy is attached to it."""
        return role_arn(partition_of(self.region), self.account, NODE_ROLE)


ADMINISTRATOR = Organisation("Charité", "charite", "111111111111", "eu-central-1")
JOINERS = (
    Organisation("Inselspital", "insel", "222222222222", "eu-central-1"),
    Organisation("UCSF", "ucsf", "333333333333", "us-east-1"),
)
ORGANISATIONS = (ADMINISTRATOR, *JOINERS)
TOPIC_ARN = topic_arn(ADMINISTRATOR.region, ADMINISTRATOR.account, FEDERATION)


def stack_file(organisation: Organisation, joiners: Sequence[Organisation] = JOINERS) -> str:
    """What the organisation writes into its stacks/Pulumi.cardio.yaml, but for the key."""
    lines = [
        "# yaml-language-server: $schema=schema.json",
        "config:",
        f"  aws:region: {organisation.region}",
        f"  fedml-infra:fed_name: {FEDERATION}",
        "  fedml-infra:sync_sched: m30",
    ]
    if organisation == ADMINISTRATOR:
        lines.append("  fedml-infra:members:")
        lines.extend(f'    - {{aws_id: "{joiner.account}", nodes: [{joiner.pid}]}}' for joiner in joiners)
    else:
        lines.append(f"  fedml-infra:aws_topic_arn: {TOPIC_ARN}")
    lines.append("  fedml-infra:nodes:")
    node = f"pid: {organisation.pid}, s3_bucket: {organisation.bucket}/updates, node_role: {NODE_ROLE}"
    lines.append(f"    - {{{node}}}")
    return "\n".join(lines) + "\n"

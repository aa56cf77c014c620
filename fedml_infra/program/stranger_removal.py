"""Takes off the topic, on every run, each subscription whose endpoint is no queue of a receiving member.

The topic policy stops a removed member from publishing and subscribing; what was subscribed before is still
delivered to until the topic's owner unsubscribes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Receivers, remove_strangers
from fedml_infra.errors import FedmlError


@dataclass(frozen=True)
class StrangerRemoval:
    """Whose subscriptions stay on one topic, and how to reach the topic's account."""

    topic_arn: str
    region: str
    access: Access
    receivers: Receivers

    def run(self, _: object = None) -> tuple[str, ...]:
        """Unsubscribe every stranger; returns their subscription ARNs.

        Raises pulumi.RunError, which the engine prints without a traceback, where the topic could not be looked at
        or one could not be taken off: the run fails and the next one tries again.
        """
        try:
            done = remove_strangers(self.access, self.region, self.topic_arn, self.receivers)
        except FedmlError as error:
            raise pulumi.RunError(str(error)) from None
        for row in done.removed:
            pulumi.log.warn(f"removed the subscription of {row}: no queue of a receiving member")
        for row in done.pending:
            pulumi.log.info(f"left alone: {row}, which SNS says is {row.arn}")
        return tuple(row.arn for row in done.removed)

"""The hub: the administrator's topic, its policy, and the bucket that holds the roster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from fedml_infra.model.resources import Grants, HubResources
from fedml_infra.policies.bucket import roster_bucket_policy
from fedml_infra.policies.document import Kind, render
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.topic import topic_policy
from fedml_infra.program.hardened_bucket import BucketSpec, hardened_bucket
from fedml_infra.program.stranger_removal import StrangerRemoval


@dataclass(frozen=True)
class HubArgs:
    """What a hub needs to know.

    `grants` says which account may publish and which may receive; `readers` are the other organisations' accounts,
    which may read the roster. `removal` takes strangers' subscriptions off the topic on every run; None leaves
    subscriptions alone (for programs that look after them otherwise).
    """

    resources: HubResources
    grants: Grants
    readers: tuple[str, ...] = ()
    kms_key_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    removal: StrangerRemoval | None = None


class Hub(pulumi.ComponentResource):
    """Topic, topic policy and roster bucket.

    Outputs: `topic_arn`, `roster_bucket` (name); `topic_policy` is the resource to depend on before subscribing.

    Raises PolicyError where the topic's or the roster bucket's policy would be larger than AWS takes; the run fails
    where a stranger's subscription could not be removed.
    """

    topic_arn: pulumi.Output[str]
    roster_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: HubArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fedml:index:Hub", name, {}, opts)
        hub = args.resources
        document = topic_policy(hub, args.grants)
        check_size(Kind.TOPIC, document)
        roster_policy = roster_bucket_policy(hub, args.readers)
        check_size(Kind.BUCKET, roster_policy)
        options = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            hub.topic_name,
            name=hub.topic_name,
            region=hub.region,
            kms_master_key_id=args.kms_key_arn,
            tags=dict(args.tags),
            opts=options,
        )
        self.topic_policy = aws.sns.TopicPolicy(
            hub.topic_name,
            arn=hub.topic_arn,
            region=hub.region,
            policy=render(document),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[topic]),
        )
        # The policy of the roster bucket is what AWS may refuse because of one account that is gone; it comes after the
        # topic policy and after the strangers' removal, so that it never stands in the way of either.
        after = self._after_removal(args.removal)
        bucket = hardened_bucket(
            hub.roster_bucket,
            BucketSpec(
                bucket=hub.roster_bucket,
                account=hub.account,
                region=hub.region,
                policy=roster_policy,
                tags=args.tags,
                # Never under the organisation's own KMS key, which members may not use: the roster is signed, and the
                # keys in it are sealed to each member.
                kms_key_arn=None,
                force_destroy=True,  # only our own objects are in it
            ),
            parent=self,
            provider=None,
            policy_after=[self.topic_policy, *after],
        )
        self.topic_arn = topic.arn
        self.roster_bucket = bucket.bucket
        self.register_outputs({"topicArn": self.topic_arn, "rosterBucket": self.roster_bucket})

    def _after_removal(self, removal: StrangerRemoval | None) -> list[pulumi.Output[pulumi.Resource]]:
        """What to depend on to come after the strangers' removal, which follows the topic policy; none in a preview."""
        if removal is None or pulumi.runtime.is_dry_run():
            return []
        removed = self.topic_policy.id.apply(removal.run)
        return [removed.apply(lambda _: self.topic_policy)]

"""The topic's policy: who may publish and who may subscribe."""

from __future__ import annotations

from collections import defaultdict

from fedml_infra.model.resources import Grants, HubResources
from fedml_infra.model.rights import Right, Rights
from fedml_infra.policies.document import PLAIN_HTTP, Document, Statement, allow, deny, document

ACTIONS = (
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:GetDataProtectionPolicy",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
    "sns:Publish",
    "sns:PutDataProtectionPolicy",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
)
"""All that a topic policy may name: anything else, `sns:*` too, is refused as "out of service scope"
(Amazon SNS, "API permissions: Actions and resources reference", Valid Amazon SNS policy actions)."""

GRANTED = {Right.PUBLISH: "sns:Publish", Right.RECEIVE: "sns:Subscribe"}
"""What a right gives. Nothing that reads the topic's attributes: the policy in them lists every member."""


def topic_policy(hub: HubResources, grants: Grants) -> Document:
    """The topic's whole policy, which replaces AWS's default one.

    One Allow for each set of rights that occurs, to everyone whose `aws:PrincipalAccount` is listed: a list of root
    ARNs ends at 200 principals, and one account that no longer exists makes AWS refuse it as a whole.

    The topic's own account is left out, whatever its grants: within one account an identity policy suffices (IAM,
    "Policy evaluation logic"), while an Allow to `*` would give the right to every role of that account directly,
    without any identity policy, the hub's reader roles included, whose credentials travel in messages. So a
    federation without members has the Denies alone, which is a valid policy.

    Subscribe is denied unless protocol and endpoint are right, in two statements: conditions within one statement
    must all hold, so that one statement of both would deny only what fails both. A negated operator also matches
    where the key is absent (IAM, "IAM JSON policy elements: Condition operators"), so a Subscribe without protocol or
    endpoint is denied too, and no Null condition is needed. `sns:Protocol` and `sns:Endpoint` are set for Subscribe
    (Amazon SNS, "Using identity-based policies with Amazon SNS", service-specific keys).
    """
    return document(
        *_grants(hub, grants),
        deny(
            "OnlySqs",
            ["sns:Subscribe"],
            hub.topic_arn,
            principal="*",
            condition={"StringNotEquals": {"sns:Protocol": "sqs"}},
        ),
        deny(
            "OnlyItsQueues",
            ["sns:Subscribe"],
            hub.topic_arn,
            principal="*",
            condition={"StringNotLike": {"sns:Endpoint": endpoints(hub)}},
        ),
        deny("OnlyTls", ACTIONS, hub.topic_arn, principal="*", condition=PLAIN_HTTP),
        identifier=f"fedml-{hub.federation}",
    )


def endpoints(hub: HubResources) -> str:
    """The pattern of the queues that may be subscribed: `arn:<partition>:sqs:*:*:<federation>_*`."""
    return f"arn:{hub.partition}:sqs:*:*:{hub.federation}_*"


def _grants(hub: HubResources, grants: Grants) -> list[Statement]:
    having: defaultdict[Rights, list[str]] = defaultdict(list)
    for account, rights in grants.items():
        if rights and account != hub.account:
            having[frozenset(rights)].append(account)
    # Short Sids: each byte is room for accounts.
    sids = {frozenset(Right): "Both", frozenset({Right.PUBLISH}): "Publish", frozenset({Right.RECEIVE}): "Receive"}
    return [
        allow(
            sid,
            [GRANTED[right] for right in Right if right in rights],
            hub.topic_arn,
            principal="*",
            condition={"StringEquals": {"aws:PrincipalAccount": sorted(having[rights])}},
        )
        for rights, sid in sids.items()
        if rights in having
    ]

"""MiniStack as an ASGI app, with the six things mended in which it differs from AWS for a federation.

Imported only in the process that serves it, after `environment()` is in place, as MiniStack reads it at import.
Its own command is not used: it also binds 443 and 8883, on all addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

Parameters = Mapping[str, Any]
Response = Any
"""Whatever MiniStack's own handlers answer: status, headers and body."""

PAGE = 100
"""ListSubscriptions answers so many at a time, as on AWS."""


def environment(port: int) -> dict[str, str]:
    """What MiniStack must find in its environment before it is imported."""
    return {
        "AUTH": "true",  # policies are enforced
        "GATEWAY_PORT": str(port),
        "USE_SSL": "1",  # queue URLs say https
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # else a listener on 8883
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # Never a container of the user's: MiniStack removes those that it takes for its own at every start.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    }


def application() -> Any:
    """The ASGI app, mended."""
    from ministack.app import app
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import iam, s3, sns

    mend_subscribe(sns, iam_evaluator, iam_actions)
    mend_unsubscribe(sns)
    mend_list_subscriptions(sns)
    mend_condition_keys(iam_evaluator, iam, s3)
    mend_batch_actions(iam_actions)
    return app


def account_of(access_key: str) -> str:
    """The account that an access key acts in, the root's, a user's or a role's; the key itself where nobody has it."""
    from ministack.core.iam_evaluator import find_iam_access_key_account
    from ministack.core.responses import _account_from_sts_session

    return find_iam_access_key_account(access_key) or _account_from_sts_session(access_key) or access_key


def mend_subscribe(sns: Any, evaluator: Any, actions: Any) -> None:
    """`sns:Protocol` and `sns:Endpoint` are there when a topic policy judges a Subscribe.

    MiniStack leaves them out, so a Deny of all but SQS endpoints of the federation's name would deny everyone
    (https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html, condition keys). It judges twice:
    users and roles with their own policies too, at the door, and everybody by the topic's in the service.
    """
    original_keys = actions.request_tag_context

    def keys_at_the_door(service: str, action: str, body: bytes, parameters: Parameters) -> dict[str, Any]:
        found: dict[str, Any] = original_keys(service, action, body, parameters)
        if action == "sns:Subscribe":
            for name in ("Protocol", "Endpoint"):
                found[f"sns:{name.lower()}"] = actions._query_param(parameters, name)
        return found

    actions.request_tag_context = keys_at_the_door
    original_subscribe, original_context = sns._subscribe, evaluator.EvalContext
    asked: ContextVar[dict[str, str] | None] = ContextVar("asked", default=None)

    def subscribe(parameters: Parameters) -> Response:
        token = asked.set(
            {"sns:protocol": sns._p(parameters, "Protocol"), "sns:endpoint": sns._p(parameters, "Endpoint")}
        )
        try:
            return original_subscribe(parameters)
        finally:
            asked.reset(token)

    def context(*args: Any, **values: Any) -> Any:
        keys = asked.get()
        if keys and values.get("action") == "sns:Subscribe":
            values["service_context"] = {**values.get("service_context", {}), **keys}
        return original_context(*args, **values)

    sns._subscribe, evaluator.EvalContext = subscribe, context


def mend_unsubscribe(sns: Any) -> None:
    """The topic's owner may end anyone's subscription to it, a subscriber its own, nobody else any.

    MiniStack answers 200 and keeps the subscription when the topic's owner asks, which would make the removal of a
    member look enforced (https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html: "only the owner of the
    subscription or the topic's owner can unsubscribe").
    """
    from ministack.core.responses import get_account_id, get_region

    def unsubscribe(parameters: Parameters) -> Response:
        arn: str = sns._p(parameters, "SubscriptionArn")
        topic = sns._topic_by_arn_any_scope(arn.rpartition(":")[0])
        found = next((each for each in topic["subscriptions"] if each["arn"] == arn), None) if topic else None
        if found is None:
            return sns._error("NotFound", "Subscription does not exist", 404)
        if get_account_id() not in (found["owner"], sns._topic_owner(topic)):
            return sns._error("AuthorizationError", "Not authorized to unsubscribe", 403)
        topic["subscriptions"].remove(found)
        sns._sub_arn_to_topic._data.pop((found["owner"], get_region(), arn), None)
        sns._refresh_subscription_counts(topic)
        return sns._xml(200, "UnsubscribeResponse", "")

    sns._unsubscribe = unsubscribe


def mend_list_subscriptions(sns: Any) -> None:
    """ListSubscriptions lists the caller's own subscriptions, to whoever's topics.

    MiniStack lists those to the caller's topics, so a member would not find its own, and the hub would find everyone's
    (https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html: "a list of the requester's subscriptions").
    """
    from ministack.core.responses import get_account_id, get_region

    def list_subscriptions(parameters: Parameters) -> Response:
        account, region = get_account_id(), get_region()
        topics = [topic for (_, where, _), topic in list(sns._topics._data.items()) if where == region]
        own = [each for topic in topics for each in list(topic["subscriptions"]) if each["owner"] == account]
        token = str(sns._p(parameters, "NextToken"))
        start = int(token) if token.isdecimal() else 0
        rows = "".join(
            f"<member><SubscriptionArn>{each['arn']}</SubscriptionArn><Owner>{each['owner']}</Owner>"
            f"<TopicArn>{each['topic_arn']}</TopicArn><Protocol>{each['protocol']}</Protocol>"
            f"<Endpoint>{sns._xml_escape(each['endpoint'])}</Endpoint></member>"
            for each in own[start : start + PAGE]
        )
        following = f"<NextToken>{start + PAGE}</NextToken>" if start + PAGE < len(own) else ""
        result = f"<ListSubscriptionsResult><Subscriptions>{rows}</Subscriptions>{following}</ListSubscriptionsResult>"
        return sns._xml(200, "ListSubscriptionsResponse", result)

    sns._list_subscriptions = list_subscriptions


def mend_condition_keys(evaluator: Any, iam: Any, s3: Any) -> None:
    """`aws:PrincipalArn` of a session is its role's ARN, and `aws:ResourceAccount` of a bucket its owner's account.

    MiniStack gives the session's own ARN, so a trust that is narrowed to a node's role would keep that role out, and
    the caller's account, so a bucket shared across accounts could not be read
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html: "for IAM roles, the
    request context returns the ARN of the role", "the ID of the AWS account of the resource").
    """
    original = evaluator._resolve_condition_key

    def resolve(key: str, context: Any) -> Any:
        name = key.lower()
        if name == "aws:principalarn":
            return _role_of(context.principal_arn, iam._roles._data)
        if name in ("aws:resourceaccount", "s3:resourceaccount") and context.resource_arn.startswith("arn:aws:s3:::"):
            bucket = context.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]
            return s3._bucket_owner_account(bucket) or original(key, context)
        return original(key, context)

    evaluator._resolve_condition_key = resolve


BATCH_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}
"""Calls that IAM has no action of their own for, and the action that each needs."""


def mend_batch_actions(actions: Any) -> None:
    """A batch call needs the right of the single one.

    MiniStack asks for an action named as the call, which a policy for real AWS cannot grant, as it does not exist
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html).
    """
    original = actions.extract_iam_action

    def extract(*args: Any, **values: Any) -> Any:
        found = original(*args, **values)
        return BATCH_ACTIONS.get(found, found)

    actions.extract_iam_action = extract


def _role_of(principal: str, roles: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """The role's ARN, with its path, for the ARN of a session; any other ARN as it is. `roles` by account and name."""
    if ":assumed-role/" not in principal:
        return principal
    _, partition, _, _, account, resource = principal.split(":", 5)
    name = resource.split("/")[1]
    known = roles.get((account, name))
    return str(known["Arn"]) if known else f"arn:{partition}:iam::{account}:role/{name}"

"""SNS: Topic, TopicPolicy, TopicSubscription."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from fedml_infra.sandbox.provider import documents
from fedml_infra.sandbox.provider.comparing import same_document
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind, Mistake, OneOf
from fedml_infra.sandbox.provider.kinds.shared import (
    TAGS_ARE,
    Attribute,
    decode,
    document_on,
    retag,
    tag_dict,
    tag_list,
)
from fedml_infra.sandbox.provider.refusals import AwsError, ProviderError, is_gone
from fedml_infra.sandbox.provider.wire import Props, has_unknown

SUBSCRIBE_SECONDS = "FEDML_INFRA_SANDBOX_SUBSCRIBE_SECONDS"
"""Environment variable: how long a Subscribe that is not allowed yet is tried again."""

USUAL_SUBSCRIBE_SECONDS = 120.0
"""A topic policy takes up to a minute to be effective."""

TOPIC = {
    "displayName": Attribute("DisplayName"),
    "policy": Attribute("Policy"),
    "deliveryPolicy": Attribute("DeliveryPolicy"),
    "kmsMasterKeyId": Attribute("KmsMasterKeyId"),
    "fifoTopic": Attribute("FifoTopic", bool),
    "signatureVersion": Attribute("SignatureVersion", int),
    "contentBasedDeduplication": Attribute("ContentBasedDeduplication", bool),
    "tracingConfig": Attribute("TracingConfig"),
}

SUBSCRIPTION = {
    "filterPolicy": Attribute("FilterPolicy"),
    "filterPolicyScope": Attribute("FilterPolicyScope"),
    "rawMessageDelivery": Attribute("RawMessageDelivery", bool),
    "redrivePolicy": Attribute("RedrivePolicy"),
    "deliveryPolicy": Attribute("DeliveryPolicy"),
    "subscriptionRoleArn": Attribute("SubscriptionRoleArn"),
}


NAME, FIFO_NAME = r"[0-9A-Za-z_-]{1,256}", r"[0-9A-Za-z_-]{1,251}\.fifo"


# -- Topic


def check_topic(inputs: Props) -> Iterable[Mistake]:
    """What can be seen to be wrong without asking AWS."""
    name = inputs.get("name")
    if isinstance(name, str) and not re.fullmatch(FIFO_NAME if inputs.get("fifoTopic") else NAME, name):
        yield Mistake("name", f"invalid topic name: {name}")
    if inputs.get("contentBasedDeduplication") is True and not inputs.get("fifoTopic") and not has_unknown(inputs):
        yield Mistake("contentBasedDeduplication", "can only be set for FIFO topics")


def create_topic(context: Context, inputs: Props) -> str:
    """Make the topic. CreateTopic answers an existing topic's ARN; one that is different is refused, as by AWS."""
    sns, name = context.client("sns"), inputs["name"]
    arn = f"arn:{context.partition}:sns:{context.region}:{context.account}:{name}"
    if "policy" in inputs:
        documents.topic_policy(inputs["policy"], arn)
    with context.lock(arn):
        if (existing := read_topic(context, arn, {})) is not None:
            if any(not _equal(name, inputs[name], existing.get(name)) for name in TOPIC.keys() & inputs.keys()):
                raise _different("Attributes", "attributes")
            if existing["tagsAll"] != context.all_tags(inputs):
                raise _different("Tags", "tags")
        # FifoTopic=false is refused by AWS for a name without .fifo.
        attributes = {
            TOPIC[name].name: TOPIC[name].encode(inputs[name])
            for name in TOPIC.keys() & inputs.keys()
            if name != "fifoTopic" or inputs[name]
        }
        answer = sns.create_topic(Name=name, Attributes=attributes, Tags=tag_list(context.all_tags(inputs)))
    return str(answer["TopicArn"])


def _equal(name: str, asked: Any, existing: Any) -> bool:
    if name in ("policy", "deliveryPolicy"):
        return same_document(str(asked), str(existing or "{}"))
    return bool(asked == existing) or (
        _topic.is_default(name, asked) and (existing is None or _topic.is_default(name, existing))
    )


def _different(parameter: str, what: str) -> AwsError:
    return AwsError(
        "CreateTopic",
        "InvalidParameter",
        f"Invalid parameter: {parameter} Reason: Topic already exists with different {what}",
    )


def read_topic(context: Context, arn: str, last: Props) -> Props | None:
    """The topic as it is."""
    del last
    sns = context.client("sns")
    try:
        answer = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        tags = tag_dict(sns.list_tags_for_resource(ResourceArn=arn)["Tags"])
    except Exception as error:
        if is_gone(error, "ResourceNotFound", "ResourceNotFoundException"):
            return None
        raise
    region_account_name = arn.split(":")[3:]
    return {
        **decode(TOPIC, answer),
        "arn": arn,
        "name": region_account_name[2],
        "owner": answer.get("Owner") or region_account_name[1],
        "tagsAll": tags,
    }


def update_topic(context: Context, arn: str, change: Change) -> None:
    """Set what changed, one attribute a call, as the API has it."""
    sns = context.client("sns")
    for name in sorted(change.names & TOPIC.keys()):
        if name == "policy":
            _put_topic_policy(context, arn, change.new["policy"])
            continue
        value = TOPIC[name].encode(change.new.get(name, _topic.default(name)))
        sns.set_topic_attributes(TopicArn=arn, AttributeName=TOPIC[name].name, AttributeValue=value)
    retag(
        context,
        change,
        lambda tags: sns.tag_resource(ResourceArn=arn, Tags=tag_list(tags)),
        lambda keys: sns.untag_resource(ResourceArn=arn, TagKeys=keys),
    )


def delete_topic(context: Context, arn: str, state: Props) -> None:
    """Delete it; AWS answers the same for one that is not there."""
    del state
    context.client("sns").delete_topic(TopicArn=arn)


_topic = Kind(
    type="aws:sns/topic:Topic",
    inputs=frozenset({*TOPIC, "name", "namePrefix", "tags"}),
    create=create_topic,
    read=read_topic,
    update=update_topic,
    delete=delete_topic,
    check=check_topic,
    replaces=frozenset({"name", "namePrefix", "fifoTopic"}),
    documents=frozenset({"policy", "deliveryPolicy"}),
    computed=frozenset({"policy", "signatureVersion", "tracingConfig"}),
    untold=frozenset({"beginningArchiveTime"}),
    name="name",
    prefix="namePrefix",
    name_limit=256,
    defaults={
        "displayName": "",
        "fifoTopic": False,
        "contentBasedDeduplication": False,
        "kmsMasterKeyId": "",
        "deliveryPolicy": "",
        "signatureVersion": OneOf((1, 0)),
        "tracingConfig": OneOf(("PassThrough", "")),
    },
    derived={**TAGS_ARE, "arn": ("name", "namePrefix")},
)


# -- TopicPolicy


def _put_topic_policy(context: Context, arn: str, text: str) -> None:
    if text != _default_topic_policy(arn):
        documents.topic_policy(text, arn)
    context.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)


def _default_topic_policy(arn: str) -> str:
    """AWS's own policy of a new topic: its owner may do everything. A topic always has one."""
    actions = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def _get_topic_policy(context: Context, arn: str, last: Props) -> str | None:
    del last
    text = context.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy")
    # AWS's default policy means that ours was taken away.
    return None if text and json.loads(text).get("Id") == "__default_policy_ID" else text


_topic_policy = document_on(
    "aws:sns/topicPolicy:TopicPolicy",
    "arn",
    "policy",
    put=_put_topic_policy,
    get=_get_topic_policy,
    drop=lambda context, arn: _put_topic_policy(context, arn, _default_topic_policy(arn)),
    also=lambda arn: {"owner": arn.split(":")[4]},
)


# -- TopicSubscription


def create_subscription(context: Context, inputs: Props) -> str:
    """Subscribe; where the topic's policy does not allow it yet, try again for two minutes."""
    sns = context.client("sns")
    attributes = {
        SUBSCRIPTION[name].name: SUBSCRIPTION[name].encode(inputs[name])
        for name in SUBSCRIPTION
        if inputs.get(name) not in (None, "")
    }

    def subscribe() -> str:
        with context.local_aws.subscribing():
            answer = context.retry(
                lambda: sns.subscribe(
                    TopicArn=inputs["topic"],
                    Protocol=inputs["protocol"],
                    Endpoint=inputs["endpoint"],
                    Attributes=attributes,
                    ReturnSubscriptionArn=True,
                )
            )
        return str(answer["SubscriptionArn"])

    arn = context.wait_out(
        subscribe,
        "AuthorizationError",
        seconds=context.seconds(SUBSCRIBE_SECONDS, USUAL_SUBSCRIBE_SECONDS),
        why="waiting for the topic's policy to allow the subscription",
    )
    if not arn.startswith("arn:"):
        raise ProviderError(
            f"the subscription of {inputs['endpoint']} to {inputs['topic']} is not confirmed ({arn}): "
            "the queue's owner has to subscribe, in the topic's region"
        )
    return arn


def read_subscription(context: Context, arn: str, last: Props) -> Props | None:
    """The subscription as it is."""
    del last
    sns = context.client("sns")
    try:
        answer = context.retry(lambda: sns.get_subscription_attributes(SubscriptionArn=arn))["Attributes"]
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return {
        **decode(SUBSCRIPTION, answer),
        "arn": arn,
        "topic": answer["TopicArn"],
        "protocol": answer["Protocol"],
        "endpoint": answer["Endpoint"],
        "ownerId": answer.get("Owner", ""),
        "pendingConfirmation": answer.get("PendingConfirmation", "false") == "true",
        "confirmationWasAuthenticated": answer.get("ConfirmationWasAuthenticated", "true") == "true",
    }


def update_subscription(context: Context, arn: str, change: Change) -> None:
    """Set what changed, one attribute a call, as the API has it."""
    for name in sorted(change.names & SUBSCRIPTION.keys()):
        value = SUBSCRIPTION[name].encode(change.new.get(name, _subscription.default(name)))
        context.client("sns").set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=SUBSCRIPTION[name].name, AttributeValue=value
        )


def delete_subscription(context: Context, arn: str, state: Props) -> None:
    """Unsubscribe."""
    del state
    with context.local_aws.subscribing():
        context.retry(lambda: context.client("sns").unsubscribe(SubscriptionArn=arn))


_subscription = Kind(
    type="aws:sns/topicSubscription:TopicSubscription",
    inputs=frozenset(
        {*SUBSCRIPTION, "topic", "protocol", "endpoint", "endpointAutoConfirms", "confirmationTimeoutInMinutes"}
    ),
    create=create_subscription,
    read=read_subscription,
    update=update_subscription,
    delete=delete_subscription,
    replaces=frozenset({"topic", "protocol", "endpoint"}),
    documents=frozenset({"filterPolicy", "redrivePolicy", "deliveryPolicy"}),
    local={"endpointAutoConfirms": False, "confirmationTimeoutInMinutes": 1},
    computed=frozenset({"filterPolicyScope"}),
    defaults={
        "rawMessageDelivery": False,
        "filterPolicy": OneOf(("{}", "")),
        "filterPolicyScope": OneOf(("MessageAttributes", "")),
        "redrivePolicy": "",
        "deliveryPolicy": "",
        "subscriptionRoleArn": "",
    },
    derived={"arn": ("topic",)},
)

KINDS = (_topic, _topic_policy, _subscription)

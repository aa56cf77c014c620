"""What an account that is no member tries, and by hand what an administrator should never do: for demo and stories."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fedml_infra.aws.failures import translating
from fedml_infra.aws.messages import publish
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import FedmlError, PolicyError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import NodeResources

OUTSIDER_QUEUE = "outsider"


@dataclass(frozen=True)
class Attempt:
    """One call that should be denied, and whether it was. `outcome` says what else happened, for a person."""

    action: str
    target: str
    denied: bool
    outcome: str


@dataclass(frozen=True)
class Target:
    """A node as an outsider knows it: everything but credentials."""

    node: NodeResources
    queue_url: str | None
    payload_key: str


def intrude(access: Access, topic_arn: str, targets: Iterable[Target]) -> tuple[Attempt, ...]:
    """Publish, subscribe, receive, read a payload, assume a reader role, read a key: with an outsider's credentials.

    The outsider has all rights in its own account, as an account's root has.
    """
    region = Arn.parse(topic_arn).region
    attempts = [
        _attempt("publish", topic_arn, lambda: publish(access, region, topic_arn, "spam", {"sender": "outsider"})),
        _attempt("subscribe", topic_arn, lambda: _subscribe(access, topic_arn)),
    ]
    for target in targets:
        attempts.extend(_against(access, target))
    return tuple(attempts)


def return_in(access: Access, node: NodeResources) -> tuple[Attempt, ...]:
    """Publish and subscribe its own queue again: what a member tries that was removed."""
    region = Arn.parse(node.topic_arn).region
    sender = {"sender": node.pid}
    return (
        _attempt("publish", node.topic_arn, lambda: publish(access, region, node.topic_arn, "spam", sender)),
        _attempt("subscribe", node.topic_arn, lambda: _subscribe_queue(access, node.topic_arn, str(node.queue_arn))),
    )


def _against(access: Access, target: Target) -> Iterable[Attempt]:
    node = target.node
    url = target.queue_url
    if url is not None:
        sqs = client("sqs", access, node.region)
        yield _attempt("receive", str(node.queue_arn), lambda: sqs.receive_message(QueueUrl=url))
        yield _attempt("send", str(node.queue_arn), lambda: sqs.send_message(QueueUrl=url, MessageBody="spam"))
    s3 = client("s3", access, node.region)
    where = f"{node.bucket}/{target.payload_key}"
    yield _attempt("read", where, lambda: s3.get_object(Bucket=node.bucket, Key=target.payload_key))
    yield _attempt("write", where, lambda: s3.put_object(Bucket=node.bucket, Key=target.payload_key, Body=b"spam"))
    if node.reader_role_arn is not None:
        role = node.reader_role_arn
        sts = client("sts", access, node.region)
        yield _attempt("assume", role, lambda: sts.assume_role(RoleArn=role, RoleSessionName="outsider"))


def _attempt(action: str, target: str, call: Callable[[], object]) -> Attempt:
    try:
        with translating(action, target):
            call()
    except PolicyError as error:
        return Attempt(action, target, denied=True, outcome=error.what)
    except FedmlError as error:
        # A call that fails for another reason proves nothing about rights.
        return Attempt(action, target, denied=False, outcome=error.what)
    return Attempt(action, target, denied=False, outcome="allowed")


def _subscribe(access: Access, topic_arn: str) -> None:
    topic = Arn.parse(topic_arn)
    queue = client("sqs", access, topic.region).create_queue(QueueName=f"{topic.resource}_{OUTSIDER_QUEUE}")["QueueUrl"]
    account = client("sts", access, topic.region).get_caller_identity()["Account"]
    endpoint = f"arn:{topic.partition}:sqs:{topic.region}:{account}:{topic.resource}_{OUTSIDER_QUEUE}"
    try:
        _subscribe_queue(access, topic_arn, endpoint)
    finally:
        client("sqs", access, topic.region).delete_queue(QueueUrl=queue)


def _subscribe_queue(access: Access, topic_arn: str, endpoint: str) -> None:
    client("sns", access, Arn.parse(topic_arn).region).subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=endpoint, ReturnSubscriptionArn=True
    )


def widen_topic_policy(access: Access, topic_arn: str, account: str) -> None:
    """Let one more account publish, by hand, as a console would: the drift that the demo makes."""
    sns = client("sns", access, Arn.parse(topic_arn).region)
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"]["Policy"])
    statement = {
        "Sid": "ByHand",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{Arn.parse(topic_arn).partition}:iam::{account}:root"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
    }
    policy["Statement"].append(statement)
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="Policy", AttributeValue=json.dumps(policy))

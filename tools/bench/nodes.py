"""Many nodes in one stack, against the same calls made by hand with boto3."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fedml_infra.aws.sessions import Access, Keys, client
from fedml_infra.model.resources import NodeResources, node_resources
from fedml_infra.model.validation import validate
from fedml_infra.policies.bucket import bucket_policy
from fedml_infra.policies.document import render
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust
from fedml_infra.policies.queue import filter_policy, queue_policy, redrive_allow_policy, redrive_policy
from fedml_infra.sandbox.sandbox import Running
from tools.bench.stack import FEDERATION, KEY, Stack, hub_config
from tools.bench.table import Row, ratio

NUMBERS = (1, 10, 100)
AT_ONCE = 16
REGION = "us-east-1"
STACK_ACCOUNTS = {1: "444444444441", 10: "444444444410", 100: "444444444100"}
BY_HAND = {1: "555555555551", 10: "555555555510", 100: "555555555100"}
AT_ONCE_BY_HAND = {1: "666666666661", 10: "666666666610", 100: "666666666100"}


def rows(running: Running, folder: Path) -> list[Row]:
    """`pulumi up` of 1, 10 and 100 nodes; the same by boto3, one call at a time and 16 nodes at once."""
    found: list[Row] = []
    for number in NUMBERS:
        stack = Stack(running, folder / f"nodes-{number}", STACK_ACCOUNTS[number], hub_config(nodes=number))
        up, preview = stack.up(), stack.preview()
        stack.destroy()
        serial = _by_hand(running, BY_HAND[number], number, at_once=1)
        parallel = _by_hand(running, AT_ONCE_BY_HAND[number], number, at_once=AT_ONCE)
        compared = f"{ratio(up.seconds, serial, 'boto3')}, {ratio(up.seconds, parallel, f'boto3 at {AT_ONCE}')}"
        found += [
            Row(f"{number} nodes in one stack, up", up.seconds, up.mebibytes, compared),
            Row(f"{number} nodes in one stack, preview without changes", preview.seconds, preview.mebibytes),
            Row(f"{number} nodes by boto3, one call at a time", serial),
            Row(f"{number} nodes by boto3, {AT_ONCE} nodes at once", parallel),
        ]
    return found


def _by_hand(running: Running, account: str, number: int, *, at_once: int) -> float:
    """Seconds to make the same things by boto3."""
    local = running.local_aws
    key, secret = local.credentials(account)
    access = Access(keys=Keys(key, secret), endpoints=(("", local.url),), ca_bundle=str(local.ca_bundle))
    topic = client("sns", access, REGION).create_topic(Name=FEDERATION)["TopicArn"]
    nodes = _nodes(account, number, topic, at_once)
    for service in ("sns", "sqs", "s3", "iam", "ssm"):  # making a client is no call
        client(service, access, REGION)  # type: ignore[call-overload]
    started = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda node: _make(access, node), nodes))
    return time.monotonic() - started


def _nodes(account: str, number: int, topic: str, at_once: int) -> list[NodeResources]:
    entries = [{"pid": f"n{at}", "s3_bucket": f"hand-{at_once}-n{at}-of-{number}"} for at in range(number)]
    values = {
        "aws:region": REGION,
        "fedml-infra:fed_name": FEDERATION,
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:fed_secret_key": KEY,
        "fedml-infra:nodes": entries,
    }
    config = validate(values, stack=FEDERATION)
    return [node_resources(config, node, account=account, topic_arn=topic) for node in config.nodes]


def _make(access: Access, node: NodeResources) -> None:
    for step in (_queues, _subscription, _bucket, _identities):
        step(access, node)


def _queues(access: Access, node: NodeResources) -> None:
    sqs = client("sqs", access, REGION)
    dead = sqs.create_queue(QueueName=str(node.dead_letter_queue_name))["QueueUrl"]
    redrive = {"RedrivePolicy": render(redrive_policy(node))}
    url = sqs.create_queue(QueueName=str(node.queue_name), Attributes=redrive)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": render(redrive_allow_policy(node))})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": render(queue_policy(node))})


def _subscription(access: Access, node: NodeResources) -> None:
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": render(filter_policy(node.pid, "sender") or {})}
    client("sns", access, REGION).subscribe(
        TopicArn=node.topic_arn, Protocol="sqs", Endpoint=str(node.queue_arn), Attributes=attributes
    )


def _bucket(access: Access, node: NodeResources) -> None:
    s3, bucket = client("s3", access, REGION), node.bucket
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [{"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 14}}]
        },
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=render(bucket_policy(node, ())))


def _identities(access: Access, node: NodeResources) -> None:
    iam, role = client("iam", access, REGION), str(node.reader_role_name)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=render(reader_role_trust(node)))
    iam.put_role_policy(RoleName=role, PolicyName="read", PolicyDocument=render(reader_role_policy(node)))
    iam.create_policy(PolicyName=node.node_policy_name, PolicyDocument=render(node_policy(node)))
    client("ssm", access, REGION).put_parameter(Name=node.parameter_name, Value=KEY, Type="SecureString")

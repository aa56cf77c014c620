"""Two worlds for one suite: AWS in memory, and moto in this process. Each is set up by its own means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fedml_infra.aws.double import InMemoryAws
from fedml_infra.aws.live import live
from fedml_infra.aws.protocol import Aws
from fedml_infra.aws.sessions import Access, client
from fedml_infra.aws.subscriptions import Subscription

from .conftest import ACCOUNT, REGION


class World(Protocol):
    """What a test needs to stand before it asks."""

    aws: Aws

    def topic(self, name: str) -> str: ...

    def queue(self, name: str, tags: Mapping[str, str]) -> str: ...

    def subscribe(self, topic: str, endpoint: str) -> None: ...

    def bucket(self, name: str, tags: Mapping[str, str]) -> None: ...

    def put(self, bucket: str, key: str) -> None: ...

    def role(self, name: str, tags: Mapping[str, str]) -> None: ...

    def parameter(self, name: str) -> None: ...


class Memory:
    """The shipped double."""

    def __init__(self) -> None:
        self.double = InMemoryAws({Access(): ACCOUNT})
        self.aws: Aws = self.double

    def topic(self, name: str) -> str:
        return self.double.add_topic(ACCOUNT, REGION, name)

    def queue(self, name: str, tags: Mapping[str, str]) -> str:
        return self.double.add_queue(ACCOUNT, REGION, name, tags)

    def subscribe(self, topic: str, endpoint: str) -> None:
        self.double.add_subscription(topic, endpoint, owner=ACCOUNT)

    def bucket(self, name: str, tags: Mapping[str, str]) -> None:
        self.double.add_bucket(ACCOUNT, REGION, name, tags)

    def put(self, bucket: str, key: str) -> None:
        self.double.put_object(bucket, key, b"x")

    def role(self, name: str, tags: Mapping[str, str]) -> None:
        self.double.add_role(ACCOUNT, name, tags)

    def parameter(self, name: str) -> None:
        self.double.add_parameter(ACCOUNT, REGION, name)


class Moto:
    """The real calls, answered in this process."""

    def __init__(self) -> None:
        self.aws: Aws = live()

    def topic(self, name: str) -> str:
        return client("sns", Access(), REGION).create_topic(Name=name)["TopicArn"]

    def queue(self, name: str, tags: Mapping[str, str]) -> str:
        return client("sqs", Access(), REGION).create_queue(QueueName=name, tags=dict(tags))["QueueUrl"]

    def subscribe(self, topic: str, endpoint: str) -> None:
        client("sns", Access(), REGION).subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes={"RawMessageDelivery": "true"}
        )

    def bucket(self, name: str, tags: Mapping[str, str]) -> None:
        s3 = client("s3", Access(), REGION)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})

    def put(self, bucket: str, key: str) -> None:
        client("s3", Access(), REGION).put_object(Bucket=bucket, Key=key, Body=b"x")

    def role(self, name: str, tags: Mapping[str, str]) -> None:
        client("iam", Access(), REGION).create_role(
            RoleName=name,
            AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}',
            Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
        )

    def parameter(self, name: str) -> None:
        client("ssm", Access(), REGION).put_parameter(Name=name, Value="x", Type="String")


def endpoints(rows: tuple[Subscription, ...]) -> set[str]:
    return {row.endpoint for row in rows}

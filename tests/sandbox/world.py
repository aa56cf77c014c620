"""A hub, two members and an outsider on a local AWS, and what a test asks of them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from fedml_infra.sandbox.local_aws import LocalAws

HUB, MEMBER, OTHER, OUTSIDER = "111111111111", "222222222222", "333333333333", "999999999999"
REGION = "eu-central-1"
DENIALS = {"AuthorizationError", "AccessDenied", "AccessDeniedException", "AccessDeniedFault"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def members_may(*actions: str, topic: str, accounts: tuple[str, ...] = (MEMBER, OTHER)) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(actions),
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:PrincipalAccount": list(accounts)}},
    }


def sns_may_send(queue: str, source: str) -> str:
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
    )


def refusal(call: Callable[[], Any]) -> str | None:
    """The code of AWS's refusal; None where the call is answered."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


@functools.cache
def _client(aws: LocalAws, service: str, account: str, region: str) -> Any:
    return aws.session(account, region).client(service)


class World:
    def __init__(self, aws: LocalAws, name: str) -> None:
        self.aws, self.name = aws, name

    def client(self, service: str, account: str, region: str = REGION) -> Any:
        return _client(self.aws, service, account, region)

    def topic(self, *statements: dict[str, Any]) -> str:
        sns = self.client("sns", HUB)
        arn = str(sns.create_topic(Name=self.name)["TopicArn"])
        own = statements or (members_may("sns:Publish", "sns:Subscribe", topic=arn),)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document(*own))
        return arn

    def queue(self, account: str, suffix: str = "q", *, accepts: str | None = None, **attributes: str) -> str:
        """A queue's URL; `accepts` is the topic that may send to it."""
        sqs = self.client("sqs", account)
        url = str(sqs.create_queue(QueueName=f"{self.name}_{suffix}", Attributes=attributes)["QueueUrl"])
        if accepts:
            policy = sns_may_send(self.queue_arn(account, suffix), accepts)
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url

    def queue_arn(self, account: str, suffix: str = "q") -> str:
        return f"arn:aws:sqs:{REGION}:{account}:{self.name}_{suffix}"

    def subscribe(self, topic: str, account: str, suffix: str = "q", **attributes: str) -> str:
        answer = self.client("sns", account).subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=self.queue_arn(account, suffix),
            Attributes={"RawMessageDelivery": "true", **attributes},
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def publish(self, topic: str, account: str, body: str, **attributes: str) -> None:
        self.client("sns", account).publish(
            TopicArn=topic,
            Message=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    def received(self, account: str, url: str) -> list[dict[str, Any]]:
        """Every message up to one that the owner sends now, so that nothing has to be waited for."""
        sqs, found = self.client("sqs", account), []
        sqs.send_message(QueueUrl=url, MessageBody="the end")
        for _ in range(100):
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if message["Body"] == "the end":
                    return found
                found.append(message)
        raise AssertionError("the queue's owner did not get its own message")

    def bodies(self, account: str, url: str) -> list[str]:
        return [message["Body"] for message in self.received(account, url)]

    def bucket(self, account: str, *statements: dict[str, Any]) -> str:
        """A bucket's name; it holds the objects `mine` and `other`."""
        s3 = self.client("s3", account)
        s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key in ("mine", "other"):
            s3.put_object(Bucket=self.name, Key=key, Body=key.encode())
        if statements:
            s3.put_bucket_policy(Bucket=self.name, Policy=document(*statements))
        return self.name

    def reader_role(self, account: str, reader: str, bucket: str) -> str:
        """The ARN of a role in `account` that `reader` may assume to read the bucket."""
        iam = self.client("iam", account)
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{reader}:root"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        may = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        iam.put_role_policy(RoleName=self.name, PolicyName="read", PolicyDocument=document(may))
        return str(role)

    def assumed(self, account: str, role: str, **narrowed: str) -> Any:
        """An S3 client with the credentials of an assumed role."""
        made = self.client("sts", account).assume_role(RoleArn=role, RoleSessionName="test", **narrowed)["Credentials"]
        session = self.aws.session_with(
            made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], region=REGION
        )
        return session.client("s3")

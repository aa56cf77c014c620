"""A resource that is there but not whole is recorded, and finished at the next run."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from fedml_infra.sandbox.provider.wire import load
from tests.sandbox.provider import cases
from tests.sandbox.provider.conftest import REGION, Lab
from tests.sandbox.provider.driver import Driver, RefusedError, Resource

BUCKET, PARAMETER, QUEUE = "aws:s3/bucket:Bucket", "aws:ssm/parameter:Parameter", "aws:sqs/queue:Queue"


class Limited:
    """A user who may do only what was last said."""

    def __init__(self, lab: Lab) -> None:
        self.iam, self.name = lab.boto("iam"), lab.name
        self.iam.create_user(UserName=self.name)
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.driver: Driver = lab.open().configure(
            region=REGION, accessKey=key["AccessKeyId"], secretKey=key["SecretAccessKey"]
        )
        self.may("sts:GetCallerIdentity")

    def may(self, *actions: str) -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=cases.document(statement))


def half_made(limited: Limited, type_: str, inputs: dict[str, Any], secret: set[str] | None = None) -> Resource:
    with pytest.raises(RefusedError) as caught:
        limited.driver.create(type_, inputs, secret=secret or ())
    assert caught.value.code == grpc.StatusCode.UNKNOWN
    detail = caught.value.half_made
    assert detail.reasons[0] == str(caught.value)
    (outputs, hidden), (asked, input_hidden) = load(detail.properties), load(detail.inputs)
    return Resource(type_, "r", detail.id, asked, outputs, hidden, input_hidden, detail.properties)


def test_a_bucket_without_its_tags_is_recorded_and_finished(lab: Lab) -> None:
    limited, inputs = Limited(lab), {"bucket": lab.name, "tags": {"a": "b"}}
    limited.may("s3:CreateBucket", "s3:ListBucket", "s3:ListAllMyBuckets")
    resource = half_made(limited, BUCKET, inputs)
    assert resource.id == lab.name
    assert resource.inputs == inputs
    assert resource.outputs["region"] == REGION
    limited.may("s3:*")
    whole = limited.driver.update(resource, inputs)
    assert whole.outputs["tagsAll"] == {"a": "b"}
    assert not limited.driver.diff(whole, inputs).diffs


def test_one_that_still_cannot_be_finished_stays_half_made(lab: Lab) -> None:
    limited, inputs = Limited(lab), {"bucket": lab.name, "tags": {"a": "b"}}
    limited.may("s3:CreateBucket", "s3:ListBucket", "s3:ListAllMyBuckets")
    resource = half_made(limited, BUCKET, inputs)
    with pytest.raises(RefusedError) as caught:
        limited.driver.update(resource, inputs)
    assert caught.value.half_made.id == lab.name


def test_a_half_made_one_is_deleted_as_any_other(lab: Lab) -> None:
    limited = Limited(lab)
    limited.may("s3:CreateBucket", "s3:ListBucket", "s3:ListAllMyBuckets")
    resource = half_made(limited, BUCKET, {"bucket": lab.name, "tags": {"a": "b"}})
    lab.driver.delete(resource)
    assert lab.driver.import_(BUCKET, lab.name) is None


def test_a_queue_that_cannot_be_read_is_recorded(lab: Lab) -> None:
    limited = Limited(lab)
    limited.may("sqs:CreateQueue", "sqs:GetQueueUrl")
    resource = half_made(limited, QUEUE, {"name": lab.name})
    assert resource.id.endswith(lab.name)
    limited.may("sqs:*")
    assert limited.driver.update(resource, {"name": lab.name}).outputs["arn"].endswith(lab.name)


def test_a_half_made_secret_stays_a_secret(lab: Lab) -> None:
    limited, inputs = Limited(lab), {"name": f"/{lab.name}", "type": "SecureString", "value": "hush-hush"}
    limited.may("ssm:PutParameter")
    with pytest.raises(RefusedError) as caught:
        limited.driver.create(PARAMETER, inputs, secret={"value"})
    detail = caught.value.half_made
    assert "value" in load(detail.properties)[1]
    assert "value" in load(detail.inputs)[1]
    assert "hush" not in str(caught.value) + json.dumps(list(detail.reasons))


def test_an_update_that_is_refused_is_an_error_and_nothing_more(lab: Lab) -> None:
    limited = Limited(lab)
    limited.may("sqs:*")
    resource = limited.driver.create(QUEUE, {"name": lab.name})
    limited.may("sqs:GetQueueAttributes")
    with pytest.raises(RefusedError, match="SetQueueAttributes: AccessDenied") as caught:
        limited.driver.update(resource, {"name": lab.name, "delaySeconds": 3})
    assert caught.value.half_made is None
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION

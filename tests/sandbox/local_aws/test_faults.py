"""Every fault of AWS that a plan can name, on every service, on both local AWSs; and what a plan may say."""

from __future__ import annotations

import functools
import re
import ssl
import stat
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from fedml_infra.aws.retries import heed_throttling
from fedml_infra.errors import ConfigurationError
from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.local_aws.faults import Fault, Faults, Plan, Rule, read_plan
from fedml_infra.sandbox.local_aws.faults.calls import Request, identify, s3_operation
from fedml_infra.sandbox.local_aws.faults.layer import CONTROL, TOKEN
from tests.sandbox.world import HUB, MEMBER, REGION, World, document, members_may

ASK: dict[str, Callable[[Any], Any]] = {
    "iam": lambda iam: iam.list_roles(),
    "s3": lambda s3: s3.list_buckets(),
    "sns": lambda sns: sns.list_topics(),
    "sqs": lambda sqs: sqs.list_queues(),
    "ssm": lambda ssm: ssm.describe_parameters(),
    "sts": lambda sts: sts.get_caller_identity(),
}

# Of the services' API references, "Common errors", and S3's "List of error codes".
SAID = {
    Fault.THROTTLE: {
        "iam": ("Throttling", 400),
        "s3": ("SlowDown", 503),
        "sns": ("Throttled", 429),
        "sqs": ("RequestThrottled", 400),
        "ssm": ("ThrottlingException", 400),
        "sts": ("Throttling", 400),
    },
    Fault.INTERNAL_ERROR: {
        "iam": ("ServiceFailure", 500),
        "s3": ("InternalError", 500),
        "sns": ("InternalError", 500),
        "sqs": ("InternalError", 500),
        "ssm": ("InternalServerError", 500),
        "sts": ("InternalFailure", 500),
    },
    Fault.UNAVAILABLE: dict.fromkeys(ASK, ("ServiceUnavailable", 503)),
    Fault.EXPIRED_CREDENTIALS: {
        "iam": ("ExpiredToken", 403),
        "s3": ("ExpiredToken", 400),
        "sns": ("ExpiredToken", 403),
        "sqs": ("ExpiredTokenException", 400),
        "ssm": ("ExpiredTokenException", 400),
        "sts": ("ExpiredToken", 403),
    },
    Fault.ACCOUNT_GONE: {
        "iam": ("InvalidClientTokenId", 403),
        "s3": ("InvalidAccessKeyId", 403),
        "sns": ("InvalidClientTokenId", 403),
        "sqs": ("InvalidClientTokenId", 403),
        "ssm": ("UnrecognizedClientException", 400),
        "sts": ("InvalidClientTokenId", 403),
    },
}


@pytest.fixture
def faults(local_aws: LocalAws) -> Iterator[Faults]:
    control = Faults(local_aws)
    yield control
    control.clear()


@functools.cache
def client(aws: LocalAws, service: str, account: str = HUB, *, attempts: int = 1) -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    made = aws.session(account, REGION).client(service, config=config)
    heed_throttling(made, attempts)
    return made


@pytest.mark.parametrize("service", ASK)
@pytest.mark.parametrize("fault", SAID)
def test_a_refusal_has_the_service_s_own_code_and_status(
    local_aws: LocalAws, faults: Faults, service: str, fault: Fault
) -> None:
    faults.set(Plan(rules=(Rule(fault=fault, service=service),)))
    with pytest.raises(ClientError) as refused:
        ASK[service](client(local_aws, service))
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == SAID[fault][service]


@pytest.mark.parametrize("service", ASK)
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.LOST_ANSWER], ids=str)
def test_the_standard_retries_get_over_a_fault_that_passes(ministack: LocalAws, service: str, fault: Fault) -> None:
    faults = Faults(ministack)
    faults.set(Plan(rules=(Rule(fault=fault, service=service, calls=(1,)),)))
    ASK[service](client(ministack, service, attempts=2))
    assert [call.outcome for call in faults.calls()] == [fault, "answered"]
    faults.clear()


@pytest.mark.parametrize("service", ASK)
def test_a_lost_answer_is_a_connection_that_ends_without_a_byte(
    local_aws: LocalAws, faults: Faults, service: str
) -> None:
    faults.set(Plan(rules=(Rule(fault=Fault.LOST_ANSWER, service=service),)))
    with pytest.raises(ConnectionClosedError):
        ASK[service](client(local_aws, service))


def test_a_call_whose_answer_is_lost_was_carried_out(local_aws: LocalAws, faults: Faults, world: World) -> None:
    faults.set(Plan(rules=(Rule(fault=Fault.LOST_ANSWER, operation="CreateQueue"),)))
    with pytest.raises(ConnectionClosedError):
        client(local_aws, "sqs").create_queue(QueueName=world.name)
    assert client(local_aws, "sqs").get_queue_url(QueueName=world.name)["QueueUrl"]


def test_a_call_that_is_refused_was_not_carried_out(local_aws: LocalAws, faults: Faults, world: World) -> None:
    faults.set(Plan(rules=(Rule(fault=Fault.INTERNAL_ERROR, operation="CreateQueue"),)))
    with pytest.raises(ClientError):
        client(local_aws, "sqs").create_queue(QueueName=world.name)
    with pytest.raises(ClientError, match=r"NonExistentQueue|QueueDoesNotExist"):
        client(local_aws, "sqs").get_queue_url(QueueName=world.name)


def test_a_rule_may_strike_the_first_attempt_at_every_call(ministack: LocalAws) -> None:
    faults, sts = Faults(ministack), client(ministack, "sts", attempts=2)
    faults.set(Plan(rules=(Rule(fault=Fault.LOST_ANSWER, attempt=1),)))
    for _ in range(2):
        sts.get_caller_identity()
    assert [call.outcome for call in faults.calls()] == ["lost_answer", "answered"] * 2
    faults.clear()


def test_latency_delays_the_answer(local_aws: LocalAws, faults: Faults) -> None:
    faults.set(Plan(rules=(Rule(fault=Fault.LATENCY, service="sts", seconds=0.3),)))
    began = time.monotonic()
    client(local_aws, "sts").get_caller_identity()
    assert time.monotonic() - began >= 0.3
    assert [call.outcome for call in faults.calls()] == ["latency"]


def test_a_subscription_is_refused_until_the_topic_s_policy_is_effective(
    local_aws: LocalAws, faults: Faults, world: World
) -> None:
    topic = world.topic()
    world.queue(MEMBER)
    faults.set(Plan(rules=(Rule(fault=Fault.POLICY_NOT_EFFECTIVE, operation="Subscribe", seconds=2),)))
    assert world.subscribe(topic, MEMBER)  # long enough since
    policy = document(members_may("sns:Subscribe", topic=topic))
    changed = time.monotonic()  # the layer counts from within the call
    client(local_aws, "sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with pytest.raises(ClientError, match="AuthorizationError"):
        world.subscribe(topic, MEMBER)
    while True:
        try:
            world.subscribe(topic, MEMBER)
            break
        except ClientError:
            assert time.monotonic() - changed < 60
    assert time.monotonic() - changed >= 2


def test_a_queue_s_name_is_blocked_after_its_deletion(local_aws: LocalAws, faults: Faults, world: World) -> None:
    sqs = client(local_aws, "sqs")
    faults.set(Plan(rules=(Rule(fault=Fault.QUEUE_DELETED_RECENTLY, seconds=2),)))
    url = sqs.create_queue(QueueName=world.name)["QueueUrl"]
    deleted = time.monotonic()  # the layer counts from within the call
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(ClientError) as refused:
        sqs.create_queue(QueueName=world.name)
    assert "QueueDeletedRecently" in str(refused.value)
    assert sqs.create_queue(QueueName=f"{world.name}-other")["QueueUrl"]
    while True:
        try:
            sqs.create_queue(QueueName=world.name)
            break
        except ClientError:
            assert time.monotonic() - deleted < 60
    assert time.monotonic() - deleted >= 2


def test_calls_are_told_by_service_operation_and_account(local_aws: LocalAws, faults: Faults, world: World) -> None:
    faults.set(Plan())
    client(local_aws, "sqs", MEMBER).list_queues()
    client(local_aws, "s3").list_buckets()
    client(local_aws, "iam").list_roles()
    assert [(call.index, call.service, call.operation, call.account, call.outcome) for call in faults.calls()] == [
        (1, "sqs", "ListQueues", MEMBER, "answered"),
        (2, "s3", "ListBuckets", HUB, "answered"),
        (3, "iam", "ListRoles", HUB, "answered"),
    ]


def test_a_role_s_calls_are_those_of_its_account(ministack: LocalAws) -> None:
    world = World(ministack, f"t{uuid.uuid4().hex[:10]}")
    faults, iam = Faults(ministack), client(ministack, "iam", MEMBER)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=world.name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    keys = client(ministack, "sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    faults.set(Plan(rules=(Rule(fault=Fault.ACCOUNT_GONE, account=MEMBER),)))
    try:
        session = ministack.session_with(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region=REGION
        )
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            session.client("sts").get_caller_identity()
        assert client(ministack, "sts").get_caller_identity()["Account"] == HUB
    finally:
        faults.clear()


def test_without_a_plan_no_call_is_counted(local_aws: LocalAws, faults: Faults) -> None:
    client(local_aws, "sts").get_caller_identity()
    assert faults.plan() is None
    assert faults.calls() == ()


def test_a_plan_comes_back_as_it_was_set(local_aws: LocalAws, faults: Faults) -> None:
    plan = Plan(rules=(Rule(fault=Fault.THROTTLE, service="sqs", operation="Create*", account=HUB, every=3),))
    faults.set(plan)
    assert faults.plan() == plan


# -- the control path


def asked(aws: LocalAws, token: str | None, method: str = "GET", body: bytes | None = None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(aws.url + CONTROL, method=method, data=body, headers=headers)
    context = ssl.create_default_context(cafile=str(aws.ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def token_of(aws: LocalAws) -> Path:
    return aws.ca_bundle.parent / TOKEN


@pytest.mark.parametrize("token", [None, "", "guessed"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nobody_without_the_token_sets_or_reads_anything(ministack: LocalAws, token: str | None, method: str) -> None:
    faults = Faults(ministack)
    plan = Plan(rules=(Rule(fault=Fault.THROTTLE, service="kms"),))
    faults.set(plan)
    assert asked(ministack, token, method, b"{}" if method == "PUT" else None) == 403
    assert faults.plan() == plan
    faults.clear()


def test_only_its_user_can_read_the_token(ministack: LocalAws) -> None:
    assert stat.S_IMODE(token_of(ministack).stat().st_mode) == 0o600
    assert len(token_of(ministack).read_text()) >= 40


@pytest.mark.parametrize("body", [b"", b"no json", b'{"rules": [{"fault": "none"}]}', b"[1]"])
def test_what_is_no_plan_is_refused_and_changes_nothing(ministack: LocalAws, body: bytes) -> None:
    faults = Faults(ministack)
    faults.set(Plan())
    assert asked(ministack, token_of(ministack).read_text(), "PUT", body) == 400
    assert faults.plan() == Plan()
    faults.clear()


def test_another_method_is_refused(ministack: LocalAws) -> None:
    assert asked(ministack, token_of(ministack).read_text(), "POST", b"{}") == 405


# -- plans


def written(folder: Path, text: str) -> Path:
    path = folder / "faults.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_from_yaml(tmp_path: Path) -> None:
    text = "rules:\n  - fault: throttle\n    service: sqs\n    account: 111111111111\n    every: 3\n"
    assert read_plan(written(tmp_path, text)) == Plan(
        rules=(Rule(fault=Fault.THROTTLE, service="sqs", account="111111111111", every=3),)
    )


def test_a_plan_is_read_from_json(tmp_path: Path) -> None:
    text = '{"rules": [{"fault": "latency", "seconds": 2, "calls": [1, 4]}]}'
    assert read_plan(written(tmp_path, text)) == Plan(rules=(Rule(fault=Fault.LATENCY, seconds=2, calls=(1, 4)),))


@pytest.mark.parametrize(
    ("rule", "line", "said"),
    [
        ("fault: throtle", 3, r"rules\[0\]\.fault: .*'throttle'"),
        ("fault: throttle\n    servce: sqs", 4, r"rules\[0\]\.servce: there is no such key; there are fault, service"),
        ("fault: throttle\n    service: ec2", 3, r"service: none of \*, iam"),
        ("fault: throttle\n    account: 42x", 3, "an AWS account id has twelve digits"),
        ("fault: throttle\n    every: 0", 4, r"rules\[0\]\.every: .*greater than or equal to 1"),
        ("fault: throttle\n    calls: [1, 0]", 4, r"rules\[0\]\.calls\[1\]"),
        ("fault: throttle\n    every: 2\n    starting_at: 3", 3, "one of calls, every and starting_at at most"),
        ("fault: throttle\n    seconds: 3", 3, "seconds: throttle does not last"),
        ("fault: latency", 3, "seconds: latency needs it"),
        ("fault: policy_not_effective\n    service: sqs", 3, "is a fault of sns"),
        ("fault: queue_deleted_recently\n    operation: DeleteQueue", 3, "is a fault of sqs' CreateQueue"),
        ("service: sqs", 3, r"rules\[0\]\.fault: Field required"),
    ],
)
def test_a_mistake_in_a_plan_is_told_with_its_line(tmp_path: Path, rule: str, line: int, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_plan(written(tmp_path, f"# a plan\nrules:\n  - {rule}\n"))
    assert re.search(f"line {line}: .*{said}", str(refused.value)), str(refused.value)


def test_every_mistake_of_a_plan_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_plan(written(tmp_path, "rules:\n  - fault: a\n  - fault: b\nmore: 1\n"))
    assert [problem.line for problem in refused.value.problems] == [2, 3, 4]


@pytest.mark.parametrize("text", ["rules: [", "\t- x", "rules: !!python/object 3"])
def test_what_is_no_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_plan(written(tmp_path, text))


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml cannot be read"):
        read_plan(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        (Rule(fault=Fault.THROTTLE), [1, 2, 3, 4, 5, 6]),
        (Rule(fault=Fault.THROTTLE, calls=(2, 5)), [2, 5]),
        (Rule(fault=Fault.THROTTLE, every=3), [3, 6]),
        (Rule(fault=Fault.THROTTLE, starting_at=4), [4, 5, 6]),
    ],
)
def test_which_of_the_calls_meet_the_fault(rule: Rule, struck: list[int]) -> None:
    assert [number for number in range(1, 7) if rule.strikes(number)] == struck


# -- which call it is


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("PUT", "/b", {}, {}, "CreateBucket"),
        ("PUT", "/b", {"policy": ""}, {}, "PutBucketPolicy"),
        ("GET", "/b", {"policy": ""}, {}, "GetBucketPolicy"),
        ("PUT", "/b", {"lifecycle": ""}, {}, "PutBucketLifecycleConfiguration"),
        ("HEAD", "/b", {}, {}, "HeadBucket"),
        ("DELETE", "/b", {}, {}, "DeleteBucket"),
        ("GET", "/b", {"list-type": "2"}, {}, "ListObjectsV2"),
        ("GET", "/b", {"versions": ""}, {}, "ListObjectVersions"),
        ("POST", "/b", {"delete": ""}, {}, "DeleteObjects"),
        ("PUT", "/b/k/x", {}, {}, "PutObject"),
        ("PUT", "/b/k", {}, {"x-amz-copy-source": "b/j"}, "CopyObject"),
        ("GET", "/b/k", {}, {}, "GetObject"),
        ("GET", "/", {}, {}, "ListBuckets"),
        ("PATCH", "/b", {}, {}, ""),
    ],
)
def test_a_request_to_s3_is_the_operation_that_aws_describes(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], operation: str
) -> None:
    assert s3_operation(method, path, query, headers) == operation


def test_a_request_without_a_signature_is_no_call_of_aws() -> None:
    assert identify(Request("GET", "/moto-api/data.json", "", {}), str) is None


def test_a_request_that_is_signed_in_its_address_is_told_too() -> None:
    query = "X-Amz-Credential=111111111111%2F20260101%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Expires=60"
    call = identify(Request("GET", "/b/k", query, {}), str)
    assert call is not None
    assert (call.service, call.operation, call.account, call.region) == ("s3", "GetObject", HUB, REGION)

"""Sizes, measured before AWS would refuse, and how many accounts fit."""

from __future__ import annotations

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.policies.bucket import bucket_policy, roster_bucket_policy
from fedml_infra.policies.document import Kind, allow, deny, document, render
from fedml_infra.policies.limits import LIMITS, check_size, size
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust
from fedml_infra.policies.queue import queue_policy
from fedml_infra.policies.topic import topic_policy
from tests.policies.examples import EVERYTHING, PUBLISH, RECEIVE, hub, node


def crowd(count: int) -> list[str]:
    return [f"{n:012d}" for n in range(1, count + 1)]


def mixed(count: int):
    kinds = (EVERYTHING, PUBLISH, RECEIVE)
    return {account: kinds[n % 3] for n, account in enumerate(crowd(count))}


@pytest.mark.parametrize(
    ("accounts", "one_set", "three_sets"), [(1, 1099, 1099), (600, 10084, 10460), (1950, 30334, 30710)]
)
def test_the_topic_policys_size(accounts, one_set, three_sets):
    everyone = dict.fromkeys(crowd(accounts), EVERYTHING)
    assert (size(topic_policy(hub(), everyone)), size(topic_policy(hub(), mixed(accounts)))) == (one_set, three_sets)


def test_1950_accounts_fit_on_a_topic_whatever_their_rights():
    """Amazon SNS, API permissions: Policy quotas: 30 KB. The roster bucket ends far earlier."""
    check_size(Kind.TOPIC, topic_policy(hub(), mixed(1950)))


def test_2000_accounts_do_not_and_the_message_says_how_many_would():
    with pytest.raises(PolicyError) as caught:
        check_size(Kind.TOPIC, topic_policy(hub(), dict.fromkeys(crowd(2000), EVERYTHING)))
    message = str(caught.value)
    assert "The topic policy needs 31,084 bytes and AWS takes 30,720" in message
    assert "It names 2,000 accounts and 1,975 would fit" in message
    check_size(Kind.TOPIC, topic_policy(hub(), dict.fromkeys(crowd(1975), EVERYTHING)))
    with pytest.raises(PolicyError):
        check_size(Kind.TOPIC, topic_policy(hub(), dict.fromkeys(crowd(1976), EVERYTHING)))


@pytest.mark.parametrize(("accounts", "expected"), [(1, 503), (600, 20270), (1950, 64820)])
def test_the_roster_policys_size(accounts, expected):
    assert size(roster_bucket_policy(hub(), crowd(accounts))) == expected


def test_600_members_read_the_roster():
    """Amazon S3, Bucket policies: 20 KB."""
    check_size(Kind.BUCKET, roster_bucket_policy(hub(), crowd(600)))


def test_how_many_members_would_fit_is_exact():
    with pytest.raises(PolicyError, match=r"names 1,950 accounts and 606 would fit"):
        check_size(Kind.BUCKET, roster_bucket_policy(hub(), crowd(1950)))
    check_size(Kind.BUCKET, roster_bucket_policy(hub(), crowd(606)))
    with pytest.raises(PolicyError):
        check_size(Kind.BUCKET, roster_bucket_policy(hub(), crowd(607)))


@pytest.mark.parametrize(("partition", "members"), [("aws", 606), ("aws-cn", 555), ("aws-us-gov", 499)])
def test_longer_partitions_leave_room_for_fewer(partition, members):
    with pytest.raises(PolicyError, match=f"names 1,000 accounts and {members} would fit"):
        check_size(Kind.BUCKET, roster_bucket_policy(hub(partition), crowd(1000)))


def test_readers_of_a_bucket_are_counted_likewise():
    with pytest.raises(PolicyError, match=r"names 650 accounts and 6\d\d would fit"):
        check_size(Kind.BUCKET, bucket_policy(node(sharing="bucket_policy"), crowd(650)))


@pytest.mark.parametrize("sharing", ["sts", "bucket_policy"])
def test_the_longest_names_fit_everywhere_else(sharing):
    where = node(
        pid="p",
        s3_bucket="b" * 63 + "/" + "q" * 512,
        node_role="r" * 64,
        sharing=sharing,
        kms_key_arn="arn:aws:kms:us-east-1:222222222222:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        iam_path="/" + "i" * 500 + "/",
    )
    check_size(Kind.QUEUE, queue_policy(where))
    check_size(Kind.NODE, node_policy(where))
    if sharing == "sts":
        check_size(Kind.TRUST, reader_role_trust(where))
        check_size(Kind.ROLE, reader_role_policy(where))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_limit_with_its_source(kind):
    assert LIMITS[kind].source


def test_the_limits_are_awss():
    """As their sources say: SNS 30 KB, SQS 8,192 bytes, S3 20 KB, KMS 32 KB; IAM and STS in characters."""
    assert {kind: limit.bytes for kind, limit in LIMITS.items()} == {
        Kind.TOPIC: 30_720,
        Kind.QUEUE: 8_192,
        Kind.BUCKET: 20_480,
        Kind.NODE: 6_144,
        Kind.OPERATOR: 6_144,
        Kind.TRUST: 2_048,
        Kind.ROLE: 10_240,
        Kind.SESSION: 2_048,
        Kind.KEY: 32_768,
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_the_limit_itself_fits_and_one_byte_more_does_not(kind):
    empty = document(allow("A", ["sns:Publish"], ""))
    room = LIMITS[kind].bytes - size(empty)
    check_size(kind, document(allow("A", ["sns:Publish"], "x" * room)))
    with pytest.raises(PolicyError, match="Shorten the names or the prefix"):
        check_size(kind, document(allow("A", ["sns:Publish"], "x" * (room + 1))))


def test_statements_of_a_queue_policy_are_counted():
    """Amazon SQS, Policy quotas: 20 statements."""
    many = document(*(deny(f"S{n}", ["sqs:*"], "*", principal="*") for n in range(21)))
    with pytest.raises(PolicyError, match="21 statements and AWS takes 20"):
        check_size(Kind.QUEUE, many)


def test_principals_of_a_topic_policy_are_counted():
    """Amazon SNS, API permissions: Policy quotas: 200 principals, which is why accounts stand in a condition."""
    roots = [f"arn:aws:iam::{account}:root" for account in crowd(201)]
    with pytest.raises(PolicyError, match="Statement Some of the topic policy names 201 principals and AWS takes 200"):
        check_size(Kind.TOPIC, document(allow("Some", ["sns:Publish"], "*", principal={"AWS": roots})))


def test_size_is_of_the_text_that_aws_is_given():
    made = document(allow("A", ["s3:GetObject"], "arn:aws:s3:::b/ü"))
    assert size(made) == len(render(made).encode())

"""Who can read a made bucket and the roster."""

from __future__ import annotations

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.policies.bucket import bucket_policy, roster_bucket_policy
from fedml_infra.policies.document import Document, Kind
from fedml_infra.policies.who_can import Who, who_can
from tests.policies.examples import (
    BOTH,
    HUB,
    PUBLISHER,
    RECEIVER,
    STRANGER,
    Alter,
    altered,
    dropped,
    element,
    hub,
    node,
    statement,
)
from tests.policies.examples import named as named_document

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetObjectVersion", "s3:GetObjectTagging")
BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucket")
READERS = (PUBLISHER, RECEIVER)


def violations(
    document: Document, bucket: str, owner: str, readable: str, others: tuple[str, ...], readers
) -> set[str]:
    """What is wrong where `readers` may get `readable` and nobody but the owner may do anything else."""
    named = named_document(Kind.BUCKET, document, bucket, owner)
    asked = [(action, key) for action in ACTIONS for key in (f"{bucket}/{key}" for key in (readable, *others))]
    asked += [(action, bucket) for action in BUCKET_ACTIONS]
    found: set[str] = set()
    for action, resource in asked:
        answer = who_can(action, resource, [named])
        given = (action, resource) == ("s3:GetObject", f"{bucket}/{readable}")
        wanted = {owner, *(readers if given else ())}
        found |= {"too many" for _ in set(answer.accounts) - wanted}
        found |= {"too few" for _ in wanted - set(answer.accounts)}
        found |= {"anyone"} if answer.of(Who.ANYONE) or answer.services else set()
        found |= {"plain HTTP" for each in answer.grantees for way in each.ways if not way.tls}
    return found


def of_bucket(document: Document, readers=READERS) -> set[str]:
    where = node()
    outside = ("other/1.bin", "updates-old/1.bin", "1.bin")
    return violations(document, where.bucket_arn, where.account, "updates/1.bin", outside, readers)


def of_roster(document: Document, readers=READERS, partition: str = "aws") -> set[str]:
    where = hub(partition)
    outside = ("roster.json.bak", "old/roster.json", "other")
    return violations(document, where.roster_bucket_arn, where.account, "roster.json", outside, readers)


def test_under_sts_nobody_else_reads_the_bucket():
    assert of_bucket(bucket_policy(node(), READERS), readers=()) == set()


def test_under_bucket_policy_the_readers_read_payloads():
    assert of_bucket(bucket_policy(node(sharing="bucket_policy"), READERS)) == set()


def test_the_buckets_own_account_is_not_named():
    policy = bucket_policy(node(sharing="bucket_policy"), [BOTH, PUBLISHER])
    assert statement(policy, "AllowReaders")["Principal"] == {"AWS": [f"arn:aws:iam::{PUBLISHER}:root"]}


def test_an_adopted_buckets_policy_is_never_made():
    """Amazon S3: a bucket has one policy document; ours would erase its owner's."""
    with pytest.raises(PolicyError, match="insel-fed of node insel is adopted"):
        bucket_policy(node(adopt_bucket=True), ())


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_members_read_the_roster_and_nothing_else(partition):
    assert of_roster(roster_bucket_policy(hub(partition), READERS), partition=partition) == set()


def test_the_hubs_own_account_needs_no_statement_of_the_roster():
    """Its own root would open the roster to nobody more, and take the room of a member."""
    assert roster_bucket_policy(hub(), [*READERS, HUB]) == roster_bucket_policy(hub(), READERS)


def test_a_roster_without_members_is_a_valid_policy():
    assert of_roster(roster_bucket_policy(hub(), ()), readers=()) == set()


def test_roots_are_of_the_hubs_partition():
    policy = roster_bucket_policy(hub("aws-us-gov"), [BOTH])
    assert statement(policy, "AllowRoster")["Principal"] == {"AWS": [f"arn:aws-us-gov:iam::{BOTH}:root"]}


def test_no_policy_counts_as_public():
    """Amazon S3, "The meaning of public": an Allow to `*` can be, fixed accounts are not."""
    policies = (bucket_policy(node(sharing="bucket_policy"), READERS), roster_bucket_policy(hub(), READERS))
    for policy in policies:
        assert all(each["Principal"] != "*" for each in policy["Statement"] if each["Effect"] == "Allow")


def add(sid: str, account: str) -> Alter:
    def alter(document: Document) -> None:
        statement(document, sid)["Principal"]["AWS"].append(f"arn:aws:iam::{account}:root")

    return alter


def mutations(sid: str, resource: str, neighbour: str) -> dict[str, tuple[Alter, str]]:
    return {
        "an extra account": (add(sid, STRANGER), "too many"),
        "everyone": (element(sid, "Principal", "*"), "anyone"),
        "every account": (element(sid, "Principal", {"AWS": "*"}), "too many"),
        "one account lost": (element(sid, "Principal", {"AWS": f"arn:aws:iam::{PUBLISHER}:root"}), "too few"),
        "a service": (element(sid, "Principal", {"Service": "sns.amazonaws.com"}), "anyone"),
        "s3:*": (element(sid, "Action", ["s3:*"]), "too many"),
        "writing": (element(sid, "Action", ["s3:GetObject", "s3:PutObject"]), "too many"),
        "versions": (element(sid, "Action", ["s3:GetObject*"]), "too many"),
        "the whole bucket": (element(sid, "Resource", resource), "too many"),
        "a neighbour's prefix": (element(sid, "Resource", neighbour), "too many"),
        "plain HTTP not denied": (dropped("DenyPlainHttp"), "plain HTTP"),
        "plain HTTP denied on the bucket only": (
            element("DenyPlainHttp", "Resource", resource.removesuffix("/*")),
            "plain HTTP",
        ),
        "plain HTTP denied on objects only": (element("DenyPlainHttp", "Resource", resource), "plain HTTP"),
        "plain HTTP denied for reading only": (element("DenyPlainHttp", "Action", ["s3:Get*"]), "plain HTTP"),
    }


OF_BUCKET = mutations("AllowReaders", "arn:aws:s3:::insel-fed/*", "arn:aws:s3:::insel-fed/updates*")
ROSTER = f"arn:aws:s3:::fedml-cardio-{HUB}-us-east-1"
OF_ROSTER = mutations("AllowRoster", f"{ROSTER}/*", f"{ROSTER}/roster.json*")


@pytest.mark.parametrize(("alter", "caught"), OF_BUCKET.values(), ids=OF_BUCKET)
def test_an_altered_bucket_policy_is_caught(alter, caught):
    policy = bucket_policy(node(sharing="bucket_policy"), READERS)
    assert caught in of_bucket(altered(policy, alter))


@pytest.mark.parametrize(("alter", "caught"), OF_ROSTER.values(), ids=OF_ROSTER)
def test_an_altered_roster_policy_is_caught(alter, caught):
    assert caught in of_roster(altered(roster_bucket_policy(hub(), READERS), alter))

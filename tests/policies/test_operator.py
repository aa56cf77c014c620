"""The least rights of whoever runs the stack."""

from __future__ import annotations

import re
from collections.abc import Iterable

import botocore.session
import pytest

from fedml_infra.policies import operator
from fedml_infra.policies.document import Document, Kind
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.operator import operator_policy
from tests.policies.examples import BOTH, HUB, config, hub, joiner, node, resources

BOUNDARY = f"arn:aws:iam::{HUB}:policy/boundary"
WRITES = re.compile(r":(Put|Create|Delete|Set|Update|Tag|Untag|Add|Remove|Attach|Detach|Subscribe|Unsubscribe|Encrypt)")


def whole(**options) -> list[dict]:
    """All statements of the administrator's account."""
    found_hub, nodes = resources(
        config(nodes=[{"pid": "charite", "s3_bucket": "c-fed/updates", "node_role": "trainer"}])
    )
    return statements(operator_policy(found_hub, nodes, **options)[HUB])


def statements(documents: Iterable[Document]) -> list[dict]:
    return [each for document in documents for each in document["Statement"]]


def actions(found: list[dict], on: str | None = None) -> set[str]:
    return {action for each in found if on is None or on in each["Resource"] for action in each["Action"]}


def test_a_star_stands_only_where_an_action_knows_no_resource():
    """Service Authorization Reference: an empty column "Resource types" means that the statement must say `*`."""
    assert actions(whole(), on="*") == {
        "sns:GetSubscriptionAttributes",
        "sns:SetSubscriptionAttributes",
        "sns:Unsubscribe",
        "ssm:DescribeParameters",
        "sts:GetCallerIdentity",
    }


def test_no_action_is_a_pattern():
    assert not [action for action in actions(whole()) if "*" in action]


def test_every_other_resource_carries_the_federations_or_a_given_name():
    named = [resource for each in whole() for resource in each["Resource"] if resource != "*"]
    assert [each for each in named if not re.search(r"cardio|c-fed|trainer", each)] == []


def test_reading_alone_changes_nothing():
    assert [action for action in actions(whole(read_only=True)) if WRITES.search(action)] == []


def test_reading_is_part_of_running():
    assert actions(whole(read_only=True)) < actions(whole())


def test_reading_opens_no_payload():
    """The roster is the only object that the stack itself writes and reads back."""
    objects = {
        resource for each in whole(read_only=True) if "s3:GetObject" in each["Action"] for resource in each["Resource"]
    }
    assert objects == {f"arn:aws:s3:::fedml-cardio-{HUB}-us-east-1/roster.json"}


def test_a_bucket_read_calls_every_setting():
    """terraform-provider-aws, internal/service/s3/bucket.go, resourceBucketRead."""
    assert {
        "s3:GetAccelerateConfiguration",
        "s3:GetBucketAcl",
        "s3:GetBucketCORS",
        "s3:GetBucketLogging",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketPolicy",
        "s3:GetBucketRequestPayment",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetBucketWebsite",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration",
        "s3:ListBucket",
    } <= actions(whole(read_only=True), on="arn:aws:s3:::c-fed")


def test_an_adopted_bucket_is_never_written():
    found = statements(operator_policy(None, [node(adopt_bucket=True)])[BOTH])
    on_bucket = actions(found, on="arn:aws:s3:::insel-fed") | actions(found, on="arn:aws:s3:::insel-fed/*")
    assert on_bucket == set(operator.BUCKET_READ)


def test_a_publish_only_node_needs_no_queue_and_no_subscription():
    found = actions(statements(operator_policy(None, [node(rights=["publish"])])[BOTH]))
    assert not [action for action in found if action.startswith(("sqs:", "sns:"))]


def test_a_joiner_subscribes_to_the_hubs_topic():
    found = statements(operator_policy(None, [node()])[BOTH])
    assert actions(found, on=f"arn:aws:sns:us-east-1:{HUB}:cardio") == {"sns:Subscribe"}


def test_under_bucket_policy_no_role_is_made():
    found = actions(statements(operator_policy(None, [node(sharing="bucket_policy")])[BOTH]))
    assert "iam:CreateRole" not in found


def test_only_the_nodes_own_policy_is_attached_to_its_role():
    attach = [each for each in whole() if "iam:AttachRolePolicy" in each["Action"]]
    assert [each["Condition"] for each in attach] == [
        {"ArnEquals": {"iam:PolicyARN": f"arn:aws:iam::{HUB}:policy/fedml.cardio.charite.node"}}
    ]


def test_one_nodes_policy_is_not_attached_to_another_nodes_role():
    nodes = [{"pid": f"p{n}", "s3_bucket": f"bucket-{n}", "node_role": f"role-{n}"} for n in (1, 2)]
    found_hub, found = resources(config(nodes=nodes))
    attach = [e for e in statements(operator_policy(found_hub, found)[HUB]) if "iam:AttachRolePolicy" in e["Action"]]
    pairs = {(each["Condition"]["ArnEquals"]["iam:PolicyARN"][-7:], each["Resource"][0][-6:]) for each in attach}
    assert pairs == {("p1.node", "role-1"), ("p2.node", "role-2")}


@pytest.mark.parametrize("action", operator.ROLE_BOUNDED)
def test_roles_are_made_within_the_boundary_only(action):
    """IAM, "Condition keys for AWS IAM": iam:PermissionsBoundary, so that no boundary can be left out."""
    found = [each for each in whole(permissions_boundary=BOUNDARY) if action in each["Action"]]
    assert [each["Condition"] for each in found] == [{"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}]


def test_in_another_account_the_boundary_is_that_account_s_of_the_same_name():
    """IAM, "Permissions boundaries for IAM entities": a boundary is a policy of the role's own account, or AWS's."""
    for boundary, expected in (
        (BOUNDARY, f"arn:aws:iam::{BOTH}:policy/boundary"),
        ("arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ):
        found = statements(operator_policy(None, [node()], permissions_boundary=boundary)[BOTH])
        within = [each["Condition"] for each in found if "iam:CreateRole" in each["Action"]]
        assert within == [{"StringEquals": {"iam:PermissionsBoundary": expected}}]


def test_the_own_key_encrypts_the_secret_through_its_service_only():
    key = "arn:aws:kms:us-east-1:222222222222:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    found = [e for e in statements(operator_policy(None, [node(kms_key_arn=key)])[BOTH]) if key in e["Resource"]]
    assert actions(found) == {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
    assert all("kms:ViaService" in each["Condition"]["StringEquals"] for each in found)


def test_each_account_has_its_own():
    nodes = [node(account=BOTH), node(account=HUB, pid="other", s3_bucket="other-fed")]
    found = operator_policy(hub(), nodes)
    assert set(found) == {HUB, BOTH}
    assert "sns:CreateTopic" not in actions(statements(found[BOTH]))
    assert not [
        r for each in statements(found[BOTH]) for r in each["Resource"] if "other" in r or f":sqs:us-east-1:{HUB}" in r
    ]


@pytest.mark.parametrize("nodes", [1, 10, 100])
def test_every_document_fits_a_managed_policy(nodes):
    """IAM and AWS STS quotas: 6,144 characters. What does not fit one is spread over several, and nothing is lost."""
    entries = [
        {"pid": f"site-{n}", "s3_bucket": f"cardio-site-{n}/updates", "node_role": f"r{n}"} for n in range(nodes)
    ]
    found_hub, found = resources(config(nodes=entries))
    documents = operator_policy(found_hub, found)[HUB]
    for each in documents:
        check_size(Kind.OPERATOR, each)
        sids = [statement["Sid"] for statement in each["Statement"]]
        assert len(set(sids)) == len(sids)
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)
    on = {
        resource
        for each in statements(documents)
        if "sqs:CreateQueue" in each["Action"]
        for resource in each["Resource"]
    }
    assert on == {arn for each in found for arn in (each.queue_arn, each.dead_letter_queue_arn)}


def test_a_usual_stack_needs_one_document():
    found_hub, nodes = resources(config())
    assert len(operator_policy(found_hub, nodes)[HUB]) == 1
    _, nodes = resources(joiner(), BOTH)
    assert len(operator_policy(None, nodes)[BOTH]) == 1


SAME_NAME = {"sns", "sqs", "iam", "ssm", "sts"}
"""In these services every action is named after its operation (Service Authorization Reference)."""


@pytest.mark.parametrize("service", sorted(SAME_NAME))
def test_every_action_exists(service):
    operations = set(botocore.session.get_session().get_service_model(service).operation_names)
    used = {action.split(":")[1] for action in actions(whole()) if action.startswith(f"{service}:")}
    assert used
    assert used <= operations


TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
QUEUES = tuple(f"arn:aws:sqs:us-east-1:{HUB}:cardio_charite{end}" for end in ("", "_dlq"))
BUCKETS = ("arn:aws:s3:::c-fed", f"arn:aws:s3:::fedml-cardio-{HUB}-us-east-1")
READER = f"arn:aws:iam::{HUB}:role/fedml.cardio.charite.reader"
POLICY = f"arn:aws:iam::{HUB}:policy/fedml.cardio.charite.node"
PARAMETER = f"arn:aws:ssm:us-east-1:{HUB}:parameter/fedml/cardio/charite"
CALLS = {
    "aws_sns_topic": (
        (TOPIC,),
        "sns:CreateTopic sns:DeleteTopic sns:GetTopicAttributes sns:ListTagsForResource sns:SetTopicAttributes "
        "sns:TagResource sns:UntagResource",
    ),
    "aws_sns_topic_policy": ((TOPIC,), "sns:GetTopicAttributes sns:SetTopicAttributes"),
    "aws_sns_topic_subscription": ((TOPIC,), "sns:Subscribe"),
    "aws_sns_topic_subscription, made": (
        ("*",),
        "sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes sns:Unsubscribe",
    ),
    "removal of strangers": ((TOPIC,), "sns:ListSubscriptionsByTopic"),
    "removal of strangers, found": (("*",), "sns:Unsubscribe"),
    "aws_sqs_queue": (
        QUEUES,
        "sqs:CreateQueue sqs:DeleteQueue sqs:GetQueueAttributes sqs:ListQueueTags sqs:SetQueueAttributes sqs:TagQueue "
        "sqs:UntagQueue",
    ),
    "whose a queue is, asked before a run": (QUEUES, "sqs:GetQueueUrl sqs:ListQueueTags"),
    "aws_s3_bucket": (
        BUCKETS,
        "s3:CreateBucket s3:DeleteBucket s3:ListBucket s3:ListBucketVersions s3:GetBucketLocation s3:GetBucketTagging "
        "s3:ListTagsForResource s3:PutBucketTagging s3:TagResource s3:UntagResource",
    ),
    "aws_s3_bucket, emptied": (
        tuple(f"{bucket}/*" for bucket in BUCKETS),
        "s3:DeleteObject s3:DeleteObjectVersion",
    ),
    "aws_s3_bucket_ownership_controls": (BUCKETS, "s3:GetBucketOwnershipControls s3:PutBucketOwnershipControls"),
    "aws_s3_bucket_public_access_block": (BUCKETS, "s3:GetBucketPublicAccessBlock s3:PutBucketPublicAccessBlock"),
    "aws_s3_bucket_server_side_encryption_configuration": (
        BUCKETS,
        "s3:GetEncryptionConfiguration s3:PutEncryptionConfiguration",
    ),
    "aws_s3_bucket_lifecycle_configuration": (BUCKETS, "s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration"),
    "aws_s3_bucket_policy": (BUCKETS, "s3:DeleteBucketPolicy s3:GetBucketPolicy s3:PutBucketPolicy"),
    "the roster, published": (
        (f"{BUCKETS[1]}/roster.json",),
        "s3:GetObject s3:GetObjectTagging s3:PutObject s3:PutObjectTagging",
    ),
    "aws_iam_role": (
        (READER,),
        "iam:CreateRole iam:DeleteRole iam:GetRole iam:ListAttachedRolePolicies iam:ListInstanceProfilesForRole "
        "iam:ListRolePolicies iam:PutRolePermissionsBoundary iam:TagRole iam:UntagRole iam:UpdateAssumeRolePolicy "
        "iam:UpdateRole iam:UpdateRoleDescription",
    ),
    "aws_iam_role_policy": ((READER,), "iam:DeleteRolePolicy iam:GetRolePolicy iam:PutRolePolicy"),
    "aws_iam_policy": (
        (POLICY,),
        "iam:CreatePolicy iam:CreatePolicyVersion iam:DeletePolicy iam:DeletePolicyVersion iam:GetPolicy "
        "iam:GetPolicyVersion iam:ListPolicyVersions iam:TagPolicy iam:UntagPolicy",
    ),
    "aws_iam_role_policy_attachment": (
        tuple(f"arn:aws:iam::{HUB}:role/{path}trainer" for path in ("", "*/")),
        "iam:AttachRolePolicy iam:DetachRolePolicy iam:GetRole iam:ListAttachedRolePolicies",
    ),
    "aws_ssm_parameter": (
        (PARAMETER,),
        "ssm:AddTagsToResource ssm:DeleteParameter ssm:GetParameter ssm:GetParameters ssm:ListTagsForResource "
        "ssm:PutParameter ssm:RemoveTagsFromResource",
    ),
    "aws_ssm_parameter, found": (("*",), "ssm:DescribeParameters"),
    "aws_caller_identity": (("*",), "sts:GetCallerIdentity"),
}
"""What each resource of a stack calls in its life, and on what: create, read, update and delete of the functions
`resource…` in terraform-provider-aws, `internal/service/{sns,sqs,s3,iam,ssm}`. What `aws_s3_bucket` reads beside is
`test_a_bucket_read_calls_every_setting`."""


@pytest.mark.parametrize("what", CALLS)
def test_whoever_runs_a_stack_may_do_what_its_resources_call(what):
    resources_, calls = CALLS[what]
    for resource in resources_:
        assert set(calls.split()) <= actions(whole(), on=resource), resource


def test_and_nothing_else_that_changes_anything():
    wanted = {(action, resource) for on, calls in CALLS.values() for action in calls.split() for resource in on}
    given = {
        (action, resource)
        for each in whole()
        for action in each["Action"]
        for resource in each["Resource"]
        if WRITES.search(action)
    }
    assert given - wanted == set()


def test_a_hub_without_nodes_of_its_own_removes_strangers_all_the_same():
    found_hub, nodes = resources(config(nodes=[]))
    assert "sns:Unsubscribe" in actions(statements(operator_policy(found_hub, nodes)[HUB]), on="*")

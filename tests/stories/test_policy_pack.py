"""The policy pack on the real engine: our own federation passes, and what breaks a rule is refused by that rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedml_infra.gitops.policy_pack.place import policy_pack
from fedml_infra.gitops.policy_pack.rules import MEMBERS_RIGHTS, NOT_KNOWN_YET, RESOURCE_RULES, STACK_RULES
from tests.stories.federation import KEY, Organisation, account, fresh_account

pytestmark = pytest.mark.story(seconds=6)

STRANGER = account(666)
HEAD = """
import json
import pulumi
import pulumi_aws as aws

def written(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

def tls(actions, *resources):
    return {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": list(resources),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
"""

BAD = """
bare = aws.s3.Bucket("bare", bucket="bad-bare")
half = aws.s3.Bucket("half", bucket="bad-half")
aws.s3.BucketPublicAccessBlock("half", bucket=half.bucket, block_public_acls=True, block_public_policy=True)
aws.s3.BucketOwnershipControls("half", bucket=half.bucket,
    rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="ObjectWriter"))
aws.s3.BucketPolicy("half", bucket=half.bucket, policy=written(
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bad-half/*"},
    tls("s3:*", "arn:aws:s3:::bad-half/*")))
plain = aws.sqs.Queue("plain", name="bad_plain")
open_ = aws.sqs.Queue("open", name="bad_open", sqs_managed_sse_enabled=False,
    redrive_policy=json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:@OWN@:bad_dlq", "maxReceiveCount": 5}))
aws.sqs.QueuePolicy("open", queue_url=open_.url, policy=written(
    {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}))
aws.iam.Role("open", name="bad-open", assume_role_policy=written(
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}))
aws.iam.Policy("all", name="bad-all", policy=written({"Effect": "Allow", "Action": "*", "Resource": "*"}))
topic = "arn:aws:sns:us-east-1:@OWN@:bad"
aws.sns.TopicPolicy("bad", arn=topic, policy=written(
    {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic,
     "Condition": {"StringEquals": {"aws:PrincipalAccount": ["@STRANGER@"]}}}))
aws.sns.Topic("quiet", name="quiet")
"""

GOOD = """
bucket = aws.s3.Bucket("good", bucket="good-own")
aws.s3.BucketPublicAccessBlock("good", bucket=bucket.bucket, block_public_acls=True, block_public_policy=True,
    ignore_public_acls=True, restrict_public_buckets=True)
aws.s3.BucketOwnershipControls("good", bucket=bucket.bucket,
    rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"))
aws.s3.BucketServerSideEncryptionConfiguration("good", bucket=bucket.bucket, rules=[
    aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=
        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(sse_algorithm="AES256"))])
aws.s3.BucketPolicy("good", bucket=bucket.bucket, policy=written(
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@OWN@:root"}, "Action": "s3:GetObject",
     "Resource": "arn:aws:s3:::good-own/*"},
    tls("s3:*", "arn:aws:s3:::good-own", "arn:aws:s3:::good-own/*")))
# As most people write it: nothing about the dead-letter queue is known before it is made.
letters = aws.sqs.Queue("letters", name="good_letters", sqs_managed_sse_enabled=True)
queue = aws.sqs.Queue("good", name="good_queue", sqs_managed_sse_enabled=True,
    redrive_policy=letters.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})))
aws.sqs.QueuePolicy("good", queue_url=queue.url, policy=queue.arn.apply(lambda arn: written(
    {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
     "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:@OWN@:good"}}},
    tls("sqs:*", arn))))
aws.iam.Role("good", name="good", assume_role_policy=written(
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}))
aws.iam.Policy("good", name="good", policy=written({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))
"""

LATE = """
letters = aws.sqs.Queue("late_letters", name="late_letters", sqs_managed_sse_enabled=True)
queue = aws.sqs.Queue("late", name="late_queue", sqs_managed_sse_enabled=True,
    redrive_policy=letters.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})))
aws.sqs.QueuePolicy("late", queue_url=queue.url, policy=queue.arn.apply(lambda arn: written(
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn})))
"""


@pytest.fixture(scope="module")
def pack() -> Path:
    """Made once in the cache of whoever runs the tests."""
    return policy_pack().path


def write(organisation: Organisation, program: str) -> None:
    """A program of somebody's own in the place of ours."""
    text = (HEAD + program).replace("@OWN@", organisation.account).replace("@STRANGER@", STRANGER)
    (organisation.folder / "__main__.py").write_text(text, encoding="utf-8")


def of_their_own(organisation: Organisation, program: str) -> Organisation:
    """A project that has nothing of ours but the provider."""
    (organisation.folder / "Pulumi.yaml").write_text("name: theirs\nruntime: python\n")
    (organisation.folder / f"Pulumi.{organisation.federation}.yaml").write_text("config:\n  aws:region: us-east-1\n")
    write(organisation, program)
    organisation.must("stack", "init", organisation.federation)
    return organisation


def broken(text: str, level: str = "mandatory") -> set[str]:
    """What the engine says is broken: rule and resource."""
    found = re.findall(rf"- \[{level}\]\s+([a-z-]+)\s+\(aws:\w+:(.+?)\)", text)
    return {f"{rule}: {what.replace(': ', ' ')}" for rule, what in found}


def test_each_rule_refuses_what_breaks_it_on_the_resource_that_does(organisation, pack):
    hub = organisation("hub", "bad")
    hub.hub(members=f'{{aws_id: "{account(999)}"}}')
    hub.init()
    write(hub, BAD)
    text = hub.refused("preview", "--policy-pack", str(pack))
    assert broken(text) == {
        "bucket-ownership: BucketOwnershipControls half",
        "bucket-settings: Bucket bare",
        "bucket-settings: Bucket half",
        "dead-letters: Queue plain",
        "everything-on-everything: Policy all",
        "members-rights: TopicPolicy bad",
        "open-principal: BucketPolicy half",
        "open-principal: QueuePolicy open",
        "open-role: Role open",
        "public-access-block: BucketPublicAccessBlock half",
        "queue-encryption: Queue open",
        "queue-encryption: Queue plain",
        "tls-everywhere: Bucket bare",
        "tls-everywhere: Queue plain",
        "tls-everywhere: Topic quiet",
        "tls-only: BucketPolicy half",
        "tls-only: QueuePolicy open",
        "tls-only: TopicPolicy bad",
    }
    # The sandbox's provider has no ACLs, and ends the run; so this rule is tried by itself.
    write(hub, 'aws.s3.Bucket("open", bucket="bad-open", acl="public-read")')
    text += hub.refused("preview", "--policy-pack", str(pack))
    fired = {each.partition(":")[0] for each in broken(text)}
    assert fired == {rule.name for rule in (*RESOURCE_RULES, *STACK_RULES)} | {MEMBERS_RIGHTS[0]}
    assert f"account {STRANGER} may do sns:Publish, and should not" in text
    assert f"account {account(999)} may not do sns:Publish, sns:Subscribe, and should" in text
    assert KEY not in text


def test_a_good_twin_passes_and_what_a_preview_cannot_judge_is_refused_by_up_before_it_is_written(organisation, pack):
    theirs = of_their_own(organisation("theirs", "good"), GOOD + LATE)
    text = theirs.must("preview", "-s", "good", "--policy-pack", str(pack))
    assert broken(text) == set()
    assert broken(text, "advisory") == {f"{NOT_KNOWN_YET}: QueuePolicy {name}" for name in ("good", "late")}
    text = theirs.refused("up", "--yes", "--skip-preview", "--policy-pack", str(pack))
    assert broken(text) == {"open-principal: QueuePolicy late", "tls-only: QueuePolicy late"}
    sqs = theirs.aws("sqs")
    url = sqs.get_queue_url(QueueName="late_queue")["QueueUrl"]
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_a_federation_of_ours_passes_with_nothing_left_to_judge(organisation, pack):
    hub, joiner = organisation("hub", "ours"), organisation("joiner", "ours", region="eu-central-1")
    hub.hub(
        members=f'{{aws_id: "{joiner.account}"}}',
        nodes="{pid: charite, s3_bucket: ours-charite}\n"
        f"{{pid: lab, s3_bucket: ours-lab, account: {{profile: sandbox-{fresh_account()}}}}}",
    )
    joiner.joiner(hub.topic_arn, nodes="{pid: insel, s3_bucket: ours-insel/updates}")
    for one, command in ((hub, ("up", "--yes")), (joiner, ("preview",))):
        one.init()
        text = one.must(*command, "-s", "ours", "--policy-pack", str(pack))
        assert "Policies:" in text
        assert broken(text) == broken(text, "advisory") == set()

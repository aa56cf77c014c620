"""What the program refuses, and that nothing secret is in what it says."""

from __future__ import annotations

import pulumi
import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Receivers
from fedml_infra.errors import AuthenticationError, PolicyError
from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.validation import validate
from fedml_infra.program import FederationArgs, Hub, HubArgs, HubResources, NodeArgs, NodeResources
from fedml_infra.program.stranger_removal import StrangerRemoval
from tests.program.conftest import KEY, Declared

NOWHERE = "http://127.0.0.1:9"
TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"


def test_credentials_that_lead_nowhere_are_told_in_the_providers_words(declare):
    with pytest.raises(AuthenticationError, match=r"the stack's own.*ExpiredToken"):
        declare({}, refusals={"": "ExpiredToken: the token has expired"})


def test_credentials_of_a_node_that_lead_nowhere_are_named(declare):
    access = {"assume_role": "arn:aws:iam::333333333333:role/deploy"}
    with pytest.raises(AuthenticationError, match=r"those of arn:aws:iam::333333333333:role/deploy"):
        declare(
            {"fedml-infra:nodes": [{"pid": "charite", "s3_bucket": "b-charite", "account": access}]},
            refusals={"arn:aws:iam::333333333333:role/deploy": "AccessDenied"},
        )


def test_a_roster_policy_larger_than_s3_takes_is_refused_before_anything_is_made(declare):
    """A stack file cannot name so many members; a program of one's own can."""
    declare({})
    resources = HubResources.of("cardio", account="111111111111", region="us-east-1")
    readers = tuple(str(200_000_000_000 + n) for n in range(700))
    with pytest.raises(PolicyError, match=r"bucket policy needs [\d,]+ bytes and AWS takes 20,480"):
        Hub("cardio", HubArgs(resources, {}, readers))


def test_a_removal_that_fails_ends_the_run_without_a_traceback():
    access = Access.ambient({"access_key": "AKIA", "secret_key": "s", "endpoints": [{"sns": NOWHERE}]})
    removal = StrangerRemoval(TOPIC, "us-east-1", access, Receivers("cardio"))
    with pytest.raises(pulumi.RunError, match=NOWHERE):
        removal.run()


def test_the_roster_policy_waits_for_the_removal_so_that_a_dead_account_in_it_cannot_be_in_its_way(declare):
    """S3 refuses a policy that names an account which is gone; a removal must be done by then."""
    settings = {"access_key": "AKIA", "secret_key": "s", "endpoints": [{"sns": NOWHERE}]}
    asked: list[Declared] = []
    with pytest.raises(pulumi.RunError, match=NOWHERE):
        declare({"fedml-infra:members": [{"aws_id": "222222222222"}]}, settings=settings, preview=False, declared=asked)
    kinds = {each.type for each in asked}
    assert "aws:sns/topicPolicy:TopicPolicy" in kinds
    assert "aws:s3/bucketPolicy:BucketPolicy" not in kinds


def test_no_secret_is_in_what_the_arguments_print():
    values = {
        "aws:region": "us-east-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:fed_secret_key": KEY,
    }
    federation = FederationArgs(validate(values, stack=None), {"secret_key": "hush"})
    resources = NodeResources.of(
        "cardio", "insel", account="222222222222", region="us-east-1", topic_arn=TOPIC, bucket=BucketLocation("insel")
    )
    node = NodeArgs(resources, secret="hush", retention=Schedule("d", 1))
    assert "hush" not in repr(federation) + repr(node)
    assert KEY not in repr(federation)

"""What the administrator's stack declares beside its nodes."""

from __future__ import annotations

import json
import threading
from typing import Any

import pulumi

from fedml_infra.model.resources import HubResources
from fedml_infra.program import Hub, HubArgs
from tests.program.conftest import ACCOUNT, Monitor

MEMBERS = [{"aws_id": "222222222222"}, {"aws_id": "333333333333", "rights": ["publish"], "nodes": ["insel"]}]
ROSTER = "fedml-cardio-111111111111-us-east-1"


def hub(**keys: Any) -> dict[str, Any]:
    own = {f"fedml-infra:{key}": value for key, value in keys.items()}
    return {"fedml-infra:members": MEMBERS, **own}


def allowed(document: str) -> dict[str, list[str]]:
    """Actions by the accounts that an Allow names in its condition."""
    statements = json.loads(document)["Statement"]
    return {
        ",".join(statement["Condition"]["StringEquals"]["aws:PrincipalAccount"]): statement["Action"]
        for statement in statements
        if statement["Effect"] == "Allow"
    }


def test_the_topic_is_named_after_the_federation(declare):
    world = declare(hub())
    assert world.one("sns/topic:Topic")["name"] == "cardio"
    assert world.one("sns/topicPolicy:TopicPolicy")["arn"] == "arn:aws:sns:us-east-1:111111111111:cardio"


def test_the_topic_policy_grants_each_member_its_rights_and_no_more(declare):
    grants = allowed(declare(hub()).one("sns/topicPolicy:TopicPolicy")["policy"])
    assert grants == {"222222222222": ["sns:Publish", "sns:Subscribe"], "333333333333": ["sns:Publish"]}


def test_the_accounts_of_the_hubs_own_nodes_are_on_the_topic_policy(declare):
    nodes = [{"pid": "charite", "s3_bucket": "b-charite", "account": {"profile": "lab"}}]
    world = declare(hub(nodes=nodes), accounts={"lab": "444444444444"})
    assert "222222222222,444444444444" in allowed(world.one("sns/topicPolicy:TopicPolicy")["policy"])


def test_a_joiners_stack_declares_no_hub(declare):
    nodes = [{"pid": "insel", "s3_bucket": "insel-fed"}]
    topic = "arn:aws:sns:us-east-1:222222222222:cardio"
    world = declare({"fedml-infra:aws_topic_arn": topic, "fedml-infra:nodes": nodes})
    assert world.all("sns/topic:Topic") + world.all("sns/topicPolicy:TopicPolicy") == []
    assert [each.name for each in world.all("s3/bucket:Bucket")] == ["cardio_insel"]
    assert world.outputs["federation"]["roster_bucket"] == "fedml-cardio-222222222222-us-east-1"


def test_the_roster_bucket_lets_members_read_the_roster_and_nothing_else(declare):
    world = declare(hub())
    assert world.one("s3/bucket:Bucket")["bucket"] == ROSTER
    statements = json.loads(world.one("s3/bucketPolicy:BucketPolicy")["policy"])["Statement"]
    (read,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert read["Principal"] == {"AWS": ["arn:aws:iam::222222222222:root", "arn:aws:iam::333333333333:root"]}
    assert read["Action"] == ["s3:GetObject"]
    assert read["Resource"] == f"arn:aws:s3:::{ROSTER}/roster.json"


def test_the_roster_does_not_expire_and_does_not_stand_in_the_way_of_a_destroy(declare):
    world = declare(hub())
    (rule,) = world.one("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["rules"]
    assert "expiration" not in rule
    assert world.one("s3/bucket:Bucket")["forceDestroy"] is True


def test_a_named_roster_bucket_is_used(declare):
    assert declare(hub(roster_bucket="cardio-roster")).one("s3/bucket:Bucket")["bucket"] == "cardio-roster"


def test_an_own_kms_key_encrypts_the_topic(declare):
    key = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert declare(hub(kms_key_arn=key)).one("sns/topic:Topic")["kmsMasterKeyId"] == key


def test_the_roster_bucket_is_never_under_a_key_that_members_may_not_use(declare):
    key = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    settings = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = declare(hub(kms_key_arn=key)).one(settings)["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}


def test_the_federation_output_names_everything(declare):
    assert declare(hub(fed_epoch=2, topology="centralized")).outputs["federation"] == {
        "name": "cardio",
        "topology": "centralized",
        "schedule": "m30",
        "epoch": 2,
        "topic_arn": "arn:aws:sns:us-east-1:111111111111:cardio",
        "roster_bucket": ROSTER,
        "members": [
            {"aws_id": "222222222222", "rights": ["publish"], "nodes": []},
            {"aws_id": "333333333333", "rights": ["publish"], "nodes": ["insel"]},
        ],
    }


def test_payloads_shared_by_bucket_policy_are_read_by_the_members_that_receive(declare):
    nodes = [{"pid": "charite", "s3_bucket": "b-charite"}]
    world = declare(hub(nodes=nodes, sharing="bucket_policy"))
    statements = json.loads(world.one("s3/bucketPolicy:BucketPolicy", "cardio_charite")["policy"])["Statement"]
    readers = [statement["Principal"] for statement in statements if statement["Effect"] == "Allow"]
    assert readers == [{"AWS": ["arn:aws:iam::222222222222:root"]}]


def test_the_roster_bucket_policy_waits_for_the_topic_policy(loop):
    """S3 refuses it as a whole for one account that is gone; a removal from the topic must be through by then."""

    class Watched(Monitor):
        roster_came = threading.Event()
        waited_in_vain: bool | None = None

        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            if args.typ.endswith(":BucketPolicy"):
                self.roster_came.set()
            if args.typ.endswith(":TopicPolicy"):
                self.waited_in_vain = not self.roster_came.wait(timeout=1)
            return super().new_resource(args)

    monitor = Watched({})
    pulumi.runtime.set_mocks(monitor, project="fedml-infra", stack="cardio", preview=True)

    @pulumi.runtime.test
    def program() -> pulumi.Output[str]:
        names = HubResources.of("cardio", account=ACCOUNT, region="us-east-1")
        return Hub("cardio", HubArgs(names, grants={}, readers=("222222222222",))).roster_bucket

    program()
    assert monitor.waited_in_vain is True
    assert monitor.roster_came.is_set()


def test_a_hub_without_nodes_or_members_is_whole_and_its_nodes_are_an_empty_mapping(declare):
    world = declare({})
    assert world.outputs["nodes"] == {}
    assert world.outputs["federation"]["members"] == []
    assert allowed(world.one("sns/topicPolicy:TopicPolicy")["policy"]) == {}
    assert allowed(world.one("s3/bucketPolicy:BucketPolicy")["policy"]) == {}


def test_the_hubs_tags_are_on_topic_and_roster_bucket(declare):
    world = declare(hub(tags={"team": "cardiology"}))
    for made in (world.one("sns/topic:Topic"), world.one("s3/bucket:Bucket")):
        assert made["tags"] == {"team": "cardiology", "fedml:federation": "cardio", "fedml:managed-by": "fedml-infra"}

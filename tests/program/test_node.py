"""What a node declares, for every key of the stack file that changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

TOPIC = "arn:aws:sns:eu-west-1:222222222222:cardio"
QUEUES = (
    "sqs/queue:Queue",
    "sqs/queuePolicy:QueuePolicy",
    "sqs/redriveAllowPolicy:RedriveAllowPolicy",
    "sns/topicSubscription:TopicSubscription",
)
BUCKET_SETTINGS = (
    "s3/bucket:Bucket",
    "s3/bucketOwnershipControls:BucketOwnershipControls",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "s3/bucketPolicy:BucketPolicy",
)


def joiner(node: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    own = {f"fedml-infra:{key}": value for key, value in keys.items()}
    return {
        "fedml-infra:aws_topic_arn": TOPIC,
        "fedml-infra:nodes": [{"pid": "insel", "s3_bucket": "insel-fed/updates", **(node or {})}],
        **own,
    }


def test_a_node_has_a_queue_with_a_dead_letter_queue(declare):
    world = declare(joiner())
    queue = world.one("sqs/queue:Queue", "cardio_insel")
    assert queue["receiveWaitTimeSeconds"] == 20
    redrive = json.loads(queue["redrivePolicy"])
    assert redrive == {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:111111111111:cardio_insel_dlq",
        "maxReceiveCount": 5,
    }
    dead_letters = world.one("sqs/queue:Queue", "cardio_insel_dlq")
    assert dead_letters["messageRetentionSeconds"] == 14 * 24 * 3600
    allowed = json.loads(world.one("sqs/redriveAllowPolicy:RedriveAllowPolicy")["redriveAllowPolicy"])
    assert allowed == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": ["arn:aws:sqs:us-east-1:111111111111:cardio_insel"],
    }


def test_the_queue_subscribes_raw_filtered_and_in_the_topics_region(declare):
    subscription = declare(joiner()).one("sns/topicSubscription:TopicSubscription")
    assert subscription["region"] == "eu-west-1"
    assert subscription["rawMessageDelivery"] is True
    assert subscription["endpoint"] == "arn:aws:sqs:us-east-1:111111111111:cardio_insel"
    assert json.loads(subscription["filterPolicy"]) == {
        "sender": [{"anything-but": ["insel"]}],
        "probe": [{"exists": False}],
    }


def test_message_filter_none_sets_no_filter(declare):
    subscription = declare(joiner(message_filter="none")).one("sns/topicSubscription:TopicSubscription")
    assert "filterPolicy" not in subscription


def test_a_publish_only_node_has_no_queue(declare):
    world = declare(joiner({"rights": ["publish"]}))
    assert [each for kind in QUEUES for each in world.all(kind)] == []
    assert world.outputs["nodes"]["insel"]["queue_url"] is None
    assert world.outputs["nodes"]["insel"]["subscription_arn"] is None


def test_in_a_centralized_federation_a_joiners_node_only_publishes(declare):
    assert declare(joiner(topology="centralized")).all("sqs/queue:Queue") == []


def test_a_made_bucket_is_hardened(declare):
    world = declare(joiner())
    assert world.one("s3/bucket:Bucket")["bucket"] == "insel-fed"
    assert world.one("s3/bucket:Bucket")["forceDestroy"] is False
    assert world.one(BUCKET_SETTINGS[1])["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    private = world.one(BUCKET_SETTINGS[2])
    assert all(private[block] for block in private if block.startswith(("block", "ignore", "restrict")))
    assert {"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} <= private.keys()
    (rule,) = world.one(BUCKET_SETTINGS[3])["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    (statement,) = json.loads(world.one(BUCKET_SETTINGS[5])["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(("retention", "days"), [("d14", 14), ("d1", 1), ("h1", 1), ("h25", 2)])
def test_payloads_live_at_least_as_long_as_messages(declare, retention, days):
    world = declare(joiner(retention=retention))
    abort, expire = world.one(BUCKET_SETTINGS[4])["rules"]
    assert abort["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    assert abort["filter"] == {"prefix": ""}
    assert expire["filter"] == {"prefix": "updates/"}
    assert expire["expiration"] == {"days": days}
    queue = world.one("sqs/queue:Queue", "cardio_insel")
    assert queue["messageRetentionSeconds"] <= days * 86_400


def test_settings_name_the_owner_that_they_expect(declare):
    world = declare(joiner())
    assert world.one(BUCKET_SETTINGS[3])["expectedBucketOwner"] == "111111111111"
    assert world.one(BUCKET_SETTINGS[4])["expectedBucketOwner"] == "111111111111"


def test_the_secret_parameter_holds_the_keys_by_epoch_as_a_secret(declare):
    world = declare(joiner(fed_epoch=3))
    parameter = world.one("ssm/parameter:Parameter")
    assert parameter["name"] == "/fedml/cardio/insel"
    assert parameter["type"] == "SecureString"
    # Marked as a secret on the wire: Pulumi's signature for one.
    assert parameter["value"]["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270"
    assert json.loads(parameter["value"]["value"]) == {"epoch": 3, "keys": {"3": "AAECAwQFBgcICQoLDA0ODw=="}}


def test_old_keys_stay_in_the_parameter(declare):
    old = {"1": {"key": "Dw4NDAsKCQgHBgUEAwIBAA==", "drop_after": "2999-01-01T00:00:00Z"}}
    parameter = declare(joiner(fed_epoch=2, fed_old_keys=json.dumps(old))).one("ssm/parameter:Parameter")
    assert json.loads(parameter["value"]["value"])["keys"] == {
        "1": "Dw4NDAsKCQgHBgUEAwIBAA==",
        "2": "AAECAwQFBgcICQoLDA0ODw==",
    }


def test_the_reader_role_reads_only_its_prefix_and_trusts_only_its_account(declare):
    world = declare(joiner())
    trust = json.loads(world.one("iam/role:Role")["assumeRolePolicy"])
    assert [statement["Principal"] for statement in trust["Statement"]] == [{"AWS": "arn:aws:iam::111111111111:root"}]
    (read,) = json.loads(world.one("iam/rolePolicy:RolePolicy")["policy"])["Statement"]
    assert (read["Action"], read["Resource"]) == (["s3:GetObject"], "arn:aws:s3:::insel-fed/updates/*")


def test_shared_by_bucket_policy_there_is_no_reader_role(declare):
    world = declare(joiner(sharing="bucket_policy"))
    assert world.all("iam/role:Role") == []
    statements = json.loads(world.one(BUCKET_SETTINGS[5])["policy"])["Statement"]
    readers = [statement["Principal"] for statement in statements if statement["Effect"] == "Allow"]
    assert readers == [{"AWS": ["arn:aws:iam::222222222222:root"]}]


def test_the_node_policy_is_attached_to_the_nodes_role(declare):
    assert declare(joiner()).all("iam/rolePolicyAttachment:RolePolicyAttachment") == []
    attached = declare(joiner({"node_role": "trainer"})).one("iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached["role"] == "trainer"


def test_a_path_a_boundary_and_tags_are_put_on_everything_that_takes_them(declare):
    boundary = "arn:aws:iam::111111111111:policy/boundary"
    world = declare(joiner(iam_path="/fedml/", permissions_boundary=boundary, tags={"team": "cardiology"}))
    role = world.one("iam/role:Role")
    assert (role["path"], role["permissionsBoundary"]) == ("/fedml/", boundary)
    assert world.one("iam/policy:Policy")["path"] == "/fedml/"
    tagged = [each for each in world.resources if "tags" in each.inputs]
    assert {each.type.rpartition(":")[2] for each in tagged} == {"Queue", "Bucket", "Role", "Policy", "Parameter"}
    for each in tagged:
        assert each.inputs["tags"] == {
            "team": "cardiology",
            "fedml:federation": "cardio",
            "fedml:managed-by": "fedml-infra",
            "fedml:node": "insel",
        }


def test_in_another_account_the_boundary_is_that_account_s_of_the_same_name(declare):
    world = declare(
        joiner({"account": {"profile": "lab"}}, permissions_boundary="arn:aws:iam::111111111111:policy/team/boundary"),
        accounts={"lab": "333333333333"},
    )
    assert world.one("iam/role:Role")["permissionsBoundary"] == "arn:aws:iam::333333333333:policy/team/boundary"


def test_an_own_kms_key_encrypts_queue_bucket_and_parameter(declare):
    key = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    world = declare(joiner(kms_key_arn=key))
    for name in ("cardio_insel", "cardio_insel_dlq"):
        queue = world.one("sqs/queue:Queue", name)
        assert queue["kmsMasterKeyId"] == key
        assert "sqsManagedSseEnabled" not in queue
    (rule,) = world.one(BUCKET_SETTINGS[3])["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
    assert rule["bucketKeyEnabled"] is True
    assert world.one("ssm/parameter:Parameter")["keyId"] == key


def test_without_one_queues_are_encrypted_by_sqs(declare):
    for queue in declare(joiner()).all("sqs/queue:Queue"):
        assert queue.inputs["sqsManagedSseEnabled"] is True


def test_every_regional_resource_states_the_nodes_region(declare):
    world = declare(joiner({"aws_region": "eu-central-1"}))
    regional = [each for each in world.resources if each.type.startswith(("aws:sqs", "aws:s3", "aws:ssm"))]
    assert {each.inputs["region"] for each in regional} == {"eu-central-1"}
    # IAM is the account's, not a region's: a moved node keeps its role and policy.
    assert all("region" not in each.inputs for each in world.resources if each.type.startswith("aws:iam"))
    (provider,) = [each for each in world.resources if each.type == "pulumi:providers:aws"]
    assert provider.inputs["region"] == "us-east-1"


def test_a_node_in_another_account_has_its_own_provider(declare):
    world = declare(joiner({"account": {"profile": "insel-prod"}}), accounts={"insel-prod": "333333333333"})
    queue = next(each for each in world.all("sqs/queue:Queue") if each.name == "cardio_insel")
    assert "::cardio-aws-insel-prod::" in queue.provider
    assert world.outputs["nodes"]["insel"]["queue_arn"] == "arn:aws:sqs:us-east-1:333333333333:cardio_insel"


def test_a_role_to_assume_is_the_providers(declare):
    role = "arn:aws:iam::333333333333:role/deploy"
    world = declare(
        joiner({"account": {"assume_role": role, "external_id": "fed-42"}}), accounts={role: "333333333333"}
    )
    provider = next(
        each for each in world.resources if each.type == "pulumi:providers:aws" and each.name.endswith(role)
    )
    assert json.loads(provider.inputs["assumeRoles"]) == [
        {"externalId": "fed-42", "roleArn": role, "sessionName": "fedml-infra"}
    ]
    assert world.outputs["nodes"]["insel"]["account"] == "333333333333"


def test_the_stacks_aws_settings_reach_the_provider_but_not_into_another_account(declare):
    settings = {"profile": "charite", "allowed_account_ids": ["111111111111"]}
    world = declare(
        joiner({"account": {"profile": "insel-prod"}}), accounts={"insel-prod": "333333333333"}, settings=settings
    )
    providers = {each.name: each.inputs for each in world.resources if each.type == "pulumi:providers:aws"}
    assert providers["cardio-aws"]["profile"] == "charite"
    assert json.loads(providers["cardio-aws"]["allowedAccountIds"]) == ["111111111111"]
    assert providers["cardio-aws-insel-prod"]["profile"] == "insel-prod"
    assert "allowedAccountIds" not in providers["cardio-aws-insel-prod"]


def test_the_outputs_name_everything_a_node_needs(declare):
    outputs = declare(joiner()).outputs["nodes"]["insel"]
    assert outputs.keys() == {
        "account",
        "region",
        "queue_url",
        "queue_arn",
        "dead_letter_queue_url",
        "bucket",
        "prefix",
        "reader_role_arn",
        "node_policy_arn",
        "secret_parameter_arn",
        "subscription_arn",
    }
    assert (outputs["account"], outputs["bucket"], outputs["prefix"]) == ("111111111111", "insel-fed", "updates")


def test_an_old_key_goes_from_the_parameter_when_its_time_is_over(declare):
    old = {
        "1": {"key": "Dw4NDAsKCQgHBgUEAwIBAA==", "drop_after": "2020-01-01T00:00:00Z"},
        "2": {"key": "Dw4NDAsKCQgHBgUEAwIBAQ==", "drop_after": "2999-01-01T00:00:00Z"},
    }
    parameter = declare(joiner(fed_epoch=3, fed_old_keys=json.dumps(old))).one("ssm/parameter:Parameter")
    assert json.loads(parameter["value"]["value"])["keys"].keys() == {"2", "3"}

"""What a KMS key's own policy must be given by its owner."""

from __future__ import annotations

import pytest

from fedml_infra.policies.keys import node_key_statements, topic_key_statements, via
from tests.policies.examples import BOTH, HUB, MEMBERS, PUBLISHER, RECEIVER, STRANGER, hub, node, statement

KEY = "arn:aws:kms:us-east-1:222222222222:key/mrk-1234abcd12ab34cd56ef1234567890ab"
TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"


def test_sns_sends_to_an_encrypted_queue_for_this_topic_only():
    """Amazon SQS, "Key management", Configure KMS permissions for AWS services."""
    found = statement(node_key_statements(node(kms_key_arn=KEY)), "AllowTopic")
    assert found["Principal"] == {"Service": "sns.amazonaws.com"}
    assert found["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert found["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}


def test_the_service_principal_is_the_queues():
    found = node_key_statements(node(kms_key_arn=KEY.replace("us-east-1", "ap-east-1"), region="ap-east-1"))
    assert statement(found, "AllowTopic")["Principal"] == {"Service": "sns.ap-east-1.amazonaws.com"}


def test_a_publish_only_nodes_key_needs_nothing():
    assert node_key_statements(node(kms_key_arn=KEY, rights=["publish"]))["Statement"] == []


def test_readers_decrypt_through_s3_under_bucket_policy():
    found = node_key_statements(node(kms_key_arn=KEY, sharing="bucket_policy"), [BOTH, RECEIVER])
    assert statement(found, "AllowReaders")["Principal"] == {"AWS": [f"arn:aws:iam::{RECEIVER}:root"]}
    assert statement(found, "AllowReaders")["Action"] == ["kms:Decrypt"]
    through = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert statement(found, "AllowReaders")["Condition"] == {"StringEquals": through}


def test_readers_need_nothing_under_sts():
    assert len(node_key_statements(node(kms_key_arn=KEY), [RECEIVER])["Statement"]) == 1


def test_a_node_in_another_account_than_its_keys_needs_the_keys_consent_through_its_services():
    """AWS KMS, "Allowing users in other accounts to use a KMS key": the key's policy and the account's must allow."""
    elsewhere = node_key_statements(node(account=STRANGER, kms_key_arn=KEY))
    found = statement(elsewhere, "AllowNodeAccount")
    assert found["Principal"] == {"AWS": f"arn:aws:iam::{STRANGER}:root"}
    assert found["Action"] == ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    through = [f"{service}.us-east-1.amazonaws.com" for service in ("s3", "ssm", "sqs")]
    assert found["Condition"] == {"StringEquals": {"kms:ViaService": through}}
    at_home = node_key_statements(node(account=BOTH, kms_key_arn=KEY))
    assert [each["Sid"] for each in at_home["Statement"]] == ["AllowTopic"]


def test_publishers_use_the_topics_key_through_sns():
    found = statement(topic_key_statements(hub(), {**MEMBERS, HUB: MEMBERS[BOTH]}), "AllowPublishers")
    wanted = found["Condition"]["StringEquals"]
    assert wanted["aws:PrincipalAccount"] == [BOTH, PUBLISHER]
    assert wanted["kms:ViaService"] == "sns.us-east-1.amazonaws.com"
    assert wanted["kms:EncryptionContext:aws:sns:topicArn"] == TOPIC


def test_without_publishers_the_topics_key_needs_nothing():
    assert topic_key_statements(hub(), {RECEIVER: MEMBERS[RECEIVER], STRANGER: frozenset()})["Statement"] == []


@pytest.mark.parametrize(
    ("region", "expected"),
    [("eu-west-1", "s3.eu-west-1.amazonaws.com"), ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn")],
)
def test_the_service_is_named_with_its_regions_suffix(region, expected):
    assert via("s3", region) == expected

"""The least rights of whoever verifies a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fedml_infra.policies.document import Kind
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.verifier import verifier_policy
from tests.policies.examples import BOTH, node

KEY = f"arn:aws:kms:us-east-1:{BOTH}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def statements(**changes: Any) -> dict[str, dict[str, Any]]:
    (document,) = verifier_policy([node(**changes)])[BOTH]
    check_size(Kind.OPERATOR, document)
    return {each["Sid"]: each for each in document["Statement"]}


def test_no_action_is_a_pattern() -> None:
    assert not [action for each in statements(kms_key_arn=KEY).values() for action in each["Action"] if "*" in action]


def test_a_star_stands_only_where_an_action_knows_no_resource() -> None:
    """Service Authorization Reference: an empty column "Resource types"."""
    (sid,) = (sid for sid, each in statements(kms_key_arn=KEY).items() if "*" in each["Resource"])
    assert statements()[sid]["Action"] == [
        "sns:GetSubscriptionAttributes",
        "sns:ListSubscriptions",
        "sns:Unsubscribe",
        "sqs:ListQueues",
        "sts:GetCallerIdentity",
    ]


def test_messages_are_received_from_the_probe_s_own_queues_alone() -> None:
    receiving = [each["Resource"] for each in statements().values() if "sqs:ReceiveMessage" in each["Action"]]
    assert receiving == [[f"arn:aws:sqs:us-east-1:{BOTH}:cardio_fedml-probe-*"]]


def test_objects_are_put_and_deleted_under_the_probe_s_own_keys_alone() -> None:
    touching = [each["Resource"] for each in statements().values() if "s3:DeleteObject" in each["Action"]]
    assert touching == [["arn:aws:s3:::insel-fed/updates/fedml-probe-*"]]


def test_no_payload_is_read_but_by_the_reader_role() -> None:
    assert not [each for each in statements().values() if "s3:GetObject" in each["Action"]]


def test_without_a_reader_role_none_is_assumed() -> None:
    assert "Readers" not in statements(sharing="bucket_policy")


def test_a_publish_only_node_has_no_queue_to_look_at() -> None:
    assert "Queues" not in statements(rights=["publish"])


def test_a_bucket_without_prefix_keeps_the_probe_s_own_keys() -> None:
    found = statements(s3_bucket="insel-fed")["ProbeObjects"]["Resource"]
    assert found == ["arn:aws:s3:::insel-fed/fedml-probe-*"]


def test_every_account_has_its_own() -> None:
    other = replace(node(), account="333333333333")
    assert set(verifier_policy([node(), other])) == {BOTH, "333333333333"}


def test_roles_of_other_accounts_are_assumed() -> None:
    role = "arn:aws:iam::333333333333:role/deploy"
    (document,) = verifier_policy([node()], assumed_roles={BOTH: [role]})[BOTH]
    assert [each["Resource"] for each in document["Statement"] if each["Sid"] == "OtherAccounts"] == [[role]]

"""Every document of a stack, named and attached."""

from __future__ import annotations

import pytest

from fedml_infra.policies.dialect import check_dialect
from fedml_infra.policies.document import Kind
from fedml_infra.policies.stack_policies import bucket_readers, stack_operator_policies, stack_policies
from tests.policies.examples import BOTH, HUB, PUBLISHER, RECEIVER, STRANGER, config, documents, joiner

NODES = [
    {"pid": "charite", "s3_bucket": "charite-fed"},
    {"pid": "insel", "s3_bucket": "insel-fed", "adopt_bucket": True, "aws_region": "eu-west-1"},
    {"pid": "usz", "s3_bucket": "usz-fed", "rights": ["publish"]},
]
KEY = "arn:aws:kms:us-east-1:111111111111:key/mrk-1234abcd12ab34cd56ef1234567890ab"


def shape(found):
    return [(each.kind, each.attached_to.split(":", 2)[2], each.account) for each in found]


def test_of_a_hub_with_nodes_in_two_accounts():
    accounts = {"charite": HUB, "insel": STRANGER, "usz": HUB}
    found = stack_policies(config(nodes=NODES), account=HUB, node_accounts=accounts)
    assert shape(found) == [
        (Kind.TOPIC, f"sns:us-east-1:{HUB}:cardio", HUB),
        (Kind.BUCKET, f"s3:::fedml-cardio-{HUB}-us-east-1", HUB),
        (Kind.QUEUE, f"sqs:us-east-1:{HUB}:cardio_charite", HUB),
        (Kind.BUCKET, "s3:::charite-fed", HUB),
        (Kind.NODE, f"iam::{HUB}:policy/fedml.cardio.charite.node", HUB),
        (Kind.TRUST, f"iam::{HUB}:role/fedml.cardio.charite.reader", HUB),
        (Kind.ROLE, f"iam::{HUB}:role/fedml.cardio.charite.reader", HUB),
        (Kind.QUEUE, f"sqs:eu-west-1:{STRANGER}:cardio_insel", STRANGER),
        (Kind.NODE, f"iam::{STRANGER}:policy/fedml.cardio.insel.node", STRANGER),
        (Kind.TRUST, f"iam::{STRANGER}:role/fedml.cardio.insel.reader", STRANGER),
        (Kind.ROLE, f"iam::{STRANGER}:role/fedml.cardio.insel.reader", STRANGER),
        (Kind.BUCKET, "s3:::usz-fed", HUB),
        (Kind.NODE, f"iam::{HUB}:policy/fedml.cardio.usz.node", HUB),
        (Kind.TRUST, f"iam::{HUB}:role/fedml.cardio.usz.reader", HUB),
        (Kind.ROLE, f"iam::{HUB}:role/fedml.cardio.usz.reader", HUB),
    ]


def test_a_joiner_has_nothing_of_the_hub():
    kinds = [each.kind for each in documents(joiner(), BOTH)]
    assert kinds == [Kind.QUEUE, Kind.BUCKET, Kind.NODE, Kind.TRUST, Kind.ROLE]


def test_an_own_key_adds_what_its_policy_needs():
    found = [each for each in documents(config(kms_key_arn=KEY)) if each.kind is Kind.KEY]
    assert [(each.attached_to, each.document["Statement"][0]["Sid"]) for each in found] == [
        (KEY, "AllowPublishers"),
        (KEY, "AllowTopic"),
    ]


@pytest.mark.parametrize("sharing", ["sts", "bucket_policy"])
def test_every_document_is_of_the_dialect_that_is_judged(sharing):
    for each in documents(config(sharing=sharing, kms_key_arn=KEY)):
        check_dialect(each.document)


def test_sids_are_unique_in_every_document():
    for each in documents(config(nodes=NODES, kms_key_arn=KEY)):
        sids = [statement["Sid"] for statement in each.document["Statement"]]
        assert len(set(sids)) == len(sids)


def test_under_sts_a_bucket_has_no_readers():
    assert bucket_readers(config(), account=HUB, node_accounts={"charite": HUB}) == ()


def test_the_administrator_knows_every_receiver():
    stack = config(sharing="bucket_policy")
    assert bucket_readers(stack, account=HUB, node_accounts={"charite": STRANGER}) == (BOTH, RECEIVER, STRANGER)


def test_a_joiner_knows_the_hub_and_its_own():
    assert bucket_readers(joiner(sharing="bucket_policy"), account=BOTH, node_accounts={"charite": BOTH}) == (HUB, BOTH)


def test_a_bucket_opens_for_the_readers():
    stack = documents(config(sharing="bucket_policy"))
    (bucket,) = (each for each in stack if each.name == "cardio-charite")
    assert bucket.document["Statement"][0]["Principal"] == {
        "AWS": [f"arn:aws:iam::{BOTH}:root", f"arn:aws:iam::{RECEIVER}:root"]
    }
    assert PUBLISHER not in str(bucket.document)


def test_the_operators_boundary_is_the_stacks():
    stack = config(permissions_boundary=f"arn:aws:iam::{HUB}:policy/b")
    found = stack_operator_policies(stack, account=HUB, node_accounts={"charite": HUB})
    assert f"arn:aws:iam::{HUB}:policy/b" in str(found[HUB])
    reading = stack_operator_policies(stack, account=HUB, node_accounts={"charite": HUB}, read_only=True)
    assert "CreateRole" not in str(reading)


@pytest.mark.parametrize("read_only", [True, False])
def test_the_operator_assumes_the_roles_of_other_accounts(read_only):
    role = f"arn:aws:iam::{STRANGER}:role/deploy"
    nodes = [{"pid": "insel", "s3_bucket": "insel-fed", "account": {"assume_role": role}}]
    found = stack_operator_policies(
        config(nodes=nodes), account=HUB, node_accounts={"insel": STRANGER}, read_only=read_only
    )
    assert [
        (account, statement["Resource"])
        for account, documents_there in found.items()
        for each in documents_there
        for statement in each["Statement"]
        if "sts:AssumeRole" in statement["Action"]
    ] == [(HUB, [role])]

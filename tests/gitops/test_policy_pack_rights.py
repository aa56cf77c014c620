"""The rights that a stack gives, held to its stack file: ours passes, and every change of a right is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fedml_infra.gitops.policy_pack.rights import Configuration, rights_are_as_configured
from fedml_infra.gitops.policy_pack.seen import (
    BUCKET_POLICY,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    TOPIC_POLICY,
    UNKNOWN,
    Finding,
    Resource,
    Stack,
)
from fedml_infra.policies.document import Kind, NamedDocument
from fedml_infra.policies.stack_policies import stack_policies

OWN, LAB, MEMBER, STRANGER = "111111111111", "222222222222", "333333333333", "444444444444"
KEY = "AAECAwQFBgcICQoLDA0ODw=="
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
NODES = [
    {"pid": "charite", "s3_bucket": "cardio-charite"},
    {"pid": "lab", "s3_bucket": "cardio-lab", "account": {"profile": "lab"}},
]


def configured(**values: Any) -> Configuration:
    given = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": KEY,
        "members": [{"aws_id": MEMBER}],
        "nodes": NODES,
        **values,
    }
    engine = {
        f"fedml-infra:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in given.items()
        if value is not None
    }
    return Configuration.of({"aws:region": "us-east-1", **engine}, frozenset({"fedml-infra:fed_secret_key"}))


def documents(configuration: Configuration) -> tuple[NamedDocument, ...]:
    return stack_policies(configuration.read("cardio"), account=OWN, node_accounts={"charite": OWN, "lab": LAB})


def resource(kind: str, called: str, **inputs: Any) -> Resource:
    return Resource(f"urn:pulumi:cardio::p::{kind}::{called}", kind, inputs)


def declared(each: NamedDocument) -> Resource | None:
    """The resource that carries a document, as the program declares it."""
    text = json.dumps(each.document)
    match each.kind:
        case Kind.TOPIC:
            return resource(TOPIC_POLICY, each.name, arn=each.attached_to, policy=text)
        case Kind.QUEUE:
            return resource(QUEUE_POLICY, each.name, queueUrl=f"https://sqs.example/{OWN}/{each.name}", policy=text)
        case Kind.BUCKET:
            return resource(BUCKET_POLICY, each.name, bucket=each.name, policy=text)
        case Kind.TRUST:
            return resource(ROLE, each.name, name=each.name, assumeRolePolicy=text)
    return None


def whole(configuration: Configuration) -> tuple[Resource, ...]:
    lab = resource(SUBSCRIPTION, "lab", endpoint=f"arn:aws:sqs:us-east-1:{LAB}:cardio_lab")
    return (*filter(None, map(declared, documents(configuration))), lab)


def judged(resources: tuple[Resource, ...], configuration: Configuration, name: str = "cardio") -> list[Finding]:
    return list(rights_are_as_configured(Stack(resources), configuration, name))


def altered(kind: str, change: Callable[[dict[str, Any]], Any], called: str | None = None) -> list[Finding]:
    """What is said once a document is changed."""
    resources = []
    for each in whole(configured()):
        name = "assumeRolePolicy" if kind == ROLE else "policy"
        if each.kind == kind and called in (None, each.urn.rpartition("::")[2]):
            document = json.loads(each.inputs[name])
            change(document)
            each = replace(each, inputs={**each.inputs, name: json.dumps(document)})
        resources.append(each)
    return judged(tuple(resources), configured())


def test_what_the_program_declares_passes() -> None:
    assert judged(whole(configured()), configured()) == []


def test_a_stack_without_a_federation_is_not_judged() -> None:
    assert judged((), Configuration.of({"aws:region": "us-east-1"}, frozenset())) == []


def test_an_account_that_the_file_does_not_name_is_told_with_its_rights() -> None:
    def add(document: dict[str, Any]) -> None:
        document["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalAccount"].append(STRANGER)

    (finding,) = altered(TOPIC_POLICY, add)
    assert finding.known
    assert f"account {STRANGER} may do sns:Publish, sns:Subscribe, and should not" in finding.what


def test_a_member_that_is_left_out_is_told() -> None:
    def drop(document: dict[str, Any]) -> None:
        document["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalAccount"].remove(MEMBER)

    (finding,) = altered(TOPIC_POLICY, drop)
    assert f"account {MEMBER} may not do sns:Publish, sns:Subscribe, and should" in finding.what


def test_a_right_more_than_the_topology_gives_is_told() -> None:
    central = configured(topology="centralized", nodes=None)
    (finding,) = judged(whole(configured(nodes=None)), central)
    assert f"account {MEMBER} may do sns:Subscribe" in finding.what


@pytest.mark.parametrize("sid", ["OnlyTls", "OnlySqs", "OnlyItsQueues"])
def test_each_deny_of_the_topic_counts(sid: str) -> None:
    def drop(document: dict[str, Any]) -> None:
        document["Statement"] = [each for each in document["Statement"] if each["Sid"] != sid]

    assert altered(TOPIC_POLICY, drop)


def test_a_policy_written_otherwise_with_the_same_meaning_passes() -> None:
    def rewrite(document: dict[str, Any]) -> None:
        document["Statement"].reverse()
        for each in document["Statement"]:
            each["Sid"] = each["Sid"] + "2"

    assert altered(TOPIC_POLICY, rewrite) == []


def test_a_queue_that_takes_from_another_topic_is_told() -> None:
    def change(document: dict[str, Any]) -> None:
        document["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"] = f"arn:aws:sns:us-east-1:{STRANGER}:cardio"

    assert any("sqs:SendMessage" in each.what for each in altered(QUEUE_POLICY, change, "cardio_charite"))


def test_a_reader_of_the_roster_that_is_no_member_is_told() -> None:
    def add(document: dict[str, Any]) -> None:
        for each in document["Statement"]:
            if each["Effect"] == "Allow":
                each["Principal"]["AWS"] = [f"arn:aws:iam::{MEMBER}:root", f"arn:aws:iam::{STRANGER}:root"]

    assert any(
        f"account {STRANGER} may do s3:GetObject, and should not" in each.what for each in altered(BUCKET_POLICY, add)
    )


def test_another_account_in_a_reader_role_s_trust_is_told() -> None:
    def add(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"}
        )

    assert {STRANGER in each.what for each in altered(ROLE, add)} == {True}


def test_what_the_evaluator_does_not_know_is_refused_not_passed() -> None:
    def add(document: dict[str, Any]) -> None:
        document["Statement"][0]["Condition"]["IpAddress"] = {"aws:SourceIp": "10.0.0.0/8"}

    (finding,) = altered(TOPIC_POLICY, add)
    assert finding.known
    assert "IpAddress" in finding.what


def test_a_hub_without_its_topic_or_its_topic_s_policy_is_refused() -> None:
    rest = tuple(each for each in whole(configured()) if each.kind != TOPIC_POLICY)
    assert "no topic of that name" in judged(rest, configured())[0].what
    arn = f"arn:aws:sns:us-east-1:{OWN}:cardio"
    topic = resource("aws:sns/topic:Topic", "cardio", name="cardio", arn=arn)
    assert "has no policy" in judged((*rest, topic), configured())[0].what


def test_a_policy_that_is_not_known_yet_is_told() -> None:
    resources = [
        replace(each, inputs={**each.inputs, "policy": UNKNOWN}) if each.kind == TOPIC_POLICY else each
        for each in whole(configured())
    ]
    (finding,) = judged(tuple(resources), configured())
    assert not finding.known


def test_a_node_in_an_account_that_nothing_tells_is_not_passed_in_silence() -> None:
    (finding,) = judged(whole(configured())[:-1], configured())
    assert not finding.known
    assert "lab" in finding.what


def test_of_two_accounts_that_are_told_of_one_node_neither_is_believed() -> None:
    second = resource(QUEUE, "lab", arn=f"arn:aws:sqs:us-east-1:{STRANGER}:cardio_lab")
    (finding,) = judged((*whole(configured()), second), configured())
    assert not finding.known


def test_a_configuration_with_mistakes_is_told_without_a_secret() -> None:
    broken = configured(members=[{"aws_id": "123"}])
    (finding,) = judged(whole(configured()), broken)
    assert finding.known
    assert "aws_id" in finding.what
    assert KEY not in repr(broken) + finding.what


def test_a_joiner_s_queue_is_held_to_the_topic_that_its_file_names() -> None:
    arn = f"arn:aws:sns:eu-central-1:{MEMBER}:cardio"
    joining = configured(aws_topic_arn=arn, members=None, nodes=NODES[:1])
    made = stack_policies(joining.read("cardio"), account=OWN, node_accounts={"charite": OWN})
    endpoint = resource(SUBSCRIPTION, "charite", endpoint=f"arn:aws:sqs:us-east-1:{OWN}:cardio_charite")
    resources = (*filter(None, map(declared, made)), endpoint)
    assert judged(resources, joining) == []
    elsewhere = configured(aws_topic_arn=arn.replace(MEMBER, STRANGER), members=None, nodes=NODES[:1])
    assert any(each.known and "sqs:SendMessage" in each.what for each in judged(resources, elsewhere))


def test_the_account_of_a_node_with_neither_queue_nor_bucket_is_told_by_its_policy_once_made() -> None:
    node = {"pid": "lab", "s3_bucket": "their-archive", "adopt_bucket": True, "account": {"profile": "lab"}}
    central = configured(topology="centralized", nodes=[NODES[0], {**node, "rights": ["publish"]}])
    resources = whole(central)[:-1]
    (finding,) = judged(resources, central)
    assert not finding.known
    made = resource(
        "aws:iam/policy:Policy",
        "lab",
        name="fedml.cardio.lab.node",
        arn=f"arn:aws:iam::{LAB}:policy/fedml.cardio.lab.node",
    )
    assert judged((*resources, made), central) == []

"""The components in a program of one's own, which has no stack file of ours."""

from __future__ import annotations

import json

import pulumi

from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.validation import validate
from fedml_infra.program import (
    Federation,
    FederationArgs,
    Hub,
    HubArgs,
    HubResources,
    Node,
    NodeArgs,
    NodeResources,
    node_secret,
)
from tests.program.conftest import ACCOUNT, KEY, Monitor, World


def test_a_hub_and_a_node_need_names_and_no_stack_configuration(loop):
    monitor = Monitor({})
    pulumi.runtime.set_mocks(monitor, project="cardiology", stack="dev", preview=True)

    @pulumi.runtime.test
    def program() -> pulumi.Output[object]:
        names = HubResources.of("cardio", account=ACCOUNT, region="eu-west-1")
        members = {"222222222222": BOTH, "333333333333": PUBLISH_ONLY}
        hub = Hub("cardio", HubArgs(names, grants=members, readers=tuple(members)))
        site = NodeResources.of(
            "cardio",
            "charite",
            account=ACCOUNT,
            region="eu-central-1",
            topic_arn=names.topic_arn,
            bucket=BucketLocation("cardio-charite", "updates"),
        )
        args = NodeArgs(site, secret=node_secret(1, KEY, {}), retention=Schedule("d", 7))
        return Node("charite", args, subscribe_after=[hub.topic_policy]).outputs

    program()
    world = World(tuple(monitor.declared), {})
    policy = json.loads(world.one("sns/topicPolicy:TopicPolicy")["policy"])
    assert [each["Sid"] for each in policy["Statement"] if each["Effect"] == "Allow"] == ["Both", "Publish"]
    subscription = world.one("sns/topicSubscription:TopicSubscription")
    assert subscription["endpoint"] == f"arn:aws:sqs:eu-central-1:{ACCOUNT}:cardio_charite"
    assert subscription["region"] == "eu-west-1"


def test_one_program_may_have_two_federations_with_nodes_of_one_pid(loop):
    """The engine refuses two resources of one type and name (below parents of one type)."""
    monitor = Monitor({})
    pulumi.runtime.set_mocks(monitor, project="cardiology", stack="dev", preview=True)

    @pulumi.runtime.test
    def program() -> pulumi.Output[object]:
        made = []
        for name in ("cardio", "onco"):
            values = {
                "aws:region": "us-east-1",
                "fedml-infra:fed_name": name,
                "fedml-infra:sync_sched": "m30",
                "fedml-infra:fed_secret_key": KEY,
                "fedml-infra:nodes": [
                    {"pid": "charite", "s3_bucket": f"{name}-charite"},
                    {"pid": "lab", "s3_bucket": f"{name}-lab", "account": {"profile": "lab"}},
                ],
            }
            made.append(Federation(name, FederationArgs(validate(values, stack=None))).nodes)
        return pulumi.Output.all(*made)

    program()
    named = [(each.type, each.name) for each in monitor.declared]
    assert len(named) > 50
    assert sorted(each for each in set(named) if named.count(each) > 1) == []

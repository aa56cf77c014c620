"""The components in a program of one's own, which has no stack file of ours."""

from __future__ import annotations

import json

import pulumi

from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY
from fedml_infra.model.schedule import Schedule
from fedml_infra.program import Hub, HubArgs, HubResources, Node, NodeArgs, NodeResources, node_secret
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

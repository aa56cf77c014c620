"""What the graph of a stack file has in it."""

from __future__ import annotations

import pytest

from fedml_infra.aws.subscriptions import Subscription
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY
from fedml_infra.operations.graph.graph import Graph, Node, graph_of
from tests.operations.graph.graphs import MEMBER, OTHER, OWN, config, graph

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"


def of(**more: object) -> Graph:
    return graph_of(config(**more), account=OWN, node_accounts={"charite": OWN})


def subscribed(account: str, queue: str, region: str = "eu-west-1", arn: str = f"{TOPIC}:1") -> Subscription:
    return Subscription(arn, "sqs", f"arn:aws:sqs:{region}:{account}:{queue}", account, TOPIC)


def with_subscriptions(*rows: Subscription, **more: object) -> tuple[Node, ...]:
    return graph_of(config(**more), account=OWN, node_accounts={"charite": OWN}, subscriptions=rows).nodes[1:]


def test_an_administrator_sees_the_topic_its_nodes_and_its_members() -> None:
    found = of(members=[{"aws_id": MEMBER, "nodes": ["insel", "usz"]}, {"aws_id": OTHER}])
    assert (found.hub.account, found.hub.region, found.hub.own) == (OWN, "us-east-1", True)
    assert [(node.pid, node.account, node.region, node.own) for node in found.nodes] == [
        ("charite", OWN, "us-east-1", True),
        ("insel", MEMBER, None, False),
        ("usz", MEMBER, None, False),
        (None, OTHER, None, False),
    ]
    assert found.partial is None


def test_a_joiner_sees_the_topic_and_its_own_nodes() -> None:
    found = graph_of(
        config(
            aws_topic_arn=f"arn:aws:sns:eu-west-1:{OTHER}:cardio",
            members=None,
            nodes=[{"pid": "insel", "s3_bucket": "insel-fed", "aws_region": "eu-north-1"}],
        ),
        account=OWN,
        node_accounts={"insel": OWN},
    )
    assert (found.hub.account, found.hub.region, found.hub.own) == (OTHER, "eu-west-1", False)
    assert [(node.pid, node.account, node.region, node.own) for node in found.nodes] == [
        ("insel", OWN, "eu-north-1", True)
    ]
    assert found.partial == "Other members are known to the administrator's stack only."


def test_rights_are_those_of_the_topology_unless_given() -> None:
    found = of(
        topology="centralized", members=[{"aws_id": MEMBER}, {"aws_id": OTHER, "rights": ["publish", "receive"]}]
    )
    assert [node.rights for node in found.nodes] == [BOTH, PUBLISH_ONLY, BOTH]
    assert [node.account for node in found.receivers] == [OWN, OTHER]
    assert len(found.publishers) == 3


def test_an_account_that_nothing_tells_is_unknown() -> None:
    found = graph_of(config(), account=None, node_accounts={"charite": None})
    assert (found.hub.account, found.nodes[0].account) == (None, None)
    assert found.nodes[0].place == "unknown account, us-east-1"


def test_a_subscription_tells_the_region_of_a_member_s_node() -> None:
    (node,) = with_subscriptions(subscribed(MEMBER, "cardio_insel"), members=[{"aws_id": MEMBER, "nodes": ["insel"]}])
    assert (node.pid, node.region) == ("insel", "eu-west-1")


def test_a_subscription_tells_the_pid_that_the_stack_file_does_not() -> None:
    (node,) = with_subscriptions(subscribed(MEMBER, "cardio_insel"))
    assert (node.pid, node.account, node.region) == ("insel", MEMBER, "eu-west-1")


@pytest.mark.parametrize(
    "row",
    [
        subscribed(OTHER, "cardio_spy"),
        subscribed(MEMBER, "neuro_insel"),
        subscribed(MEMBER, "cardio_insel", arn="PendingConfirmation"),
    ],
    ids=["another account's", "another federation's", "not confirmed"],
)
def test_what_is_subscribed_and_is_no_member_s_is_not_in_the_graph(row: Subscription) -> None:
    (node,) = with_subscriptions(row)
    assert (node.pid, node.account, node.region) == (None, MEMBER, None)


def test_a_queue_of_a_member_that_names_others_is_not_in_the_graph() -> None:
    (node,) = with_subscriptions(subscribed(MEMBER, "cardio_x"), members=[{"aws_id": MEMBER, "nodes": ["insel"]}])
    assert (node.pid, node.region) == ("insel", None)


def test_edges_lead_to_and_from_the_topic() -> None:
    document = of(members=[{"aws_id": MEMBER, "rights": ["publish"]}]).as_json()
    assert [(edge["from"], edge["to"], edge["right"]) for edge in document["edges"]] == [
        ("charite", "topic:", "publish"),
        ("topic:", "charite", "receive"),
        (f"member:{MEMBER}", "topic:", "publish"),
    ]
    assert document["whole"]


def test_every_node_has_an_id_of_its_own() -> None:
    found = graph(60)
    assert len({*found.ids}) == 60


def test_the_summary_counts_nodes_and_accounts() -> None:
    assert of().summary == "decentralized, every 30 minutes, 2 nodes in 2 accounts"
    assert of(members=None, sync_sched="d1").summary == "decentralized, every day, 1 node in 1 account"


def test_the_caption_says_who_publishes_to_whom() -> None:
    assert of().caption == "What any of them publishes, all others receive."
    assert of(message_filter="none").caption == "What any of them publishes, all receive, its own sender included."
    assert of(topology="centralized").caption == "What charite and member publish is received by charite."
    assert of(members=[{"aws_id": MEMBER, "rights": ["receive"]}]).caption == (
        "What charite publishes is received by charite and member."
    )
    nobody = of(nodes=[{"pid": "charite", "s3_bucket": "cardio-charite", "rights": ["publish"]}], members=None)
    assert nobody.caption == "Nobody receives in this federation as this stack knows it."


def test_a_long_list_of_names_is_cut() -> None:
    assert "and 16 more is received" in graph(30).caption.replace("publish is", "is")

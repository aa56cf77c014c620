"""Every name and ARN that follows from a configuration and the accounts."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.model.resources import NodeResources, grants, hub_resources, node_resources, sns_principal
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right
from tests.model.stack_values import TOPIC, config, hub, joiner, node

ACCOUNT = "222222222222"
RECEIVE_ONLY = frozenset({Right.RECEIVE})


def resources(entry: dict[str, Any] | None = None, **changes: Any) -> NodeResources:
    read = config(joiner(nodes=[entry or node()], **changes))
    return node_resources(read, read.nodes[0], account=ACCOUNT, topic_arn=TOPIC)


def test_the_hubs_names_follow() -> None:
    made = hub_resources(config(hub()), "111111111111")
    assert made.topic_arn == TOPIC
    assert made.roster_bucket_arn == f"arn:aws:s3:::{made.roster_bucket}"
    assert (made.topic_name, made.partition, made.region) == ("cardio", "aws", "us-east-1")


def test_a_named_roster_bucket_is_taken() -> None:
    assert hub_resources(config(hub(roster_bucket="abc")), "111111111111").roster_bucket == "abc"


def test_a_joiner_declares_no_hub() -> None:
    with pytest.raises(ValueError, match="declares no hub"):
        hub_resources(config(joiner()), "111111111111")


def test_a_nodes_names_follow() -> None:
    made = resources(node(s3_bucket="insel-fed/updates"))
    assert made.queue_arn == "arn:aws:sqs:eu-west-1:222222222222:cardio_insel"
    assert made.dead_letter_queue_arn == "arn:aws:sqs:eu-west-1:222222222222:cardio_insel_dlq"
    assert (made.bucket_arn, made.objects_arn) == ("arn:aws:s3:::insel-fed", "arn:aws:s3:::insel-fed/updates/*")
    assert made.reader_role_arn == "arn:aws:iam::222222222222:role/fedml.cardio.insel.reader"
    assert made.node_policy_arn == "arn:aws:iam::222222222222:policy/fedml.cardio.insel.node"
    assert made.parameter_arn == "arn:aws:ssm:eu-west-1:222222222222:parameter/fedml/cardio/insel"


def test_a_publish_only_node_has_no_queue() -> None:
    made = resources(node(rights=["publish"]))
    assert (made.queue_name, made.queue_arn) == (None, None)
    assert (made.dead_letter_queue_name, made.dead_letter_queue_arn) == (None, None)
    assert made.reader_role_name is not None


def test_a_joiners_node_in_a_centralized_federation_has_no_queue() -> None:
    assert resources(topology="centralized").queue_name is None


def test_a_bucket_policy_needs_no_reader_role() -> None:
    made = resources(sharing="bucket_policy")
    assert (made.reader_role_name, made.reader_role_arn) == (None, None)


def test_the_iam_path_is_in_the_arns_only() -> None:
    made = resources(iam_path="/fedml/x/")
    assert made.reader_role_arn == "arn:aws:iam::222222222222:role/fedml/x/fedml.cardio.insel.reader"
    assert made.reader_role_name == "fedml.cardio.insel.reader"
    assert ":policy/fedml/x/" in made.node_policy_arn


def test_another_partition_is_in_every_arn() -> None:
    topic = "arn:aws-cn:sns:cn-north-1:111111111111:cardio"
    read = config(joiner(aws_topic_arn=topic, region="cn-northwest-1"))
    made = node_resources(read, read.nodes[0], account=ACCOUNT, topic_arn=topic)
    every = [value for name, value in vars(made).items() if name.endswith("_arn") and value]
    assert len(every) == 8
    assert [arn for arn in every if not arn.startswith("arn:aws-cn:")] == []


def test_the_nodes_own_region_is_used() -> None:
    made = resources(node(aws_region="EU_CENTRAL_1"))
    assert made.region == "eu-central-1"
    assert ":eu-central-1:" in (made.queue_arn or "")


# Amazon SNS, "Cross-region delivery to opt-in regions".
@pytest.mark.parametrize(
    ("topic", "queue", "principal"),
    [
        ("us-east-1", "us-east-1", "sns.amazonaws.com"),
        ("us-east-1", "eu-west-1", "sns.amazonaws.com"),
        ("us-east-1", "eu-south-1", "sns.eu-south-1.amazonaws.com"),
        ("eu-south-1", "us-east-1", "sns.eu-south-1.amazonaws.com"),
        ("eu-south-1", "eu-south-1", "sns.amazonaws.com"),
        ("us-gov-west-1", "us-gov-east-1", "sns.amazonaws.com"),
    ],
)
def test_the_principal_is_that_of_the_opt_in_region(topic: str, queue: str, principal: str) -> None:
    assert sns_principal(topic, queue) == principal


def test_the_nodes_principal_follows_from_topic_and_queue() -> None:
    assert resources(region="af-south-1").service_principal == "sns.af-south-1.amazonaws.com"


def test_grants_are_the_members_and_the_own_nodes() -> None:
    made = grants(config(hub()), node_accounts={"charite": "111111111111"})
    assert made == {"111111111111": BOTH, "222222222222": BOTH, "333333333333": PUBLISH_ONLY}
    assert list(made) == sorted(made)


def test_an_account_of_a_member_and_of_an_own_node_has_the_rights_of_both() -> None:
    values = hub(members=[{"aws_id": "222222222222", "rights": ["publish"]}], nodes=[node("a", rights=["receive"])])
    assert grants(config(values), node_accounts={"a": "222222222222"}) == {"222222222222": BOTH}


def test_two_own_nodes_of_one_account_are_merged() -> None:
    values = hub(members=..., nodes=[node("a", rights=["receive"]), node("b", rights=["receive"])])
    assert grants(config(values), node_accounts={"a": ACCOUNT, "b": ACCOUNT}) == {ACCOUNT: RECEIVE_ONLY}


def test_in_a_centralized_federation_only_the_administrator_receives() -> None:
    made = grants(config(hub(topology="centralized")), node_accounts={"charite": "111111111111"})
    assert {account for account, rights in made.items() if Right.RECEIVE in rights} == {"111111111111"}


def test_a_joiner_grants_nothing() -> None:
    assert grants(config(joiner()), node_accounts={"insel": ACCOUNT}) == {}


def test_a_schedule_longer_than_an_hour_is_noted_for_credentials_in_messages() -> None:
    assert "bucket_policy" in config(hub(sync_sched="h2")).notes[0]
    assert config(hub(sync_sched="h1")).notes == ()
    assert config(hub(sync_sched="h2", sharing="bucket_policy")).notes == ()


def test_a_schedule_longer_than_the_retention_is_noted() -> None:
    assert "may be gone" in config(hub(sync_sched="h1", retention="m30")).notes[0]


def test_an_adopted_bucket_whose_policy_others_need_is_noted() -> None:
    notes = config(hub(sharing="bucket_policy", nodes=[node("a", adopt_bucket=True)])).notes
    assert "s3:GetObject on bucket-of-a/*" in notes[0]


def test_topic_region_and_account_are_the_topics() -> None:
    there, here = config(joiner()), config(hub())
    assert (there.topic_region, there.topic_account) == ("us-east-1", "111111111111")
    assert (here.topic_region, here.topic_account) == ("us-east-1", None)
    assert here.node("charite") is here.nodes[0]
    with pytest.raises(KeyError):
        here.node("nobody")

"""Everything that a federation has, or has left behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fedml_infra.aws.inventory import Inventory, Kind, Place, inventory
from fedml_infra.aws.sessions import Access, client
from fedml_infra.model.names import node_policy_name, reader_role_name, roster_bucket_name
from fedml_infra.model.tags import ownership_tags

from .conftest import ACCOUNT, REGION

PLACES = (Place(Access(), ACCOUNT, REGION), Place(Access(), ACCOUNT, "us-east-1"))
TRUST = '{"Version": "2012-10-17", "Statement": []}'
RIGHT = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]}'
LONG = "federation-" * 6


def look(federation: str = "cardio", **rest: Any) -> Inventory:
    return inventory(PLACES, federation, **rest)


def kinds(found: Inventory) -> list[str]:
    assert found.unseen == ()
    return [row.kind for row in found.found]


def bucket(name: str, tags: dict[str, str] | None = None) -> None:
    s3 = client("s3", Access(), REGION)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if tags:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})


def role(name: str, tags: dict[str, str] | None = None) -> None:
    client("iam", Access(), REGION).create_role(
        RoleName=name,
        Path="/fedml/",
        AssumeRolePolicyDocument=TRUST,
        Tags=[{"Key": k, "Value": v} for k, v in (tags or {}).items()],
    )


def federation(name: str = "cardio") -> None:
    """One hub and one node of it, as the program makes them."""
    sns, sqs = client("sns", Access(), REGION), client("sqs", Access(), REGION)
    topic = sns.create_topic(Name=name)["TopicArn"]
    sqs.create_queue(QueueName=f"{name}_insel", tags=ownership_tags(name, "insel"))
    sqs.create_queue(QueueName=f"{name}_insel_dlq", tags=ownership_tags(name, "insel"))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}_insel")
    bucket(roster_bucket_name(name, ACCOUNT, REGION))
    bucket(f"{name}-insel", ownership_tags(name, "insel"))
    client("ssm", Access(), REGION).put_parameter(Name=f"/fedml/{name}/insel", Value="x", Type="SecureString")
    role(reader_role_name(name, "insel"), ownership_tags(name, "insel"))
    client("iam", Access(), REGION).create_policy(PolicyName=node_policy_name(name, "insel"), PolicyDocument=RIGHT)


def test_nothing_is_there(moto: None) -> None:
    assert look().empty


def test_all_of_a_federation_is_found(moto: None) -> None:
    federation()
    assert sorted(kinds(look())) == [
        "bucket", "bucket", "parameter", "policy", "queue", "queue", "role", "subscription", "topic"
    ]  # fmt: skip


def test_rows_say_where_and_what(moto: None) -> None:
    client("sns", Access(), "us-east-1").create_topic(Name="cardio")
    row = look().found[0]
    assert str(row) == f"topic cardio in {ACCOUNT} us-east-1"
    assert row.arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:cardio"


@pytest.mark.parametrize("neighbour", ["card", "cardio2", "cardio-x", "Cardio", "cardio_x"])
def test_nothing_of_a_neighbouring_federation_is_found(moto: None, neighbour: str) -> None:
    federation(neighbour) if neighbour.islower() and "_" not in neighbour else _without_buckets(neighbour)
    assert look().found == ()


def _without_buckets(name: str) -> None:
    client("sns", Access(), REGION).create_topic(Name=name)
    client("sqs", Access(), REGION).create_queue(QueueName=f"{name}_insel", tags=ownership_tags(name, "insel"))
    role(reader_role_name(name, "insel"), ownership_tags(name, "insel"))
    client("ssm", Access(), REGION).put_parameter(Name=f"/fedml/{name}/insel", Value="x", Type="String")


def test_an_untagged_queue_of_the_federations_names_is_found(moto: None) -> None:
    client("sqs", Access(), REGION).create_queue(QueueName="cardio_made-by-hand")
    assert kinds(look()) == ["queue"]


def test_a_bucket_of_any_name_is_found_by_its_tags(moto: None) -> None:
    bucket("anything", ownership_tags("cardio", "insel"))
    bucket("another", ownership_tags("other", "insel"))
    assert [row.name for row in look().found] == ["anything"]


def test_a_bucket_without_tags_is_found_when_it_is_named(moto: None) -> None:
    bucket("anything")
    assert look().found == ()
    assert kinds(look(buckets=["anything"])) == ["bucket"]


def test_a_role_whose_name_was_cut_is_told_by_its_tags(moto: None) -> None:
    role(reader_role_name(LONG, "insel"), ownership_tags(LONG, "insel"))
    assert kinds(look(LONG)) == ["role"]
    assert look(f"{LONG}x").found == ()


def test_a_policy_whose_name_was_cut_is_told_by_its_tags(moto: None) -> None:
    iam = client("iam", Access(), REGION)
    for number, owner in enumerate(("cardio", "other")):
        tags = [{"Key": k, "Value": v} for k, v in ownership_tags(owner, "insel").items()]
        iam.create_policy(PolicyName=f"fedml.car+{number:012d}", PolicyDocument=RIGHT, Tags=tags)
    assert [row.name for row in look().found] == ["fedml.car+000000000000"]


def test_queues_are_asked_for_by_the_page_or_sqs_stops_at_a_thousand(moto: None) -> None:
    sqs = client("sqs", Access(), REGION)
    asked: list[dict[str, Any]] = []

    def answer(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        asked.append(json.loads(params["body"]))
        name = f"https://sqs/{ACCOUNT}/cardio_{len(asked)}"
        return _Ok(), {"QueueUrls": [name], **({"NextToken": "more"} if len(asked) == 1 else {})}

    sqs.meta.events.register("before-call.sqs.ListQueues", answer)
    sqs.meta.events.register("before-call.sqs.ListQueueTags", lambda **_: (_Ok(), {"Tags": {}}))
    assert [row.name for row in look().found] == ["cardio_1", "cardio_2"]
    assert asked[0] == {"QueueNamePrefix": "cardio_", "MaxResults": 1000}
    assert asked[1]["NextToken"] == "more"


def test_an_ended_subscription_is_not_left_behind(moto: None) -> None:
    def answer(**_: Any) -> tuple[Any, dict[str, Any]]:
        row = {
            "SubscriptionArn": "Deleted",
            "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:cardio",
            "Protocol": "sqs",
            "Endpoint": "x",
            "Owner": ACCOUNT,
        }
        return _Ok(), {"Subscriptions": [row], "ResponseMetadata": {}}

    client("sns", Access(), REGION).meta.events.register("before-call.sns.ListSubscriptions", answer)
    assert look().empty


class _Ok:
    status_code = 200


@pytest.fixture
def denied(moto: None) -> Iterator[None]:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListTopics")

    client("sns", Access(), REGION).meta.events.register("before-call.sns.ListTopics", refuse)
    yield


def test_what_could_not_be_looked_at_is_said_and_never_taken_for_empty(denied: None) -> None:
    found = look()
    assert not found.empty
    assert found.found == ()
    assert found.unseen == (f"could not look at topics of {ACCOUNT} in {REGION}: AWS answered AccessDenied: no",)


def test_one_refusal_hides_nothing_else(denied: None) -> None:
    client("sqs", Access(), REGION).create_queue(QueueName="cardio_x")
    assert [row.kind for row in look().found] == [Kind.QUEUE]


def test_tags_that_may_not_be_read_are_said(moto: None) -> None:
    bucket("anything")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketTagging")

    client("s3", Access(), REGION).meta.events.register("before-call.s3.GetBucketTagging", refuse)
    assert "the tags of bucket" in look().unseen[0]


def test_no_credentials_are_said_for_every_search() -> None:
    assert len(look().unseen) == 2 * 4 + 3


def test_roles_and_buckets_are_asked_once_an_account(moto: None) -> None:
    asked: list[str] = []
    for region in (REGION, "us-east-1"):
        for service in ("iam", "s3"):
            events = client(service, Access(), region).meta.events  # type: ignore[call-overload]
            events.register(f"before-call.{service}", lambda model, **_: asked.append(model.name))
    look()
    assert sorted(asked) == ["ListBuckets", "ListPolicies", "ListRoles"]


def test_calls_in_flight_are_bounded(moto: None) -> None:
    federation()
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def begin(**_: Any) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        # Holds each call until others had their chance to start; the last ones find no company.
        try:
            together.wait(0.5)
        except threading.BrokenBarrierError:
            together.reset()
        with lock:
            now -= 1

    for region in (REGION, "us-east-1"):
        for service in ("sns", "sqs", "ssm", "iam", "s3"):
            client(service, Access(), region).meta.events.register("before-call.*", begin)  # type: ignore[call-overload]
    look(at_once=3)
    assert most == 3

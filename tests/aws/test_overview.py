"""What an account has of topics and queues, region by region."""

from __future__ import annotations

from moto.sqs.models import sqs_backends

from fedml_infra.aws.overview import overview
from fedml_infra.aws.sessions import Access, client

from .conftest import ACCOUNT, FakeSts

HERE, THERE, OPT_IN = "eu-central-1", "us-east-1", "ap-east-1"
ME = Access()


def test_everything_of_each_region_through_every_page(moto: None) -> None:
    topics = [client("sns", ME, HERE).create_topic(Name=f"t{number:03d}")["TopicArn"] for number in range(101)]
    for number in range(1001):
        sqs_backends[ACCOUNT][HERE].create_queue(f"q{number:04d}")
    endpoint = f"arn:aws:sqs:{HERE}:{ACCOUNT}:q0000"
    client("sns", ME, HERE).subscribe(TopicArn=topics[0], Protocol="sqs", Endpoint=endpoint)
    found = overview(ME, [HERE, THERE, HERE])
    here, there = found.regions
    assert [arn for arn, _ in here.topics] == topics
    assert [url.rpartition("/")[2] for url in here.queues] == [f"q{number:04d}" for number in range(1001)]
    ((row,),) = (rows for _, rows in here.topics if rows)
    assert (row.protocol, row.endpoint, row.owner) == ("sqs", endpoint, ACCOUNT)
    assert there.empty
    assert found.not_enabled == found.unseen == ()


def test_a_region_that_is_not_enabled_is_told_apart(moto: None, sts: FakeSts) -> None:
    sts.refuse = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    found = overview(Access(endpoints=(("sns", sts.url),)), [OPT_IN])
    assert found.not_enabled == (OPT_IN,)
    assert found.regions == found.unseen == ()


def test_the_same_answer_of_a_region_that_everybody_has_is_no_such_thing(moto: None, sts: FakeSts) -> None:
    sts.refuse = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    found = overview(Access(endpoints=(("sns", sts.url),)), [HERE])
    assert found.not_enabled == ()
    (told,) = found.unseen
    assert told.startswith(f"could not list the topics in {HERE}: AWS does not know these credentials")


def test_what_may_not_be_looked_at_is_told_and_the_rest_is_there(moto: None, sts: FakeSts) -> None:
    client("sqs", ME, HERE).create_queue(QueueName="q")
    sts.refuse = (403, "AuthorizationError", "not authorized to perform SNS:ListTopics")
    found = overview(Access(endpoints=(("sns", sts.url),)), [HERE])
    assert len(found.unseen) == 1
    assert [url.rpartition("/")[2] for url in found.regions[0].queues] == ["q"]

"""The clock, the regions, a topic's owner, and what lies in a backend's bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore.stub import Stubber

from fedml_infra.aws.sessions import Access, client
from fedml_infra.aws.standing import TopicKind, clock_ahead, region_enabled, texts_in, topic_state
from fedml_infra.errors import AuthenticationError, ResourceError
from fedml_infra.model.tags import ownership_tags

from .conftest import ACCOUNT, REGION, FakeSts

ME = Access()
ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:cardio"


def dated(seconds: float) -> dict[str, dict[str, str]]:
    """What an answer says of a clock that is so far ahead of this one."""
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"HTTPHeaders": {"date": format_datetime(then, usegmt=True)}}


def test_a_clock_that_agrees(credentials: None, sts: FakeSts) -> None:
    assert abs(clock_ahead(Access(endpoints=(("sts", sts.url),)), REGION)) < 2


@pytest.mark.parametrize("seconds", [-600, 600])
def test_a_clock_that_is_off(credentials: None, seconds: int) -> None:
    with Stubber(client("sts", ME, REGION)) as stub:
        stub.add_response("get_caller_identity", {"Account": ACCOUNT, "ResponseMetadata": dated(-seconds)})
        assert clock_ahead(ME, REGION) == pytest.approx(seconds, abs=3)


def test_a_clock_that_is_too_wrong_to_be_let_in_is_told(credentials: None) -> None:
    with Stubber(client("sts", ME, REGION)) as stub:
        stub.add_client_error(
            "get_caller_identity", "SignatureDoesNotMatch", http_status_code=403, response_meta=dated(3600)
        )
        assert clock_ahead(ME, REGION) == pytest.approx(-3600, abs=3)


def test_without_credentials_there_is_no_answer_to_read_the_time_from() -> None:
    with pytest.raises(AuthenticationError):
        clock_ahead(ME, REGION)


def test_an_answer_without_a_date_is_an_error(credentials: None) -> None:
    with Stubber(client("sts", ME, REGION)) as stub:
        stub.add_response("get_caller_identity", {"Account": ACCOUNT})
        with pytest.raises(ResourceError, match="no date"):
            clock_ahead(ME, REGION)


def test_a_region_that_answers_is_enabled(moto: None) -> None:
    assert region_enabled(ME, "eu-south-2")


def test_a_region_that_does_not_know_the_keys_is_not_enabled(credentials: None) -> None:
    with Stubber(client("sts", ME, "eu-south-2")) as stub:
        stub.add_client_error("get_caller_identity", "InvalidClientTokenId", http_status_code=403)
        assert not region_enabled(ME, "eu-south-2")


def test_a_region_that_answers_something_else_is_not_taken_for_disabled(credentials: None) -> None:
    with Stubber(client("sts", ME, "eu-south-2")) as stub:
        stub.add_client_error("get_caller_identity", "ExpiredToken", http_status_code=403)
        with pytest.raises(AuthenticationError, match="expired"):
            region_enabled(ME, "eu-south-2")


def test_a_topic_that_is_not_there(moto: None) -> None:
    assert topic_state(ME, REGION, ARN, federation="cardio") is TopicKind.ABSENT


def test_a_topic_with_the_federations_tags_is_ours(moto: None) -> None:
    tags = [{"Key": key, "Value": value} for key, value in ownership_tags("cardio").items()]
    client("sns", ME, REGION).create_topic(Name="cardio", Tags=tags)  # type: ignore[arg-type]
    assert topic_state(ME, REGION, ARN, federation="cardio") is TopicKind.OURS


def test_a_topic_without_them_is_someone_elses(moto: None) -> None:
    client("sns", ME, REGION).create_topic(Name="cardio")
    assert topic_state(ME, REGION, ARN, federation="cardio") is TopicKind.FOREIGN


def test_a_topic_that_may_not_be_looked_at_is_not_taken_for_absent(credentials: None) -> None:
    with Stubber(client("sns", ME, REGION)) as stub:
        stub.add_client_error("list_tags_for_resource", "AuthorizationError", http_status_code=403)
        with pytest.raises(Exception, match="could not look at topic"):
            topic_state(ME, REGION, ARN, federation="cardio")


def test_the_objects_of_a_prefix_are_read(moto: None) -> None:
    s3 = client("s3", ME, REGION)
    s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="states", Key="locks/a/1.json", Body=b"one")
    s3.put_object(Bucket="states", Key="locks/b/1.json", Body=b"other")
    assert texts_in(ME, REGION, "states", "locks/a/") == ("one",)
    assert texts_in(ME, REGION, "states", "locks/c/") == ()


def test_a_bucket_that_is_not_there_is_an_error(moto: None) -> None:
    with pytest.raises(ResourceError, match="states"):
        texts_in(ME, REGION, "states", "locks/")

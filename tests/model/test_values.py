"""ARNs, schedules, rights and buckets: what they accept, what they refuse, what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.model import arns
from fedml_infra.model.arns import Arn
from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Topology, default_rights, rights
from fedml_infra.model.schedule import Schedule, retention


def test_an_arn_has_its_parts() -> None:
    arn = Arn.parse("arn:aws-cn:sns:cn-north-1:111111111111:a")
    assert arn == Arn("aws-cn", "sns", "cn-north-1", "111111111111", "a")


@pytest.mark.parametrize(
    "text",
    [
        arns.topic_arn("us-gov-west-1", "111111111111", "a"),
        arns.queue_arn("cn-north-1", "111111111111", "a_b"),
        arns.bucket_arn("aws-cn", "b/p/*"),
        arns.role_arn("aws", "111111111111", "r", "/x/"),
        arns.policy_arn("aws", "111111111111", "p"),
        arns.parameter_arn("eu-west-1", "111111111111", "/fedml/a/b"),
        arns.root_arn("aws", "111111111111"),
        "arn:aws:s3:::b",
        "arn:aws:logs:us-east-1:111111111111:log-group:a:*",
    ],
)
def test_an_arn_prints_as_it_was(text: str) -> None:
    assert str(Arn.parse(text)) == text


def test_the_partition_follows_from_the_region() -> None:
    assert arns.topic_arn("cn-north-1", "111111111111", "a") == "arn:aws-cn:sns:cn-north-1:111111111111:a"
    assert arns.parameter_arn("eu-west-1", "111111111111", "/a") == "arn:aws:ssm:eu-west-1:111111111111:parameter/a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cardio",
        "arn:aws:sns:us-east-1:111111111111",
        "arn:aws:sns:us-east-1:111111111111:",
        "arn:aws:sns:us-east-1:1111:a",
        "arn:aws:sns:us-east-1:" + "\N{FULLWIDTH DIGIT ONE}" * 12 + ":a",
        "arn:aws:sns:mars-1:111111111111:a",
        "arn:moon:sns:us-east-1:111111111111:a",
        "arn:aws-cn:sns:us-east-1:111111111111:a",
        "arn:aws:sns:us-east-1:111111111111:a b",
        "urn:aws:sns:us-east-1:111111111111:a",
    ],
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ARN|region"):
        Arn.parse(text)


@pytest.mark.parametrize(("text", "seconds"), [("m1", 60), ("m30", 1800), ("h3", 10800), ("d7", 604800)])
def test_a_schedule_has_its_seconds(text: str, seconds: int) -> None:
    assert Schedule.parse(text).seconds == seconds
    assert str(Schedule.parse(text)) == text


@pytest.mark.parametrize(("text", "days"), [("m1", 1), ("h24", 1), ("h25", 2), ("d14", 14)])
def test_days_are_rounded_up(text: str, days: int) -> None:
    assert Schedule.parse(text).days == days


@pytest.mark.parametrize(
    ("text", "meant"), [("30m", "m30"), ("M30", "m30"), ("m030", "m30"), ("7 D", "d7"), ("h 3", "h3")]
)
def test_a_schedule_written_otherwise_shows_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"write {meant}"):
        Schedule.parse(text)


@pytest.mark.parametrize("text", ["", "m", "m0", "s30", "30", "m-1", "m1.5", "m30\n", "m\N{FULLWIDTH DIGIT ONE}"])
def test_what_is_no_schedule_shows_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"minutes, hours, days|write m"):
        Schedule.parse(text)


@pytest.mark.parametrize("text", ["d15", "h337", "m20161"])
def test_a_retention_is_what_sqs_takes(text: str) -> None:
    """Amazon SQS API, `MessageRetentionPeriod`: 60 seconds to 14 days."""
    assert retention("d14").seconds == 1_209_600
    assert retention("m1").seconds == 60
    with pytest.raises(ValueError, match="use d14 at most"):
        retention(text)


@pytest.mark.parametrize(
    ("topology", "side", "expected"),
    [
        (Topology.DECENTRALIZED, "hub_node", BOTH),
        (Topology.DECENTRALIZED, "member", BOTH),
        (Topology.CENTRALIZED, "hub_node", BOTH),
        (Topology.CENTRALIZED, "member", PUBLISH_ONLY),
    ],
)
def test_a_topology_gives_rights(topology: Topology, side: str, expected: frozenset[Right]) -> None:
    assert default_rights(topology, side) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("side", ["hub_node", "member"])
def test_a_hybrid_federation_has_no_default_rights(side: str) -> None:
    with pytest.raises(ValueError, match=r"hybrid.*\[publish\]"):
        default_rights(Topology.HYBRID, side)  # type: ignore[arg-type]


def test_rights_are_a_set() -> None:
    assert rights(["publish", "receive", "publish"]) == BOTH


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([], "at least one"),
        ("publish", r"write \[publish\]"),
        (["publsh"], "did you mean publish"),
        (["admin"], "publish and receive"),
        ([1], "publish and receive"),
        ([["publish"]], "publish"),
        (None, "must be a list"),
        ({"publish": True}, "must be a list"),
    ],
)
def test_wrong_rights_say_what_is_right(wrong: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rights(wrong)


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "objects"),
    [
        ("fed", "fed", "", "fed/*"),
        ("fed/", "fed", "", "fed/*"),
        ("fed/updates", "fed", "updates", "fed/updates/*"),
        ("fed/a/b/", "fed", "a/b", "fed/a/b/*"),
    ],
)
def test_a_bucket_has_its_prefix(text: str, bucket: str, prefix: str, objects: str) -> None:
    location = BucketLocation.parse(text)
    assert (location.bucket, location.prefix, location.objects) == (bucket, prefix, objects)


# Amazon S3, "General purpose bucket naming rules".
@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "abc-s3alias",
        "abc--ol-s3",
        "abc.mrap",
        "abc--x-s3",
        "abc--table-s3",
        "fed.",
        "féd",
        "a b",
        "x" * 64,
        "Fed",
        "a_b",
        "-ab",
        "ab-",
        "a..b",
        "192.168.5.4",
        "xn--abc",
        "sthree-a",
        "amzn-s3-demo-a",
    ],
)
def test_names_that_s3_refuses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a bucket name"):
        BucketLocation.parse(text)


def test_a_wrong_bucket_shows_a_right_one() -> None:
    with pytest.raises(ValueError, match="as insel-fed"):
        BucketLocation.parse("Insel_Fed")


@pytest.mark.parametrize(
    "text", ["fed//a", "fed/a//b", "fed/*", "fed/a?", "fed/${x}", "fed/../a", "fed/.", "fed/a b", "fed/é"]
)
def test_prefixes_that_mean_something_in_a_policy_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        BucketLocation.parse(text)


@pytest.mark.parametrize(("text", "meant"), [("s3://fed/a/", "fed/a"), ("arn:aws:s3:::fed/a/*", "fed/a")])
def test_an_address_shows_the_bucket_in_it(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"write {meant}"):
        BucketLocation.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("fed", "fed", True),
        ("fed", "fed/a", True),
        ("fed/a", "fed/a/b", True),
        ("fed/a", "fed/ab", False),
        ("fed/a", "fed/b", False),
        ("fed/a", "def/a", False),
    ],
)
def test_overlap_is_by_folder(one: str, other: str, expected: bool) -> None:
    a, b = BucketLocation.parse(one), BucketLocation.parse(other)
    assert a.overlaps(b) is b.overlaps(a) is expected


@given(st.text(max_size=80))
def test_no_text_is_more_than_refused(text: str) -> None:
    """Whatever is given, the answer is a value or a ValueError."""
    for parse in (Arn.parse, Schedule.parse, BucketLocation.parse):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)

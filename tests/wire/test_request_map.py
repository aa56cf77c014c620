"""Request maps <-> configuration values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.validation import validate
from fedml_infra.wire.request_map import (
    AWS_KEYS,
    CREATE_KEYS,
    JOIN_V1_KEYS,
    JOIN_V2_KEYS,
    AwsKeys,
    Joining,
    StackRequest,
    from_map,
    to_map,
)
from fedml_infra.wire.spellings import in_old_spelling
from tests.wire.values import (
    FED_KEY,
    TOKEN,
    TOPIC,
    accounts,
    base64_of,
    buckets,
    invite,
    keys16,
    names,
    regions,
    schedules,
    tokens,
    topic,
    urls,
)
from tests.wire.values import rights as some_rights

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREATE = {
    "fed_name": "cardio",
    "fed_local_type": "gpu",
    "aws_access_key": ACCESS,
    "aws_secret_key": SECRET,
    "aws_region": "US_EAST_1",
    "s3_bucket": "cardio-charite/updates",
    "aws_id": "111111111111",
    "sync_sched": "m30",
    "fed_encrypt": "true",
}
JOIN = {
    "sync_sched": "m30",
    "fed_secret_key": FED_KEY,
    "aws_topic_arn": TOPIC,
    "fed_name": "cardio",
    "topic_region": "US_EAST_1",
    "fed_rest_url": "https://fed.example.org/x",
    "fed_req_token": TOKEN,
    "aws_access_key": ACCESS,
    "aws_secret_key": SECRET,
    "aws_region": "eu-west-1",
    "aws_id": "222222222222",
    "s3_bucket": "insel-fed",
}
OVER_REST = CREATE_KEYS | AWS_KEYS


def problems(
    given: dict[str, Any], required: Collection[str] = OVER_REST, pid: str | None = "charite"
) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as error:
        from_map(given, required, pid=pid)
    for hidden in (SECRET, TOKEN, FED_KEY):
        assert hidden not in str(error.value)
    return {problem.key: problem.message for problem in error.value.problems}


def test_a_create_map_becomes_an_administrator_s_values() -> None:
    request = from_map(CREATE, OVER_REST, pid="charite")
    assert request.values == {
        "aws:region": "us-east-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:fed_encrypt": True,
        "fedml-infra:nodes": [{"pid": "charite", "s3_bucket": "cardio-charite/updates", "fed_local_type": "gpu"}],
    }
    assert (request.aws_id, request.fed_secret_key, request.joining, request.ignored) == (
        "111111111111",
        None,
        None,
        (),
    )


def test_its_values_are_a_valid_stack() -> None:
    request = from_map(CREATE, OVER_REST, pid="charite")
    config = validate({**request.values, "fedml-infra:fed_secret_key": SecretStr(FED_KEY)}, stack="cardio")
    assert config.is_hub
    assert str(config.nodes[0].s3_bucket) == "cardio-charite/updates"
    assert config.fed_encrypt


def test_a_join_map_becomes_a_joiner_s_values() -> None:
    request = from_map(JOIN, JOIN_V1_KEYS | AWS_KEYS, pid="insel")
    assert request.values == {
        "aws:region": "eu-west-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:aws_topic_arn": TOPIC,
        "fedml-infra:nodes": [{"pid": "insel", "s3_bucket": "insel-fed"}],
    }
    assert request.fed_secret_key == SecretStr(FED_KEY)
    assert request.joining == Joining(SecretStr(TOKEN), "https://fed.example.org/x")
    assert not validate({**request.values, "fedml-infra:fed_secret_key": request.fed_secret_key}, stack=None).is_hub


def test_a_v2_invite_s_keys_become_a_joiner_s_values_unchanged() -> None:
    own = {key: JOIN[key] for key in ("aws_access_key", "aws_secret_key", "aws_region", "aws_id", "s3_bucket")}
    given = {**invite(rights=["publish"]).to_map(), **own}
    request = from_map(given, JOIN_V2_KEYS | AWS_KEYS, pid="insel")
    assert request.values["fedml-infra:nodes"] == [{"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}]
    assert "fedml-infra:roster_bucket" not in request.values
    assert request.joining is not None
    assert request.joining.roster_bucket == invite().roster_bucket
    assert request.joining.hub_public_key == invite().hub_public_key
    assert request.ignored == ()
    validate({**request.values, "fedml-infra:fed_secret_key": SecretStr(FED_KEY)}, stack="cardio")


@pytest.mark.parametrize("given_", [CREATE, JOIN])
def test_either_spelling_says_the_same(given_: dict[str, str]) -> None:
    assert from_map(in_old_spelling(given_), CREATE_KEYS, pid="x") == from_map(given_, CREATE_KEYS, pid="x")


def test_everything_missing_is_named_at_once() -> None:
    assert set(problems({}, pid=None)) == OVER_REST
    assert set(problems({}, JOIN_V1_KEYS | AWS_KEYS)) == (JOIN_V1_KEYS | AWS_KEYS) - {"pid"}
    assert set(problems({"fed_name": "", "pid": "x"}, CREATE_KEYS, None)) == CREATE_KEYS - {"pid"}


def test_what_is_missing_and_what_is_wrong_are_told_together() -> None:
    given = {**CREATE, "fed_encrypt": "yes", "aws_region": "us-east-9", "fed_epoch": "one", "tags": "{", "s3_bucket": 1}
    del given["sync_sched"]
    assert set(problems(given)) == {"sync_sched", "fed_encrypt", "aws_region", "fed_epoch", "tags", "s3_bucket"}


@pytest.mark.parametrize("key", sorted(AWS_KEYS))
def test_one_aws_key_without_the_other_is_told(key: str) -> None:
    assert set(problems({k: v for k, v in CREATE.items() if k != key}, CREATE_KEYS)) == {key}
    assert set(problems({k: v for k, v in CREATE.items() if k != key})) == {key}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"fed_secret_key": "AAAA"}, "fed_secret_key"),
        ({"fed_req_token": "x"}, "fed_req_token"),
        ({"topic_region": "eu-west-1"}, "aws_topic_region"),
        ({"topic_region": "nowhere"}, "aws_topic_region"),
        ({"aws_topic_arn": "x"}, "aws_topic_arn"),
        ({"pid": "usz"}, "pid"),
    ],
)
def test_what_is_wrong_in_a_join_map_is_named(changed: dict[str, str], key: str) -> None:
    assert set(problems({**JOIN, **changed}, JOIN_V1_KEYS, "insel")) == {key}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_fed_encrypt_is_a_text(text: str, value: bool) -> None:
    assert from_map({**CREATE, "fed_encrypt": text}, CREATE_KEYS, pid="x").values["fedml-infra:fed_encrypt"] is value


def test_an_empty_text_is_absent() -> None:
    assert "fedml-infra:fed_encrypt" not in from_map({**CREATE, "fed_encrypt": ""}, CREATE_KEYS, pid="x").values


def test_keys_that_mean_nothing_here_are_named_and_left_out() -> None:
    request = from_map({**CREATE, "passwd": "x", "hub_key": "y"}, CREATE_KEYS, pid="x")
    assert request.ignored == ("passwd", "hub_key")
    assert not [key for key in request.values if "passwd" in key or "hub_key" in key]


def test_aws_keys_and_other_secrets_are_no_configuration_and_do_not_print() -> None:
    request = from_map(JOIN, JOIN_V1_KEYS, pid="insel")
    assert request.aws_keys == AwsKeys(SecretStr(ACCESS), SecretStr(SECRET))
    for hidden in (ACCESS, SECRET, TOKEN, FED_KEY):
        assert hidden not in f"{request!r} {request} {request.aws_keys}"
        assert hidden not in str(request.values)


def test_the_given_map_is_not_changed() -> None:
    before = dict(CREATE)
    from_map(CREATE, CREATE_KEYS, pid="x")
    assert before == CREATE


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "these are 0"),
        ([{"pid": "a"}, {"pid": "b"}], "these are 2"),
        ([{"pid": "a", "account": {}, "aws_region": "x"}], "account, aws_region"),
    ],
)
def test_what_no_map_can_say_is_refused(nodes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        to_map(StackRequest({"fedml-infra:nodes": nodes}))


@st.composite
def requests(draw: st.DrawFn) -> StackRequest:
    joins, name, region = draw(st.booleans()), draw(names), draw(regions)
    node: dict[str, Any] = {"pid": draw(names), "s3_bucket": draw(buckets) + draw(st.sampled_from(["", "/a", "/a/b"]))}
    values: dict[str, Any] = {"aws:region": region, "fedml-infra:fed_name": name}
    values["fedml-infra:sync_sched"] = str(draw(schedules))
    options = {
        "fed_encrypt": st.booleans(),
        "topology": st.sampled_from(["hybrid", "centralized"]),
        "protect": st.booleans(),
        "retention": st.just("d7"),
        "sharing": st.just("sts"),
        "message_filter": st.just("none"),
        "fed_epoch": st.integers(1, 999),
        "iam_path": st.just("/x/"),
        "tags": st.dictionaries(names, names, min_size=1, max_size=3),
    }
    for key in draw(st.sets(st.sampled_from(sorted(options)))):
        values[f"fedml-infra:{key}"] = draw(options[key])
    of_node = {
        "fed_local_type": st.sampled_from(["cpu", "gpu"]),
        "adopt_bucket": st.booleans(),
        "node_role": names,
        "rights": some_rights.map(lambda chosen: sorted(str(right) for right in chosen)),
    }
    for key in draw(st.sets(st.sampled_from(sorted(of_node)))):
        node[key] = draw(of_node[key])
    if joins:
        values["fedml-infra:aws_topic_arn"] = topic(name, region, draw(accounts))
    elif draw(st.booleans()):
        values["fedml-infra:members"] = [{"aws_id": draw(accounts)}]
        values["fedml-infra:roster_bucket"] = draw(buckets)
    optional = st.none() | st.just("x")
    joining = Joining(draw(tokens), draw(st.none() | urls), draw(optional), draw(optional), draw(optional))
    return StackRequest(
        values={**values, "fedml-infra:nodes": [node]},
        fed_secret_key=draw(st.none() | keys16.map(lambda raw: SecretStr(base64_of(raw)))),
        aws_keys=draw(st.none() | st.just(AwsKeys(SecretStr(ACCESS), SecretStr(SECRET)))),
        aws_id=draw(st.none() | accounts),
        joining=joining if joins else None,
    )


@given(requests())
def test_values_come_back_from_their_map(request: StackRequest) -> None:
    written = to_map(request)
    assert all(isinstance(value, str) for value in written.values())
    assert from_map(written, CREATE_KEYS) == request


@given(requests(), st.booleans())
def test_a_map_comes_back_from_its_values(request: StackRequest, old: bool) -> None:
    written = to_map(request)
    assert to_map(from_map(in_old_spelling(written) if old else written, ())) == written

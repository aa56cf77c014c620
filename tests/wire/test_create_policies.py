"""createPolicies' request and grant come back as they went, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.model.rights import Right
from fedml_infra.wire.tokens import new_token
from fedml_infra.wire.v2.create_policies import Asked, Granted
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key

PIDS = st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True)
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
KEY = member_public_key(new_member_key())


@given(pid=PIDS, account=ACCOUNTS, key=st.sampled_from([None, KEY]), proof=st.none() | st.dictionaries(PIDS, PIDS))
def test_a_request_comes_back_as_it_went(pid: str, account: str, key: str | None, proof: Any) -> None:
    asked = Asked(new_token(), account, pid, key, proof)
    assert Asked.read(asked.write()) == asked


@given(pid=PIDS, account=ACCOUNTS, given=st.sets(st.sampled_from(Right), min_size=1), roster=st.binary(max_size=200))
def test_a_grant_comes_back_as_it_went(pid: str, account: str, given: set[Right], roster: bytes) -> None:
    granted = Granted("cardio", "arn:aws:sns:us-east-1:111111111111:cardio", account, pid, frozenset(given), roster)
    assert Granted.from_map(json.loads(json.dumps(granted.to_map()))) == granted


def test_everything_that_is_missing_or_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Asked.read(b'{"aws_id": "12", "pid": 5, "public_key": "short", "proof": []}')
    named = {problem.key for problem in raised.value.problems}
    assert named == {"fed_req_token", "aws_id", "pid", "public_key", "proof"}


def test_no_token_is_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Asked.read(b'{"fed_req_token": "not-a-token-SECRET", "aws_id": "222222222222", "pid": "insel"}')
    assert "SECRET" not in str(raised.value)


def test_a_token_does_not_print_itself() -> None:
    token = new_token()
    assert token.get_secret_value() not in repr(Asked(token, "222222222222", "insel", None, {"signature": "s"}))


@given(st.dictionaries(st.sampled_from(["fed_name", "aws_topic_arn", "aws_id", "pid", "rights", "roster"]), st.text()))
def test_what_is_no_grant_is_refused_as_that(values: dict[str, str]) -> None:
    with pytest.raises(UnreadableError):
        Granted.from_map(values)

"""The evaluator against AWS's rules, and its refusal of whatever it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import PolicyError
from fedml_infra.policies.evaluation import ANONYMOUS, Caller, Request, arn_like, evaluate, glob
from tests.policies.examples import BOTH, HUB, STRANGER

TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
MINE, THEIRS = Caller(HUB, f"arn:aws:iam::{HUB}:role/r"), Caller(BOTH, f"arn:aws:iam::{BOTH}:role/r")
SERVICE, NOBODY = Caller(service="sns.amazonaws.com"), Caller()


def policy(effect: str = "Allow", principal: Any = "*", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Principal": principal, "Action": "sns:Publish", "Resource": TOPIC, **more}
    return {
        "Version": "2012-10-17",
        "Statement": [{key: value for key, value in statement.items() if value is not None}],
    }


def of_identity(effect: str = "Allow", action: str = "sns:Publish") -> dict[str, Any]:
    return policy(effect, None, Action=action)


def both(*documents: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [each for document in documents for each in document["Statement"]]}


def ask(caller: Caller, action: str = "sns:Publish", **keys: str) -> Request:
    return Request(caller, action, TOPIC, HUB, tuple((name.replace("__", ":"), value) for name, value in keys.items()))


@pytest.mark.parametrize(
    ("caller", "resource", "identity", "allowed"),
    [
        (MINE, None, [], False),
        (MINE, None, [ALL], True),
        (MINE, policy(), [], True),
        (MINE, policy(principal={"AWS": f"arn:aws:iam::{HUB}:role/r"}), [], True),
        (MINE, policy(principal={"AWS": f"arn:aws:iam::{HUB}:root"}), [], False),
        (MINE, policy(principal={"AWS": HUB}), [of_identity()], True),
        (Caller(HUB), None, [], True),
        (THEIRS, None, [ALL], False),
        (THEIRS, policy(), [], False),
        (THEIRS, policy(), [ALL], True),
        (THEIRS, policy(), [of_identity(action="sns:Subscribe")], False),
        (THEIRS, policy(principal={"AWS": [f"arn:aws:iam::{BOTH}:root"]}), [ALL], True),
        (THEIRS, policy(principal={"AWS": [STRANGER]}), [ALL], False),
        (THEIRS, policy(principal={"Service": "sns.amazonaws.com"}), [ALL], False),
        (SERVICE, policy(principal={"Service": "sns.amazonaws.com"}), [], True),
        (SERVICE, policy(principal={"Service": ["sqs.amazonaws.com"]}), [], False),
        (SERVICE, None, [], False),
        (NOBODY, policy(), [], True),
        (NOBODY, policy(principal={"AWS": [BOTH]}), [], False),
    ],
)
def test_who_must_allow(caller, resource, identity, allowed):
    """IAM, "Policy evaluation logic" and "Cross-account policy evaluation logic"."""
    assert bool(evaluate(ask(caller), resource_policy=resource, identity_policies=identity)) is allowed


@pytest.mark.parametrize("caller", [MINE, THEIRS, SERVICE, NOBODY], ids=["own", "other", "service", "anonymous"])
def test_a_deny_wins(caller):
    """IAM, "The difference between explicit and implicit denies"."""
    resource = both(policy(), policy("Deny"), policy())
    assert not evaluate(ask(caller), resource_policy=resource, identity_policies=[ALL])


@pytest.mark.parametrize("caller", [MINE, THEIRS], ids=["own", "other"])
def test_a_deny_of_the_callers_own_policies_wins(caller):
    assert not evaluate(ask(caller), resource_policy=policy(), identity_policies=[ALL, of_identity("Deny")])


def test_a_session_policy_narrows_and_gives_nothing():
    """IAM, "Session policies": the session has what both allow."""
    assert evaluate(ask(MINE), identity_policies=[ALL], session_policies=[of_identity()])
    assert not evaluate(ask(MINE), identity_policies=[ALL], session_policies=[of_identity(action="sns:Subscribe")])
    assert not evaluate(ask(MINE), identity_policies=[], session_policies=[ALL])
    assert not evaluate(ask(MINE), identity_policies=[ALL], session_policies=[ALL, of_identity("Deny")])


def test_what_a_resource_policy_gives_past_a_session_policy_is_not_guessed():
    with pytest.raises(PolicyError, match="session policy"):
        evaluate(ask(MINE), resource_policy=policy(), session_policies=[of_identity(action="sns:Subscribe")])


@pytest.mark.parametrize("action", ["sts:AssumeRole", "kms:Decrypt"])
def test_role_trusts_and_key_policies_must_allow_by_themselves(action):
    """AWS KMS, "Key policies"; IAM, "How to use trust policies": without them an identity policy gives nothing."""
    request = Request(MINE, action, f"arn:aws:iam::{HUB}:role/r2", HUB)
    assert not evaluate(request, identity_policies=[ALL])
    own = policy(principal={"AWS": HUB}, Action=action, Resource=None)
    assert evaluate(request, resource_policy=own, identity_policies=[ALL])


# operator, values, value given (None: the key is absent), holds
OPERATORS = [
    ("StringEquals", ["sqs"], "sqs", True),
    ("StringEquals", ["sqs"], "SQS", False),
    ("StringEquals", ["a", "sqs"], "sqs", True),
    ("StringEquals", ["s*"], "sqs", False),
    ("StringEquals", ["sqs"], None, False),
    ("StringEqualsIfExists", ["sqs"], None, True),
    ("StringEqualsIfExists", ["sqs"], "https", False),
    ("StringNotEquals", ["sqs"], "sqs", False),
    ("StringNotEquals", ["sqs", "https"], "https", False),
    ("StringNotEquals", ["sqs"], "https", True),
    ("StringNotEquals", ["sqs"], None, True),
    ("StringNotEqualsIfExists", ["sqs"], None, True),
    ("StringLike", ["s?s"], "sqs", True),
    ("StringLike", ["s?"], "sqs", False),
    ("StringLike", ["*"], None, False),
    ("StringLikeIfExists", ["x"], None, True),
    ("StringNotLike", ["s*"], "sqs", False),
    ("StringNotLike", ["s*"], "https", True),
    ("StringNotLike", ["s*"], None, True),
    ("Null", ["true"], None, True),
    ("Null", ["false"], None, False),
    ("Null", ["true"], "sqs", False),
    ("Null", [False], "sqs", True),
]


@pytest.mark.parametrize(("operator", "values", "given_value", "holds"), OPERATORS)
def test_operators(operator, values, given_value, holds):
    """IAM, "IAM JSON policy elements: Condition operators"."""
    document = policy(Condition={operator: {"sns:Protocol": values}})
    keys = {} if given_value is None else {"sns__Protocol": given_value}
    assert bool(evaluate(ask(NOBODY, **keys), resource_policy=document)) is holds


@pytest.mark.parametrize(
    ("operator", "pattern", "source", "holds"),
    [
        ("ArnEquals", TOPIC, TOPIC, True),
        ("ArnEquals", "arn:aws:sns:*:*:cardio", TOPIC, True),
        ("ArnLike", f"arn:aws:sns:us-east-1:{HUB}:*", TOPIC, True),
        ("ArnLike", "arn:aws:*:cardio:x:y", TOPIC, False),
        ("ArnLike", "arn:aws:sns:*:*:cardio", "arn:aws:sns:us-east-1:1:2:cardio", False),
        ("ArnEquals", TOPIC, f"{TOPIC}x", False),
        ("ArnEquals", TOPIC, "no arn", False),
        ("ArnEquals", TOPIC, None, False),
        ("ArnEqualsIfExists", TOPIC, None, True),
        ("ArnNotEquals", TOPIC, None, True),
        ("ArnNotLike", "arn:aws:sns:*:*:*", TOPIC, False),
        ("ArnNotLike", "arn:aws:sns:*:*:other", TOPIC, True),
    ],
)
def test_arn_operators_compare_part_by_part(operator, pattern, source, holds):
    """IAM, Condition operators: each of the six parts of an ARN is checked by itself; ArnEquals behaves as ArnLike."""
    document = policy(principal={"Service": "sns.amazonaws.com"}, Condition={operator: {"aws:SourceArn": pattern}})
    keys = {} if source is None else {"aws__SourceArn": source}
    assert bool(evaluate(ask(SERVICE, **keys), resource_policy=document)) is holds


@pytest.mark.parametrize(
    ("value", "tls", "holds"), [("false", "false", True), (False, "false", True), ("false", "true", False)]
)
def test_bool(value, tls, holds):
    document = policy(Condition={"Bool": {"aws:SecureTransport": value}})
    assert bool(evaluate(ask(NOBODY, aws__SecureTransport=tls), resource_policy=document)) is holds


def test_a_request_is_over_tls_unless_said():
    document = policy(Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert evaluate(ask(NOBODY), resource_policy=document)


def test_all_operators_and_keys_must_hold():
    """IAM, "Conditions with multiple context keys or values": an AND over keys and operators."""
    document = policy(
        "Deny",
        Condition={"StringNotEquals": {"sns:Protocol": "sqs"}, "StringNotLike": {"sns:Endpoint": "arn:aws:sqs:*"}},
    )
    request = ask(THEIRS, sns__Protocol="sqs", sns__Endpoint="other")
    assert evaluate(request, resource_policy=both(policy(), document), identity_policies=[ALL])


def test_condition_keys_are_told_apart_without_case():
    document = policy(Condition={"StringEquals": {"AWS:principalACCOUNT": BOTH}})
    assert evaluate(ask(THEIRS), resource_policy=document, identity_policies=[ALL])


def test_the_account_of_a_request_without_credentials_is_the_word_anonymous():
    """IAM, "AWS global condition context keys", aws:PrincipalAccount."""
    document = policy(Condition={"StringEquals": {"aws:PrincipalAccount": ANONYMOUS}})
    assert evaluate(ask(NOBODY), resource_policy=document)


def test_a_service_has_no_account():
    document = policy(Condition={"Null": {"aws:PrincipalAccount": "true"}})
    assert evaluate(ask(SERVICE), resource_policy=document)
    assert not evaluate(ask(NOBODY), resource_policy=document)


def test_actions_are_compared_without_case_and_resources_with():
    assert evaluate(ask(MINE, "SNS:publish"), identity_policies=[of_identity()])
    assert not evaluate(ask(MINE), identity_policies=[policy(principal=None, Resource=TOPIC.upper())])


OUTSIDE = {
    "NotPrincipal": {"NotPrincipal": {"AWS": BOTH}},
    "NotAction": {"NotAction": ["sns:Publish"]},
    "NotResource": {"NotResource": [TOPIC]},
    "an unknown element": {"Actions": ["sns:Publish"]},
    "an unknown effect": {"Effect": "allow"},
    "an unknown operator": {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    "a set operator": {"Condition": {"ForAnyValue:StringEquals": {"aws:PrincipalAccount": [BOTH]}}},
    "an operator in another case": {"Condition": {"stringequals": {"aws:PrincipalAccount": [BOTH]}}},
    "NullIfExists": {"Condition": {"NullIfExists": {"aws:PrincipalAccount": "true"}}},
    "an unknown key": {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
    "a variable in a condition": {"Condition": {"StringEquals": {"sns:Endpoint": "${aws:username}"}}},
    "a variable in a resource": {"Resource": "arn:aws:s3:::b/${aws:username}"},
    "no ARN under an ARN operator": {"Condition": {"ArnEquals": {"aws:SourceArn": "cardio"}}},
    "no truth under Bool": {"Condition": {"Bool": {"aws:SecureTransport": "no"}}},
    "a federated principal": {"Principal": {"Federated": "accounts.google.com"}},
    "a pattern as principal": {"Principal": {"AWS": "arn:aws:iam::*:root"}},
    "a unique id as principal": {"Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}},
    "no principal at all": {"Principal": {}},
    "no action": {"Action": None},
}


@pytest.mark.parametrize("change", OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_outside_the_dialect_is_refused(change):
    """Also where the statement would not even concern the request."""
    request = Request(NOBODY, "s3:GetObject", "arn:aws:s3:::b/k", HUB)
    with pytest.raises(PolicyError, match="not judged here"):
        evaluate(request, resource_policy=policy(**change))


@pytest.mark.parametrize("change", [{"Version": "2008-10-17"}, {"Statements": []}], ids=["version", "element"])
def test_an_unknown_document_is_refused(change):
    with pytest.raises(PolicyError, match="not judged here"):
        evaluate(ask(NOBODY), resource_policy={**policy(), **change})


def test_an_identity_policy_is_judged_as_strictly():
    with pytest.raises(PolicyError, match="NotAction"):
        evaluate(ask(MINE), identity_policies=[policy(principal=None, Action=None, NotAction="x")])


@given(st.text(alphabet="ab*?:.", max_size=8), st.text(alphabet="ab:.", max_size=8))
def test_glob_agrees_with_a_plain_search(pattern, text):
    def fits(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return fits(p[1:], t) or (bool(t) and fits(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and fits(p[1:], t[1:])

    assert glob(pattern, text) is fits(pattern, text)


def test_a_pattern_holds_no_regular_expression():
    assert not glob("a.c*", "abc")
    assert not arn_like("arn:aws:sns:us-east-1:[0-9]*:x", f"arn:aws:sns:us-east-1:{HUB}:x")


def test_a_decision_says_why():
    assert evaluate(ask(MINE)).reason == "within its own account the caller's policies do not allow it"
    assert "Deny" in evaluate(ask(MINE), identity_policies=[of_identity("Deny")]).reason

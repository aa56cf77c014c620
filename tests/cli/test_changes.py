"""How changes are told to people."""

from __future__ import annotations

import json

import pytest

from cli.changes import parts, print_property
from fedml_infra.engine.differences import PropertyChange

ONE = {"Id": "x", "Statement": [{"Sid": "Both", "Action": ["sns:Publish"]}, {"Sid": "OnlyTls", "Effect": "Deny"}]}
TWO = {"Id": "x", "Statement": [{"Sid": "Both", "Action": ["sns:Publish", "sns:Subscribe"]}]}


def test_of_a_policy_only_the_statements_that_differ_are_told() -> None:
    assert [*parts("policy", ONE, TWO)] == [
        ("policy.Statement[Both].Action", ["sns:Publish"], ["sns:Publish", "sns:Subscribe"]),
        ("policy.Statement[OnlyTls]", {"Sid": "OnlyTls", "Effect": "Deny"}, None),
    ]


def test_statements_without_sid_are_told_whole() -> None:
    assert [*parts("p", [{"Effect": "Allow"}], [{"Sid": "a"}])] == [("p", [{"Effect": "Allow"}], [{"Sid": "a"}])]


def test_equal_values_are_not_told() -> None:
    assert [*parts("p", {"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})] == [("p.b.c", 2, 3)]


def test_json_in_a_text_is_told_by_what_differs_inside(capsys: pytest.CaptureFixture[str]) -> None:
    print_property(PropertyChange("policy", "update", json.dumps(ONE), json.dumps(TWO)))
    assert "policy.Statement[Both].Action" in capsys.readouterr().out


def test_a_property_that_needs_a_new_resource_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_property(PropertyChange("name", "update-replace", "a", "b"))
    assert "needs a new resource" in capsys.readouterr().out

"""policies: every document, who can do what, and what whoever runs a command must be allowed."""

from __future__ import annotations

import json

from tests.cli.conftest import Run
from tests.operations.worlds import MEMBER, OTHER, OWN, World

TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


def test_every_document_is_shown_with_size_and_limit(here: World, run: Run) -> None:
    here.write()
    found = run("policies", "show", "--json").json["documents"]
    assert {"topic policy", "queue policy", "bucket policy", "node policy"} <= {each["kind"] for each in found}
    assert all(0 < each["bytes"] <= each["limit"] for each in found)


def test_an_unknown_kind_names_the_known(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "show", "--kind", "topic")
    assert done.code == 2
    assert "topic policy" in done.err


def test_who_can_takes_names_as_well_as_arns(here: World, run: Run) -> None:
    here.write()
    by_name = run("policies", "who-can", "cardio", "sns:Publish", "cardio", "--json").json
    assert by_name == run("policies", "who-can", "cardio", "sns:Publish", TOPIC_ARN, "--json").json
    assert {each["name"] for each in by_name["grantees"] if each["who"] == "account"} == {OWN, MEMBER}


def test_who_can_on_something_else_names_what_there_is(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "who-can", "cardio", "sns:Publish", "nothing")
    assert done.code == 2
    assert "cardio_charite" in done.err


def test_the_verifier_s_rights_are_by_account(here: World, run: Run) -> None:
    here.write()
    said = run("policies", "operator", "--verify", "--json").json
    assert said["verify"]
    assert "sqs:ReceiveMessage" in json.dumps(said["accounts"][OWN])
    assert "sns:CreateTopic" not in json.dumps(said["accounts"][OWN])


def test_the_verifier_s_and_the_reader_s_rights_are_two_things(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "operator", "--verify", "--read-only")
    assert done.code == 2
    assert "exclude each other" in done.err


def test_the_operator_s_rights_are_by_account(here: World, run: Run) -> None:
    here.write()
    everything = json.dumps(run("policies", "operator", "--json").json["accounts"][OWN])
    reading = json.dumps(run("policies", "operator", "--read-only", "--json").json["accounts"][OWN])
    assert "sqs:CreateQueue" in everything
    assert "sqs:CreateQueue" not in reading


def test_without_credentials_the_account_can_be_said(here: World, run: Run) -> None:
    here.write()
    here.aws._accounts.clear()
    refused = run("policies", "show")
    assert refused.code == 3
    assert "--account" in refused.err
    said = run("policies", "show", "--account", OTHER, "--json")
    assert said.json["documents"][0]["account"] == OTHER

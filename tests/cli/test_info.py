"""info: FederationInfo of one node, on the command line without the key."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.inspect import federation_info, node_of
from fedml_infra.operations.load import load_stack
from tests.cli.conftest import Run
from tests.operations.worlds import KEY, OWN, World


@pytest.fixture
def up(here: World, run: Run) -> World:
    """A federation that is up."""
    here.write()
    assert run("up", "--yes").code == 0
    return here


def test_one_node_s_is_the_whole_answer(up: World, run: Run) -> None:
    done = run("info", "--pid", "charite", "--json")
    assert done.code == 0
    assert done.json == {
        "aws_id": OWN,
        "aws_queue_url": "https://sqs/cardio_charite",
        "aws_topic_arn": f"arn:aws:sns:us-east-1:{OWN}:cardio",
        "fed_local_id": "charite",
        "fed_name": "cardio",
        "fed_secret_key": "[secret]",
        "sync_sched": "m30",
        "fed_type": "AWS",
        "local_uuid": done.json["local_uuid"],
        "s3_bucket": "cardio-charite/updates",
    }


def test_it_is_told_to_people_too(up: World, run: Run) -> None:
    done = run("info", "--pid", "charite")
    assert "https://sqs/cardio_charite" in done.out
    assert "[secret]" in done.out


def test_a_node_that_is_not_there_is_named_with_those_that_are(up: World, run: Run) -> None:
    done = run("info", "--pid", "insel")
    assert done.code == 2
    assert "'insel'" in done.err
    assert "charite" in done.err


def test_with_the_key_the_same_function_answers_a_customer(up: World) -> None:
    config = load_stack(up.project, "cardio").config
    node, outputs = node_of(config, "charite"), up.engine.outputs("cardio")
    shown, hidden = federation_info(config, node, outputs, key=SecretStr(KEY)), federation_info(config, node, outputs)
    assert shown == hidden | {"fed_secret_key": KEY}


def test_no_other_node_is_taken_for_it(up: World) -> None:
    with pytest.raises(ConfigurationError):
        node_of(load_stack(up.project, "cardio").config, "charit")

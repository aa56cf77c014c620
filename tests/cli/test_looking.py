"""outputs, info, stacks and check: what each prints, and each refusal."""

from __future__ import annotations

from fedml_infra.errors import NetworkError
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, OTHER, OWN, World

JOINER_FILE = f"""\
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:{OTHER}:cardio
  fedml-infra:fed_secret_key: {{secure: v1:xyz}}
  fedml-infra:nodes:
    - {{pid: insel, s3_bucket: insel-fed}}
"""
TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


def test_outputs_in_json_are_the_engine_s(up: World, run: Run) -> None:
    assert run("outputs", "--json").json == up.engine.outputs("cardio")


def test_outputs_of_a_stack_that_never_came_up_end_with_6(here: World, run: Run) -> None:
    here.write()
    assert run("outputs").code == 6


def test_info_has_federation_info_without_the_key(up: World, run: Run) -> None:
    (node,) = run("info", "--json").json["nodes"]
    assert node["fed_secret_key"] == "[secret]"
    assert {*node} == {
        "aws_id", "aws_queue_url", "aws_topic_arn", "fed_local_id", "fed_name", "fed_secret_key", "sync_sched",
        "fed_type", "local_uuid", "s3_bucket",
    }  # fmt: skip
    assert (node["aws_id"], node["aws_topic_arn"]) == (OWN, TOPIC_ARN)


def test_info_of_a_stack_that_is_not_up_says_so(here: World, run: Run) -> None:
    here.write()
    done = run("info")
    assert done.code == 0
    assert "is not up" in done.err


def test_stacks_are_listed_with_role_and_state(up: World, run: Run) -> None:
    up.write(JOINER_FILE.replace("cardio", "neuro"), "neuro")
    up.write("config: {fedml-infra:fed_name: wrong}\n", "wrong")
    rows = {each["name"]: each for each in run("stacks", "list", "--json").json["stacks"]}
    assert (rows["cardio"]["role"], rows["cardio"]["in_backend"], rows["cardio"]["members"]) == ("hub", True, 1)
    assert (rows["neuro"]["role"], rows["neuro"]["in_backend"]) == ("joiner", False)
    assert rows["wrong"]["mistakes"] > 0
    assert "cardio  hub" in run("stacks", "list").out


def test_a_backend_that_cannot_be_asked_hides_no_file(here: World, run: Run) -> None:
    here.write()

    def unreachable() -> tuple[()]:
        raise NetworkError("The backend is away")

    here.engine.stacks = unreachable  # type: ignore[method-assign]
    done = run("stacks", "list", "--json")
    assert done.code == 0
    assert done.json["stacks"][0]["in_backend"] is None
    assert "The backend is away" in done.err


def test_check_tells_every_file(here: World, run: Run) -> None:
    here.write()
    here.write(HUB_FILE.replace("us-east-1", "us-east-9"), "neuro")
    done = run("check", "--json")
    assert done.code == 2
    assert [each["ok"] for each in done.json["files"]] == [True, False]
    assert {each["key"] for each in done.json["files"][1]["problems"]} == {"aws:region", "fed_name"}

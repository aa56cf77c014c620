"""`graph`: every format, where it is written, and what is unknown."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from fedml_infra.errors import EngineError, NetworkError
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, MEMBER, OWN, World

TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


def test_the_graph_of_a_stack_that_is_not_up_takes_accounts_from_the_credentials(here: World, run: Run) -> None:
    here.write()
    done = run("graph", "cardio")
    assert done.code == 0, done.err
    assert f"{OWN}, us-east-1, administered by this organisation" in done.out
    assert f"charite  {OWN}" in done.out


def test_without_credentials_and_engine_accounts_are_unknown_and_it_says_why(here: World, run: Run) -> None:
    here.write()
    here.aws._accounts.clear()
    here.engine.failing["outputs"] = EngineError("There is no engine")
    here.engine.outputs = lambda *_, **__: here.engine._fail("outputs") or {}  # type: ignore[method-assign]
    done = run("graph", "cardio")
    assert done.code == 0
    assert "charite  unknown account" in done.out
    assert "There is no engine" in done.err
    assert "AWS does not know these credentials" in done.err


def test_the_graph_of_a_stack_that_is_up_needs_no_credentials(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes")
    here.aws._accounts.clear()
    found = run("graph", "cardio", "--json").json
    assert found["topic"]["account"] == OWN
    assert found["nodes"][0]["account"] == OWN


def test_a_role_s_arn_tells_the_account(here: World, run: Run) -> None:
    role = f"      account: {{assume_role: 'arn:aws:iam::{MEMBER}:role/deploy'}}\n"
    here.write(HUB_FILE.replace(f'  fedml-infra:members:\n    - aws_id: "{MEMBER}"\n', "") + role)
    assert run("graph", "--json").json["nodes"][0]["account"] == MEMBER


def test_subscriptions_tell_members_nodes(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes")
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    here.aws.add_subscription(TOPIC_ARN, f"arn:aws:sqs:eu-west-1:{MEMBER}:cardio_insel")
    node = run("graph", "--json").json["nodes"][1]
    assert (node["pid"], node["account"], node["region"]) == ("insel", MEMBER, "eu-west-1")


def test_subscriptions_that_cannot_be_read_are_no_failure(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes")

    def away(*_: object) -> tuple[()]:
        raise NetworkError("SNS is away")

    here.aws.subscriptions = away  # type: ignore[method-assign]
    done = run("graph")
    assert done.code == 0
    assert "SNS is away" in done.err


def test_a_defect_is_not_taken_for_an_unknown_account(here: World, run: Run) -> None:
    here.write()

    def broken(*_: object) -> str:
        raise RuntimeError("a defect")

    here.aws.account_of = broken  # type: ignore[method-assign]
    assert run("graph").code == 1


@pytest.mark.parametrize(
    ("arguments", "start"),
    [(("--format", "mermaid"), "---\n"), (("--format", "svg"), "<svg "), (("--json",), "{\n"), ((), "cardio: ")],
)
def test_every_format_is_printed(arguments: tuple[str, ...], start: str, here: World, run: Run) -> None:
    here.write()
    done = run("graph", *arguments)
    assert done.out.startswith(start)
    assert done.out.endswith("\n")
    assert not done.out.endswith("\n\n")


def test_a_file_s_ending_says_its_format(here: World, run: Run) -> None:
    here.write()
    done = run("graph", "-o", "cardio.svg")
    assert done.out == ""
    assert "cardio.svg" in done.err
    assert ElementTree.parse(here.project / "cardio.svg").getroot().tag.endswith("svg")
    assert run("graph", "-o", "cardio.mmd").code == 0
    assert (here.project / "cardio.mmd").read_text(encoding="utf-8").startswith("---")
    assert run("graph", "-o", "cardio.mmd", "--format", "text").code == 0
    assert (here.project / "cardio.mmd").read_text(encoding="utf-8").startswith("cardio:")


def test_a_file_that_cannot_be_written_ends_with_2(here: World, run: Run) -> None:
    here.write()
    done = run("graph", "-o", "no/such/folder.svg")
    assert done.code == 2
    assert "-o" in done.err


def test_two_formats_are_refused(here: World, run: Run) -> None:
    here.write()
    assert run("graph", "--json", "--format", "svg").code == 2
    assert run("graph", "--json", "--format", "json").code == 0

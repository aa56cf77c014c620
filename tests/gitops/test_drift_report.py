"""Drift of all stacks: one document, one issue."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.engine.double import Declared
from fedml_infra.engine.protocol import Cancellation, RunOptions
from fedml_infra.errors import CancelledError, NetworkError, StackNotFoundError
from fedml_infra.gitops.drift_report import (
    LONGEST,
    MARKER,
    StackDrift,
    drift_json,
    drift_markdown,
    drift_of_all,
    exit_code,
    told_in_issue,
)
from fedml_infra.gitops.hosting.double import InMemoryHost
from fedml_infra.operations.drift import Drift, Finding, Kind, Severity
from fedml_infra.operations.state import QUEUE, TOPIC
from tests.operations.federations import Party, hub
from tests.operations.worlds import world


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    return hub(tmp_path / "hub")


def look(party: Party, **how: object) -> tuple[StackDrift, ...]:
    options = RunOptions(**how)  # type: ignore[arg-type]
    return drift_of_all(party.world.project, party.world.engine, party.world.aws, options)


def by_hand(party: Party, kind: str, name: str, **inputs: object) -> None:
    engine = party.world.engine
    engine.reality["cardio"][engine.urn("cardio", Declared(kind, name))] = Declared(kind, name, inputs)


def drifted(stack: str, words: str, count: int = 1) -> StackDrift:
    findings = tuple(Finding(Kind.CHANGED, Severity.EXPOSED, words, "r", QUEUE) for _ in range(count))
    return StackDrift(stack, Drift(findings, (), (), 0))


CLEAN = StackDrift("onco", Drift((), (), (), 0))
BROKEN = StackDrift("neuro", error=NetworkError("AWS cannot be reached", fix="Wait."))


def test_what_is_as_made_ends_with_0(the_hub: Party):
    [found] = look(the_hub)
    assert not found.differs and exit_code([found]) == 0
    assert drift_json([found])["drift"] is False


def test_what_differs_is_told_by_stack_and_ends_with_7(the_hub: Party):
    by_hand(the_hub, TOPIC, "cardio", policy="open to all")
    found = look(the_hub)
    [row] = drift_json(found)["stacks"]
    assert exit_code(found) == 7 and row["stack"] == "cardio" and row["findings"][0]["resource"] == "cardio"
    assert "#### cardio" in drift_markdown(found)


def test_a_stack_that_was_never_brought_up_has_no_drift(tmp_path: Path):
    made = world(tmp_path)
    made.write()
    found = drift_of_all(made.project, made.engine, made.aws, RunOptions())
    assert exit_code(found) == 0 and drift_json(found)["stacks"][0]["made"] is False


def test_a_broken_file_keeps_no_other_stack_from_being_looked_at(the_hub: Party):
    the_hub.world.write("config:\n  fedml-infra:fed_name: broken\n", "broken")
    by_hand(the_hub, TOPIC, "cardio", policy="open to all")
    broken, cardio = look(the_hub)
    assert broken.error is not None and cardio.differs
    assert exit_code((broken, cardio)) == 7 and exit_code((broken,)) == 2


def test_a_look_that_is_stopped_is_no_finding(the_hub: Party):
    asked = Cancellation()
    asked.request()
    with pytest.raises(CancelledError):
        look(the_hub, cancellation=asked)


def test_a_repository_without_stacks_is_told(tmp_path: Path):
    made = world(tmp_path)
    with pytest.raises(StackNotFoundError):
        drift_of_all(made.project, made.engine, made.aws, RunOptions())


def test_one_issue_is_opened_updated_and_closed_with_a_note():
    host = InMemoryHost()
    first = told_in_issue(host, [drifted("cardio", "queue a is gone"), CLEAN])
    second = told_in_issue(host, [drifted("cardio", "queue a is gone"), drifted("onco", "topic b is open")])
    assert first == second
    [issue] = host.issues
    assert issue.title == "Drift in 2 stacks: cardio, onco" and "topic b is open" in issue.body
    assert issue.body.startswith(MARKER)
    assert told_in_issue(host, [CLEAN]) == first and not issue.open and "Nothing differs any more" in issue.notes[0]
    assert told_in_issue(host, [CLEAN]) is None and len(host.issues) == 1


def test_a_stack_that_cannot_be_looked_at_keeps_the_issue_open():
    host = InMemoryHost()
    told_in_issue(host, [drifted("neuro", "queue a is gone")])
    told_in_issue(host, [BROKEN, CLEAN])
    [issue] = host.issues
    assert issue.open and issue.title == "Drift could not be looked for" and "AWS cannot be reached" in issue.body


def test_names_of_strangers_do_nothing_in_the_issue():
    text = drift_markdown([drifted("cardio", "email <img src=x> @everyone\n/close receives `all`")])
    assert "<img" not in text and "@everyone" not in text and "\n/close" not in text


def test_an_issue_is_never_longer_than_a_host_takes():
    many = [drifted(f"stack-{number}", "x" * 500, count=60) for number in range(20)]
    text = drift_markdown(many)
    assert len(text) <= LONGEST + 1 and "More is found than fits here" in text
    assert "and 10 more" in drift_markdown([drifted("cardio", "x", count=60)])

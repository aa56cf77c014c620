"""What of a run's events is shown without a terminal."""

from __future__ import annotations

import pytest

from cli.progress import ProgressView
from fedml_infra.engine.events import EventKind, Progress, RunEvent

URN = "urn:pulumi:c::p::fedml-infra:Node$aws:sns/topicSubscription:TopicSubscription::cardio_insel"


def event(kind: EventKind, text: str = "", **more: str) -> RunEvent:
    return RunEvent(kind, Progress(), text, urn=URN, **more)  # type: ignore[arg-type]


def shown(capsys: pytest.CaptureFixture[str], *events: RunEvent) -> list[str]:
    with ProgressView("Bringing cardio up") as view:
        for each in events:
            view(each)
    return capsys.readouterr().err.splitlines()[1:]


def test_what_a_resource_waits_for_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(
        capsys,
        event(EventKind.WAITING, "waiting for AWS to free the name (up to 70 s more)"),
        event(EventKind.WAITING, "waiting for AWS to free the name (up to 60 s more)"),
    )
    assert lines == ["  … aws:sns:TopicSubscription cardio_insel: waiting for AWS to free the name (up to 70 s more)"]


def test_a_resource_that_waits_again_after_it_was_done_is_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    wait, done = event(EventKind.WAITING, "waiting"), event(EventKind.RESOURCE_DONE, op="update")
    lines = shown(capsys, wait, done, wait)
    assert [line.split()[0] for line in lines] == ["…", "~", "…"]

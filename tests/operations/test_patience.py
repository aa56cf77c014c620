"""A Subscribe that AWS refuses for the first minute is tried again for two; anything else is told at once."""

from __future__ import annotations

import pytest

from fedml_infra.engine.events import EventKind, Progress, RunEvent
from fedml_infra.engine.protocol import Cancellation, NotYetAllowedError, RunOptions, RunResult
from fedml_infra.errors import FedmlError, ResourceError
from fedml_infra.operations.patience import PATIENCE_SECONDS, PAUSE_SECONDS, patient

DONE = RunResult({}, (), {}, 0.0)
DENIED = NotYetAllowedError("no Subscribe")


class Clock:
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


class Engine:
    """Answers with each of these in turn, the last one ever after."""

    def __init__(self, *answers: FedmlError | RunResult) -> None:
        self._answers = list(answers)
        self.runs = 0

    def up(self, options: RunOptions) -> RunResult:
        self.runs += 1
        if options.on_event is not None:
            options.on_event(RunEvent(EventKind.STARTED, Progress()))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, RunResult):
            return answer
        raise answer


def run(engine: Engine, options: RunOptions | None = None) -> tuple[RunResult, Clock]:
    clock = Clock()
    return patient(engine.up, now=clock.now, wait=clock.wait)(options or RunOptions()), clock


def test_it_runs_again_until_it_is_allowed_and_says_so() -> None:
    told: list[RunEvent] = []
    engine = Engine(DENIED, DENIED, DONE)
    result, clock = run(engine, RunOptions(on_event=told.append))
    assert result is DONE
    assert engine.runs == 3
    assert clock.seconds == 2 * PAUSE_SECONDS
    said = [event.text for event in told if event.kind is EventKind.MESSAGE]
    assert len(said) == 2
    assert "up to a minute" in said[0]


@pytest.mark.parametrize(("timeout", "longest"), [(None, PATIENCE_SECONDS), (25.0, 25.0)])
def test_after_two_minutes_or_the_run_s_own_time_it_is_believed(timeout: float | None, longest: float) -> None:
    clock, engine = Clock(), Engine(DENIED)
    with pytest.raises(NotYetAllowedError):
        patient(engine.up, now=clock.now, wait=clock.wait)(RunOptions(timeout=timeout))
    assert longest - PAUSE_SECONDS <= clock.seconds <= longest


def test_any_other_refusal_is_told_at_once() -> None:
    engine = Engine(ResourceError("no Publish"), DONE)
    with pytest.raises(ResourceError, match="no Publish"):
        run(engine)
    assert engine.runs == 1


def test_who_wants_to_stop_waits_no_longer() -> None:
    cancellation = Cancellation()
    cancellation.request()
    engine = Engine(DENIED)
    with pytest.raises(NotYetAllowedError):
        run(engine, RunOptions(cancellation=cancellation))
    assert engine.runs == 1

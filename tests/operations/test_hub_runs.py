"""Runs of a hub for those who wait: shared, never stale, and told when they fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fedml_infra.errors import FedmlError, ResourceError
from fedml_infra.model.stack import Member, StackConfig
from fedml_infra.operations.hub_runs import SharedRuns, Standing

A, B = (Member(aws_id=number * 12) for number in "23")


def config(*members: Member) -> StackConfig:
    values: dict[str, Any] = {"fed_name": "cardio", "sync_sched": "m30", "fed_secret_key": None, "region": "us-east-1"}
    return StackConfig(**values, members=members)


class Hub:
    """What its file says, and how often it was brought up."""

    def __init__(self) -> None:
        self.file = config()
        self.count = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def bring_up(self) -> Standing:
        self.count += 1
        says = self.file
        self.begun.set()
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return Standing(says, b"roster")


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def runs(hub: Hub) -> Iterator[SharedRuns]:
    made = SharedRuns(hub.bring_up, hold=30.0)
    made.start()
    yield made
    hub.gate.set()
    made.stop()


def test_a_run_is_made_for_who_is_not_up_yet(hub: Hub, runs: SharedRuns) -> None:
    hub.file = config(A)
    assert runs.standing_with(hub.file, A) == Standing(hub.file, b"roster")


def test_none_is_made_for_who_is_up(hub: Hub, runs: SharedRuns) -> None:
    hub.file = config(A)
    runs.standing_with(hub.file, A)
    runs.standing_with(hub.file, A)
    assert hub.count == 1


def test_who_comes_during_a_run_shares_the_next(hub: Hub, runs: SharedRuns) -> None:
    hub.gate.clear()
    hub.file = config(A)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(runs.standing_with, hub.file, A)
        hub.begun.wait()
        hub.file = config(A, B)
        second = pool.submit(runs.standing_with, hub.file, B)
        hub.gate.set()
        assert first.result() is not None and second.result() is not None
    assert hub.count == 2


def test_what_came_up_earlier_is_no_answer_once_the_file_says_something_else(hub: Hub, runs: SharedRuns) -> None:
    """A member that was removed by another process and comes again with the same entry needs a run."""
    hub.file = config(A)
    runs.standing_with(hub.file, A)
    hub.file = config(A, B)
    assert runs.standing_with(hub.file, A) == Standing(hub.file, b"roster")
    assert hub.count == 2


def test_who_was_taken_out_before_the_run_is_not_up(hub: Hub, runs: SharedRuns) -> None:
    hub.file = config()
    assert runs.standing_with(config(A), A) is None


@pytest.mark.parametrize(("error", "told"), [(ResourceError("Throttled"), "Throttled"), (KeyError("x"), "KeyError")])
def test_a_run_that_fails_is_told_once_and_the_next_one_may_succeed(error: Exception, told: str) -> None:
    hub, heard = Hub(), []
    runs = SharedRuns(hub.bring_up, hold=30.0, on_error=lambda said: heard.append(said.what))
    runs.start()
    hub.file, hub.error = config(A), error
    with pytest.raises(FedmlError, match=told):
        runs.standing_with(hub.file, A)
    assert len(heard) == 1 and told in heard[0]
    hub.error = None
    assert runs.standing_with(hub.file, A) is not None
    runs.stop()


def test_who_does_not_wait_for_the_run_finds_it_done_the_next_time(hub: Hub, runs: SharedRuns) -> None:
    hub.gate.clear()
    hub.file = config(A)
    runs.hold = 0.0
    assert runs.standing_with(hub.file, A) is None
    runs.hold = 30.0
    hub.begun.wait()
    hub.gate.set()
    assert runs.standing_with(hub.file, A) is not None
    assert hub.count <= 2


def test_once_it_ends_nobody_is_held(hub: Hub) -> None:
    runs = SharedRuns(hub.bring_up, hold=30.0)
    runs.start()
    runs.stop()
    assert runs.standing_with(config(A), A) is None
    assert hub.count == 0

"""Calls at once: bounded, in order, no failure lost."""

from __future__ import annotations

import threading

import pytest

from fedml_infra.aws.parallel import each


class Gauge:
    """How many calls are in flight, and the most there were; each waits until `bound` are."""

    def __init__(self, bound: int) -> None:
        self.barrier = threading.Barrier(bound)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, item: int) -> int:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait(timeout=60)
        with self.lock:
            self.now -= 1
        return item


@pytest.mark.parametrize("bound", [2, 4])
def test_exactly_as_many_calls_are_in_flight_as_the_bound_says(bound: int) -> None:
    gauge = Gauge(bound)
    each(gauge, range(bound * 5), at_once=bound)
    assert gauge.most == bound


def test_outcomes_are_in_the_order_of_the_items() -> None:
    first_may_end = threading.Event()

    def call(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(60)
        else:
            first_may_end.set()
        return item * 10

    assert [outcome.value for outcome in each(call, range(3))] == [0, 10, 20]


def test_a_failure_stops_no_other_call_and_is_kept() -> None:
    outcomes = each(lambda item: 6 // item, [0, 3])
    assert isinstance(outcomes[0].error, ZeroDivisionError)
    assert outcomes[1].unwrap() == 2


def test_unwrapping_a_failure_raises_it() -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 6 // item, [0])[0].unwrap()


def test_nothing_to_do_is_no_call() -> None:
    assert each(lambda item: item, []) == ()

"""Runs that are killed: the same command again mends what was left, with nothing twice and nothing forgotten."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from fedml_infra.sandbox.local_aws.faults import Fault, Faults, Plan, Rule
from fedml_infra.sandbox.sandbox import Running
from tests.stories.conftest import MakeOrganisation
from tests.stories.dying import kill
from tests.stories.federation import Organisation
from tests.stories.hub import Ended, assert_whole, begin, end, found, hub, must, run, state

pytestmark = pytest.mark.story
VICTIMS = ("command", "engine", "provider", "program")
EVENTS = 58
"""Events of the engine in an `up` of a hub with one node, and as many in its `destroy`."""
CALLS = {"up": 74, "destroy": 32}
"""Calls of AWS in each."""
LINES = 18
"""Things that each tells as made or deleted."""
PARTS = 10
"""Of the exhaustive tests: each takes every tenth place, so that a few of them are an even sample."""
HELD_SECONDS = 0.5
"""How long a call is held back, for something to be killed meanwhile."""
BETWEEN_SECONDS = 0.1
"""Between two presses of Ctrl-C."""


@pytest.fixture
def faults(sandbox: Running) -> Iterator[Faults]:
    control = Faults(sandbox.local_aws)
    yield control
    control.clear()


def kill_at_event(where: Organisation, victim: str, number: int, command: str, **more: str) -> Ended:
    return end(begin(where, victim, number, command, where.federation, "--yes", **more))


def kill_at_call(
    where: Organisation, faults: Faults, victim: str, number: int, command: str, operation: str = "*"
) -> Ended:
    """Kills while AWS has the call of that number and has not answered it; the call itself is carried out."""
    rule = Rule(fault=Fault.LATENCY, account=where.account, operation=operation, calls=(number,), seconds=HELD_SECONDS)
    faults.set(Plan(rules=(rule,)))
    process = begin(where, "nobody", 0, command, where.federation, "--yes")
    while process.poll() is None and not any(call.outcome == Fault.LATENCY for call in faults.calls()):
        time.sleep(0.01)
    kill(victim, process.pid)
    ended = end(process)
    faults.clear()
    return ended


def mended(where: Organisation, command: str) -> None:
    """The same command again, which nobody kills: all is there once, or nothing is."""
    if command == "up":
        must(where, "up", where.federation, "--yes")
        assert_whole(where)
    else:
        again = run(where, "destroy", where.federation, "--yes")
        assert again.code in (0, 6), again.err  # 6: the one before had done all when it was killed
        assert not found(where)


def test_one_more_run_mends_whatever_was_killed(organisation: MakeOrganisation, faults: Faults) -> None:
    """Each of the four once; `make soak` kills each of them alone, everywhere."""
    where = hub(organisation, "killed")
    assert kill_at_event(where, "program", 18, "up").code == 4
    assert "provider's process ended" in kill_at_call(where, faults, "provider", 1, "up", "Subscribe").err
    mended(where, "up")
    assert "signal 9" in kill_at_event(where, "engine", 31, "destroy").err
    assert kill_at_event(where, "command", 14, "destroy").code == -signal.SIGKILL
    mended(where, "destroy")


@pytest.mark.soak
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("part", range(PARTS))
def test_one_more_run_mends_a_kill_at_any_event(organisation: MakeOrganisation, victim: str, part: int) -> None:
    where = hub(organisation, f"any{victim}{part}")
    for number in range(1 + part, EVENTS + 1, PARTS):
        for command in ("up", "destroy"):
            kill_at_event(where, victim, number, command)
            mended(where, command)


@pytest.mark.soak
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("part", range(PARTS))
def test_one_more_run_mends_a_kill_at_any_call_of_aws(
    organisation: MakeOrganisation, faults: Faults, victim: str, part: int
) -> None:
    where = hub(organisation, f"call{victim}{part}")
    for number in range(1 + part, max(CALLS.values()) + 1, PARTS):
        for command, calls in CALLS.items():
            if number <= calls:
                kill_at_call(where, faults, victim, number, command)
            mended(where, command)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_one_more_run_mends_a_kill_at_a_random_moment(organisation: MakeOrganisation, seed: int) -> None:
    chance = random.Random(seed)
    victim = chance.choice(VICTIMS)
    where = hub(organisation, f"moment{seed}")
    for command in ("up", "destroy"):
        kill_at_event(where, victim, 0, command, DYING_AFTER=str(chance.uniform(0.3, 4.0)))
        mended(where, command)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_mends_may_be_killed_as_well(organisation: MakeOrganisation, seed: int) -> None:
    """Killed while it settles what the one before left, or right after."""
    chance = random.Random(seed)
    where = hub(organisation, f"again{seed}")
    for command in ("up", "destroy"):
        kill_at_event(where, chance.choice(("command", "engine")), chance.randint(8, 40), command)
        kill_at_event(where, chance.choice(VICTIMS), 0, command, DYING_AFTER=str(chance.uniform(0.5, 4.0)))
        mended(where, command)


def interrupt(where: Organisation, times: int, line: int, command: str) -> Ended:
    """Ctrl-C, to the whole group as a terminal sends it, once that many things are told as made or deleted."""
    process = begin(where, "nobody", 0, command, where.federation, "--yes")
    assert process.stderr is not None and process.stdout is not None
    told, seen = [], 0
    for text in process.stderr:
        told.append(text)
        seen += text.startswith(("  + created", "  - deleted"))
        if seen == line and times:
            for pause in (0.0, BETWEEN_SECONDS)[:times]:
                time.sleep(pause)
                with contextlib.suppress(ProcessLookupError):  # ended already
                    os.killpg(process.pid, signal.SIGINT)
            times = 0
    out = process.stdout.read()
    return Ended(process.wait(), out, "".join(told))


def assert_clean(where: Organisation) -> None:
    """Nothing is under way and nobody holds the stack."""
    assert not state(where).get("pending_operations")
    assert not list((where.folder / "state/.pulumi/locks").rglob("*.json"))


def test_ctrl_c_once_is_clean_twice_is_a_kill_and_the_next_run_goes_on(organisation: MakeOrganisation) -> None:
    where = hub(organisation, "ctrlc")
    once = interrupt(where, 1, 2, "up")
    assert once.code == 8 and "run the same command again" in once.err, once.err
    assert_clean(where)
    assert found(where).total() > 0
    assert interrupt(where, 2, 2, "up").code == 8
    mended(where, "up")


@pytest.mark.soak
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("part", range(6))
def test_ctrl_c_at_any_moment_is_mended(organisation: MakeOrganisation, times: int, part: int) -> None:
    where = hub(organisation, f"press{times}{part}")
    for line in range(1 + part, LINES + 1, 6):
        for command in ("up", "destroy"):
            ended = interrupt(where, times, line, command)
            assert ended.code in (0, 8), ended.err  # 0: it came too late
            if times == 1 and (command == "up" or ended.code == 8):
                assert_clean(where)
            mended(where, command)


def at_once(where: Organisation, number: int) -> None:
    runs = [begin(where, "nobody", 0, "up", where.federation, "--yes") for _ in range(number)]
    ended = [end(process) for process in runs]
    assert {one.code for one in ended} <= {0, 4}, [one.err for one in ended]
    assert any(one.code == 0 for one in ended)
    assert all("Another run" in one.err and "@" in one.err for one in ended if one.code == 4)
    assert_whole(where)


@pytest.mark.soak
def test_of_several_ups_at_once_each_runs_or_says_why_not(organisation: MakeOrganisation):
    at_once(hub(organisation, "crowd"), 4)


@pytest.mark.soak
def test_of_sixteen_ups_at_once_each_runs_or_says_why_not(organisation: MakeOrganisation):
    at_once(hub(organisation, "crowd16"), 16)


def test_a_second_up_waits_for_the_first_where_it_is_told_to(organisation: MakeOrganisation):
    where = hub(organisation, "patience")
    both = [begin(where, "nobody", 0, "up", "patience", "--yes", "--wait") for _ in range(2)]
    ended = [end(process) for process in both]
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert_whole(where)

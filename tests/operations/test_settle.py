"""What a command does about an earlier run that was cut off, with the shipped doubles behind it."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.engine.events import EventKind, Progress, RunEvent
from fedml_infra.engine.locks import LockHolder, StackLockedByError
from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.engine.recovery import BUCKET, QUEUE, ROLE
from fedml_infra.errors import EngineError, ResourceError
from fedml_infra.model.tags import ownership_tags
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.catalogue import NODE, Entry, catalogue
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.recover import plan_import, plan_recover, require_ours
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.up import look_at
from tests.operations.worlds import MEMBER, OWN, World, world

DEAD = LockHolder("eve", socket.gethostname(), 2**22 + 1, "2026-01-02T03:04:05Z", "file:///locks/1.json")
LIVE = replace(DEAD, pid=1, since="2100-01-02T03:04:05Z")
ABROAD = replace(DEAD, host="elsewhere.invalid")


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write()
    made.engine.up("cardio")
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def recovery(here: World, said: list[str]) -> Recovery:
    return Recovery(load_stack(here.project, "cardio"), here.engine, here.aws, said.append)


def entry(stack: Stack, kind: str, pid: str | None = "charite") -> Entry:
    entries = catalogue(stack.config, {}, Accounts(OWN, {"charite": OWN}))
    return next(one for one in entries if one.sought.type == kind and one.pid == pid)


def cut_off(here: World, recovery: Recovery, kind: str, operation: str = "creating") -> Entry:
    """Leaves an operation under way in the state."""
    one = entry(recovery.stack, kind)
    state = here.engine.state("cardio")
    row = {
        "type": operation,
        "resource": {
            "urn": one.urn,
            "type": kind,
            "parent": one.adoption.parent,
            "provider": f"{one.adoption.provider}::1",
            "inputs": {"name": one.sought.key, "bucket": one.sought.key},
        },
    }
    state["deployment"]["pending_operations"] = [row]
    here.engine.set_state("cardio", state)
    return one


def urns(here: World) -> list[str]:
    return [row["urn"] for row in here.engine.state("cardio")["deployment"]["resources"]]


def pending(here: World) -> object:
    return here.engine.state("cardio")["deployment"].get("pending_operations")


def test_nothing_cut_off_is_nothing_said_and_nothing_written(recovery, said):
    before = recovery.engine.state("cardio")
    assert recovery.ready() == before and said == []


def test_what_was_made_is_adopted_and_told(here, recovery, said):
    one = cut_off(here, recovery, ROLE)
    here.aws.add_role(OWN, one.sought.key, ownership_tags("cardio", "charite"))
    recovery.ready()
    assert one.urn in urns(here) and pending(here) is None
    assert any(line.endswith("was made by the run that was cut off: adopted.") for line in said)


def test_what_was_not_made_is_only_cleared(here, recovery, said):
    one = cut_off(here, recovery, ROLE)
    recovery.ready()
    assert one.urn not in urns(here) and pending(here) is None
    assert any(line.endswith("was not made yet.") for line in said)


def test_somebody_elses_thing_is_refused_and_the_state_stays_as_it_is(here, recovery):
    one = cut_off(here, recovery, ROLE)
    here.aws.add_role(OWN, one.sought.key, ownership_tags("other", "charite"))
    with pytest.raises(ResourceError, match="is not this stack's by its tags"):
        recovery.ready()
    assert pending(here)


def test_what_a_killed_engine_left_in_the_state_is_settled_by_its_own_run_and_told_once(here, recovery, said):
    def dies(options: RunOptions) -> RunResult:
        one = cut_off(here, recovery, ROLE)
        here.aws.add_role(OWN, one.sought.key, ownership_tags("cardio", "charite"))
        assert options.on_event is not None
        options.on_event(RunEvent(EventKind.RESOURCE_STARTED, Progress(0, None, 0, (), 0.0), urn=one.urn, op="create"))
        raise EngineError("The engine's process was ended by signal 9")

    with pytest.raises(EngineError):
        recovery.run(dies, RunOptions())
    assert pending(here) is None
    assert [line for line in said if "adopted" in line] == [line for line in said if "cut off: adopted." in line] != []


def test_a_deletion_that_was_cut_off_is_left_to_the_run(here, recovery, said):
    cut_off(here, recovery, ROLE, "deleting")
    recovery.ready()
    assert pending(here) is None and any("it is done again" in line for line in said)


def test_a_look_says_what_would_be_settled_and_settles_nothing(here, recovery, said):
    cut_off(here, recovery, ROLE)
    _, lines = recovery.foreseen()
    assert lines and pending(here) and said == []


def test_a_preview_takes_what_would_be_adopted_for_the_stacks_own(here, recovery):
    bucket = cut_off(here, recovery, BUCKET)
    here.engine.set_state("cardio", without(here.engine.state("cardio"), bucket.urn))
    here.aws.add_bucket(OWN, "us-east-1", bucket.sought.key)
    exported, [line] = recovery.foreseen()
    assert line.endswith("adopted.")
    assert look_at(recovery.stack, here.aws, exported).state.bucket_names >= {bucket.sought.key}


def without(exported: dict, urn: str) -> dict:
    """The state without that resource (by its last name: the double has no parents)."""
    rows = exported["deployment"]["resources"]
    kept = [row for row in rows if row["type"] != urn.split("$")[-1].partition("::")[0]]
    return {**exported, "deployment": {**exported["deployment"], "resources": kept}}


def test_a_dead_runs_lock_is_taken_off_and_what_it_left_is_settled(here, recovery, said):
    cut_off(here, recovery, ROLE)
    here.engine.lock("cardio", DEAD)
    recovery.ready()
    assert said[1].startswith(f"The run of eve@{socket.gethostname()}, process {DEAD.pid}") and pending(here) is None


def test_the_lock_of_a_run_that_begins_meanwhile_is_not_the_one_taken_off(here, recovery):
    here.engine.lock("cardio", replace(DEAD, url="file:///locks/2.json"))
    here.engine.drop_lock("file:///locks/1.json")
    with pytest.raises(StackLockedByError):
        here.engine.up("cardio")


def test_a_lock_in_a_bucket_is_taken_off_there(here, recovery):
    url = "s3://states/.pulumi/locks/organization/fedml-infra/cardio/1.json"
    here.engine.lock("cardio", replace(DEAD, url=url))

    def act(options: RunOptions):
        if here.aws.dropped_locks:
            here.engine.drop_lock(url)
        return here.engine.up("cardio", options)

    recovery.run(act, RunOptions())
    assert here.aws.dropped_locks == [url]


@pytest.mark.parametrize(("holder", "fix"), [(LIVE, "left alone"), (ABROAD, "pulumi cancel cardio")])
def test_a_run_that_lives_or_may_live_is_never_robbed(here, recovery, said, holder, fix):
    here.engine.lock("cardio", holder)
    with pytest.raises(StackLockedByError, match="eve@") as refused:
        recovery.run(lambda options: here.engine.up("cardio", options), RunOptions())
    assert fix in str(refused.value) and said == []
    with pytest.raises(StackLockedByError):
        here.engine.up("cardio")


def test_a_run_of_another_machine_that_is_proved_dead_loses_its_lock(here, recovery, said):
    here.engine.lock("cardio", ABROAD)
    recovery.knows_dead = lambda holder: holder == ABROAD
    assert recovery.run(lambda options: here.engine.up("cardio", options), RunOptions()).summary
    assert said == [f"The run of {ABROAD} is dead: its lock on cardio is taken off."]


def test_who_lives_on_this_machine_is_left_alone_whatever_is_known_of_others(here, recovery):
    here.engine.lock("cardio", LIVE)
    recovery.knows_dead = lambda _: True
    with pytest.raises(StackLockedByError):
        recovery.run(lambda options: here.engine.up("cardio", options), RunOptions())


def test_waiting_ends_when_the_other_run_does(here, recovery, said):
    here.engine.lock("cardio", LIVE)
    recovery.wait = 60
    tries = []

    def act(options: RunOptions):
        tries.append(1)
        if len(tries) == 2:
            here.engine.cancel("cardio")
        return here.engine.up("cardio", options)

    assert recovery.run(act, RunOptions()).summary
    assert len(said) == 1 and said[0].endswith("Waiting …")


def test_waiting_is_not_for_longer_than_was_said(here, recovery):
    here.engine.lock("cardio", LIVE)
    recovery.wait = 0.1
    with pytest.raises(StackLockedByError, match="after 0 s of waiting"):
        recovery.run(lambda options: here.engine.up("cardio", options), RunOptions())


def test_a_plan_to_recover_adopts_what_has_the_tags_and_leaves_the_rest(here, recovery):
    tagged, other = entry(recovery.stack, ROLE), entry(recovery.stack, QUEUE)
    here.aws.add_role(OWN, tagged.sought.key, ownership_tags("cardio", "charite"))
    here.aws.add_queue(OWN, "us-east-1", other.sought.key)
    here.engine.destroy("cardio")
    here.engine.remove("cardio")
    plan = plan_recover(recovery)
    assert plan.state == "missing"
    assert [one.urn for one in plan.adopted] == [tagged.urn]
    assert [one.urn for one in plan.not_ours] == [other.urn]
    assert not here.engine.exists("cardio")


def test_an_import_takes_what_has_no_tags_and_refuses_another_federations(here, recovery):
    queue = entry(recovery.stack, QUEUE)
    here.aws.add_queue(OWN, "us-east-1", queue.sought.key)
    plan = plan_import(recovery, is_new=True)
    assert queue.urn in [one.urn for one in plan.adopted]
    require_ours(plan)
    here.aws.add_bucket(OWN, "us-east-1", entry(recovery.stack, BUCKET).sought.key, ownership_tags("other", "x"))
    with pytest.raises(ResourceError, match="carries the tags of another stack"):
        require_ours(plan_import(recovery, is_new=True))


def test_an_entry_says_whose_account_and_node_it_is(recovery):
    one = entry(recovery.stack, QUEUE)
    assert (one.account, one.pid) == (OWN, "charite") and NODE in one.urn and MEMBER not in one.account

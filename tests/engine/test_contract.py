"""What every engine promises: one suite for the real one and for the one in memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pydantic import SecretStr

from fedml_infra.engine.events import EventKind
from fedml_infra.engine.protocol import PlanRefusedError, RunOptions, UnexpectedChangesError
from fedml_infra.errors import ResourceError, StackNotFoundError
from tests.engine.worlds import MemoryWorld, RealWorld, World


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.story)])
def world(request, tmp_path) -> World:
    made = MemoryWorld() if request.param == "memory" else RealWorld(tmp_path)
    made.stack_file("cardio")
    return made


# Slow, and what the real engine does of it is in a story as well.
real_in_soak = pytest.mark.parametrize(
    "world", ["memory", pytest.param("real", marks=(pytest.mark.story, pytest.mark.soak))], indirect=True
)


def test_a_stack_without_a_file_and_without_a_state_is_not_found(world):
    with pytest.raises(StackNotFoundError, match="nowhere"):
        world.engine.preview("nowhere")
    assert not world.engine.exists("nowhere")


def test_a_preview_of_a_stack_that_the_backend_lacks_makes_it_empty_and_says_so(world):
    world.declare({"a": 1})
    told = []
    result = world.engine.preview("cardio", RunOptions(on_event=told.append))
    assert result.summary == {"create": 2}
    assert any("no stack cardio yet" in event.text for event in told)
    assert world.engine.exists("cardio")
    assert not world.engine.state("cardio")["deployment"].get("resources")


def test_a_stack_lives(world):
    """up, nothing to do, a change, a removal, an empty end: each told as it is."""
    engine = world.engine
    engine.init("cardio")
    engine.init("cardio")
    world.declare({"a": 1, "b": 2}, outputs={"n": 2}, secret_outputs={"key": "hush hush"})
    made = engine.up("cardio")
    assert made.summary == {"create": 3}
    assert {(change.name, change.op) for change in made.changed} >= {("a", "create"), ("b", "create")}
    assert made.outputs == {"n": 2, "key": "[secret]"}
    assert engine.outputs("cardio") == {"n": 2, "key": "[secret]"}
    assert engine.outputs("cardio", show_secrets=True) == {"n": 2, "key": "hush hush"}

    same = engine.preview("cardio", RunOptions(expect_no_changes=True))
    assert same.summary == {"same": 3} and same.changed == ()

    world.declare({"a": 5, "b": 2})
    with pytest.raises(UnexpectedChangesError) as unexpected:
        engine.preview("cardio", RunOptions(expect_no_changes=True))
    [change] = unexpected.value.result.changed
    assert (change.name, change.op, change.type) == ("a", "update", "pulumi:index:Stash")
    assert change.inputs["input"] == 5
    assert engine.up("cardio").summary == {"update": 1, "same": 2}

    world.declare({"b": 2})
    assert engine.up("cardio").summary == {"delete": 1, "same": 2}
    assert engine.refresh("cardio", RunOptions(expect_no_changes=True)).changed == ()

    assert engine.destroy("cardio", RunOptions(preview_only=True)).summary == {"delete": 2}
    assert engine.state("cardio")["deployment"]["resources"]
    assert engine.destroy("cardio").summary == {"delete": 2}
    assert not engine.state("cardio")["deployment"].get("resources")
    engine.remove("cardio")
    assert not engine.exists("cardio")


def test_an_up_does_what_its_plan_has_again_where_it_was_cut_off_and_nothing_else(world, tmp_path):
    engine, plan = world.engine, tmp_path / "cardio.plan.json"
    world.declare({"a": 1}, secret_outputs={"key": "hush hush"})
    engine.preview("cardio", RunOptions(save_plan=plan))
    assert "hush hush" not in plan.read_text()
    assert plan.stat().st_mode & 0o777 == 0o600 and list(tmp_path.glob(".fedml-plan-*")) == []
    held = RunOptions(plan=plan)
    assert engine.up("cardio", held).summary == {"create": 2}
    assert engine.up("cardio", held).summary == {"same": 2}
    world.declare({"a": 1, "b": 2})
    with pytest.raises(PlanRefusedError, match="cardio does not fit any more: pulumi:index:Stash b: create is not"):
        engine.up("cardio", held)


@real_in_soak
def test_a_plan_is_held_to_what_each_resource_is_to_be_and_to_what_goes(world, tmp_path):
    engine, plan = world.engine, tmp_path / "cardio.plan.json"
    world.declare({"a": 1, "b": 2})
    engine.up("cardio")
    world.declare({"a": 5, "b": 2})
    engine.preview("cardio", RunOptions(save_plan=plan))
    for declared, told in (({"a": 6, "b": 2}, "a: "), ({"a": 5}, "delete is not allowed by the plan")):
        world.declare(declared)
        with pytest.raises(PlanRefusedError, match=told):
            engine.up("cardio", RunOptions(plan=plan))
    world.declare({"a": 5, "b": 2})
    engine.up("cardio", RunOptions(plan=plan))
    assert engine.preview("cardio").changed == ()


@real_in_soak
def test_a_protected_resource_is_not_deleted_unless_told(world):
    engine = world.engine
    world.declare({"a": 1}, protect=True)
    engine.up("cardio")
    with pytest.raises(ResourceError, match="a is protected") as refused:
        engine.destroy("cardio")
    assert "protect: true" in str(refused.value)
    assert len(engine.state("cardio")["deployment"]["resources"]) >= 2
    world.declare({})
    with pytest.raises(ResourceError, match="a is protected"):
        engine.up("cardio")
    engine.destroy("cardio", RunOptions(ignore_protect=True))
    assert not engine.state("cardio")["deployment"].get("resources")


def test_events_tell_a_run_from_start_to_end(world):
    world.declare({"a": 1, "b": 2})
    told = []
    world.engine.init("cardio")
    world.engine.up("cardio", RunOptions(on_event=told.append, expected=3))
    kinds = [event.kind for event in told]
    assert kinds[0] is EventKind.STARTED and kinds[-1] is EventKind.ENDED
    done = [event.progress.done for event in told]
    assert all(first <= second for first, second in pairwise(done)) and done[-1] == 3
    assert told[-1].progress.of == 3
    started = [event.urn for event in told if event.kind is EventKind.RESOURCE_STARTED]
    ended = [event.urn for event in told if event.kind is EventKind.RESOURCE_DONE]
    assert sorted(started) == sorted(ended) and len(set(started)) == 3


@real_in_soak
def test_a_callback_that_raises_never_disturbs_a_run(world):
    def broken(_):
        raise ZeroDivisionError("oh")

    world.declare({"a": 1})
    result = world.engine.up("cardio", RunOptions(on_event=broken))
    assert result.summary == {"create": 2}
    assert any("ZeroDivisionError: oh" in found.message for found in result.diagnostics)


def test_secrets_go_in_and_come_out(world):
    engine = world.engine
    engine.init("cardio")
    engine.set_secret("cardio", "fedml-infra:fed_secret_key", SecretStr("s3cret==\n"))
    assert engine.get_secret("cardio", "fedml-infra:fed_secret_key") == SecretStr("s3cret==\n")
    assert engine.get_secret("cardio", "fedml-infra:other") is None


def test_secrets_are_encrypted_to_be_written_later(world):
    """Several at once; what the stack's file says stays."""
    engine = world.engine
    engine.init("cardio")
    engine.set_secret("cardio", "fedml-infra:fed_secret_key", SecretStr("first"))
    names = ("fedml-infra:hub_key", "fedml-infra:member_key")
    sealed = engine.encrypt("cardio", {name: SecretStr(f"secret of {name}") for name in names})
    assert set(sealed) == set(names)
    assert not any("secret of" in each.text for each in sealed.values())
    assert engine.encrypt("cardio", {}) == {}
    assert engine.get_secret("cardio", "fedml-infra:fed_secret_key") == SecretStr("first")


def test_a_state_is_exported_and_put_back(world):
    engine = world.engine
    world.declare({"a": 1})
    engine.up("cardio")
    before = engine.state("cardio")
    world.declare({})
    engine.up("cardio")
    engine.set_state("cardio", before)
    world.declare({"a": 1})
    assert engine.preview("cardio").summary == {"same": 2}


@real_in_soak
def test_a_run_for_some_resources_leaves_the_others(world):
    engine = world.engine
    world.declare({"a": 1, "b": 1})
    made = engine.up("cardio")
    [of_a] = [change.urn for change in made.changes if change.name == "a"]
    world.declare({"a": 2, "b": 2})
    result = engine.up("cardio", RunOptions(targets=(of_a,), message="only a"))
    assert [change.name for change in result.changed] == ["a"]
    assert [change.name for change in engine.preview("cardio").changed] == ["b"]

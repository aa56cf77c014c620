"""A saved plan is what was reviewed, or it is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import answer_of
from fedml_infra.gitops.plans import PlanUnfitError, load, path_of, save
from tests.operations.worlds import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    there = world(tmp_path)
    there.write()
    return there


def file_of(made: World) -> Path:
    return made.project / "stacks" / "Pulumi.cardio.yaml"


def saved(made: World) -> Path:
    folder = made.project / "plans"
    engine = made.engine

    def preview(path: Path) -> object:
        return engine.preview("cardio", RunOptions(save_plan=path))

    save(folder, "cardio", file_of(made), ENGINE_VERSION, "base", preview)
    return folder


def refusal(made: World, folder: Path, **how: bool) -> str:
    with pytest.raises(PlanUnfitError) as refused:
        load(folder, "cardio", file_of(made), ENGINE_VERSION, **how)
    assert answer_of(refused.value).exit_code == 2 and "new preview" in str(refused.value)
    return str(refused.value)


def test_a_plan_that_fits_is_given_with_what_it_is_of(made: World):
    folder = saved(made)
    plan = load(folder, "cardio", file_of(made), ENGINE_VERSION)
    assert plan.path == path_of(folder, "cardio") and plan.about.base == "base"
    assert "v1:xyz" not in json.dumps(asdict(plan.about))


def test_a_plan_of_another_stack_file_is_refused(made: World):
    folder = saved(made)
    made.write(file_of(made).read_text() + "  fedml-infra:fed_encrypt: true\n")
    assert "stack file (SHA-256): the plan is of" in refusal(made, folder)


def test_a_plan_of_another_engine_is_refused(made: World):
    folder = saved(made)
    with pytest.raises(PlanUnfitError, match=r"engine: the plan is of .*, and this is 9\.9\.9"):
        load(folder, "cardio", file_of(made), "9.9.9")


def test_a_plan_of_another_stack_under_this_ones_name_is_refused(made: World):
    folder = saved(made)
    for kind in ("plan.json", "plan.about.json"):
        shutil.copy(folder / f"cardio.{kind}", folder / f"onco.{kind}")
    with pytest.raises(PlanUnfitError, match="stack: the plan is of cardio, and this is onco"):
        load(folder, "onco", file_of(made), ENGINE_VERSION)


def test_a_plan_of_another_version_of_the_program_is_refused(made: World):
    folder = saved(made)
    about = folder / "cardio.plan.about.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "program": "0.0.1"}))
    assert "fedml-infra: the plan is of 0.0.1" in refusal(made, folder)


@pytest.mark.parametrize("name", ["cardio.plan.json", "cardio.plan.about.json"])
def test_half_a_plan_is_none(made: World, name: str):
    folder = saved(made)
    (folder / name).unlink()
    assert "no plan of cardio" in refusal(made, folder)


@pytest.mark.parametrize("name", ["cardio.plan.json", "cardio.plan.about.json"])
@pytest.mark.parametrize("content", ["", "{", '{"a": 1', "\xff"])
def test_a_damaged_plan_is_refused_before_the_engine_is_started(made: World, name: str, content: str):
    folder = saved(made)
    (folder / name).write_bytes(content.encode("latin-1"))
    assert "is damaged" in refusal(made, folder)


def test_a_preview_that_fails_leaves_no_plan(made: World):
    folder = saved(made)

    def failing(path: Path) -> object:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        save(folder, "cardio", file_of(made), ENGINE_VERSION, "base", failing)
    assert "no plan of cardio" in refusal(made, folder)


def rotated(text: str) -> str:
    return text.replace("{secure: v1:xyz}", "{secure: v1:new}\n  fedml-infra:fed_epoch: 2")


def test_a_rotation_that_followed_the_plan_leaves_nothing_of_it_to_do(made: World):
    folder = saved(made)
    made.write(rotated(file_of(made).read_text()))
    assert load(folder, "cardio", file_of(made), ENGINE_VERSION, under_way=True).path is None


def test_a_new_key_that_no_rotation_under_way_wrote_is_refused(made: World):
    folder = saved(made)
    made.write(rotated(file_of(made).read_text()))
    assert "stack file" in refusal(made, folder)


def test_a_rotation_under_way_hides_no_other_change(made: World):
    folder = saved(made)
    made.write(rotated(file_of(made).read_text()) + "  fedml-infra:fed_encrypt: true\n")
    assert "stack file" in refusal(made, folder, under_way=True)

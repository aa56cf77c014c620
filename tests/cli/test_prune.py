"""`stacks prune`: what was made with persist=false goes, with its data and its file; nothing else does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import StackSummary
from fedml_infra.engine.stack_files import load
from fedml_infra.errors import ResourceError
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.tags import EPHEMERAL, is_ephemeral
from fedml_infra.operations.prune import ephemeral_stacks
from tests.cli.conftest import Run
from tests.cli.test_create import ARGUMENTS, path
from tests.operations.worlds import OWN, FileEngine, World

OTHERS = ("neuro", "--region", "us-east-1", "--sync-sched", "m30", "--pid", "usz", "--s3-bucket", "neuro-usz")


def test_no_persist_is_a_tag_of_the_stack(here: World, run: Run) -> None:
    assert run("create", *ARGUMENTS, "--tag", "team=heart", "--no-persist", "--yes").code == 0
    assert dict(load(path(here)).tags) == {"team": "heart", **EPHEMERAL}


@pytest.mark.parametrize(("tags", "is_one"), [({"fedml:persist": "true"}, False), ({}, False), (EPHEMERAL, True)])
def test_only_false_is_ephemeral(tags: dict[str, str], is_one: bool) -> None:
    assert is_ephemeral(tags) is is_one


def test_the_list_shows_it(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    run("create", *OTHERS, "--yes")
    listed = {stack["name"]: stack["ephemeral"] for stack in run("stacks", "list", "--json").json["stacks"]}
    assert listed == {"cardio": True, "neuro": False}
    assert "hub, ephemeral" in run("stacks", "list").out


def test_an_ephemeral_stack_goes_with_its_data_and_its_file_and_no_other_does(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    run("create", *OTHERS, "--yes")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    here.aws.put_object("cardio-charite", "updates/1", b"x")
    done = run("stacks", "prune", "--yes", "--json")
    assert done.code == 0, done.err
    assert [pruned["stack"] for pruned in done.json["pruned"]] == ["cardio"]
    assert not path(here).exists()
    assert [stack.name for stack in here.engine.stacks()] == ["neuro"]
    assert not here.aws.has_objects(Access(), "us-east-1", "cardio-charite", account=OWN)


def test_what_was_pruned_is_in_the_audit(here: World, run: Run, tmp_path: Path) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    run("stacks", "prune", "--yes", "--data-dir", str(tmp_path / "data"))
    (entry,) = run("audit", "--json", "--data-dir", str(tmp_path / "data")).json["entries"]
    assert (entry["action"], entry["stack"], entry["outcome"]) == ("stacks prune", "cardio", "done")


def test_what_is_protected_stays(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    path(here).write_text(path(here).read_text() + "  fedml-infra:protect: true\n")
    assert run("stacks", "prune", "--yes", "--json").json["pruned"] == []
    assert path(here).exists()


def test_without_an_answer_nothing_goes(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    done = run("stacks", "prune")
    assert done.code == 2
    assert "--yes" in done.err
    assert path(here).exists()
    assert here.engine.exists("cardio")


def test_where_there_is_none_nothing_is_asked(here: World, run: Run) -> None:
    run("create", *OTHERS, "--yes")
    done = run("stacks", "prune")
    assert done.code == 0
    assert "0 ephemeral stacks" in done.err


def test_a_stack_that_never_came_up_is_only_its_file(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    here.engine.destroy("cardio")
    here.engine.remove("cardio")
    done = run("stacks", "prune", "--yes")
    assert done.code == 0, done.err
    assert not path(here).exists()


def test_one_that_fails_keeps_its_file_and_the_others_go(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    run("create", *OTHERS, "--no-persist", "--yes")
    here.engine.faults["cardio-charite"] = ResourceError("AWS said no")
    here.engine.faults["charite"] = ResourceError("AWS said no")
    done = run("stacks", "prune", "--yes", "--json")
    assert done.code == 4
    assert [pruned["stack"] for pruned in done.json["pruned"]] == ["neuro"]
    assert "AWS said no" in done.json["failed"][0]
    assert path(here).exists()


class Dated(FileEngine):
    """An engine whose backend knows when a stack was last run."""

    last: str | None = None

    def stacks(self) -> tuple[StackSummary, ...]:
        return tuple(StackSummary(stack.name, self.last, stack.resources) for stack in super().stacks())


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def old_enough(here: World, last: str | None, span: str) -> bool:
    engine = Dated(here.project)
    engine.init("cardio")
    engine.last = last
    found = ephemeral_stacks(here.project, engine, older_than=Schedule.parse(span), now=NOW)
    return [stack.name for stack in found] == ["cardio"]


@pytest.mark.parametrize(("span", "goes"), [("m59", True), ("h1", False), ("d1", False)])
def test_its_age_counts_from_its_last_run(span: str, goes: bool, here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    assert old_enough(here, "2026-01-31T11:00:00.000Z", span) is goes


@pytest.mark.parametrize(("hours", "goes"), [(3, True), (1, False)])
def test_one_that_never_ran_is_as_old_as_its_file(hours: int, goes: bool, here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    moment = (NOW - timedelta(hours=hours)).timestamp()
    os.utime(path(here), (moment, moment))
    assert old_enough(here, None, "h2") is goes


def test_what_is_no_span_is_refused(here: World, run: Run) -> None:
    done = run("stacks", "prune", "--older-than", "1d", "--yes")
    assert done.code == 2
    assert "d1" in done.err


def test_a_file_with_mistakes_stays(here: World, run: Run) -> None:
    run("create", *ARGUMENTS, "--no-persist", "--yes")
    path(here).write_text(path(here).read_text() + "  fedml-infra:colour: blue\n")
    assert run("stacks", "prune", "--yes").code == 0
    assert path(here).exists()

"""A stack file is changed whole or not at all, and nobody's change is lost."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, FedmlError, StackNotFoundError
from fedml_infra.model.validation import NAMESPACE
from fedml_infra.operations.change import Draft, change_stack
from tests.operations.worlds import HUB_FILE, OTHER, FileEngine, World, world

MEMBERS = NAMESPACE + "members"
OLD_KEYS = NAMESPACE + "fed_old_keys"


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write("# reviewed by Eve\n" + HUB_FILE.replace("m30\n", "m30  # half an hour\n"))
    made.engine.init("cardio")
    return made


def add_member(draft: Draft) -> None:
    draft.values[MEMBERS].append({"aws_id": OTHER})


def test_an_edit_keeps_comments_and_all_else(here: World) -> None:
    path = here.project / "stacks" / "Pulumi.cardio.yaml"
    before = path.read_text(encoding="utf-8")
    done = change_stack(here.project, "cardio", here.engine, add_member)
    assert done.changed
    assert [member.aws_id for member in done.after.config.members][-1] == OTHER
    assert done.before is not None and len(done.before.members) == 1
    after = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in before.splitlines() if line not in after] == []


def test_an_edit_that_changes_nothing_writes_nothing(here: World) -> None:
    path = here.project / "stacks" / "Pulumi.cardio.yaml"
    was = path.stat()
    assert not change_stack(here.project, "cardio", here.engine, lambda _: None).changed
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (was.st_mtime_ns, was.st_ino)


def test_secrets_and_values_are_written_in_one_step(here: World) -> None:
    def rotate(draft: Draft) -> None:
        draft.values[NAMESPACE + "fed_epoch"] = 2
        draft.secrets[NAMESPACE + "fed_secret_key"] = SecretStr("bmV3IGtleSBuZXcga2V5IQ==")
        draft.secrets[OLD_KEYS] = SecretStr("{}")

    done = change_stack(here.project, "cardio", here.engine, rotate)
    assert done.after.config.fed_epoch == 2
    assert done.after.config.has_secret("fed_old_keys")
    assert here.engine.get_secret("cardio", OLD_KEYS) == SecretStr("{}")
    assert "bmV3" not in done.after.path.read_text(encoding="utf-8")


def test_a_mistake_leaves_the_file_and_is_told(here: World) -> None:
    path = here.project / "stacks" / "Pulumi.cardio.yaml"
    before = path.read_bytes()

    def wrong(draft: Draft) -> None:
        draft.values[MEMBERS].append({"aws_id": "123"})
        draft.secrets[OLD_KEYS] = SecretStr("{}")

    with pytest.raises(ConfigurationError, match=r"members\[1\]"):
        change_stack(here.project, "cardio", here.engine, wrong)
    assert path.read_bytes() == before
    assert here.engine.get_secret("cardio", OLD_KEYS) is None


def test_an_encryption_that_fails_leaves_the_file(here: World) -> None:
    path = here.project / "stacks" / "Pulumi.cardio.yaml"
    before = path.read_bytes()
    here.engine.failing["encrypt"] = FedmlError("no passphrase")

    def edit(draft: Draft) -> None:
        add_member(draft)
        draft.secrets[OLD_KEYS] = SecretStr("{}")

    with pytest.raises(FedmlError, match="no passphrase"):
        change_stack(here.project, "cardio", here.engine, edit)
    assert path.read_bytes() == before


def test_a_stack_that_is_not_there_is_told(here: World) -> None:
    with pytest.raises(StackNotFoundError):
        change_stack(here.project, "neuro", here.engine, add_member)


def _add(project: Path, number: int) -> None:
    def edit(draft: Draft) -> None:
        draft.values[MEMBERS].append({"aws_id": f"{900_000_000_000 + number}"})

    change_stack(project, "cardio", FileEngine(project), edit)


def test_edits_of_many_processes_are_all_in_the_file(here: World) -> None:
    """Take the lock out of `change_stack` and some are lost, or refused."""
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add, args=(here.project, number)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    members = StackFile.read(here.project / "stacks" / "Pulumi.cardio.yaml").config[MEMBERS]
    assert len({member["aws_id"] for member in members}) == 9

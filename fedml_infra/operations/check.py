"""Check stack files: what a pipeline and an editor want to know before anything runs.

Nothing is asked of AWS, the engine or the network. What a pull request's author wrote is told so that no terminal and
no CI's log takes it for a command: on one line, without control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.quick_yaml import Quick, read
from fedml_infra.engine.stack_files import stack_files
from fedml_infra.errors import ConfigurationError, FedmlError, PolicyError, Problem
from fedml_infra.model.between_stacks import Placed, clashes, place
from fedml_infra.model.rules import Finding
from fedml_infra.model.rules import Path as KeyPath
from fedml_infra.model.secret_text import without_secrets
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import problem_of, validate
from fedml_infra.operations.check_file import clear_text, misplaced
from fedml_infra.operations.check_project import check_project
from fedml_infra.operations.load import find_file
from fedml_infra.policies.document import Kind, NamedDocument
from fedml_infra.policies.stack_policies import too_large


@dataclass(frozen=True)
class Checked:
    """One file and what is wrong with it; notes are what is allowed and may surprise."""

    path: Path
    problems: tuple[Problem, ...] = ()
    """Mistakes in the file itself, or between it and another one."""
    refused: tuple[Problem, ...] = ()
    """Policies that follow from it and that AWS would refuse."""
    notes: tuple[str, ...] = ()

    @property
    def error(self) -> FedmlError | None:
        """What a command would end with; None where the file is in order."""
        told = (*self.problems, *self.refused)
        if not told:
            return None
        headline = f"{printable(str(self.path))} has {len(told)} mistake{'s' if len(told) != 1 else ''}:"
        if self.problems:
            return ConfigurationError(headline, told)
        return PolicyError("\n  ".join([headline, *map(str, told)]))

    def as_json(self) -> dict[str, Any]:
        """The finding for machines."""
        told = [(problem, "configuration") for problem in self.problems]
        told += [(problem, "policy") for problem in self.refused]
        error = self.error
        return {
            "file": str(self.path),
            "ok": error is None,
            "error": error.what.split("\n")[0] if error else None,
            "problems": [{"kind": kind, **problem.as_json()} for problem, kind in told],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Read:
    """One file as far as it could be read."""

    path: Path
    file: Quick | None
    config: StackConfig | None
    problems: tuple[Problem, ...]


def check_project_files(project: Path, *, only: str | None = None) -> tuple[Checked, ...]:
    """All files of the project, or the one of the stack `only`; what it has in common with others is looked at too.

    Pulumi.yaml is among them only where something is wrong with it. Empty for a project without stacks. Raises
    StackNotFoundError where there is no stack `only`.
    """
    if only is not None:
        find_file(project, only)
    files = stack_files(project)
    read_in = {name: _read(name, path) for name, path in files.items()}
    found = _between({name: each for name, each in read_in.items() if each.config is not None})
    of_project = check_project(project) if only is None else ()
    return (
        *(Checked(path, tuple(map(_tellable, problems))) for path, problems in of_project),
        *(_checked(each, found.get(name, ())) for name, each in read_in.items() if only in (None, name)),
    )


def printable(text: str) -> str:
    """The text on one line: what moves a cursor, turns its direction or ends a line is written out."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode() for each in text
    )


def _read(stack: str, path: Path) -> _Read:
    try:
        file = read(path)
    except FedmlError as error:
        told = error.problems if isinstance(error, ConfigurationError) else ()
        problems = told or (Problem("file", error.what, error.fix),)
        return _Read(path, None, None, (*problems, *clear_text(path, None)))
    problems = (*misplaced(file), *clear_text(path, file))
    try:
        config = validate(file.config, stack=stack, lines=file.lines)
    except ConfigurationError as error:
        return _Read(path, file, None, (*error.problems, *problems))
    return _Read(path, file, config, problems)


def _between(files: Mapping[str, _Read]) -> dict[str, tuple[Iterable[Finding], Iterable[Problem]]]:
    """By stack: what it and others both claim, and what AWS would refuse of it."""
    configs = {name: each.config for name, each in files.items() if each.config is not None}
    placed = place(configs, {name: each.file.config for name, each in files.items() if each.file is not None})
    claimed: dict[str, list[Finding]] = {name: [] for name in configs}
    for name, finding in clashes(placed):
        claimed[name].append(finding)
    return {name: (claimed[name], _refused(files[name], each)) for name, each in placed.items()}


def _checked(each: _Read, found: tuple[Iterable[Finding], Iterable[Problem]] | tuple[()]) -> Checked:
    claimed, refused = found or ((), ())
    lines = each.file.lines if each.file is not None else {}
    problems = [*each.problems, *(problem_of(finding, lines) for finding in claimed)]
    problems.sort(key=lambda problem: (problem.line is None, problem.line))
    notes = each.config.notes if each.config is not None else ()
    return Checked(each.path, tuple(map(_tellable, problems)), tuple(map(_tellable, refused)), notes)


def _refused(each: _Read, placed: Placed) -> Iterator[Problem]:
    """What AWS would refuse, once for each key that it comes from."""
    told: set[KeyPath] = set()
    for document, error in too_large(placed.config, account=placed.account, node_accounts=placed.node_accounts):
        path = _cause(document, placed)
        if path in told:
            continue
        told.add(path)
        yield problem_of(Finding(path, error.what, error.fix), each.file.lines if each.file is not None else {})


def _cause(document: NamedDocument, placed: Placed) -> KeyPath:
    """Which key of the file a document grows with."""
    if document.kind is Kind.KEY:
        return ("kms_key_arn",)
    hub = placed.hub
    if hub is not None and document.attached_to in (hub.topic_arn, hub.roster_bucket_arn):
        return ("members",)
    for i, node in enumerate(placed.nodes):
        if document.attached_to in (node.queue_arn, node.node_policy_arn, node.reader_role_arn):
            return ("nodes", i)
        if document.attached_to == node.bucket_arn:
            return ("nodes", i, "s3_bucket")
    return ("fed_name",)


def _tellable(problem: Problem) -> Problem:
    """The problem as it may be told: on one line, and without a secret that was put where another value belongs."""
    key, message, fix = (
        text and printable(without_secrets(text)) for text in (problem.key, problem.message, problem.fix)
    )
    return Problem(key or "", message or "", fix, problem.line)

"""What is looked for in a project beside its stack files: that the engine will read them, and under our name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fedml_infra.engine.project import PROJECT_FILE, stack_dir
from fedml_infra.errors import Problem
from fedml_infra.model.secret_text import secrets_in
from fedml_infra.model.validation import NAMESPACE

NAME = NAMESPACE.rstrip(":")


def check_project(project: Path) -> Iterator[tuple[Path, tuple[Problem, ...]]]:
    """Files that have mistakes, with them: Pulumi.yaml, and stack files that the engine will not read."""
    path = project / PROJECT_FILE
    text = path.read_text(encoding="utf-8", errors="replace")
    if problems := tuple(_project_file(text)):
        yield path, problems
    folder = stack_dir(project)
    for stray in sorted({*project.glob("Pulumi.*.y*ml"), *folder.glob("Pulumi.*.yml")}):
        if stray.suffix == ".yml":
            yield stray, (Problem("file", "is not read: stack files end in .yaml", "rename it"),)
        elif folder.resolve() != project.resolve():
            where = folder.relative_to(project) if folder.is_relative_to(project) else folder
            yield stray, (Problem("file", f"is not read: stackConfigDir is {where}", f"move it into {where}"),)


def _project_file(text: str) -> Iterator[Problem]:
    named = re.search(r"^name:[ \t]*[\"']?([^\s\"'#]*)", text, re.MULTILINE)
    if named is None or named[1] != NAME:
        line = text.count("\n", 0, named.start()) + 1 if named else None
        said = f"is {named[1]!r}" if named else "is missing"
        yield Problem("name", f"{said}, and stack files have keys of {NAME}", f"write name: {NAME}", line)
    for found in secrets_in(text):
        fix = "take it out of the file and of git's history, and make it useless where it was issued"
        yield Problem("secret", f"something that looks like {found.what} stands here in clear text", fix, found.line)

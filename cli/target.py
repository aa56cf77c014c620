"""Which project and which stack a command acts on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import Engine
    from fedml_infra.gitops.propose import Desk
    from fedml_infra.operations.load import Stack
    from fedml_infra.operations.settle import Recovery
    from fedml_infra.operations.tools import Tools


@dataclass(frozen=True)
class Target:
    """One stack of one project, its file validated, and what acts on it."""

    project: Path
    stack: Stack
    engine: Engine
    tools: Tools
    desk: Desk | None = None
    """The branch that it is written on, where a change is proposed and not brought up."""

    def recovery(self, wait: float = 0.0) -> Recovery:
        """What settles an earlier run that was cut off, and says so on standard error. `wait` is in seconds."""
        from fedml_infra.operations.settle import Recovery

        from .output import say

        return Recovery(self.stack, self.engine, self.tools.aws, say, wait)

    @property
    def name(self) -> str:
        """The stack's name, which is the federation's."""
        return self.stack.name


def project_of(ctx: click.Context) -> Path:
    """The folder with Pulumi.yaml: that of -C, the current one, or one above it."""
    from fedml_infra.engine.project import find_project

    return find_project(start_of(ctx))


def target(ctx: click.Context, given: str | None, option: str | None) -> Target:
    """The stack that a command is for, with its file read and validated.

    Raises StackNotFoundError where there is none (of that name), ConfigurationError where several could be meant or
    the file has mistakes.
    """
    from fedml_infra.operations.load import load_stack

    project = project_of(ctx)
    tools = tools_of(ctx)
    stack = load_stack(project, chosen(ctx, given, option))
    return Target(project, stack, tools.engine(project), tools)


def chosen(ctx: click.Context, given: str | None, option: str | None) -> str | None:
    """The name given as argument or option; a usage error where both are given and differ."""
    if given and option and given != option:
        raise click.UsageError(f"Two stacks are named, {given} and {option}: name one.", ctx)
    return given or option


def chosen_files(ctx: click.Context, given: str | None, option: str | None) -> list[Path]:
    """The stack files meant: the one named, or all."""
    from fedml_infra.operations.load import files_of, find_file

    project = project_of(ctx)
    name = chosen(ctx, given, option)
    return [find_file(project, name)[1]] if name else list(files_of(project).values())


def stack_names(ctx: click.Context) -> list[str]:
    """Names of the stack files here, without reading any; empty where there is no project."""
    from fedml_infra.engine.stack_files import stack_files
    from fedml_infra.errors import FedmlError

    try:
        return list(stack_files(project_of(ctx)))
    except FedmlError:
        return []


def tools_of(ctx: click.Context) -> Tools:
    """AWS and the engine; the shipped doubles where a caller of `main` gave them."""
    given = _shared(ctx).get("tools")
    if given is None:
        from fedml_infra.operations.tools import live_tools

        given = live_tools()
    tools: Tools = given
    return tools


def start_of(ctx: click.Context) -> Path:
    """The folder that a command starts looking from: that of -C, or the current one."""
    directory: Path | None = _shared(ctx).get("directory")
    return directory or Path.cwd()


def _shared(ctx: click.Context) -> dict[str, Any]:
    shared: dict[str, Any] = ctx.ensure_object(dict)
    return shared

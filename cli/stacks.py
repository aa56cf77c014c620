"""`fedml-infra stacks`."""

from __future__ import annotations

import click

from . import options
from .command import Command, Group


@click.group(cls=Group, short_help="The stacks of this folder.")
def stacks() -> None:
    """Look at the stacks of this project."""


@stacks.command(
    "list",
    cls=Command,
    short_help="Every stack with a file here or in the backend.",
    exits=[2],
    examples=[
        ("see them", "fedml-infra stacks list"),
        ("names for a script", "fedml-infra stacks list --json | jq -r '.stacks[].name'"),
    ],
)
@options.directory
@options.as_json
@click.pass_context
def list_stacks(ctx: click.Context, as_json: bool) -> None:
    """List every stack that has a file here or is in the state backend.

    A backend that cannot be asked is said so, and the files are listed all the same.
    """
    from fedml_infra.operations.list_stacks import list_stacks as find

    from .output import print_json, print_table, say, warn
    from .target import project_of, tools_of

    project = project_of(ctx)
    found = find(project, tools_of(ctx).engine(project))
    if found.backend_error is not None:
        warn(f"The state backend could not be asked, so what is up is not known. {found.backend_error}")
    if as_json:
        print_json({"project": str(project), "stacks": [stack.as_json() for stack in found.stacks]})
        return
    if not found.stacks:
        say(f"There is no stack in {project}: `fedml-infra create NAME …` makes one.")
        return
    rows = []
    for stack in found.stacks:
        known = {True: "yes", False: "no", None: "?"}[stack.in_backend]
        role = stack.role or (f"{stack.mistakes} mistakes" if stack.mistakes else "no file")
        rows.append(
            (
                stack.name,
                role,
                stack.region or "",
                ", ".join(stack.nodes),
                str(stack.members) if stack.role == "hub" else "",
                known,
                "" if stack.resources is None else str(stack.resources),
                (stack.last_update or "")[:19].replace("T", " "),
            )
        )
    print_table(("stack", "role", "region", "nodes", "members", "in backend", "resources", "last update (UTC)"), rows)

"""`fedml-infra gitops changed`: which stacks a change touches."""

from __future__ import annotations

import click

from .. import options
from ..command import Command


@click.command(
    cls=Command,
    short_help="Which stacks a change touches.",
    exits=[2],
    examples=[
        ("of this branch, with what is not committed yet", "fedml-infra gitops changed --base main"),
        ("of another branch, for a program", "fedml-infra gitops changed --base main --head add-insel --json"),
    ],
)
@click.option("--base", metavar="REF", required=True, help="The branch or commit that the change goes into.")
@click.option("--head", metavar="REF", help="The branch or commit of the change; the files as they are where left out.")
@options.directory
@options.as_json
@click.pass_context
def changed(ctx: click.Context, base: str, head: str | None, as_json: bool) -> None:
    """Say which stacks a change touches: one a line, and whether its file was added, changed or removed.

    What `--base` got meanwhile does not count: only what changed since the branch left it. A renamed stack file is a
    stack removed and one added. Where a file of the program changed, every stack is touched, and that is said. No
    stack file is read.
    """
    from fedml_infra.gitops.changed import changed_stacks
    from fedml_infra.gitops.git import Repository

    from ..output import print_json, say
    from ..target import project_of

    project = project_of(ctx)
    repository = Repository.find(project)
    since = repository.merge_base(base, head or "HEAD")
    until = repository.commit_of(head) if head is not None else None
    found = changed_stacks(repository, project, since, until)
    if found.program:
        say(f"Every stack is touched, as the program changed: {', '.join(map(printable, found.program))}.")
    if as_json:
        stacks = [{"stack": stack.name, "status": stack.status} for stack in found.stacks]
        print_json({"base": since, "head": until, "stacks": stacks, "program": list(found.program)})
        return
    if not found.stacks:
        say("No stack is touched.")
    width = max((len(stack.name) for stack in found.stacks), default=0)
    for stack in found.stacks:
        click.echo(f"{stack.name:<{width}}  {stack.status}")


def printable(path: str) -> str:
    """A path on one line, whatever is in its name."""
    return path if path.isprintable() else ascii(path)

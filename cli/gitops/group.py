"""`fedml-infra gitops`: what a pipeline calls, and what a laptop can call just as well."""

from __future__ import annotations

import click

from ..lazy import Entry, LazyGroup

SECTIONS: dict[str, dict[str, Entry]] = {
    "On a pull request": {
        "changed": Entry("gitops.changed", "changed", "Which stacks a change touches."),
        "take": Entry("gitops.take", "take", "Take a pull request's stack files into this checkout, as data."),
        "preview": Entry("gitops.preview", "preview", "What a change would do to the stacks that it touches."),
        "comment": Entry("gitops.comment", "comment", "Write a preview as the one comment of a pull request."),
    },
    "On a merge": {
        "apply": Entry("gitops.apply", "apply", "Bring up the stacks that a merged change touches."),
    },
    "Every night": {
        "drift": Entry("gitops.drift", "drift", "What in AWS is no longer as any stack made it."),
    },
    "Setting up": {
        "policy-pack": Entry(
            "gitops.policy_pack", "policy_pack", "The house's rules as a Pulumi policy pack, for any stack."
        ),
        "render": Entry("gitops.render", "render", "Resources for what else brings stacks up."),
        "role": Entry("gitops.role", "role", "The least rights of a pipeline's role, and its trust."),
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS, short_help="What a pipeline calls, on any CI and on a laptop.")
def gitops() -> None:
    """Change federations by reviewed stack files.

    The pipelines that `fedml-infra init` writes are thin calls of these commands; each runs the same on any CI and on
    a laptop.
    """

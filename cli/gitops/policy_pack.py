"""`fedml-infra gitops policy-pack`: the house's rules, for any run of Pulumi."""

from __future__ import annotations

import click

from .. import options
from ..command import Command


@click.command(
    "policy-pack",
    cls=Command,
    short_help="The house's rules as a Pulumi policy pack, for any stack.",
    exits=[2, 4],
    examples=[
        ("hold any stack to the rules", 'pulumi preview --policy-pack "$(fedml-infra gitops policy-pack)"'),
        ("or one of ours", 'fedml-infra up cardio --policy-pack "$(fedml-infra gitops policy-pack)"'),
        ("what the rules are", "fedml-infra gitops policy-pack --json"),
    ],
)
@options.as_json
def policy_pack(as_json: bool) -> None:
    """Make the policy pack where it is not there yet, and print the folder to give to `--policy-pack`.

    It holds any stack, of ours or written by hand, to the rules: no public bucket, TLS only, no `*` principal without
    an account condition, encrypted queues with a dead-letter queue, no role for everybody, no policy for everything;
    and the rights on a federation's topic, queues and buckets as its stack file says. All are mandatory. What is not
    known before it is made is told as advice, and judged during `up` before it is written.

    The pack has a Python environment of its own in the user's cache folder, as Pulumi's policy SDK cannot share one
    with the providers' SDK. Its requirements are locked by hash and come from the package index that is set up.
    """
    from fedml_infra.gitops.policy_pack.place import policy_pack as make
    from fedml_infra.gitops.policy_pack.rules import MEMBERS_RIGHTS, RESOURCE_RULES, STACK_RULES

    from ..output import print_json, say

    pack = make(say)
    if not as_json:
        click.echo(pack.path)
        return
    rules = [(rule.name, rule.says) for rule in (*RESOURCE_RULES, *STACK_RULES)] + [MEMBERS_RIGHTS]
    print_json(
        {
            "path": str(pack.path),
            "environment": str(pack.environment),
            "rules": [{"name": name, "says": says} for name, says in rules],
        }
    )

"""`fedml-infra awsinfo`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from . import options
from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.awsinfo import AccountInfo


@click.command(
    cls=Command,
    short_help="An AWS account's topics, subscriptions and queues, in one region or in all.",
    exits=[2, 3, 4],
    examples=[
        ("what is in the account of a profile, everywhere", "fedml-infra awsinfo --profile insel --all-regions"),
        ("AwsInfo, for a program", "fedml-infra awsinfo --region us-east-1 --json"),
    ],
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    help="The region to look at, as us-east-1 or US_EAST_1; AWS_REGION where not given. Repeatable.",
)
@click.option("--all-regions", is_flag=True, help="Look at every region that the account has enabled.")
@click.option("--profile", metavar="NAME", help="The AWS profile to look with, not the environment's credentials.")
@click.option("--account", metavar="ID", help="The account that it must be: look at no other.")
@options.as_json
@click.pass_context
def awsinfo(
    ctx: click.Context,
    regions: tuple[str, ...],
    all_regions: bool,
    profile: str | None,
    account: str | None,
    as_json: bool,
) -> None:
    """Show the topics of an account with their subscriptions, and its queues, whoever made them.

    --json prints AwsInfo, as existing clients know it. Regions that the account has not enabled, and what may not be
    looked at, are told on standard error; with the latter it exits with 4.
    """
    from fedml_infra.aws.sessions import Access
    from fedml_infra.operations.awsinfo import aws_info

    from .output import print_json, say, warn
    from .target import tools_of

    if regions and all_regions:
        raise click.UsageError("--region and --all-regions exclude each other.", ctx)
    wanted = _regions(regions, all_regions=all_regions)
    found = aws_info(tools_of(ctx).aws, Access(profile=profile), wanted, account=account)
    if as_json:
        print_json(found.aws_info())
    else:
        print_account(found)
    if found.seen.not_enabled:
        say(f"Not enabled in account {found.account}, so not looked at: {', '.join(found.seen.not_enabled)}.")
    for each in found.seen.unseen:
        warn(each)
    if found.seen.unseen:
        ctx.exit(4)


def print_account(found: AccountInfo) -> None:
    """The account for people, on standard output."""
    from .output import counted, print_table

    rows: list[tuple[str, str, str, str]] = []
    for region in found.seen.regions:
        for arn, subscribed in region.topics:
            rows.append((region.region, "topic", arn, counted(len(subscribed), "subscription")))
            for row in subscribed:
                whose = "" if row.owner == found.account else f"of account {row.owner or 'unknown'}"
                state = "" if row.settled else row.arn
                rows.append((region.region, row.protocol, f"  {row.endpoint}", " ".join(filter(None, (whose, state)))))
        rows.extend((region.region, "queue", url, "") for url in region.queues)
    if rows:
        print_table(("region", "kind", "what", ""), rows)
    looked = counted(len(found.seen.regions), "region")
    topics = sum(len(region.topics) for region in found.seen.regions)
    queues = sum(len(region.queues) for region in found.seen.regions)
    has = f"{counted(topics, 'topic')} and {counted(queues, 'queue')}"
    click.echo(f"{'' if not rows else chr(10)}Account {found.account}: {has} in {looked}.")


def _regions(given: tuple[str, ...], *, all_regions: bool) -> tuple[str, ...]:
    from fedml_infra.model.regions import normalise_region, partition_of
    from fedml_infra.operations.awsinfo import all_regions as every

    ambient = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        if all_regions:
            return every(ambient or "us-east-1")
        found = tuple(normalise_region(name) for name in given or filter(None, (ambient,)))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--region") from error
    if not found:
        raise click.UsageError("No region is named: give --region REGION or --all-regions, or set AWS_REGION.")
    if len({partition_of(name) for name in found}) > 1:
        raise click.BadParameter("regions of different partitions have different accounts", param_hint="--region")
    return found

"""An account's topics with their subscriptions, and its queues, whoever made them, in some regions or in all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fedml_infra.aws.failures import REGION_OFF, UNKNOWN_CREDENTIALS, code_of, translate
from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access, client
from fedml_infra.aws.subscriptions import Subscription, subscriptions
from fedml_infra.model.regions import is_opt_in

AT_ONCE = 32
"""Calls in flight at most: most of the time goes by on the way to far regions."""


@dataclass(frozen=True)
class RegionOverview:
    """What one region has."""

    region: str
    topics: tuple[tuple[str, tuple[Subscription, ...]], ...] = ()
    """ARNs with their subscriptions, other accounts' too, by ARN."""
    queues: tuple[str, ...] = ()
    """URLs, sorted."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not self.topics and not self.queues


@dataclass(frozen=True)
class Overview:
    """What was seen, and what was not."""

    regions: tuple[RegionOverview, ...]
    """Those that were looked at, in the order in which they were asked for."""
    not_enabled: tuple[str, ...] = ()
    """Regions that the account has not opted in to: there is nothing in them."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, in sentences."""


def overview(access: Access, regions: Iterable[str], *, at_once: int = AT_ONCE) -> Overview:
    """Looks at all of the regions at once, through every page; the credentials are known to hold.

    Raises nothing of AWS's: what could not be looked at is in `unseen`, the rest is told nevertheless.
    """
    wanted = tuple(dict.fromkeys(regions))
    unseen: list[str] = []
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    off: set[str] = set()
    asked = [(what, region) for region in wanted for what in _LISTINGS]
    for listed in each(lambda item: _LISTINGS[item[0]](access, item[1]), asked, at_once=at_once):
        what, region = listed.item
        if listed.error is None:
            found[what, region] = listed.unwrap()
        elif _is_off(listed.error, region):
            off.add(region)
        else:
            unseen.append(translate(listed.error, doing=f"list the {what} in", subject=region).what)
    pairs = [(region, arn) for region in wanted for arn in found.get(("topics", region), ())]
    rows: dict[str, tuple[Subscription, ...]] = {}
    for told in each(lambda pair: subscriptions(access, *pair), pairs, at_once=at_once):
        if told.error is not None:
            unseen.append(translate(told.error, doing="list the subscriptions of", subject=told.item[1]).what)
        rows[told.item[1]] = told.value or ()
    seen = []
    for region in (name for name in wanted if name not in off):
        topics = tuple((arn, rows[arn]) for arn in sorted(found.get(("topics", region), ())))
        seen.append(RegionOverview(region, topics, tuple(sorted(found.get(("queues", region), ())))))
    return Overview(tuple(seen), tuple(region for region in wanted if region in off), tuple(sorted(unseen)))


def _is_off(error: Exception, region: str) -> bool:
    """A region that the account has not opted in to does not know its keys (see `standing.region_enabled`)."""
    return is_opt_in(region) and code_of(error) in UNKNOWN_CREDENTIALS | REGION_OFF


def _topics(access: Access, region: str) -> tuple[str, ...]:
    pages = client("sns", access, region).get_paginator("list_topics").paginate()
    return tuple(row["TopicArn"] for page in pages for row in page["Topics"])


def _queues(access: Access, region: str) -> tuple[str, ...]:
    # Without a page size SQS returns the first thousand and no token.
    pages = client("sqs", access, region).get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1000})
    return tuple(url for page in pages for url in page.get("QueueUrls", []))


_LISTINGS: Mapping[str, Callable[[Access, str], tuple[str, ...]]] = {"topics": _topics, "queues": _queues}

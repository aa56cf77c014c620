"""Everything in some accounts and regions that carries a federation's names or tags.

The services are asked one by one, not the Resource Groups Tagging API: that lags behind, and knows no subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from fedml_infra.aws.failures import code_of, is_absent, translate
from fedml_infra.aws.parallel import AT_ONCE, each
from fedml_infra.aws.sessions import Access, client
from fedml_infra.model.arns import Arn, bucket_arn, parameter_arn, queue_arn
from fedml_infra.model.names import parameter_name, queue_name, roster_bucket_name
from fedml_infra.model.regions import partition_of
from fedml_infra.model.tags import FEDERATION_TAG

GLOBAL = "global"
"""The region of what has none."""


class Kind(StrEnum):
    """What was found."""

    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    QUEUE = "queue"
    BUCKET = "bucket"
    ROLE = "role"
    POLICY = "policy"
    PARAMETER = "parameter"


@dataclass(frozen=True)
class Place:
    """One account's region, and whose credentials look into it."""

    access: Access
    account: str
    region: str


@dataclass(frozen=True, order=True)
class Found:
    """One thing that is a federation's."""

    account: str
    region: str
    kind: Kind
    name: str
    arn: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.account} {self.region}"


@dataclass(frozen=True)
class Inventory:
    """What was found, sorted, and what could not be looked at: nothing is proved gone unless `unseen` is empty."""

    found: tuple[Found, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether everything was looked at and nothing found."""
        return not self.found and not self.unseen


@dataclass(frozen=True)
class _Candidate:
    """Something whose tags decide: all of it that is the federation's by name, or what only tags can tell."""

    found: Found
    tags: Callable[[], Mapping[str, str]]
    untagged_counts: bool
    """Whether its name is the federation's, so that it counts unless it is tagged as another's."""


_Listing = Callable[[], Iterable[Found | _Candidate]]


def inventory(
    places: Iterable[Place], federation: str, *, buckets: Iterable[str] = (), at_once: int = AT_ONCE
) -> Inventory:
    """Looks for a federation's topics, subscriptions, queues, buckets, roles, policies and parameters.

    A bucket of a node may have any name: it is found by its tags, or by being named in `buckets`. `at_once` calls are
    in flight at most. Raises nothing: what could not be looked at is in `unseen`.
    """
    wanted = tuple(places)
    homes = {place.account: place for place in reversed(wanted)}
    regions: dict[str, tuple[str, ...]] = {
        account: tuple(place.region for place in wanted if place.account == account) for account in homes
    }
    searches: list[tuple[str, Place, _Listing]] = []
    for place in dict.fromkeys(wanted):
        for what, listing in (
            ("topics", _topics),
            ("subscriptions", _subscriptions),
            ("queues", _queues),
            ("parameters", _parameters),
        ):
            searches.append((what, place, partial(listing, place, federation)))
    for account, place in homes.items():
        searches.append(("roles", place, partial(_roles, place, federation)))
        searches.append(("policies", place, partial(_policies, place, federation)))
        named = {*buckets, *(roster_bucket_name(federation, account, region) for region in regions[account])}
        searches.append(("buckets", place, partial(_buckets, place, named)))

    found: list[Found] = []
    unseen: list[str] = []
    candidates: list[_Candidate] = []
    for listed in each(lambda search: tuple(search[2]()), searches, at_once=at_once):
        what, place, _ = listed.item
        if listed.error is not None:
            unseen.append(_unseen(listed.error, what, f"{place.account} in {place.region}"))
            continue
        for row in listed.unwrap():
            if isinstance(row, Found):
                found.append(row)
            else:
                candidates.append(row)
    for asked in each(lambda candidate: candidate.tags(), candidates, at_once=at_once):
        row, counts = asked.item.found, asked.item.untagged_counts
        if asked.error is not None:
            if not is_absent(asked.error):
                unseen.append(_unseen(asked.error, f"the tags of {row.kind}", row.name))
            continue
        owner = asked.unwrap().get(FEDERATION_TAG)
        if owner == federation or (owner is None and counts):
            found.append(row)
    return Inventory(tuple(sorted(set(found))), tuple(sorted(unseen)))


def _unseen(error: Exception, what: str, where: str) -> str:
    return translate(error, doing=f"look at {what} of", subject=where).what


def _topics(place: Place, federation: str) -> Iterable[Found]:
    for page in client("sns", place.access, place.region).get_paginator("list_topics").paginate():
        for row in page["Topics"]:
            if Arn.parse(row["TopicArn"]).resource == federation:
                yield Found(place.account, place.region, Kind.TOPIC, federation, row["TopicArn"])


def _subscriptions(place: Place, federation: str) -> Iterable[Found]:
    """The account's own subscriptions to a topic of that name; for 72 hours SNS lists ended ones as `Deleted`."""
    for page in client("sns", place.access, place.region).get_paginator("list_subscriptions").paginate():
        for row in page["Subscriptions"]:
            if Arn.parse(row["TopicArn"]).resource == federation and row["SubscriptionArn"] != "Deleted":
                yield Found(place.account, place.region, Kind.SUBSCRIPTION, row["Endpoint"], row["SubscriptionArn"])


def _queues(place: Place, federation: str) -> Iterable[_Candidate]:
    sqs = client("sqs", place.access, place.region)
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=queue_name(federation, ""), PaginationConfig={"PageSize": 1000}
    )
    for page in pages:
        for url in page.get("QueueUrls", []):
            name = url.rpartition("/")[2]
            arn = queue_arn(place.region, place.account, name)
            row = Found(place.account, place.region, Kind.QUEUE, name, arn)
            # "a_b_c" may be node "b_c" of "a" or node "c" of "a_b".
            yield _Candidate(row, partial(_queue_tags, place, url), untagged_counts=True)


def _queue_tags(place: Place, url: str) -> Mapping[str, str]:
    return client("sqs", place.access, place.region).list_queue_tags(QueueUrl=url).get("Tags", {})


def _parameters(place: Place, federation: str) -> Iterable[Found]:
    start = parameter_name(federation, "")
    pages = client("ssm", place.access, place.region).get_paginator("describe_parameters")
    for page in pages.paginate(ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [start]}]):
        for row in page["Parameters"]:
            name = row["Name"]
            arn = parameter_arn(place.region, place.account, name)
            yield Found(place.account, place.region, Kind.PARAMETER, name, arn)


def _roles(place: Place, federation: str) -> Iterable[Found | _Candidate]:
    iam = client("iam", place.access, place.region)
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            row = Found(place.account, GLOBAL, Kind.ROLE, name, role["Arn"])
            match _iam_name(name, federation):
                case True:
                    yield row
                case None:
                    yield _Candidate(row, partial(_role_tags, place, name), untagged_counts=False)


def _role_tags(place: Place, name: str) -> Mapping[str, str]:
    tags = client("iam", place.access, place.region).list_role_tags(RoleName=name)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def _policies(place: Place, federation: str) -> Iterable[Found | _Candidate]:
    iam = client("iam", place.access, place.region)
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            name, arn = policy["PolicyName"], policy["Arn"]
            row = Found(place.account, GLOBAL, Kind.POLICY, name, arn)
            match _iam_name(name, federation):
                case True:
                    yield row
                case None:
                    yield _Candidate(row, partial(_policy_tags, place, arn), untagged_counts=False)


def _policy_tags(place: Place, arn: str) -> Mapping[str, str]:
    tags = client("iam", place.access, place.region).list_policy_tags(PolicyArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def _iam_name(name: str, federation: str) -> bool | None:
    """Whether an IAM name is the federation's; None where it was cut before that can be told, so that tags decide."""
    start = f"fedml.{federation}."
    if name.startswith(start):
        return True
    # Names are shortened to a beginning, "+" and a hash (model.names.shorten).
    beginning, plus, _ = name.partition("+")
    return None if plus and beginning.startswith("fedml.") and start.startswith(beginning) else False


def _buckets(place: Place, named: set[str]) -> Iterable[Found | _Candidate]:
    for page in client("s3", place.access, place.region).get_paginator("list_buckets").paginate():
        for bucket in page.get("Buckets", []):
            name = bucket["Name"]
            region = bucket.get("BucketRegion") or GLOBAL
            row = Found(place.account, region, Kind.BUCKET, name, bucket_arn(partition_of(place.region), name))
            if name in named:
                yield row
            else:
                yield _Candidate(row, partial(_bucket_tags, place, name), untagged_counts=False)


def _bucket_tags(place: Place, name: str) -> Mapping[str, str]:
    try:
        tags = client("s3", place.access, place.region).get_bucket_tagging(Bucket=name)["TagSet"]
    except Exception as error:
        if code_of(error) == "NoSuchTagSet":
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in tags}

"""AwsInfo: what an account has of topics, subscriptions and queues, as existing clients know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fedml_infra.aws.overview import Overview
from fedml_infra.aws.sessions import Access
from fedml_infra.model.regions import PARTITIONS, home_region, partition_of
from fedml_infra.operations.tools import Cloud
from fedml_infra.wire.spellings import java_region


@dataclass(frozen=True)
class AccountInfo:
    """What was seen of one account."""

    account: str
    seen: Overview

    def aws_info(self) -> dict[str, Any]:
        """AwsInfo of the REST contract: regions that have nothing are not in it."""
        topics: dict[str, list[dict[str, list[dict[str, str]]]]] = {}
        queues: dict[str, list[str]] = {}
        for region in self.seen.regions:
            name = java_region(region.region)
            if region.topics:
                topics[name] = [
                    {
                        arn: [
                            {
                                "owner": row.owner,
                                "protocol": row.protocol,
                                "endpoint": row.endpoint,
                                "subscription_arn": row.arn,
                            }
                            for row in rows
                        ]
                    }
                    for arn, rows in region.topics
                ]
            if region.queues:
                queues[name] = list(region.queues)
        return {"topics": topics, "queues": queues}


def aws_info(aws: Cloud, access: Access, regions: Sequence[str], *, account: str | None = None) -> AccountInfo:
    """Looks at these regions (`us-east-1`), all of one partition and at least one; all at the same time.

    `account`: whose they must be. Raises AuthenticationError where the credentials do not hold, or are another
    account's; what a region refuses is in `seen.unseen`.
    """
    home = home_region(partition_of(regions[0]))
    if account is not None:
        aws.expect_account(access, home, account, where="what was asked for")
    return AccountInfo(aws.account_of(access, home), aws.overview(access, regions))


def all_regions(like: str) -> tuple[str, ...]:
    """Every region of the partition that a region is in. MistakeError (a ValueError) where there is none."""
    name = partition_of(like)
    return next(partition.regions for partition in PARTITIONS if partition.name == name)

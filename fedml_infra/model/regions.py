"""AWS regions, their partitions, and which of them an account must opt in to.

Sources: the regions and partitions are botocore's (`endpoints.json`, `partitions.json`), to which a test holds
this table. Opt-in: "Regions launched after March 20, 2019 are disabled by default and referred to as opt-in
Regions" (AWS Account Management, "Enable or disable AWS Regions in your account",
https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html). The regions before that day are a
closed list, so every other region of the partition `aws` is opt-in, one that this table learns tomorrow too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fedml_infra.model.mistake import MistakeError, nearest


@dataclass(frozen=True)
class Partition:
    """A group of regions with its own accounts, ARNs and host names; nothing crosses from one to another."""

    name: str
    dns_suffix: str
    home: str
    """The region that answers for global services (IAM, STS) where none is named."""
    regions: tuple[str, ...]


PARTITIONS: tuple[Partition, ...] = (
    Partition(
        "aws",
        "amazonaws.com",
        "us-east-1",
        (
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ),
    ),
    Partition("aws-cn", "amazonaws.com.cn", "cn-north-1", ("cn-north-1", "cn-northwest-1")),
    Partition("aws-us-gov", "amazonaws.com", "us-gov-west-1", ("us-gov-east-1", "us-gov-west-1")),
    Partition("aws-eusc", "amazonaws.eu", "eusc-de-east-1", ("eusc-de-east-1",)),
    Partition("aws-iso", "c2s.ic.gov", "us-iso-east-1", ("us-iso-east-1", "us-iso-west-1")),
    Partition("aws-iso-b", "sc2s.sgov.gov", "us-isob-east-1", ("us-isob-east-1", "us-isob-west-1")),
    Partition("aws-iso-e", "cloud.adc-e.uk", "eu-isoe-west-1", ("eu-isoe-west-1",)),
    Partition("aws-iso-f", "csp.hci.ic.gov", "us-isof-south-1", ("us-isof-east-1", "us-isof-south-1")),
)

DEFAULT_REGIONS: frozenset[str] = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""The regions of partition `aws` that every account has without opting in (launched before 20 March 2019)."""

_PARTITION_OF: Mapping[str, Partition] = MappingProxyType({r: p for p in PARTITIONS for r in p.regions})
_BY_NAME: Mapping[str, Partition] = MappingProxyType({p.name: p for p in PARTITIONS})


def regions() -> tuple[str, ...]:
    """Every region, as `us-east-1`, in all partitions."""
    return tuple(_PARTITION_OF)


def normalise_region(name: str) -> str:
    """`us-east-1` of `us-east-1` or `US_EAST_1`. MistakeError, with the nearest, if there is none."""
    region = name.lower().replace("_", "-")
    if region in _PARTITION_OF:
        return region
    near = nearest(region, _PARTITION_OF)
    fix = f"did you mean {' or '.join(near)}?" if near else "write it as us-east-1 or US_EAST_1"
    raise MistakeError(f"AWS has no region {name!r}", fix)


def partition_of(region: str) -> str:
    """The partition (`aws`, `aws-cn`, `aws-us-gov`, …) of a region in either spelling. MistakeError if none."""
    return _PARTITION_OF[normalise_region(region)].name


def is_partition(name: str) -> bool:
    """Whether AWS has a partition of that name."""
    return name in _BY_NAME


def dns_suffix(partition: str) -> str:
    """`amazonaws.com` of `aws`, `amazonaws.com.cn` of `aws-cn`. MistakeError for an unknown partition."""
    return _named(partition).dns_suffix


def home_region(partition: str) -> str:
    """Where to ask a partition's global services (IAM, STS). MistakeError for an unknown partition."""
    return _named(partition).home


def is_opt_in(region: str) -> bool:
    """Whether an account must enable the region first. MistakeError for an unknown region."""
    region = normalise_region(region)
    return _PARTITION_OF[region].name == "aws" and region not in DEFAULT_REGIONS


def _named(partition: str) -> Partition:
    if partition not in _BY_NAME:
        raise MistakeError(f"AWS has no partition {partition!r}", f"known are {', '.join(_BY_NAME)}")
    return _BY_NAME[partition]

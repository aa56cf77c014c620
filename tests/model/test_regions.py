"""The table of regions agrees with botocore's, and says which regions are opt-in."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from fedml_infra.model.regions import (
    DEFAULT_REGIONS,
    PARTITIONS,
    dns_suffix,
    home_region,
    is_opt_in,
    normalise_region,
    partition_of,
    regions,
)

DATA = Path(botocore.__file__).parent / "data"


def botocore_partitions() -> dict[str, dict[str, object]]:
    return {entry["id"]: entry for entry in json.loads((DATA / "partitions.json").read_text())["partitions"]}


def test_regions_are_those_of_botocore() -> None:
    """A region that AWS adds makes this fail with the next botocore, so that it is added here and looked at."""
    theirs = {
        name: {region for region in entry["regions"] if not region.endswith("-global")}  # type: ignore[attr-defined]
        for name, entry in botocore_partitions().items()
    }
    assert {partition.name: set(partition.regions) for partition in PARTITIONS} == theirs


def test_dns_suffixes_are_those_of_botocore() -> None:
    theirs = {name: entry["outputs"]["dnsSuffix"] for name, entry in botocore_partitions().items()}  # type: ignore[index]
    assert {partition.name: dns_suffix(partition.name) for partition in PARTITIONS} == theirs


def test_sns_and_sqs_are_in_every_region() -> None:
    """A federation can be anywhere that the table names."""
    endpoints = json.loads((DATA / "endpoints.json").read_text())["partitions"]
    served = {
        region
        for partition in endpoints
        for region in set(partition["services"]["sns"]["endpoints"]) & set(partition["services"]["sqs"]["endpoints"])
    }
    assert set(regions()) <= served


@pytest.mark.parametrize("partition", [partition.name for partition in PARTITIONS])
def test_home_region_lies_in_its_partition(partition: str) -> None:
    assert partition_of(home_region(partition)) == partition


@pytest.mark.parametrize("given", ["us-east-1", "US_EAST_1", "us_east_1", "US-EAST-1"])
def test_both_spellings_are_one_region(given: str) -> None:
    assert normalise_region(given) == "us-east-1"


@pytest.mark.parametrize("region", regions())
def test_every_region_has_both_spellings(region: str) -> None:
    assert normalise_region(region.upper().replace("-", "_")) == region


def test_an_unknown_region_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="eu-west-1") as caught:
        normalise_region("eu-wst-1")
    assert "'eu-wst-1'" in str(caught.value)


def test_an_unknown_region_that_is_near_to_nothing_shows_the_form() -> None:
    with pytest.raises(ValueError, match="write it as us-east-1"):
        normalise_region("~~~~~~")


def test_an_unknown_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="known are aws,"):
        dns_suffix("aws-mars")


# AWS Account Management, "Enable or disable AWS Regions in your account".
@pytest.mark.parametrize(
    "region",
    [
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
        *("ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1"),
        *("me-south-1", "mx-central-1"),
    ],
)
def test_regions_launched_after_march_2019_are_opt_in(region: str) -> None:
    assert is_opt_in(region)
    assert is_opt_in(region.upper().replace("-", "_"))


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-north-1", "ap-northeast-3", "sa-east-1", "cn-north-1", "us-gov-west-1"]
)
def test_older_regions_and_other_partitions_are_not_opt_in(region: str) -> None:
    assert not is_opt_in(region)


def test_default_regions_are_the_seventeen_before_march_2019() -> None:
    assert len(DEFAULT_REGIONS) == 17
    assert set(regions()) >= DEFAULT_REGIONS

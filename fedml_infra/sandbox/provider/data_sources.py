"""The functions (data sources) of the sandbox's aws provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fedml_infra.model.regions import dns_suffix, partition_of
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kinds.s3 import addresses
from fedml_infra.sandbox.provider.wire import Props


def caller_identity(context: Context, arguments: Props) -> Props:
    """Whose credentials these are, of STS."""
    del arguments
    answer = context.caller
    return {
        "accountId": answer["Account"],
        "arn": answer["Arn"],
        "userId": answer["UserId"],
        "id": answer["Account"],
    }


def region(context: Context, arguments: Props) -> Props:
    """The provider's region, or the one asked about."""
    del arguments
    name = context.region
    endpoint = f"ec2.{name}.{dns_suffix(partition_of(name))}"
    return {"region": name, "name": name, "id": name, "description": name, "endpoint": endpoint}


def partition(context: Context, arguments: Props) -> Props:
    """The partition of the provider's region."""
    del arguments
    suffix = dns_suffix(context.partition)
    return {
        "id": context.partition,
        "partition": context.partition,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def bucket(context: Context, arguments: Props) -> Props:
    """An existing bucket; it has to be there and within reach."""
    s3, name = context.client("s3"), arguments["bucket"]
    s3.head_bucket(Bucket=name)
    where = s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1"
    return {**addresses(context, name, where), "bucket": name, "id": name, "region": context.region}


FUNCTIONS: Mapping[str, Callable[[Context, Props], Props]] = MappingProxyType(
    {
        "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
        "aws:index/getRegion:getRegion": region,
        "aws:index/getPartition:getPartition": partition,
        "aws:s3/getBucket:getBucket": bucket,
    }
)

"""Amazon Resource Names, parsed and built. The partition follows from the region."""

from __future__ import annotations

from dataclasses import dataclass

from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.regions import is_partition, partition_of


@dataclass(frozen=True)
class Arn:
    """`arn:<partition>:<service>:<region>:<account>:<resource>`; region and account may be empty."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, given: str) -> Arn:
        """The parts of an ARN. MistakeError (a ValueError) where the text is none."""
        parts = given.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[2] or not parts[5] or any(c.isspace() for c in given):
            raise MistakeError(
                f"{given!r} is not an ARN", "an ARN is arn:<partition>:<service>:<region>:<account>:<name>"
            )
        arn = cls(*parts[1:])
        if not is_partition(arn.partition):
            raise MistakeError(f"{given!r} is not an ARN: AWS has no partition {arn.partition!r}")
        if arn.account and not (
            arn.account == "aws" or (len(arn.account) == 12 and arn.account.isascii() and arn.account.isdecimal())
        ):
            raise MistakeError(f"{given!r} is not an ARN: {arn.account!r} is not an account id of 12 digits")
        if arn.region and partition_of(arn.region) != arn.partition:
            raise MistakeError(f"{given!r} is not an ARN: {arn.region} is not in the partition {arn.partition}")
        return arn

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def topic_arn(region: str, account: str, name: str) -> str:
    """The ARN of an SNS topic."""
    return f"arn:{partition_of(region)}:sns:{region}:{account}:{name}"


def queue_arn(region: str, account: str, name: str) -> str:
    """The ARN of an SQS queue."""
    return f"arn:{partition_of(region)}:sqs:{region}:{account}:{name}"


def bucket_arn(partition: str, bucket: str) -> str:
    """The ARN of an S3 bucket, or with `<bucket>/<pattern>` of objects in it."""
    return f"arn:{partition}:s3:::{bucket}"


def role_arn(partition: str, account: str, name: str, path: str = "/") -> str:
    """The ARN of an IAM role; `path` begins and ends with a slash."""
    return f"arn:{partition}:iam::{account}:role{path}{name}"


def policy_arn(partition: str, account: str, name: str, path: str = "/") -> str:
    """The ARN of a managed policy; `path` begins and ends with a slash."""
    return f"arn:{partition}:iam::{account}:policy{path}{name}"


def parameter_arn(region: str, account: str, name: str) -> str:
    """The ARN of an SSM parameter, whose name begins with a slash."""
    return f"arn:{partition_of(region)}:ssm:{region}:{account}:parameter{name}"


def root_arn(partition: str, account: str) -> str:
    """The ARN that stands for a whole account in a policy."""
    return f"arn:{partition}:iam::{account}:root"


def policy_in(arn: str, account: str) -> str:
    """The policy of the same name in another account; a policy of AWS itself (`arn:aws:iam::aws:policy/…`) as it is.

    IAM takes no permissions boundary of another account (IAM, "Permissions boundaries for IAM entities").
    """
    policy = Arn.parse(arn)
    owner = policy.account if policy.account == "aws" else account
    return str(Arn(policy.partition, policy.service, policy.region, owner, policy.resource))

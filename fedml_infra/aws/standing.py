"""How an account stands with AWS before a run: its clock, its regions, whose a topic's name is, a backend's locks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from fedml_infra.aws.failures import UNKNOWN_CREDENTIALS, code_of, is_absent, translate, translating
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError
from fedml_infra.model.tags import owned_by


class TopicKind(StrEnum):
    """Whose a topic is."""

    ABSENT = "absent"
    OURS = "ours"
    FOREIGN = "foreign"


def clock_ahead(access: Access, region: str) -> float:
    """How many seconds this machine's clock is ahead of AWS's, by the Date header of an answer of STS.

    To the second, as the header is. A refusal has the header too, so a clock that is too wrong to be let in is told.
    Raises what `translate` tells where there was no answer, or no credentials to ask with.
    """
    began = datetime.now(UTC)
    try:
        date = _date(client("sts", access, region).get_caller_identity())
    except Exception as error:
        date = _date(getattr(error, "response", {}))
        if date is None:
            raise translate(error, doing="ask AWS what time it is:", subject=str(access)) from None
    if date is None:
        raise ResourceError(f"the answer of STS in {region} has no date")
    between = began + (datetime.now(UTC) - began) / 2
    return (between - parsedate_to_datetime(date)).total_seconds()


def region_enabled(access: Access, region: str) -> bool:
    """Whether the account has the region enabled: GetCallerIdentity at its endpoint, which needs no right at all.

    A region that an account has not opted in to does not know the account's keys, and answers InvalidClientTokenId.
    So it does to a session token of the global STS endpoint, which `sessions` never asks for.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
    Ask only with credentials that are known to hold elsewhere. Raises what `translate` tells.
    """
    try:
        client("sts", access, region).get_caller_identity()
    except Exception as error:
        if code_of(error) in UNKNOWN_CREDENTIALS:
            return False
        raise translate(error, doing=f"ask region {region} for", subject=str(access)) from None
    return True


def topic_state(access: Access, region: str, arn: str, *, federation: str) -> TopicKind:
    """Whose the topic is: CreateTopic of a name that is there answers as if it had made it.

    Raises what `translate` tells, PolicyError where its tags may not be read.
    """
    try:
        tags = client("sns", access, region).list_tags_for_resource(ResourceArn=arn)["Tags"]
    except Exception as error:
        if is_absent(error):
            return TopicKind.ABSENT
        raise translate(error, doing="look at topic", subject=arn) from None
    mine = owned_by({tag["Key"]: tag["Value"] for tag in tags}, federation)
    return TopicKind.OURS if mine else TopicKind.FOREIGN


def texts_in(access: Access, region: str, bucket: str, prefix: str) -> tuple[str, ...]:
    """What the objects hold whose keys start so, at most a thousand of them. Raises what `translate` tells."""
    s3 = client("s3", access, region)
    with translating("read the locks in bucket", bucket):
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return tuple(s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read().decode() for row in listed)


def _date(answer: Mapping[str, Any]) -> str | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers.get("date") if headers else None

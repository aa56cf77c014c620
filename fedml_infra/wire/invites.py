"""What an invite says, as values: `Invite` (v2) and `InviteV1`; and their maps, which is what is encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError, model_validator

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.arns import Arn
from fedml_infra.model.bucket import BucketName
from fedml_infra.model.fields import FederationKey, PublicKey, Region, TopicArn, choice
from fedml_infra.model.mistake import MistakeError, text
from fedml_infra.model.names import AccountId, FederationName
from fedml_infra.model.rights import Right, Rights, Topology, rights
from fedml_infra.model.schedule import ScheduleText
from fedml_infra.wire.spellings import canonical
from fedml_infra.wire.tokens import token


def _url(value: object) -> str:
    given = text(value)
    try:
        parts = urlsplit(given)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise MistakeError("is not the address of a server", "it looks like https://fed.example.org/symetry/rest/1")
    return given


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(text(value))
        except ValueError:
            raise MistakeError("is not a time", "it looks like 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise MistakeError("has no time zone", "add Z for UTC")
    return moment.astimezone(UTC).replace(microsecond=0)


def _rights(value: object) -> Rights:
    return rights(value.split(",") if isinstance(value, str) else value)


Url = Annotated[str, BeforeValidator(_url)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Token = Annotated[SecretStr, BeforeValidator(token)]


class _Invite(BaseModel):
    """Keys that are not known are left alone: a later release may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    fed_name: FederationName
    sync_sched: ScheduleText
    aws_topic_arn: TopicArn
    aws_topic_region: Region
    fed_req_token: Token

    @model_validator(mode="after")
    def _one_topic(self) -> Self:
        arn = Arn.parse(self.aws_topic_arn)
        if arn.resource != self.fed_name:
            raise MistakeError(f"aws_topic_arn names {arn.resource!r}, and fed_name {self.fed_name!r}")
        if arn.region != self.aws_topic_region:
            raise MistakeError(f"aws_topic_arn is in {arn.region}, and aws_topic_region is {self.aws_topic_region}")
        return self

    @classmethod
    def from_map(cls, given: Mapping[str, Any]) -> Self:
        """The invite that a map describes, in either spelling. ConfigurationError names everything that is missing or
        wrong at once, and repeats no value of a secret key.
        """
        try:
            # An empty text is how some clients write what they do not have.
            return cls.model_validate({key: value for key, value in canonical(given).items() if value != ""})
        except ValidationError as error:
            found = [_problem(detail) for detail in error.errors(include_url=False, include_input=False)]
            raise ConfigurationError("The invite cannot be used:", found, fix="Ask for another one.") from None

    def to_map(self) -> dict[str, str]:
        """The map that is encrypted: every value as text, the token and other secrets in clear; nothing for None."""
        return {key: _written(value) for key, value in self if value is not None}


class InviteV1(_Invite):
    """The invite of existing clients. It carries the federation's key."""

    fed_secret_key: FederationKey
    fed_rest_url: Url


class Invite(_Invite):
    """Our own invite. It does not carry the federation's key: one that is lost or revoked gives nothing away."""

    topology: Annotated[Topology, BeforeValidator(choice(Topology))]
    hub_public_key: PublicKey
    """The hub's Ed25519 key, which signs the roster: base64 of 32 bytes."""
    roster_bucket: BucketName
    expires: Moment
    """In UTC, to the second; after it the token is worth nothing."""
    rights: Annotated[Rights, BeforeValidator(_rights)] | None = None
    """What the joiner will be granted; what the topology gives if absent."""
    fed_rest_url: Url | None = None
    """Where the joiner proves its account; None where the admin's side has no server."""
    aws_id: AccountId | None = None
    """The one account that may use it; None where any may that proves itself."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.fed_rest_url is None and self.aws_id is None:
            raise MistakeError("without fed_rest_url, aws_id must name the one account that may use the invite")
        return self

    def expired(self, now: datetime) -> bool:
        """Whether it is too late, at `now` (with its time zone)."""
        return now >= self.expires


def invite_of(given: Mapping[str, Any]) -> Invite | InviteV1:
    """The invite of a decrypted map, told apart by its keys. ConfigurationError as `from_map`."""
    kind = InviteV1 if "fed_secret_key" in canonical(given) else Invite
    return kind.from_map(given)


def _written(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, frozenset):
        return ",".join(right for right in Right if right in value)
    return str(value)


def _problem(detail: Any) -> Problem:
    key = str(detail["loc"][0]) if detail["loc"] else "the invite"
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, MistakeError):
        return Problem(key, cause.what, cause.fix)
    return Problem(key, "is missing" if detail["type"] == "missing" else str(detail["msg"]))

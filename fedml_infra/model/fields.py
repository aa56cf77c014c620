"""The types of a stack file's smaller fields: how a value is read, refused and described in the JSON schema."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr, WithJsonSchema

from fedml_infra.model.arns import Arn
from fedml_infra.model.mistake import MistakeError, kind_of, nearest, text
from fedml_infra.model.regions import normalise_region

SECRET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"secure": {"type": "string", "minLength": 1}},
    "required": ["secure"],
    "additionalProperties": False,
}
"""How a stack file holds a secret (Pulumi, "Secrets": `pulumi config set --secret`)."""

TAG_LIMIT = 40
"""Tags on one resource: AWS takes 50; ten are left to the project's own and to what AWS adds."""


class Sharing(StrEnum):
    """How a payload is read by others: with short-lived credentials in the message, or by a bucket policy."""

    STS = "sts"
    BUCKET_POLICY = "bucket_policy"


class MessageFilter(StrEnum):
    """Whether a node's own messages are kept from it by a subscription filter on the attribute `sender`."""

    SENDER = "sender"
    NONE = "none"


class LocalType(StrEnum):
    """What a node trains on."""

    CPU = "cpu"
    GPU = "gpu"


class OldKey(BaseModel):
    """An earlier federation key, and the moment (UTC) after which it is dropped."""

    model_config = ConfigDict(frozen=True)
    epoch: int
    key: SecretStr
    drop_after: datetime


def choice(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    """A reader of one of the words of `kind`."""
    words = [str(word) for word in kind]

    def read(value: object) -> StrEnum:
        given = text(value)
        if given in words:
            return kind(given)
        near = nearest(given.lower(), words, most=1)
        raise MistakeError(f"{given!r} is none of {', '.join(words)}", f"did you mean {near[0]}?" if near else None)

    return read


def boolean(value: object) -> bool:
    """true or false; also as text, which is how `pulumi config set` writes them."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise MistakeError(f"must be true or false, not {value!r}")


def epoch(value: object) -> int:
    """A whole number from 1; also as text, which is how `pulumi config set` may write it."""
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,8}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise MistakeError(f"must be a whole number from 1, not {value!r}")


def region(value: object) -> str:
    """A region in either spelling, as `us-east-1`."""
    return normalise_region(text(value))


def topic(value: object) -> str:
    """The ARN of a standard SNS topic."""
    return _arn(value, "sns", r"[A-Za-z0-9_-]{1,256}", "a topic's ARN", "arn:aws:sns:us-east-1:123456789012:cardio")


def kms_key(value: object) -> str:
    """The ARN of a KMS key; an alias will not do, since policies name keys."""
    example = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    return _arn(value, "kms", r"key/(mrk-)?[0-9a-f-]{32,36}", "a KMS key's ARN", example)


def managed_policy(value: object) -> str:
    """The ARN of a managed policy."""
    example = "arn:aws:iam::123456789012:policy/boundary"
    return _arn(value, "iam", r"policy/([\w.,+=@/-]+/)?[\w+=,.@-]{1,128}", "a managed policy's ARN", example)


def role(value: object) -> str:
    """The ARN of an IAM role."""
    example = "arn:aws:iam::123456789012:role/deploy"
    return _arn(value, "iam", r"role/([\w.,+=@/-]+/)?[\w+=,.@-]{1,64}", "a role's ARN", example)


def role_name(value: object) -> str:
    """The name of an IAM role in the node's account, not its ARN."""
    given = text(value)
    if given.startswith("arn:"):
        raise MistakeError("takes the role's name, not its ARN", f"write {given.rsplit('/', 1)[-1]}")
    if not re.fullmatch(r"[\w+=,.@-]{1,64}", given, re.ASCII):
        raise MistakeError(f"{given!r} is not the name of an IAM role", "use 1 to 64 letters, digits and _+=,.@-")
    return given


def external_id(value: object) -> str:
    """STS API, `ExternalId`: 2 to 1224 letters, digits and `_+=,.@:/-`."""
    given = text(value)
    if not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", given, re.ASCII):
        raise MistakeError("is not an external id", "use 2 to 1224 letters, digits and _+=,.@:/-")
    return given


def iam_path(value: object) -> str:
    """`/` or `/team/project/` (IAM API, `Path`: begins and ends with a slash, up to 512 characters)."""
    given = text(value)
    if len(given) > 512:
        raise MistakeError(f"has {len(given)} characters", "use at most 512")
    if not re.fullmatch(r"/([A-Za-z0-9._+=,@-]+/)*", given):
        bare = given.strip("/")
        fix = f"write /{bare}/" if re.fullmatch(r"[A-Za-z0-9._+=,@/-]+", bare) and "//" not in bare else None
        raise MistakeError(f"{given!r} is not an IAM path", fix or "begin and end with a slash, as /team/project/")
    return given


def tags(value: object) -> Mapping[str, str]:
    """Tags that every AWS service here takes (AWS General Reference, "Tag naming limits and requirements")."""
    if not isinstance(value, Mapping):
        raise MistakeError(f"must be a mapping, not {kind_of(value)}", "write tags: {team: cardiology}")
    if len(value) > TAG_LIMIT:
        raise MistakeError(f"holds {len(value)} tags", f"use at most {TAG_LIMIT}")
    allowed = re.compile(r"[\w .:/=+@-]*")
    folded: dict[str, str] = {}
    for key, content in value.items():
        if not isinstance(key, str) or not isinstance(content, str):
            raise MistakeError(f"{key!r}: a tag's key and value are text", "put both in quotes")
        if not 1 <= len(key) <= 128 or len(content) > 256:
            raise MistakeError(f"{key[:40]!r} is too long", "a key has 1 to 128 characters, a value up to 256")
        if key.lower().startswith("aws:"):
            raise MistakeError(f"{key!r} begins with aws:, which AWS keeps for itself", "rename it")
        if not allowed.fullmatch(key) or not allowed.fullmatch(content):
            raise MistakeError(
                f"{key!r} holds a character that AWS refuses", "use letters, digits, spaces and _.:/=+-@"
            )
        if key.lower() in folded:
            raise MistakeError(f"{key!r} and {folded[key.lower()]!r} are one tag to IAM", "keep one of them")
        folded[key.lower()] = key
    return value


def federation_key(value: object) -> SecretStr:
    """Base64 of 16 bytes. What is refused is not printed."""
    given = secret(value)
    if len(_base64(given.get_secret_value()) or b"") != 16:
        raise MistakeError("is not base64 of 16 bytes", "`openssl rand -base64 16` makes one")
    return given


def secret(value: object) -> SecretStr:
    """Any text that must not print itself."""
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str) or not value:
        raise MistakeError("is not a secret text", "set it with `pulumi config set --secret`")
    return SecretStr(value)


def public_key(value: object) -> str:
    """Base64 of a member's X25519 public key, 32 bytes."""
    given = text(value)
    if len(_base64(given) or b"") != 32:
        raise MistakeError("is not base64 of 32 bytes", "take it from the member's request")
    return given


def old_keys(value: object) -> tuple[OldKey, ...]:
    """Old keys of `{epoch: {key, drop_after}}`, a mapping or its JSON text; drop_after as RFC 3339 with its zone."""
    if isinstance(value, tuple) and all(isinstance(item, OldKey) for item in value):
        return value
    shape = 'must be JSON, {"<epoch>": {"key": "…", "drop_after": "2026-01-31T12:00:00Z"}}'
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise MistakeError(shape) from None
    if not isinstance(value, Mapping):
        raise MistakeError(shape)
    keys = []
    for number, entry in value.items():
        if not isinstance(entry, Mapping) or set(entry) != {"key", "drop_after"}:
            raise MistakeError(shape)
        try:
            moment = datetime.fromisoformat(str(entry["drop_after"]))
        except ValueError:
            raise MistakeError(
                f"drop_after of epoch {number} is not a time", "write it as 2026-01-31T12:00:00Z"
            ) from None
        if moment.tzinfo is None:
            raise MistakeError(f"drop_after of epoch {number} has no time zone", "add Z for UTC")
        keys.append(OldKey(epoch=epoch(number), key=federation_key(entry["key"]), drop_after=moment.astimezone(UTC)))
    return tuple(sorted(keys, key=lambda old: old.epoch))


def _arn(value: object, service: str, resource: str, what: str, example: str) -> str:
    given = text(value)
    arn = Arn.parse(given)
    if arn.service != service or not re.fullmatch(resource, arn.resource, re.ASCII):
        raise MistakeError(f"{given!r} is not {what}", f"one looks like {example}")
    if not arn.account or (service in {"sns", "kms"} and not arn.region):
        raise MistakeError(f"{given!r} is not {what}: it lacks its account or region", f"one looks like {example}")
    return given


def _base64(given: str) -> bytes | None:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return None


def words(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [str(word) for word in kind]})


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


_PARTITION = "aws[a-z-]*"
Boolean = Annotated[
    bool, BeforeValidator(boolean), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})
]
Epoch = Annotated[
    int,
    BeforeValidator(epoch),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}]}),
]
Region = Annotated[str, BeforeValidator(region), _pattern("^([a-z]+(-[a-z]+)+-[0-9]+|[A-Z]+(_[A-Z]+)+_[0-9]+)$")]
TopicArn = Annotated[
    str, BeforeValidator(topic), _pattern(f"^arn:{_PARTITION}:sns:[a-z0-9-]+:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}$")
]
KmsKeyArn = Annotated[
    str, BeforeValidator(kms_key), _pattern(f"^arn:{_PARTITION}:kms:[a-z0-9-]+:[0-9]{{12}}:key/[0-9a-z-]+$")
]
PolicyArn = Annotated[
    str, BeforeValidator(managed_policy), _pattern(f"^arn:{_PARTITION}:iam::([0-9]{{12}}|aws):policy/.+$")
]
RoleArn = Annotated[str, BeforeValidator(role), _pattern(f"^arn:{_PARTITION}:iam::[0-9]{{12}}:role/.+$")]
ExternalId = Annotated[str, BeforeValidator(external_id), _pattern("^[A-Za-z0-9_+=,.@:/-]{2,1224}$")]
RoleName = Annotated[str, BeforeValidator(role_name), _pattern("^[A-Za-z0-9_+=,.@-]{1,64}$")]
IamPath = Annotated[str, BeforeValidator(iam_path), _pattern("^/([A-Za-z0-9._+=,@-]+/)*$")]
Tags = Annotated[
    Mapping[str, str],
    BeforeValidator(tags),
    AfterValidator(lambda value: MappingProxyType(dict(value))),
    PlainSerializer(dict),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": TAG_LIMIT,
            "propertyNames": {"pattern": "^(?![aA][wW][sS]:).{1,128}$"},
            "additionalProperties": {"type": "string", "maxLength": 256},
        }
    ),
]
Secret = Annotated[SecretStr, BeforeValidator(secret), WithJsonSchema(SECRET_SCHEMA)]
FederationKey = Annotated[SecretStr, BeforeValidator(federation_key), WithJsonSchema(SECRET_SCHEMA)]
OldKeys = Annotated[tuple[OldKey, ...], BeforeValidator(old_keys), WithJsonSchema(SECRET_SCHEMA)]
PublicKey = Annotated[str, BeforeValidator(public_key), _pattern("^[A-Za-z0-9+/]{43}=$")]

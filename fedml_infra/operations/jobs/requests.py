"""What requests for jobs are made of: their kinds, and the parts of a map that jobs are after."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import SecretStr

from fedml_infra.model.validation import NAMESPACE
from fedml_infra.wire.invites import Invite, InviteV1, invite_of
from fedml_infra.wire.request_map import AWS_KEYS, JOIN_V1_KEYS, JOIN_V2_KEYS, AwsKeys, StackRequest
from fedml_infra.wire.spellings import canonical

CREATE, CREATE_JOIN, AWS_INFO, NEW_SCHEDULE, ADMIT = "create", "createJoin", "awsinfo", "newSchedule", "admit"

_OF_NODE = frozenset({"aws_id"})
"""Keys of a map that its node has and an invite means otherwise: the one account that it is for."""


def join_keys(given: Mapping[str, Any]) -> Collection[str]:
    """The keys that a createJoin needs, by the version of the invite whose keys it has."""
    return JOIN_V1_KEYS if _is_v1(given) else JOIN_V2_KEYS | {"fed_rest_url"}


def invite_in(given: Mapping[str, Any]) -> Invite | InviteV1:
    """The invite whose keys a createJoin's map has. ConfigurationError names all that is wrong."""
    return invite_of({key: value for key, value in canonical(given).items() if key not in _OF_NODE})


def own_values(request: StackRequest) -> dict[str, Any]:
    """The stack's values of a map; of a v2 joiner those that its invite has, too."""
    values = dict(request.values)
    if request.joining is not None and request.joining.hub_public_key is not None:
        values[NAMESPACE + "hub_public_key"] = request.joining.hub_public_key
    return values


def credentials_of(given: Mapping[str, Any]) -> bytes | None:
    """The map's AWS keys, as they are sealed; None where it has none."""
    if not all(given.get(key) for key in AWS_KEYS):
        return None
    return json.dumps({key: given[key] for key in sorted(AWS_KEYS)}).encode()


def read_credentials(opened: bytes) -> AwsKeys:
    """The other way round."""
    found = json.loads(opened)
    return AwsKeys(SecretStr(found["aws_access_key"]), SecretStr(found["aws_secret_key"]))


def _is_v1(given: Mapping[str, Any]) -> bool:
    return bool(canonical(given).get("fed_secret_key")) or not canonical(given).get("hub_public_key")

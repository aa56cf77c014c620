"""Create a stack from a request map: what the map asks for, as a request of `create`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError, ConfigurationError
from fedml_infra.model.validation import REGION_KEY
from fedml_infra.operations.acting_as import with_keys
from fedml_infra.operations.tools import Cloud, Tools
from fedml_infra.wire.request_map import CREATE_KEYS, JOIN_V1_KEYS, StackRequest, from_map
from fedml_infra.wire.spellings import canonical

OF_V2_INVITES = frozenset({"hub_public_key", "roster_bucket", "expires"})
"""Keys that only an invite has which does not carry the federation's key."""


@dataclass(frozen=True)
class Asked:
    """A request map, ready to be acted on, and what there is to say about it."""

    request: StackRequest
    notes: tuple[str, ...] = ()

    def tools(self, tools: Tools) -> Tools:
        """What to act with: the map's own AWS keys, where it has some, in the place of the environment's."""
        keys = self.request.aws_keys
        return tools if keys is None else with_keys(tools, keys.access_key, keys.secret_key)

    def require_account(self, aws: Cloud) -> None:
        """Make sure that the credentials are of the account that the map names.

        Raises AuthenticationError where they are not, or are none.
        """
        wanted = self.request.aws_id
        if wanted is None:
            return
        found = aws.account_of(Access(), str(self.request.values[REGION_KEY]))
        if found != wanted:
            whose = "The map's AWS keys" if self.request.aws_keys is not None else "The environment's credentials"
            raise AuthenticationError(
                f"{whose} belong to account {found}, and its aws_id says account {wanted}.",
                fix=f"Take keys of account {wanted}, or correct aws_id; nothing was written and nothing changed.",
            )


def read_map(given: Mapping[str, Any], *, pid: str | None = None) -> Asked:
    """What a decrypted request map asks for: a federation of one's own, or with aws_topic_arn a part in another's.

    `pid`: the node's name where the map does not have it. ConfigurationError names everything missing or wrong at
    once, or says that an invite without the federation's key is for `join`. The values are not validated as a stack.
    """
    there = {key for key, value in canonical(given).items() if value != ""}
    joins = "aws_topic_arn" in there
    if joins and "fed_secret_key" not in there and OF_V2_INVITES & there:
        raise ConfigurationError(
            "This map has the keys of a v2 invite, which does not carry the federation's key.",
            fix="`fedml-infra join` takes the invite itself, and gets the key once the administrator has admitted you.",
        )
    request = from_map(given, JOIN_V1_KEYS if joins else CREATE_KEYS, pid=pid)
    return Asked(request, tuple(_notes(request)))


def _notes(request: StackRequest) -> list[str]:
    notes = []
    if request.ignored:
        many = len(request.ignored) > 1
        notes.append(f"The map's {', '.join(request.ignored)} {'are' if many else 'is'} no key here, and left out.")
    if request.joining is not None:
        notes.append(
            "The invite's token is not handed in by this: the topic lets this node in once its administrator has "
            f"account {request.aws_id} among the members."
        )
    if request.aws_keys is not None:
        notes.append("The map's AWS keys are used for this run, and kept nowhere.")
    return notes

"""Invites and request bodies of either version, told apart by their form."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.wire import v1
from fedml_infra.wire.encoding import from_json, require_strings, to_json, unwrapped
from fedml_infra.wire.invites import Invite, InviteV1, invite_of
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.spellings import canonical
from fedml_infra.wire.v2 import envelope, request
from fedml_infra.wire.v2.request import RequestContext


class Version(StrEnum):
    """Of the wire formats."""

    V1 = "v1"
    V2 = "v2"


def version_of(text: str) -> Version:
    """v2 where the text begins as ours do (`fedml2`), v1 otherwise, whether or not it can be read."""
    return Version.V2 if unwrapped(text).startswith("fedml2") else Version.V1


def encrypt_invite(values: Mapping[str, str], passphrase: SecretStr, version: Version = Version.V2) -> str:
    """An invite's blob. ConfigurationError for values that are no text, and, for v2, a map without its fed_name."""
    require_strings(values)
    if version is Version.V1:
        return v1.encrypt_invite(values, passphrase)
    federation = canonical(values).get("fed_name")
    if not federation:
        raise ConfigurationError("The invite lacks fed_name, which a v2 blob is bound to.", fix="Add it to the map.")
    return envelope.seal(to_json(dict(values)), passphrase, purpose=envelope.INVITE, federation=federation)


def decrypt_invite(text: str, passphrase: SecretStr, version: Version | None = None) -> dict[str, Any]:
    """Whatever map an invite's blob holds; `version` of None takes either.

    UnreadableError, always the same, where nothing comes out; ConfigurationError for a v1 blob and a passphrase that
    v1 cannot have.
    """
    if (version or version_of(text)) is Version.V1:
        return v1.decrypt_invite(text, passphrase)
    return _opened(text, passphrase)[1]


def seal_invite(invite: Invite | InviteV1, passphrase: SecretStr) -> str:
    """The blob of an invite, in its own version."""
    return encrypt_invite(invite.to_map(), passphrase, Version.V1 if isinstance(invite, InviteV1) else Version.V2)


def open_invite(text: str, passphrase: SecretStr) -> Invite | InviteV1:
    """The invite of a blob, checked. Errors as `decrypt_invite`; ConfigurationError names all that is wrong."""
    if version_of(text) is Version.V1:
        return invite_of(v1.decrypt_invite(text, passphrase))
    federation, found = _opened(text, passphrase)
    invite = invite_of(found)
    if invite.fed_name != federation:
        raise UnreadableError
    return invite


def encrypt_request(values: Mapping[str, str], key: CustomerKey, context: RequestContext | None = None) -> str:
    """A request's body: v2 in its context, v1 where that is None. ConfigurationError for a key of the other version."""
    require_strings(values)
    return v1.encrypt_request(values, key) if context is None else request.encrypt_request(values, key, context)


def decrypt_request(
    text: str, key: CustomerKey, context: RequestContext | None = None, version: Version | None = None
) -> dict[str, Any]:
    """The map of a request's body; `version` of None takes either. UnreadableError, always the same, otherwise.

    ConfigurationError where a v2 body is given without its context.
    """
    if (version or version_of(text)) is Version.V1:
        return v1.decrypt_request(text, key)
    if context is None:
        raise ConfigurationError(
            "A v2 request can only be read with its verb, path, customer id and sym-date.",
            fix="Say them: they are in the request's first line and headers.",
        )
    return request.decrypt_request(text, key, context)


def _opened(text: str, passphrase: SecretStr) -> tuple[str, dict[str, Any]]:
    """The federation that a v2 invite's header names, and the map inside."""
    opened = envelope.open_envelope(text, passphrase, purpose=envelope.INVITE)
    try:
        return opened.federation, from_json(opened.content)
    except ValueError:
        raise UnreadableError from None

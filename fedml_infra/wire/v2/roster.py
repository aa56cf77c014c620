"""The roster: who is in a federation, signed by its hub, with the federation's key sealed to each member.

The file is a DSSE envelope (https://github.com/secure-systems-lab/dsse, protocol.md), so that what is signed are bytes,
not a reading of them:

    {"payloadType": PAYLOAD_TYPE, "payload": base64, "signatures": [{"sig": base64 of Ed25519(PAE(type, payload))}]}
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError

from fedml_infra.errors import RosterError
from fedml_infra.model.fields import Epoch, PublicKey, TopicArn, choice, federation_key
from fedml_infra.model.names import AccountId, FederationName, Pid
from fedml_infra.model.rights import Right, Rights, RightsList, Topology
from fedml_infra.model.schedule import Schedule, ScheduleText
from fedml_infra.wire.encoding import base64url, from_base64, from_base64url, from_json, to_json
from fedml_infra.wire.v2.keypairs import signing_key, verifying_key
from fedml_infra.wire.v2.sealed import open_sealed, seal_to

PAYLOAD_TYPE = "application/vnd.fedml-infra.roster.v2+json"


class RosterRefusal(StrEnum):
    """What is wrong with a roster, in one word."""

    NOT_A_ROSTER = "not_a_roster"
    BAD_SIGNATURE = "bad_signature"
    OTHER_FEDERATION = "other_federation"
    LOWER_EPOCH = "lower_epoch"
    NOT_A_MEMBER = "not_a_member"
    NO_KEY = "no_key"
    NOT_OUR_KEY = "not_our_key"


@dataclass(frozen=True)
class RosterMember:
    """A member as the hub has it; the key is sealed to `public_key`, to nobody where it is None (a v1 member)."""

    aws_id: str
    rights: Rights
    nodes: tuple[str, ...] = ()
    public_key: str | None = None


class Entry(BaseModel):
    """A member as the roster tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    aws_id: AccountId
    rights: RightsList
    nodes: tuple[Pid, ...]
    public_key: PublicKey | None
    sealed_key: str | None
    """base64url of the sealed federation key; None for a member that gave no public key."""


class Roster(BaseModel):
    """What the hub has signed. Keys that are not known are left alone: a later release may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    fed_name: FederationName
    aws_topic_arn: TopicArn
    fed_epoch: Epoch
    sync_sched: ScheduleText
    topology: Annotated[Topology, BeforeValidator(choice(Topology))]
    members: tuple[Entry, ...]

    def member(self, aws_id: str) -> Entry:
        """The entry of that account. RosterError (not_a_member) where there is none."""
        for entry in self.members:
            if entry.aws_id == aws_id:
                return entry
        raise RosterError(
            RosterRefusal.NOT_A_MEMBER,
            f"Account {aws_id} is not on the roster of {self.fed_name} (epoch {self.fed_epoch}).",
            fix="Ask the administrator whether it was admitted, or removed.",
        )

    def federation_key(self, aws_id: str, member_key: SecretStr) -> SecretStr:
        """The federation's key of this epoch, base64 of 16 bytes. RosterError: not_a_member, no_key, not_our_key."""
        entry = self.member(aws_id)
        if entry.sealed_key is None:
            raise RosterError(
                RosterRefusal.NO_KEY,
                f"The roster of {self.fed_name} holds no key for account {aws_id}: it gave no public key.",
                fix="Join again with a v2 invite, which gives one.",
            )
        context = (self.fed_name, self.aws_topic_arn, str(self.fed_epoch), aws_id)
        try:
            raw = open_sealed(member_key, from_base64url(entry.sealed_key), "federation key", *context)
            return federation_key(raw.decode("ascii"))
        except ValueError:
            raise RosterError(
                RosterRefusal.NOT_OUR_KEY,
                f"The key that the roster of {self.fed_name} holds for account {aws_id} is sealed to another key.",
                fix="The member_key of this stack is not the one that was admitted: join again.",
            ) from None


@dataclass(frozen=True)
class RosterDraft:
    """What is to be signed: `Roster` with the federation's key in hand."""

    fed_name: str
    aws_topic_arn: str
    fed_epoch: int
    sync_sched: Schedule
    topology: Topology
    members: Sequence[RosterMember]
    fed_secret_key: SecretStr


def write_roster(draft: RosterDraft, hub_key: SecretStr) -> bytes:
    """The file's bytes. ConfigurationError where a key is none. Sealing is random: no two writings are the same."""
    payload = to_json(
        {
            "fed_name": draft.fed_name,
            "aws_topic_arn": draft.aws_topic_arn,
            "fed_epoch": draft.fed_epoch,
            "sync_sched": str(draft.sync_sched),
            "topology": str(draft.topology),
            "members": [_entry(member, draft) for member in draft.members],
        }
    )
    signature = signing_key(hub_key).sign(_pae(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    return to_json(envelope)


def read_roster(raw: bytes, *, hub_public_key: str, fed_name: str, aws_topic_arn: str, known_epoch: int = 0) -> Roster:
    """The roster of a file's bytes. `known_epoch`: the highest that was ever seen; 0 for none.

    RosterError: not_a_roster, bad_signature (looked at before anything of the content), other_federation,
    lower_epoch. ConfigurationError where `hub_public_key` is no key.
    """
    verifier = verifying_key(hub_public_key)
    payload, signature = _parts(raw)
    try:
        verifier.verify(signature, _pae(PAYLOAD_TYPE, payload))
    except InvalidSignature:
        raise RosterError(
            RosterRefusal.BAD_SIGNATURE,
            f"The roster of {fed_name} is not signed by its hub.",
            fix="Nothing of it was used. Ask the administrator, by another way, who has written to the roster bucket.",
        ) from None
    try:
        roster = Roster.model_validate(from_json(payload))
    except (ValidationError, ValueError):
        raise _not_a_roster() from None
    if (roster.fed_name, roster.aws_topic_arn) != (fed_name, aws_topic_arn):
        raise RosterError(
            RosterRefusal.OTHER_FEDERATION,
            f"This is the roster of {roster.fed_name} ({roster.aws_topic_arn}), and not of {fed_name} "
            f"({aws_topic_arn}).",
            fix="Ask the administrator which roster bucket is the federation's.",
        )
    if roster.fed_epoch < known_epoch:
        raise RosterError(
            RosterRefusal.LOWER_EPOCH,
            f"The roster of {fed_name} is of epoch {roster.fed_epoch}, and epoch {known_epoch} was seen before.",
            fix="An old roster was put back: ask the administrator to publish the current one.",
        )
    return roster


def _entry(member: RosterMember, draft: RosterDraft) -> dict[str, Any]:
    sealed = None
    if member.public_key is not None:
        key = draft.fed_secret_key.get_secret_value().encode()
        context = (draft.fed_name, draft.aws_topic_arn, str(draft.fed_epoch), member.aws_id)
        sealed = base64url(seal_to(member.public_key, key, "federation key", *context))
    return {
        "aws_id": member.aws_id,
        "rights": [str(right) for right in Right if right in member.rights],
        "nodes": list(member.nodes),
        "public_key": member.public_key,
        "sealed_key": sealed,
    }


def _parts(raw: bytes) -> tuple[bytes, bytes]:
    """The payload and the one signature of an envelope."""
    try:
        found = from_json(raw)
        signatures = found.get("signatures")
        if found.get("payloadType") == PAYLOAD_TYPE and isinstance(signatures, list) and len(signatures) == 1:
            only = signatures[0]
            if isinstance(only, Mapping) and isinstance(only.get("sig"), str) and isinstance(found.get("payload"), str):
                return from_base64(found["payload"]), from_base64(only["sig"])
    except ValueError:
        pass
    raise _not_a_roster()


def _pae(kind: str, payload: bytes) -> bytes:
    """DSSE, "Pre-Authentication Encoding"."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def _not_a_roster() -> RosterError:
    return RosterError(
        RosterRefusal.NOT_A_ROSTER,
        "This is not a roster, or it was cut off.",
        fix="Ask the administrator to publish it again: `fedml-infra up` in the hub's project does.",
    )

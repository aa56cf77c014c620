"""Admit who was invited: its token is redeemed, and its account a member in the hub's stack file, in one edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fedml_infra.errors import AuthenticationError, ConfigurationError, TokenRefusedError
from fedml_infra.model.arns import Arn
from fedml_infra.model.fields import Sharing
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.rights import Right, Rights, Topology, default_rights
from fedml_infra.model.stack import Member, StackConfig
from fedml_infra.model.validation import MEMBERS, validate
from fedml_infra.operations.change import Changed, Draft, Secrets, change_stack, entries
from fedml_infra.operations.load import Stack
from fedml_infra.operations.topology import rights_said
from fedml_infra.store.store import Store
from fedml_infra.store.values import MemberSeen, Reason, TokenRow
from fedml_infra.wire.v2.join_request import JoinRequest

ANOTHER = "Ask the administrator for another invite."


class NotAdmissibleError(ConfigurationError):
    """What is asked for cannot be, and whoever asks may know why: it tells nothing of others."""


class PidTakenError(NotAdmissibleError):
    """Somebody else in the federation has a node of that name."""


@dataclass(frozen=True)
class Joining:
    """Who is to be let in: the account (proved, or bound to its invite), its node, what the key is sealed to."""

    digest: bytes
    """Of the invite's token."""
    aws_id: str
    pid: str
    public_key: str | None


@dataclass(frozen=True)
class Admission:
    """What an admission comes to."""

    token: TokenRow
    joining: Joining
    rights: Rights
    """What the account may do afterwards."""
    before: Member | None
    """The account as it is a member already."""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The admission for machines."""
        return {
            "invite": self.token.id,
            "aws_id": self.joining.aws_id,
            "pid": self.joining.pid,
            "rights": [str(right) for right in Right if right in self.rights],
            "is_member": self.before is not None,
            "public_key": self.joining.public_key,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Admitted:
    """A member that was let in."""

    changed: Changed
    token: TokenRow
    rights: Rights


def read_request(raw: bytes, store: Store, topic_arn: str) -> tuple[TokenRow, Joining]:
    """Who asks by a join request's file, for the federation with that topic, and by which invite.

    Only an invite that is bound to an account can be used so: the file proves that whoever wrote it held the token, and
    nothing of an account. Raises UnreadableError, ConfigurationError or TokenRefusedError.
    """
    request = JoinRequest.read(raw)
    if request.aws_topic_arn != topic_arn:
        raise ConfigurationError(
            f"This request is for the federation of {request.aws_topic_arn}, and this one's topic is {topic_arn}.",
            fix="Admit it where that federation is administered.",
        )
    row = store.tokens.get(request.token_id)
    if row.topic_arn != topic_arn or not request.is_by_holder(row.digest):
        raise AuthenticationError(
            f"This request was not made with invite {row.id}, or it was changed on the way.",
            fix="Nothing was admitted. Have the joiner send it again, and compare it by another way.",
        )
    if row.aws_id is None:
        raise AuthenticationError(
            f"Invite {row.id} is for whoever proves an account, and a file proves none.",
            fix=f"Make one for the account alone: `fedml-infra invite create --account {request.aws_id}`.",
        )
    joining = Joining(row.digest, request.aws_id, request.pid, request.public_key)
    return store.tokens.look(row.digest, aws_id=request.aws_id), joining


def topic_of_request(raw: bytes, stack: Stack) -> str:
    """The topic that a join request's file is for, where the hub's state is out of reach, if it can be this stack's.

    The invite's token is of one topic too. Raises UnreadableError, or ConfigurationError for another hub's.
    """
    request = JoinRequest.read(raw)
    account = Arn.parse(request.aws_topic_arn).account
    allowed = [str(each) for each in stack.settings.get("allowed_account_ids") or ()]
    fits = hub_resources(stack.config, account).topic_arn == request.aws_topic_arn
    if not fits or (allowed and account not in allowed):
        raise ConfigurationError(
            f"This request is for the federation of {request.aws_topic_arn}, which is not that of {stack.path.name}.",
            fix="Admit it where that federation is administered.",
        )
    return request.aws_topic_arn


def plan_admission(config: StackConfig, topic_arn: str, joining: Joining, store: Store) -> Admission:
    """What letting it in comes to; nothing is changed.

    Raises TokenRefusedError for a token that gives nothing to that account (any more), NotAdmissibleError (as
    PidTakenError) for what cannot be.
    """
    token = known_token(store, topic_arn, joining)
    seen = store.members.seen(topic_arn).get(joining.aws_id)
    member = _member(config, joining.aws_id)
    _check(config, joining, token, seen, member)
    notes = tuple(_notes(config, topic_arn, joining, member, seen, store.now()))
    return Admission(token, joining, _rights(config, token, member), member, notes)


def admit_member(project: Path, name: str, engine: Secrets, store: Store, topic_arn: str, joining: Joining) -> Admitted:
    """Redeem the token and write the member into the stack file, both while nobody else edits it.

    Repeated by the same account, nothing changes. Errors as `plan_admission`, and ConfigurationError for a file that
    has no room for it; the file is as it was then, and the token is not used up.
    """
    redeemed: list[TokenRow] = []
    rights: list[Rights] = []

    def edit(draft: Draft) -> None:
        redeemed.clear()
        config = validate(draft.values, stack=name)
        plan = plan_admission(config, topic_arn, joining, store)
        _put(draft.values, config, joining, plan)
        # Before the token is used up: what the file has no room for is refused here.
        validate(draft.values, stack=name)
        row = store.tokens.redeem(
            joining.digest, aws_id=joining.aws_id, pid=joining.pid, public_key=joining.public_key
        ).row
        redeemed.append(row)
        # Somebody else of that account may have been first, since the look.
        _check_same(joining, row)
        rights[:] = [plan.rights]

    changed = change_stack(project, name, engine, edit)
    return Admitted(changed, redeemed[0], rights[0])


def admit_redeemed(
    project: Path, name: str, engine: Secrets, store: Store, topic_arn: str, *, new_since: datetime
) -> Changed:
    """Write everybody into the stack file who has redeemed a token of that federation, in one edit.

    For where accounts are proved, and tokens redeemed, apart from the hub's runs. Who was removed since, or holds a
    token that was revoked before it came to this, is left out. Of a member that is in the file already a token counts
    if it was redeemed since `new_since`: it may bring another key or further rights, which one of before must not bring
    again. ConfigurationError for a file that has no room for them.
    """

    def edit(draft: Draft) -> None:
        seen = store.members.seen(topic_arn)
        for row in store.tokens.list(topic_arn):
            config = validate(draft.values, stack=name)
            if row.used_by is None or row.used_at is None or row.pid is None:
                continue
            joining = Joining(row.digest, row.used_by, row.pid, row.public_key)
            member, known = _member(config, joining.aws_id), seen.get(joining.aws_id)
            served = _is_in(member, joining) and row.used_at < new_since
            if served or row.revoked_at is not None:
                continue
            if known is not None and known.since is not None and known.since >= row.used_at:
                continue
            try:
                _check(config, joining, row, known, member)
                rights = _rights(config, row, member)
            except (NotAdmissibleError, TokenRefusedError):
                # Since it was proved the file has changed: whoever asks again is told why.
                continue
            _put(draft.values, config, joining, Admission(row, joining, rights, member))

    return change_stack(project, name, engine, edit)


def _is_in(member: Member | None, joining: Joining) -> bool:
    return member is not None and (not member.nodes or joining.pid in member.nodes)


def known_token(store: Store, topic_arn: str, joining: Joining) -> TokenRow:
    """The token, if that account could redeem it now for this federation. Raises TokenRefusedError."""
    row = store.tokens.look(joining.digest, aws_id=joining.aws_id)
    if row.topic_arn != topic_arn:
        # Of another federation that is administered with this store: here it is unknown.
        raise TokenRefusedError(Reason.UNKNOWN, "This invite is not known here.", fix=ANOTHER)
    return row


def _check(
    config: StackConfig,
    joining: Joining,
    token: TokenRow,
    seen: MemberSeen | None,
    member: Member | None,
) -> None:
    _check_same(joining, token)
    since = seen.since if seen is not None else None
    if member is None and since is not None and token.used_at is not None and since >= token.used_at:
        raise TokenRefusedError(
            Reason.REVOKED, f"Account {joining.aws_id} was let in by this invite, and was removed since.", fix=ANOTHER
        )
    others = {node.pid for node in config.nodes}
    others |= {pid for each in config.members if each.aws_id != joining.aws_id for pid in each.nodes}
    if joining.pid in others:
        raise PidTakenError(
            f"The federation has a node {joining.pid} already, which is another organisation's.",
            fix="Join with another pid.",
        )


def _check_same(joining: Joining, row: TokenRow) -> None:
    """The same account gets the same again, and nothing else for the same token."""
    if row.used_by != joining.aws_id:
        return
    if row.pid != joining.pid:
        raise NotAdmissibleError(
            f"Account {joining.aws_id} has used this invite for node {row.pid}, and asks for node {joining.pid} now.",
            fix=f"Join as {row.pid}; for a further node ask for another invite.",
        )
    if row.public_key != joining.public_key:
        raise NotAdmissibleError(
            f"Account {joining.aws_id} has used this invite with another public key.",
            fix=f"Go on where its stack file with the member_key is, or start anew. {ANOTHER}",
        )


def _member(config: StackConfig, aws_id: str) -> Member | None:
    return next((member for member in config.members if member.aws_id == aws_id), None)


def _rights(config: StackConfig, token: TokenRow, member: Member | None) -> Rights:
    """What the invite gives, and what the account has already: an invite takes nothing away."""
    given = token.rights
    if given is None and member is None and config.topology is Topology.HYBRID:
        raise NotAdmissibleError(
            f"Invite {token.id} names no rights, and the federation is hybrid by now, where nothing gives them.",
            fix="Make another one with --rights.",
        )
    if given is None:
        given = config.member_rights(member) if member is not None else default_rights(config.topology, "member")
    return given | (config.member_rights(member) if member is not None else frozenset())


def _put(values: dict[str, Any], config: StackConfig, joining: Joining, plan: Admission) -> None:
    listed = entries(values, MEMBERS)
    entry = next((each for each in listed if str(each["aws_id"]) == joining.aws_id), None)
    if entry is None:
        entry = {"aws_id": joining.aws_id, "nodes": [joining.pid]}
        values[MEMBERS] = [*listed, entry]
    elif entry.get("nodes") and joining.pid not in entry["nodes"]:
        # Where none is named, any queue of its own may subscribe: naming one would put the others out.
        entry["nodes"] = [*entry["nodes"], joining.pid]
    said = rights_said(config.topology, plan.rights)
    if said is None:
        entry.pop("rights", None)
    else:
        entry["rights"] = said
    if joining.public_key is not None:
        entry["public_key"] = joining.public_key


def _notes(
    config: StackConfig, topic_arn: str, joining: Joining, member: Member | None, seen: MemberSeen | None, now: datetime
) -> Iterator[str]:
    if member is not None:
        yield f"Account {joining.aws_id} is a member already."
        if joining.public_key is not None and member.public_key not in (None, joining.public_key):
            yield (
                "Its public key is replaced: a stack of its that has the key of before can open no roster any more. "
                "If you did not expect that, ask them by another way."
            )
    if joining.aws_id == topic_arn.split(":")[4]:
        yield (
            f"Account {joining.aws_id} is the hub's own: within it AWS goes by the account's policies, and the topic's "
            "neither gives it anything nor takes it away. A node of yours can also stand in the hub's stack file."
        )
    until = seen.waits_until(now) if seen is not None else None
    if until is not None:
        yield (
            f"Account {joining.aws_id} was removed within the last 72 hours. Until {until:%Y-%m-%d %H:%M} UTC AWS does "
            "not let the same queue subscribe again: a node of that name hears nothing before, another pid does."
        )
    if joining.public_key is None:
        yield "It gives no public key (v1): a new key of the federation will not reach it by the roster."
    if config.sharing is Sharing.BUCKET_POLICY:
        yield "Payloads are shared by bucket policy: the policies of the hub's own buckets change with this."

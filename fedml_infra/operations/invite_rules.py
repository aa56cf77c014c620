"""What an invite may ask for, and what a person has to know about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr, TypeAdapter, ValidationError

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.arns import Arn
from fedml_infra.model.fields import MessageFilter
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.names import account_id
from fedml_infra.model.rights import Rights, Topology, default_rights
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.load import Stack
from fedml_infra.store.store import Store
from fedml_infra.store.values import TokenRow
from fedml_infra.wire.blobs import Version
from fedml_infra.wire.invites import Url

LIFE = Schedule("h", 2)
"""How long an invite lives unless told otherwise (REST contract)."""
LONGEST = Schedule("d", 30)


@dataclass(frozen=True)
class InviteWanted:
    """What is asked for."""

    life: Schedule = LIFE
    account: str | None = None
    """The one account that may use it; None where any may that proves itself."""
    rights: Rights | None = None
    """None: what the topology gives."""
    rest_url: str | None = None
    """Where the joiner's side proves its account: the whole URL that createPolicies is posted to."""
    version: Version = Version.V2
    passphrase: SecretStr | None = None
    """v1 only: the one that the other side expects."""


def life(text: str) -> Schedule:
    """How long an invite lives: `2h` as people write it, or `h2` as schedules are written everywhere else.

    ConfigurationError where it is neither, or longer than an invite may live.
    """
    number, unit = text[:-1], text[-1:]
    try:
        span = Schedule.parse(unit + number if number.isdecimal() else text)
    except MistakeError as error:
        raise ConfigurationError(f"{text!r} is not a span of time.", fix="Write 30m, 2h or 7d.") from error
    if span.seconds > LONGEST.seconds:
        raise ConfigurationError(
            f"An invite that lives for {text} is a door left open: it may be {LONGEST.count} days at most.",
            fix="Make another one when it is needed.",
        )
    return span


def check(config: StackConfig, wanted: InviteWanted, topic: Arn) -> None:
    """Raise ConfigurationError with all that is wrong with what is asked for."""
    found = list(_problems(config, wanted, topic))
    if found:
        raise ConfigurationError("This invite cannot be made:", found)


def _problems(config: StackConfig, wanted: InviteWanted, topic: Arn) -> Iterator[Problem]:
    if wanted.rest_url is not None:
        try:
            TypeAdapter(Url).validate_python(wanted.rest_url)
        except ValidationError as error:
            mistake: MistakeError = error.errors()[0]["ctx"]["error"]
            yield Problem("--rest-url", mistake.what, mistake.fix)
    elif wanted.version is Version.V1:
        yield Problem(
            "--rest-url",
            "is missing, and a v1 invite has to carry one (fed_rest_url)",
            "give the whole address that the joiner posts createPolicies to, "
            "as https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies",
        )
    elif wanted.account is None:
        yield Problem(
            "--account",
            "is missing, and without --rest-url there is nothing that the joiner could prove its account to",
            "give the one account that may use the invite, or the address of your server with --rest-url",
        )
    if wanted.account is not None:
        try:
            account_id(wanted.account)
        except MistakeError as error:
            yield Problem("--account", error.what, "write its 12 digits")
        if wanted.account == topic.account:
            yield Problem(
                "--account", f"{wanted.account} is the hub's own account", "add a node to the stack file instead"
            )
    rights = wanted.rights
    if rights is None and config.topology is Topology.HYBRID:
        yield Problem(
            "--rights",
            "is missing, and a hybrid federation has no default",
            "give publish, receive or publish,receive",
        )
    if (
        rights is not None
        and config.topology is Topology.CENTRALIZED
        and not rights <= default_rights(config.topology, "member")
    ):
        yield Problem(
            "--rights",
            "a centralized federation's members only publish",
            f"give publish, or make it hybrid: `fedml-infra topology {config.fed_name} hybrid`",
        )


def notes_of(stack: Stack, wanted: InviteWanted, store: Store, topic_arn: str) -> Iterator[str]:
    config, account = stack.config, wanted.account
    if account is not None:
        if any(member.aws_id == account for member in config.members):
            yield f"Account {account} is a member of {config.fed_name} already."
        seen = store.members.seen(topic_arn).get(account)
        until = seen.waits_until(store.now()) if seen is not None else None
        if seen is not None and seen.removed_at is not None and until is not None:
            yield (
                f"Account {account} was removed at {seen.removed_at:%Y-%m-%d %H:%M} UTC. For 72 hours, until "
                f"{until:%Y-%m-%d %H:%M} UTC, AWS does not let the same queue subscribe again: a node that joins "
                "before needs another pid."
            )
    if wanted.version is Version.V1:
        yield (
            "A v1 invite carries the federation's key under a weak cipher: whoever reads it can read the federation's "
            "messages. Use v1 only for clients that know nothing else."
        )
        if config.message_filter is MessageFilter.SENDER:
            yield (
                "Clients of v1 may set no attribute `sender`, without which their messages reach nobody here: "
                "set message_filter: none, in the members' stacks too."
            )
    elif not config.has_secret("hub_key"):
        yield f"The hub had no signing key: one was made, encrypted in {stack.path}. Keep that file."
    if wanted.rest_url is not None and not _private(wanted.rest_url):
        yield f"{wanted.rest_url} is not https: who listens on the way to it can use the invite."


def _private(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def notes_of_revoked(row: TokenRow) -> Iterator[str]:
    if row.used_by is not None:
        yield (
            f"Account {row.used_by} used it before, and stays a member: "
            f"`fedml-infra members remove {row.used_by} -s {row.fed_name}` takes it out."
        )
    elif row.version == "v1":
        yield (
            "A v1 invite carries the federation's key, and whoever has it and its passphrase has the key: "
            f"`fedml-infra rotate-key {row.fed_name}` makes that worthless."
        )

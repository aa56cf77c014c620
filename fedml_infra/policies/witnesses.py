"""Whom and what to try, so that the answer for these few is the answer for all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from fedml_infra.policies.dialect import listed
from fedml_infra.policies.document import Document
from fedml_infra.policies.evaluation import Caller, glob

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
UNNAMED_SERVICE = "events.amazonaws.com"
"""Stands for every service that no document names."""
_IMPLIED = {"aws:principalaccount", "aws:principalarn", "aws:resourceaccount", "aws:securetransport"}
"""Keys that follow from caller and resource, or are tried both ways anyway."""


def accounts_alike(bearing: list[Document], owner: str, others: Iterable[str]) -> list[list[str]]:
    """The accounts that the documents name and the others, in groups that no document tells apart."""
    places: defaultdict[str, set[int]] = defaultdict(set)
    for place, (text, within) in enumerate(_texts(bearing)):
        for account in _ACCOUNT.findall(text):
            # An account that is all of its text stands in a list with others: what counts is the list.
            places[account].add(within if _alone(text) else -1 - place)
    for account in {owner, *others, *_patterned(bearing)}:
        places[account] |= set()
    alike: defaultdict[tuple[frozenset[int], bool, bool], list[str]] = defaultdict(list)
    patterned = set(_patterned(bearing))
    for account, where in places.items():
        alike[frozenset(where), account == owner, account in patterned].append(account)
    return list(alike.values())


def fresh_account(named: Collection[str]) -> str:
    """An account id that is none of these."""
    return next(account for n in range(999_999_999_999, 0, -1) if (account := f"{n:012d}") not in named)


def callers(partition: str, account: str, bearing: Iterable[Document]) -> Iterator[Caller]:
    """The account's administrator, every principal of it that is named, and every role that a condition asks for."""
    yield Caller(account, f"arn:{partition}:iam::{account}:role/administrator")
    for principal in _principals(bearing):
        parts = principal.split(":", 5)
        if len(parts) == 6 and parts[4] == account and parts[5] != "root":
            yield Caller(account, principal)
    for pattern in _of_key(bearing, "aws:principalarn"):
        parts = pattern.split(":", 5)
        if len(parts) == 6 and glob(parts[4], account):
            yield Caller(account, re.sub(r"[*?]+", "x", ":".join([*parts[:4], account, parts[5]])))


def values(documents: Iterable[Document], action: str) -> dict[str, list[str | None]]:
    """For each condition key that bears on the action: the values to try, None for a key that is not set."""
    named: dict[str, dict[str | None, None]] = {}
    for each in documents:
        for statement in listed(each["Statement"]):
            if not any(glob(pattern, action, ignore_case=True) for pattern in listed(statement["Action"])):
                continue
            for entries in statement.get("Condition", {}).values():
                for key, patterns in entries.items():
                    if key.lower() in _IMPLIED:
                        continue
                    values = named.setdefault(key, {})
                    for pattern in listed(patterns):
                        values.update(dict.fromkeys(_around(str(pattern))))
    return {key: [*values, None] for key, values in named.items()}


def _around(pattern: str) -> Iterator[str]:
    """A text that fits the pattern, and some that just do not."""
    chunks = re.split(r"[*?]+", pattern)
    yield "x".join(chunks)
    yield "x".join(chunks) + "x"
    for index, chunk in enumerate(chunks):
        if chunk:
            yield "x".join([*chunks[:index], "~", *chunks[index + 1 :]])


def services(bearing: Iterable[Document]) -> list[str]:
    """The services that the documents name, SNS, and one that they do not name."""
    named = {UNNAMED_SERVICE, "sns.amazonaws.com"}
    for each in bearing:
        for statement in listed(each["Statement"]):
            principal = statement.get("Principal")
            if isinstance(principal, Mapping):
                named.update(listed(principal.get("Service", [])))
    return sorted(named)


def _patterned(bearing: Iterable[Document]) -> Iterator[str]:
    """For each pattern of account ids an account that fits it."""
    wanted = [*_of_key(bearing, "aws:principalaccount")]
    wanted += [pattern.split(":", 5)[4] for pattern in _of_key(bearing, "aws:principalarn") if pattern.count(":") > 4]
    for pattern in wanted:
        if "*" in pattern or "?" in pattern:
            fill = 12 - len(pattern.replace("*", ""))
            account = pattern.replace("?", "0").replace("*", "0" * max(fill, 0), 1).replace("*", "")
            if _ACCOUNT.fullmatch(account):
                yield account


def _principals(documents: Iterable[Document]) -> Iterator[str]:
    """Every principal of an account that the documents name."""
    for each in documents:
        for statement in listed(each["Statement"]):
            principal = statement.get("Principal")
            if isinstance(principal, Mapping):
                yield from listed(principal.get("AWS", []))


def _of_key(documents: Iterable[Document], wanted: str) -> Iterator[str]:
    """Every value that a condition compares the key with."""
    for each in documents:
        for statement in listed(each["Statement"]):
            for entries in statement.get("Condition", {}).values():
                for key, patterns in entries.items():
                    if key.lower() == wanted:
                        yield from map(str, listed(patterns))


def _texts(documents: Iterable[Document]) -> Iterator[tuple[str, int]]:
    """Every text of the documents with the number of the list that it stands in."""
    number = 0

    def walk(value: Any, place: int) -> Iterator[tuple[str, int]]:
        nonlocal number
        if isinstance(value, str):
            yield value, place
            return
        for each in value.values() if isinstance(value, Mapping) else value:
            number += not isinstance(value, list)
            yield from walk(each, place if isinstance(value, list) else number)

    for each in documents:
        yield from walk(each["Statement"], number)


def _alone(text: str) -> bool:
    """Whether the account is all that tells this text from its neighbours: a bare id or a root ARN."""
    return re.fullmatch(r"(arn:[^:]+:iam::)?\d{12}(:root)?", text) is not None

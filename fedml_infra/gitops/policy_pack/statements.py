"""Policy documents as anyone writes them, read leniently: a rule must see what a document of another style allows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.policies.evaluation import glob

_ACCOUNT = re.compile(r"\d{12}")
_EQUALS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
_ACCOUNT_KEYS = frozenset({"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount"})
_ARN_KEYS = frozenset({"aws:principalarn", "aws:sourcearn"})


class UnreadableDocumentError(ValueError):
    """Something that stands where a policy document should, and is none."""


@dataclass(frozen=True)
class Statement:
    """One statement; an element that may be one value or several is always several."""

    allows: bool
    sid: str
    principals: Mapping[str, tuple[str, ...]]
    """By kind (`AWS`, `Service`, `Federated`, …). `"Principal": "*"` is `AWS: *`."""
    all_but: bool
    """Whether the principals are those that it is NOT about."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    inverted: frozenset[str]
    """Of NotAction and NotResource those that it has."""
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator and key, both in lower case, with the values."""

    @property
    def label(self) -> str:
        """For people."""
        return f"statement {self.sid!r}" if self.sid else "a statement"

    @property
    def for_everyone(self) -> bool:
        """Whether no principal is left out by name."""
        return self.all_but or any("*" in values for values in self.principals.values())

    @property
    def of_accounts(self) -> bool:
        """Whether a condition ties it to accounts: of the caller, or of what a service acts for.

        An operator with IfExists or a set operator also holds where the key is absent (IAM, "IAM JSON policy elements:
        Condition operators"), so neither counts; nor does a value that fits accounts nobody named.
        """
        return any(
            bool(values) and operator in _EQUALS and all(_names_account(operator, key, value) for value in values)
            for operator, key, values in self.conditions
        )


def statements(document: Any) -> tuple[Statement, ...]:
    """The statements of a document, given as JSON text or as plain values. UnreadableDocumentError where it is none."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise UnreadableDocumentError("is no JSON") from error
    if not isinstance(document, Mapping) or "Statement" not in document:
        raise UnreadableDocumentError("has no Statement")
    found = document["Statement"]
    several = [found] if isinstance(found, Mapping) else found
    if not isinstance(several, list) or not all(isinstance(each, Mapping) for each in several):
        raise UnreadableDocumentError("has a Statement that is none")
    return tuple(_statement(each) for each in several)


def covers(patterns: tuple[str, ...], wanted: str) -> bool:
    """Whether one of the actions or their patterns fits."""
    return any(glob(pattern, wanted, ignore_case=True) for pattern in patterns)


def _statement(given: Mapping[str, Any]) -> Statement:
    effect = given.get("Effect")
    if effect not in {"Allow", "Deny"}:
        raise UnreadableDocumentError(f"has a statement whose Effect is {effect!r}")
    return Statement(
        allows=effect == "Allow",
        sid=str(given.get("Sid") or ""),
        principals=_principals(given.get("Principal", given.get("NotPrincipal"))),
        all_but="NotPrincipal" in given,
        actions=_texts(given.get("Action", given.get("NotAction", ()))),
        resources=_texts(given.get("Resource", given.get("NotResource", ()))),
        inverted=frozenset({"NotAction", "NotResource"} & set(given)),
        conditions=tuple(_conditions(given.get("Condition") or {})),
    )


def _principals(given: Any) -> dict[str, tuple[str, ...]]:
    if given is None:
        return {}
    if isinstance(given, str):
        return {"AWS": (given,)}
    if not isinstance(given, Mapping):
        raise UnreadableDocumentError(f"has the principal {given!r}")
    return {str(kind): _texts(values) for kind, values in given.items()}


def _conditions(given: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if not isinstance(given, Mapping) or not all(isinstance(entries, Mapping) for entries in given.values()):
        raise UnreadableDocumentError("has a Condition that is none")
    for operator, entries in given.items():
        for key, values in entries.items():
            yield str(operator).lower(), str(key).lower(), _texts(values)


def _texts(given: Any) -> tuple[str, ...]:
    several = given if isinstance(given, list | tuple) else [given]
    # JSON's true and false stand for the texts, as AWS reads them.
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in several)


def _names_account(operator: str, key: str, value: str) -> bool:
    if key in _ACCOUNT_KEYS:
        return _ACCOUNT.fullmatch(value) is not None
    if key not in _ARN_KEYS:
        return False
    head = value.split(":", 5)
    if len(head) != 6 or not _ACCOUNT.fullmatch(head[4]):
        return False
    # Of text a `*` reaches across colons; of an ARN it stays in its part.
    return operator.startswith("arn") or not any(mark in part for part in head[:4] for mark in "*?")

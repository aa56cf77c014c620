"""The part of the policy language that our documents are written in; whatever else AWS has is refused, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies.document import Document

KNOWN_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourcearn",
        "iam:permissionsboundary",
        "iam:policyarn",
        "kms:encryptioncontext:aws:sns:topicarn",
        "kms:resourcealiases",
        "kms:viaservice",
        "s3:prefix",
        "sns:endpoint",
        "sns:protocol",
    }
)
"""Condition keys of the dialect, in lower case, as their names are not case-sensitive."""

ANY_VALUE = "ForAnyValue:"
"""Of a key with several values, one must fit; judged for the aliases of a KMS key, of which a request gives one."""

_STATEMENT_KEYS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_BASE_OPERATORS = {
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
    "Bool",
    "Null",
}
_ACCOUNT = re.compile(r"\d{12}")
_TOKEN_KEY = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+:(?:aud|sub)")
"""What the token of an OpenID Connect provider says (IAM, "Available keys for AWS OIDC federation")."""


def check_dialect(document: Document) -> None:
    """PolicyError where the document has an element, operator, key or variable that is not judged here."""
    for unknown in set(document) - {"Version", "Id", "Statement"}:
        raise _outside(f"element {unknown!r}")
    if document.get("Version") != "2012-10-17":
        raise _outside(f"version {document.get('Version')!r}")
    for statement in listed(document["Statement"]):
        for unknown in set(statement) - _STATEMENT_KEYS:
            raise _outside(f"element {unknown!r}")
        if statement.get("Effect") not in {"Allow", "Deny"}:
            raise _outside(f"effect {statement.get('Effect')!r}")
        if "Action" not in statement:
            raise _outside("a statement without Action")
        _check_principal(statement.get("Principal"))
        for text in [*listed(statement["Action"]), *listed(statement.get("Resource", []))]:
            _check_text(text)
        for operator, entries in statement.get("Condition", {}).items():
            _check_condition(operator, entries)


def listed(value: Any) -> list[Any]:
    """The values of an element that may be one value or a list of them."""
    return list(_each(value))


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, str | bool | Mapping):
        yield value
    else:
        yield from value


def _check_principal(principal: Any) -> None:
    if principal is None or principal == "*":
        return
    if not isinstance(principal, Mapping) or not principal or set(principal) - {"AWS", "Federated", "Service"}:
        raise _outside(f"principal {principal!r}")
    for value in listed(principal.get("Federated", [])):
        if ":oidc-provider/" not in value or "*" in value or "?" in value:
            raise _outside(f"principal {value!r}")
    for value in listed(principal.get("AWS", [])):
        if value != "*" and not value.startswith("arn:") and not _ACCOUNT.fullmatch(value):
            raise _outside(f"principal {value!r}")
        if value != "*" and ("*" in value or "?" in value):
            raise _outside(f"principal {value!r}: AWS takes no pattern there")


def _check_condition(operator: str, entries: Any) -> None:
    base = operator.removesuffix("IfExists").removeprefix(ANY_VALUE)
    several = operator.startswith(ANY_VALUE) and (
        operator != f"{ANY_VALUE}StringEquals" or {name.lower() for name in entries} != {"kms:resourcealiases"}
    )
    if base not in _BASE_OPERATORS or several or operator == "NullIfExists":
        raise _outside(f"condition operator {operator!r}")
    for name, values in entries.items():
        if name.lower() not in KNOWN_KEYS and not _TOKEN_KEY.fullmatch(name.lower()):
            raise _outside(f"condition key {name!r}")
        for value in listed(values):
            _check_text(str(value))
            if base.startswith("Arn") and len(str(value).split(":", 5)) != 6:
                raise _outside(f"{value!r}, which is no ARN, under {operator}")
            if base in {"Bool", "Null"} and str(value).lower() not in {"true", "false"}:
                raise _outside(f"{value!r} under {operator}")


def _check_text(text: str) -> None:
    if "${" in text:
        raise _outside(f"a policy variable in {text!r}")


def _outside(what: str) -> PolicyError:
    return PolicyError(
        f"A policy has {what}, which is not judged here",
        fix="IAM's policy simulator and Access Analyzer can judge it",
    )

"""AWS's size limits, checked before AWS would refuse, with figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies.document import Document, Kind, render


@dataclass(frozen=True)
class Limit:
    """What AWS takes of one kind of document."""

    bytes: int
    """Of the compact JSON, which is ASCII, so bytes and characters are the same."""
    source: str
    """The AWS page that says so."""
    statements: int | None = None
    principals: int | None = None
    """Entries in one statement's Principal."""


LIMITS: Mapping[Kind, Limit] = {
    Kind.TOPIC: Limit(
        30 * 1024,
        "Amazon SNS, API permissions: Actions and resources reference, Policy quotas",
        statements=100,
        principals=200,
    ),
    Kind.QUEUE: Limit(8 * 1024, "Amazon SQS, Policy quotas", statements=20, principals=50),
    Kind.BUCKET: Limit(20 * 1024, "Amazon S3, Bucket policies, size limit of 20 KB"),
    Kind.NODE: Limit(6144, "IAM and AWS STS quotas, managed policy size"),
    Kind.OPERATOR: Limit(6144, "IAM and AWS STS quotas, managed policy size"),
    Kind.TRUST: Limit(2048, "IAM and AWS STS quotas, role trust policy length"),
    Kind.ROLE: Limit(10240, "IAM and AWS STS quotas, role inline policies"),
    Kind.SESSION: Limit(2048, "AWS STS, AssumeRole, Policy"),
    Kind.KEY: Limit(32 * 1024, "AWS KMS quotas, key policy document size"),
}
"""Read by `check_size`. IAM leaves white space out when it measures; compact JSON has none."""


def size(document: Mapping[str, Any]) -> int:
    """The document's size in bytes, as AWS counts it."""
    return len(render(document))


def check_size(kind: Kind, document: Document) -> None:
    """PolicyError where AWS would refuse the document for its size, with the figures and how many accounts fit."""
    limit, used = LIMITS[kind], size(document)
    statements = document["Statement"]
    if used > limit.bytes:
        raise PolicyError(
            f"The {kind} needs {used:,} bytes and AWS takes {limit.bytes:,} ({limit.source})",
            fix=_what_fits(document, limit.bytes - used),
        )
    if limit.statements is not None and len(statements) > limit.statements:
        raise PolicyError(
            f"The {kind} has {len(statements)} statements and AWS takes {limit.statements} ({limit.source})",
            fix="Use fewer kinds of rights or split the federation in two",
        )
    for statement in statements:
        named = sum(len(values) for values in _principal_lists(statement))
        if limit.principals is not None and named > limit.principals:
            raise PolicyError(
                f"Statement {statement.get('Sid')} of the {kind} names {named} principals "
                f"and AWS takes {limit.principals} ({limit.source})",
                fix=f"Name at most {limit.principals} accounts in it",
            )


def _what_fits(document: Document, room: int) -> str:
    """How many of the accounts in the document would fit; `room` is negative, in bytes."""
    entries = [entry for statement in document["Statement"] for entry in _accounts(statement)]
    if not entries:
        return "Shorten the names or the prefix that it holds"
    longest = max(len(entry) for entry in entries) + len('"",')
    fitting = max(0, len(entries) + room // longest)
    return f"It names {len(entries):,} accounts and {fitting:,} would fit: remove some, or split the federation in two"


def _accounts(statement: Mapping[str, Any]) -> Iterator[str]:
    for values in _principal_lists(statement):
        yield from values
    named = statement.get("Condition", {}).get("StringEquals", {}).get("aws:PrincipalAccount", [])
    yield from [named] if isinstance(named, str) else named


def _principal_lists(statement: Mapping[str, Any]) -> Iterator[list[str]]:
    principal = statement.get("Principal")
    for values in principal.values() if isinstance(principal, Mapping) else ():
        yield [values] if isinstance(values, str) else values

"""A bucket's changed lifecycle rules in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fedml_infra.operations.drift.finding import Severity

Rule = Mapping[str, Any]


def lifecycle_words(bucket: str, payloads: str, made: Iterable[Rule], now: Iterable[Rule]) -> tuple[str, Severity]:
    """What other rules mean for a node's payloads, and how bad that is. Rules as the aws provider's `rules`."""
    before, after = ({str(rule.get("id")): rule for rule in rules} for rules in (made, now))
    told: list[tuple[str, Severity]] = []
    for name in dict.fromkeys([*before, *after]):
        was, there = before.get(name), after.get(name)
        if was == there:
            continue
        if was is None and there is not None:
            days = _days(there)
            what = f"deletes objects after {days} days" if days else "was added"
            told.append((f"a lifecycle rule {name} of bucket {bucket} {what}", _worse(days is not None)))
        elif was is not None:
            told.append(_rule(bucket, payloads, was, there))
    if not told:
        return f"the lifecycle rules of bucket {bucket} are in another order", Severity.CHANGED
    broken = any(severity is Severity.BROKEN for _, severity in told)
    return "; ".join(words for words, _ in told), _worse(broken)


def _rule(bucket: str, payloads: str, was: Rule, now: Rule | None) -> tuple[str, Severity]:
    """One rule that was made, and is another or gone."""
    off = now is None or now.get("status") != "Enabled"
    made = _days(was)
    if made is None:
        if off or not (now or {}).get("abortIncompleteMultipartUpload"):
            return f"unfinished uploads to bucket {bucket} are no longer cleaned up", Severity.CHANGED
        return f"unfinished uploads to bucket {bucket} are now cleaned up otherwise", Severity.CHANGED
    if now is None or off or _days(now) is None:
        return f"{payloads} no longer expire", Severity.BROKEN
    days = _days(now)
    if days != made and days is not None:
        words = f"{payloads} now expire after {days} day{'s' if days != 1 else ''}, not {made}"
        return words, _worse(days < made)
    return f"{payloads} expire by another rule now: what it is for was changed", Severity.BROKEN


def _days(rule: Rule) -> int | None:
    found = (rule.get("expiration") or {}).get("days")
    return int(found) if found else None


def _worse(broken: bool) -> Severity:
    return Severity.BROKEN if broken else Severity.CHANGED

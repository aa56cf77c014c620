"""From differences of resources to findings in words. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fedml_infra.engine.differences import PropertyChange, plain
from fedml_infra.model.resources import NodeResources
from fedml_infra.operations.drift.differences import Difference
from fedml_infra.operations.drift.finding import Finding, Kind, Severity
from fedml_infra.operations.drift.policy_words import policy_words
from fedml_infra.operations.drift.words import Names, changed_words, missing_words, name_of, opened, subject
from fedml_infra.operations.state import Resource, State
from fedml_infra.policies.comparison import canonical
from fedml_infra.policies.document import Kind as Document
from fedml_infra.policies.document import NamedDocument

POLICIES = {
    ("aws:sns/topic:Topic", "policy"): Document.TOPIC,
    ("aws:sns/topicPolicy:TopicPolicy", "policy"): Document.TOPIC,
    ("aws:sqs/queue:Queue", "policy"): Document.QUEUE,
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"): Document.QUEUE,
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"): Document.BUCKET,
    ("aws:iam/role:Role", "assumeRolePolicy"): Document.TRUST,
    ("aws:iam/rolePolicy:RolePolicy", "policy"): Document.ROLE,
    ("aws:iam/policy:Policy", "policy"): Document.NODE,
}
"""Properties that are policy documents, and what kind of document each is."""

SETTINGS = {
    "aws:sns/topicPolicy:TopicPolicy": "aws:sns/topic:Topic",
    "aws:sqs/queuePolicy:QueuePolicy": "aws:sqs/queue:Queue",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "aws:sqs/queue:Queue",
    "aws:iam/rolePolicy:RolePolicy": "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "aws:iam/policy:Policy",
    **dict.fromkeys(
        (
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        ),
        "aws:s3/bucket:Bucket",
    ),
}
"""What is a setting of something else, and so goes with it."""


def names_of(nodes: Iterable[NodeResources]) -> Names:
    """What the stack's things are called."""
    pids: dict[str, str] = {}
    dead_letters = set()
    for node in nodes:
        its = (
            node.queue_name, node.dead_letter_queue_name, node.bucket, node.reader_role_name, node.node_policy_name,
            node.parameter_name,
        )  # fmt: skip
        pids.update((name, node.pid) for name in its if name is not None)
        if node.dead_letter_queue_name is not None:
            dead_letters.add(node.dead_letter_queue_name)
    return Names(pids, frozenset(dead_letters))


def findings_of(
    differences: Sequence[Difference], state: State, names: Names, documents: Iterable[NamedDocument]
) -> tuple[Finding, ...]:
    """Each difference in words, the worst first; what means nothing (a policy in another order) is left out.

    `documents` are the stack's: what each is attached to, and whose it is, is taken from them.
    """
    known = {resource.urn: resource for resource in state.resources}
    carriers = {(each.kind, each.name): each for each in documents}
    called = {each.urn: name_of(each.type, each.name, known[each.urn].inputs) for each in differences}
    gone = {(each.type, called[each.urn]): each.urn for each in differences if each.kind is Kind.MISSING}
    found: dict[str, list[Finding]] = {}
    swallowed: dict[str, list[str]] = {}
    for each in differences:
        resource, name = known[each.urn], called[each.urn]
        owner = gone.get((SETTINGS.get(each.type, ""), name)) if each.kind is Kind.MISSING else None
        if owner is not None:
            swallowed.setdefault(owner, []).append(each.urn)
        else:
            found[each.urn] = list(_told(each, resource, name, names, carriers))
    for owner, urns in swallowed.items():
        found[owner] = [replace(each, with_it=tuple(urns)) for each in found[owner]]
    order = list(Severity)
    return tuple(sorted((one for told in found.values() for one in told), key=lambda each: order.index(each.severity)))


def _told(
    each: Difference,
    resource: Resource,
    name: str,
    names: Names,
    carriers: Mapping[tuple[Document, str], NamedDocument],
) -> Iterator[Finding]:
    def finding(words: str, severity: Severity, **more: Any) -> Finding:
        return Finding(each.kind, severity, words, name, each.type, each.urn, **more)

    if each.kind is Kind.MISSING:
        yield finding(*missing_words(names, each.type, name, resource.inputs))
        return
    if not each.properties:
        yield finding(f"{subject(names, each.type, name)} was changed", Severity.CHANGED)
    for path, made, now in whole_properties(each.properties, resource.inputs):
        if _says_the_same(made, now):
            continue
        kind = POLICIES.get((each.type, path))
        if kind is None:
            for words, severity in changed_words(names, each.type, name, path, made, now):
                yield finding(words, severity, path=path, made=made, now=now)
            continue
        carrier, document = carriers.get((kind, name)), opened(made)
        if carrier is None or not isinstance(document, dict):
            yield finding(f"the policy of {subject(names, each.type, name)} was changed", Severity.EXPOSED)
            continue
        words, severity = policy_words(
            replace(carrier, document=document), opened(now), subject(names, each.type, name)
        )
        if words:
            yield finding(words, severity, path=path, made=opened(made), now=opened(now))


def whole_properties(changes: Iterable[PropertyChange], inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Property, made and now, of whole properties: a provider may tell `tags`, or `tags.team` alone."""
    by_root: dict[str, list[PropertyChange]] = {}
    for change in changes:
        by_root.setdefault(re.split(r"[.\[]", change.path, maxsplit=1)[0], []).append(change)
    if "tags" in by_root:
        by_root.pop("tagsAll", None)  # the same once more, with the provider's own
    for root, parts in by_root.items():
        direct = next((part for part in parts if part.path == root), None)
        if direct is not None:
            yield root, direct.after, direct.before
            continue
        made = plain(inputs.get(root))
        now = copy.deepcopy(made)
        for part in parts:
            now = _with(now, re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', part.path)[1:], part.before)
        yield root, made, now


def _with(value: Any, path: Sequence[tuple[str, str, str]], new: Any) -> Any:
    """The value with something else at a path; None there takes it out."""
    if not path:
        return new
    (quoted, index, name), rest = path[0], path[1:]
    if index:
        rows = list(value) if isinstance(value, list) else []
        at = int(index)
        rows += [None] * (at + 1 - len(rows))
        rows[at] = _with(rows[at], rest, new)
        return [row for row in rows if row is not None]
    key = name or quoted
    entries = dict(value) if isinstance(value, Mapping) else {}
    inner = _with(entries.get(key), rest, new)
    return {each: entry for each, entry in {**entries, key: inner}.items() if entry is not None}


def _says_the_same(made: Any, now: Any) -> bool:
    """JSON in another order says the same; a secret that changed is hidden on both sides."""
    return made != now and isinstance(made, str) and canonical(opened(made)) == canonical(opened(now))

"""A drifted resource in words that the administrator of a hospital understands, not in a provider's. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedml_infra.operations.drift.finding import Severity
from fedml_infra.operations.drift.lifecycle_words import lifecycle_words

DAY = 86_400
UNITS = ((DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Names:
    """What this stack's things are called."""

    pids: Mapping[str, str] = field(default_factory=dict)
    """The node's pid by the name of its queue, dead-letter queue, bucket, role, policy or parameter."""
    dead_letters: frozenset[str] = frozenset()
    """Names of dead-letter queues."""

    def queue(self, name: str) -> str:
        """`queue cardio_insel`, `dead-letter queue cardio_insel_dlq`."""
        return f"dead-letter queue {name}" if name in self.dead_letters else f"queue {name}"

    def payloads(self, bucket: str) -> str:
        """`payloads of node insel`; of a bucket that is no node's, its objects."""
        pid = self.pids.get(bucket)
        return f"payloads of node {pid}" if pid else f"objects of bucket {bucket}"

    def node(self, name: str) -> str:
        """`node insel`, or `its node`."""
        pid = self.pids.get(name)
        return f"node {pid}" if pid else "its node"


Told = tuple[str, Severity]
Teller = Callable[[Names, str, Any, Any], Told]
"""(names, the resource's name, made, now) -> words and severity."""

NOUNS = {
    "aws:sns/topic:Topic": "topic",
    "aws:sns/topicPolicy:TopicPolicy": "topic",
    "aws:sqs/queue:Queue": "queue",
    "aws:sqs/queuePolicy:QueuePolicy": "queue",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "queue",
    "aws:sns/topicSubscription:TopicSubscription": "the subscription of queue",
    "aws:iam/role:Role": "role",
    "aws:iam/rolePolicy:RolePolicy": "role",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "the attachment of policy",
    "aws:ssm/parameter:Parameter": "the secret parameter",
}
"""What a resource of each type is called, or what its setting belongs to; all of S3 is about a bucket."""


def name_of(kind: str, name: str, inputs: Mapping[str, Any]) -> str:
    """What a resource is called in AWS: settings by what they belong to. `name` is the last part of its URN."""
    given = inputs.get("bucket") if kind.startswith("aws:s3/") else inputs.get("name")
    return given if isinstance(given, str) and given and kind != "aws:iam/rolePolicy:RolePolicy" else name


def subject(names: Names, kind: str, name: str) -> str:
    """`topic cardio`, `bucket insel-fed`."""
    if kind.startswith("aws:s3/"):
        return f"bucket {name}"
    noun = NOUNS.get(kind, kind.rpartition(":")[2])
    return names.queue(name) if noun == "queue" else f"{noun} {name}"


def missing_words(names: Names, kind: str, name: str, inputs: Mapping[str, Any]) -> Told:
    """What it means that a resource is gone."""
    tell = MISSING.get(kind)
    if tell is not None:
        return tell(names, name, inputs, None)
    return f"{subject(names, kind, name)} is gone", Severity.BROKEN


def changed_words(names: Names, kind: str, name: str, path: str, made: Any, now: Any) -> Iterator[Told]:
    """What it means that one property is another; several things where tags are meant."""
    if path in ("tags", "tagsAll"):
        yield from _tags(subject(names, kind, name), made or {}, now or {})
        return
    tell = CHANGED.get((kind, path))
    if tell is not None:
        yield tell(names, name, opened(made), opened(now))
        return
    yield f"{subject(names, kind, name)}: {path} is {said(now)} now, not {said(made)}", Severity.CHANGED


def opened(value: Any) -> Any:
    """What a text that is JSON says; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def said(value: Any) -> str:
    """A value on one line."""
    if value is None or value == "":
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def duration(seconds: Any) -> str:
    """`14 days`, `1 minute`, of a number of seconds."""
    try:
        number = int(seconds)
    except (TypeError, ValueError):
        return said(seconds)
    for size, unit in UNITS:
        if number and number % size == 0:
            return f"{number // size} {unit}{'s' if number != size else ''}"
    return f"{number} seconds"


def _tags(of: str, made: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Told]:
    for tag in sorted({*made, *now}):
        if tag not in now:
            yield f"tag {tag} was removed from {of}", Severity.CHANGED
        elif tag not in made:
            yield f"tag {tag} was added to {of}", Severity.CHANGED
        elif made[tag] != now[tag]:
            yield f"tag {tag} of {of} is {said(now[tag])} now, not {said(made[tag])}", Severity.CHANGED


def _last(arn: Any) -> str:
    return str(arn or "").rpartition(":")[2]


def _redrive(names: Names, name: str, made: Any, now: Any) -> Told:
    was = made if isinstance(made, dict) else {}
    target, to = _last(was.get("deadLetterTargetArn")), _last((now or {}).get("deadLetterTargetArn") if now else "")
    of = names.queue(name)
    if not to:
        return f"{of} no longer sends dead letters to {target}", Severity.BROKEN
    if to != target:
        return f"{of} now sends dead letters to {to}, not to {target}", Severity.BROKEN
    times = (said(each.get("maxReceiveCount")) for each in (now, was))
    return f"{of} now gives a message up after {' receives, not after '.join(times)}", Severity.CHANGED


def _kept(names: Names, name: str, made: Any, now: Any) -> Told:
    shorter = int(now or 0) < int(made or 0)
    words = f"{names.queue(name)} now keeps messages for {duration(now)}, not {duration(made)}"
    return words, Severity.BROKEN if shorter else Severity.CHANGED


def _queue_encryption(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    if not now:
        return f"messages in {names.queue(name)} are no longer encrypted at rest by SQS", Severity.EXPOSED
    return f"messages in {names.queue(name)} are now encrypted by SQS", Severity.CHANGED


def _key(noun: str) -> Teller:
    def tell(names: Names, name: str, made: Any, now: Any) -> Told:
        of = names.queue(name) if noun == "queue" else f"{noun} {name}"
        if not now:
            return f"{of} is no longer encrypted under the key {made}", Severity.EXPOSED
        return f"{of} is now encrypted under the key {now}" + (f", not {made}" if made else ""), Severity.BROKEN

    return tell


def _filter(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    if not now:
        words = f"queue {name} is no longer filtered: it now gets its own node's messages and probes as well"
        return words, Severity.BROKEN
    return f"queue {name} is now filtered otherwise: it gets only what fits {said(now)}", Severity.BROKEN


def _raw(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    return f"messages to queue {name} now come in an envelope of SNS, which nodes do not read", Severity.BROKEN


def _redrive_allow(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    if isinstance(now, dict) and now.get("redrivePermission") == "denyAll":
        return f"{names.queue(name)} now refuses dead letters of every queue", Severity.BROKEN
    sources = now.get("sourceQueueArns") if isinstance(now, dict) else None
    who = ", ".join(map(_last, sources)) if sources else "any queue of its account"
    return f"{names.queue(name)} now takes dead letters of {who}", Severity.EXPOSED


def _flag(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    return f"the public access block of bucket {name} is partly off", Severity.EXPOSED


def _ownership(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    return f"access lists (ACLs) count again in bucket {name}: others may own and open objects in it", Severity.EXPOSED


def _bucket_encryption(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    how = json.dumps(now)
    algorithm = next((each for each in ("aws:kms:dsse", "aws:kms", "AES256") if each in how), None)
    if algorithm is None:
        return f"new objects in bucket {name} are no longer encrypted as they were made to be", Severity.EXPOSED
    return f"new objects in bucket {name} are now encrypted otherwise ({algorithm})", Severity.EXPOSED


def _lifecycle(names: Names, name: str, made: Any, now: Any) -> Told:
    return lifecycle_words(name, names.payloads(name), made or [], now or [])


def _boundary(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    how = f"now has the permissions boundary {now}, not {made}" if now else "no longer has its permissions boundary"
    return f"role {name} {how}", Severity.EXPOSED


def _secret(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    return f"the secret parameter {name} was changed: {names.node(name)} reads another key in it", Severity.BROKEN


def _secret_type(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    return f"the secret parameter {name} is now a {said(now)}, which is not encrypted", Severity.EXPOSED


def _gone(words: str, severity: Severity = Severity.BROKEN) -> Teller:
    def tell(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
        texts = {"queue": names.queue(name), "node": names.node(name), "payloads": names.payloads(name)}
        return words.format(name=name, **texts), severity

    return tell


def _subscription_gone(names: Names, name: str, made: Any, now: Any) -> Told:  # noqa: ARG001
    topic = _last(made.get("topic"))
    words = f"queue {name} is no longer subscribed to topic {topic}, so {names.node(name)} gets no messages"
    return f"{words}; the topic itself may be gone", Severity.BROKEN


MISSING: dict[str, Teller] = {
    "aws:sns/topic:Topic": _gone("topic {name} is gone, and with it the subscriptions of all members"),
    "aws:sns/topicPolicy:TopicPolicy": _gone("topic {name} no longer has its policy: no member reaches it"),
    "aws:sqs/queue:Queue": _gone("{queue} is gone, with the messages in it"),
    "aws:sqs/queuePolicy:QueuePolicy": _gone("{queue} no longer has its policy: the topic cannot send to it"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _redrive_allow,
    "aws:sns/topicSubscription:TopicSubscription": _subscription_gone,
    "aws:s3/bucket:Bucket": _gone("bucket {name} is gone, with the {payloads} in it"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _gone(
        "the public access block of bucket {name} is off", Severity.EXPOSED
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _ownership,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _gone(
        "new objects in bucket {name} are no longer encrypted as they were made to be", Severity.EXPOSED
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _gone(
        "{payloads} no longer expire, and unfinished uploads stay: bucket {name} has no lifecycle rules any more"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _gone(
        "bucket {name} no longer has its policy: it accepts requests over plain HTTP", Severity.EXPOSED
    ),
    "aws:iam/role:Role": _gone("role {name} is gone: {node} cannot let others read its payloads"),
    "aws:iam/rolePolicy:RolePolicy": _gone("role {name} may no longer read payloads: its policy is gone"),
    "aws:iam/policy:Policy": _gone("policy {name} is gone: {node} may do nothing any more"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _gone(
        "policy {name} is attached to its role no longer: {node} may do nothing any more"
    ),
    "aws:ssm/parameter:Parameter": _gone(
        "the secret parameter {name} is gone: {node} cannot read the federation's key"
    ),
}

CHANGED: dict[tuple[str, str], Teller] = {
    ("aws:sns/topic:Topic", "kmsMasterKeyId"): _key("topic"),
    ("aws:sqs/queue:Queue", "redrivePolicy"): _redrive,
    ("aws:sqs/queue:Queue", "messageRetentionSeconds"): _kept,
    ("aws:sqs/queue:Queue", "sqsManagedSseEnabled"): _queue_encryption,
    ("aws:sqs/queue:Queue", "kmsMasterKeyId"): _key("queue"),
    ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy"): _redrive_allow,
    ("aws:sns/topicSubscription:TopicSubscription", "filterPolicy"): _filter,
    ("aws:sns/topicSubscription:TopicSubscription", "rawMessageDelivery"): _raw,
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicAcls"): _flag,
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicPolicy"): _flag,
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "ignorePublicAcls"): _flag,
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "restrictPublicBuckets"): _flag,
    ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "rule"): _ownership,
    (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules",
    ): _bucket_encryption,
    ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules"): _lifecycle,
    ("aws:iam/role:Role", "permissionsBoundary"): _boundary,
    ("aws:ssm/parameter:Parameter", "value"): _secret,
    ("aws:ssm/parameter:Parameter", "type"): _secret_type,
}

"""What each kind of drift is called, and how bad it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.operations.drift.differences import Difference
from fedml_infra.operations.drift.finding import Finding, Kind, Severity
from fedml_infra.operations.drift.findings import findings_of, whole_properties
from fedml_infra.operations.drift.words import Names, duration
from fedml_infra.operations.state import Resource, State
from fedml_infra.policies.document import Document, NamedDocument, allow, document
from fedml_infra.policies.document import Kind as Carried

OWN, STRANGER = "111111111111", "999999999999"
TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
NAMES = Names(
    {
        "cardio_insel": "insel",
        "insel-fed": "insel",
        "fedml.cardio.insel.reader": "insel",
        "fedml.cardio.insel.node": "insel",
        "/fedml/cardio/insel": "insel",
    },
    frozenset({"cardio_insel_dlq"}),
)
QUEUE, BUCKET = "aws:sqs/queue:Queue", "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
RULES = [
    {"id": "abort-uploads", "status": "Enabled", "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1}},
    {"id": "expire-payloads", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 14}},
]
POLICY = document(
    allow("Both", ["sns:Publish"], TOPIC, principal="*", condition={"StringEquals": {"aws:PrincipalAccount": [OWN]}})
)


def told(
    kind: str,
    name: str,
    *changes: PropertyChange,
    inputs: Mapping[str, Any] | None = None,
    documents: tuple[NamedDocument, ...] = (),
) -> tuple[Finding, ...]:
    """Findings of one resource: changed, or with no changes missing."""
    urn = f"urn:pulumi:cardio::fedml-infra::{kind}::{name}"
    state = State((Resource(urn, kind, "id", dict(inputs or {})),))
    how = Kind.CHANGED if changes else Kind.MISSING
    return findings_of([Difference(urn, kind, name, how, changes)], state, NAMES, documents)


def only(found: tuple[Finding, ...]) -> tuple[str, Severity]:
    (one,) = found
    return one.words, one.severity


def redrive(target: str, times: int = 5) -> str:
    return json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{OWN}:{target}", "maxReceiveCount": times})


@pytest.mark.parametrize(
    ("kind", "name", "inputs", "words", "severity"),
    [
        (QUEUE, "cardio_insel", {}, "queue cardio_insel is gone, with the messages in it", "broken"),
        (QUEUE, "cardio_insel_dlq", {},
         "dead-letter queue cardio_insel_dlq is gone, with the messages in it", "broken"),
        (BUCKET, "x", {"bucket": "insel-fed"},
         "bucket insel-fed is gone, with the payloads of node insel in it", "broken"),
        (BLOCK, "x", {"bucket": "insel-fed"}, "the public access block of bucket insel-fed is off", "exposed"),
        ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "cardio_insel_dlq", {},
         "dead-letter queue cardio_insel_dlq now takes dead letters of any queue of its account", "exposed"),
        ("aws:iam/role:Role", "fedml.cardio.insel.reader", {},
         "role fedml.cardio.insel.reader is gone: node insel cannot let others read its payloads", "broken"),
        ("aws:ssm/parameter:Parameter", "/fedml/cardio/insel", {},
         "the secret parameter /fedml/cardio/insel is gone: node insel cannot read the federation's key", "broken"),
        ("aws:sns/topicSubscription:TopicSubscription", "cardio_insel", {"topic": TOPIC},
         "queue cardio_insel is no longer subscribed to topic cardio, so node insel gets no messages; "
         "the topic itself may be gone", "broken"),
        ("aws:kms/key:Key", "k", {"name": "k"}, "Key k is gone", "broken"),
    ],
)  # fmt: skip
def test_what_is_missing(kind: str, name: str, inputs: dict[str, Any], words: str, severity: str) -> None:
    assert only(told(kind, name, inputs=inputs)) == (words, severity)


@pytest.mark.parametrize(
    ("kind", "path", "made", "now", "words", "severity"),
    [
        (QUEUE, "redrivePolicy", redrive("cardio_insel_dlq"), None,
         "queue cardio_insel no longer sends dead letters to cardio_insel_dlq", "broken"),
        (QUEUE, "redrivePolicy", redrive("cardio_insel_dlq"), redrive("spy"),
         "queue cardio_insel now sends dead letters to spy, not to cardio_insel_dlq", "broken"),
        (QUEUE, "redrivePolicy", redrive("cardio_insel_dlq"), redrive("cardio_insel_dlq", 1),
         "queue cardio_insel now gives a message up after 1 receives, not after 5", "changed"),
        (QUEUE, "messageRetentionSeconds", 1209600, 60,
         "queue cardio_insel now keeps messages for 1 minute, not 14 days", "broken"),
        (QUEUE, "messageRetentionSeconds", 60, 1209600,
         "queue cardio_insel now keeps messages for 14 days, not 1 minute", "changed"),
        (QUEUE, "sqsManagedSseEnabled", True, False,
         "messages in queue cardio_insel are no longer encrypted at rest by SQS", "exposed"),
        (QUEUE, "kmsMasterKeyId", "arn:key", None,
         "queue cardio_insel is no longer encrypted under the key arn:key", "exposed"),
        (QUEUE, "delaySeconds", None, 900, "queue cardio_insel: delaySeconds is 900 now, not nothing", "changed"),
        ("aws:sns/topicSubscription:TopicSubscription", "filterPolicy", '{"sender": ["charite"]}', "{}",
         "queue cardio_insel is no longer filtered: it now gets its own node's messages and probes as well", "broken"),
        ("aws:sns/topicSubscription:TopicSubscription", "rawMessageDelivery", True, False,
         "messages to queue cardio_insel now come in an envelope of SNS, which nodes do not read", "broken"),
    ],
)  # fmt: skip
def test_what_a_queue_does_otherwise(kind: str, path: str, made: Any, now: Any, words: str, severity: str) -> None:
    assert only(told(kind, "cardio_insel", PropertyChange(path, "update", now, made))) == (words, severity)


def lifecycle(*rules: Mapping[str, Any]) -> tuple[str, Severity]:
    change = PropertyChange("rules", "update", list(rules), RULES)
    return only(told(LIFECYCLE, "x", change, inputs={"bucket": "insel-fed", "rules": RULES}))


def test_a_shorter_lifecycle() -> None:
    shorter = {**RULES[1], "expiration": {"days": 3}}
    assert lifecycle(RULES[0], shorter) == ("payloads of node insel now expire after 3 days, not 14", "broken")


def test_a_longer_lifecycle() -> None:
    longer = {**RULES[1], "expiration": {"days": 400}}
    assert lifecycle(RULES[0], longer) == ("payloads of node insel now expire after 400 days, not 14", "changed")


@pytest.mark.parametrize("now", [(RULES[0],), (RULES[0], {**RULES[1], "status": "Disabled"})])
def test_a_lifecycle_that_is_off(now: tuple[Mapping[str, Any], ...]) -> None:
    assert lifecycle(*now) == ("payloads of node insel no longer expire", "broken")


def test_a_lifecycle_that_deletes_more() -> None:
    more = {"id": "mine", "status": "Enabled", "expiration": {"days": 1}}
    assert lifecycle(*RULES, more)[0] == "a lifecycle rule mine of bucket insel-fed deletes objects after 1 days"


def test_a_part_of_a_lifecycle_as_another_provider_tells_it() -> None:
    change = PropertyChange("rules[1].expiration.days", "update", 3, 14)
    found = told(LIFECYCLE, "x", change, inputs={"bucket": "insel-fed", "rules": RULES})
    assert only(found) == ("payloads of node insel now expire after 3 days, not 14", "broken")


def test_each_tag_is_told() -> None:
    change = PropertyChange("tags", "update", {"a": "2", "new": "x"}, {"a": "1", "team": "heart"})
    assert [each.words for each in told(QUEUE, "cardio_insel", change)] == [
        "tag a of queue cardio_insel is 2 now, not 1",
        "tag new was added to queue cardio_insel",
        "tag team was removed from queue cardio_insel",
    ]


def test_a_tag_is_told_once_however_a_provider_tells_it() -> None:
    one = PropertyChange("tags.team", "add", None, "heart")
    again = PropertyChange("tagsAll.team", "add", None, "heart")
    found = told(QUEUE, "cardio_insel", one, again, inputs={"tags": {"team": "heart", "a": "b"}})
    assert only(found) == ("tag team was removed from queue cardio_insel", "changed")


def test_a_secret_that_was_changed_is_named_and_never_shown() -> None:
    change = PropertyChange("value", "update", "[secret]", "[secret]")
    (found,) = told("aws:ssm/parameter:Parameter", "/fedml/cardio/insel", change)
    assert found.words.startswith("the secret parameter /fedml/cardio/insel was changed")
    assert (found.made, found.now) == ("[secret]", "[secret]")


def test_settings_go_with_what_they_belong_to() -> None:
    urn = "urn:pulumi:cardio::fedml-infra::{}::cardio_insel"
    kinds = (QUEUE, "aws:sqs/queuePolicy:QueuePolicy")
    state = State(tuple(Resource(urn.format(kind), kind, "id") for kind in kinds))
    gone = [Difference(urn.format(kind), kind, "cardio_insel", Kind.MISSING) for kind in reversed(kinds)]
    (found,) = findings_of(gone, state, NAMES, ())
    assert found.type == QUEUE
    assert found.urns == {urn.format(kind) for kind in kinds}


def test_the_worst_comes_first() -> None:
    urn = "urn:pulumi:cardio::fedml-infra::{}::cardio_insel"
    kinds = (QUEUE, BLOCK)
    state = State(tuple(Resource(urn.format(kind), kind, "id") for kind in kinds))
    gone = [Difference(urn.format(kind), kind, "cardio_insel", Kind.MISSING) for kind in kinds]
    assert [each.severity for each in findings_of(gone, state, NAMES, ())] == [Severity.EXPOSED, Severity.BROKEN]


# policies


def topic_policy(now: Any) -> tuple[Finding, ...]:
    change = PropertyChange("policy", "update", now if isinstance(now, str) else json.dumps(now), json.dumps(POLICY))
    made = (NamedDocument(Carried.TOPIC, "cardio", TOPIC, OWN, POLICY),)
    return told("aws:sns/topicPolicy:TopicPolicy", "cardio", change, documents=made)


def changed(**parts: Any) -> Document:
    return {**POLICY, "Statement": [{**POLICY["Statement"][0], **parts}]}


def test_a_policy_in_another_order_is_no_drift() -> None:
    again = {key: POLICY[key] for key in reversed(POLICY)}
    again["Statement"] = [{**POLICY["Statement"][0], "Action": "sns:Publish"}]
    assert topic_policy(again) == ()


def test_a_policy_that_says_the_same_otherwise_says_so() -> None:
    words, severity = only(topic_policy(changed(Sid="Another")))
    assert (words, severity) == ("the policy of topic cardio was rewritten; it allows what it did", "changed")


def test_one_more_account() -> None:
    more = {"StringEquals": {"aws:PrincipalAccount": [OWN, STRANGER]}}
    assert only(topic_policy(changed(Condition=more))) == (
        f"account {STRANGER} may now publish to topic cardio", "exposed"
    )  # fmt: skip


def test_a_condition_turned_round() -> None:
    turned = {"StringNotEquals": {"aws:PrincipalAccount": ["222222222222"]}}
    words, severity = only(topic_policy(changed(Condition=turned)))
    assert words == "anyone may now publish to topic cardio"
    assert severity is Severity.EXPOSED


def test_a_policy_outside_the_dialect_is_said_to_be_not_judged() -> None:
    words, severity = only(topic_policy(changed(Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})))
    assert "what it allows is not known" in words
    assert "IpAddress" in words
    assert severity is Severity.EXPOSED


@pytest.mark.parametrize("now", ["{", '{"Statement": 3}', "[]", "null", '{"Version": "2012-10-17"}'])
def test_what_is_no_policy_is_told(now: str) -> None:
    assert only(topic_policy(now))[1] is Severity.EXPOSED


# values


def test_parts_of_a_property_are_put_together() -> None:
    inputs = {"rule": [{"a": 1}, {"b": 2}]}
    changes = [PropertyChange("rule[0].a", "update", 5, 1), PropertyChange("rule[1]", "delete", None, {"b": 2})]
    assert list(whole_properties(changes, inputs)) == [("rule", inputs["rule"], [{"a": 5}])]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, "1 minute"), (1209600, "14 days"), (90, "90 seconds"), (3600, "1 hour"), (0, "0 seconds"), ("x", "x")],
)
def test_durations(seconds: Any, words: str) -> None:
    assert duration(seconds) == words

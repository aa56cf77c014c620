"""SQS: Queue, QueuePolicy, RedriveAllowPolicy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fedml_infra.sandbox.provider import documents
from fedml_infra.sandbox.provider.comparing import same_document
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind, Mistake, OneOf
from fedml_infra.sandbox.provider.kinds.shared import TAGS_ARE, Attribute, decode, document_on, retag
from fedml_infra.sandbox.provider.refusals import AwsError, is_gone
from fedml_infra.sandbox.provider.wire import Props, has_unknown

NAME_BLOCKED_SECONDS = "FEDML_INFRA_SANDBOX_QUEUE_NAME_SECONDS"
"""Environment variable: how long a name that was deleted a moment ago is tried again."""

USUAL_NAME_BLOCKED_SECONDS = 70.0
"""SQS keeps a deleted queue's name for 60 s."""

QUEUE = {
    "delaySeconds": Attribute("DelaySeconds", int),
    "maxMessageSize": Attribute("MaximumMessageSize", int),
    "messageRetentionSeconds": Attribute("MessageRetentionPeriod", int),
    "receiveWaitTimeSeconds": Attribute("ReceiveMessageWaitTimeSeconds", int),
    "visibilityTimeoutSeconds": Attribute("VisibilityTimeout", int),
    "sqsManagedSseEnabled": Attribute("SqsManagedSseEnabled", bool),
    "kmsMasterKeyId": Attribute("KmsMasterKeyId"),
    "kmsDataKeyReusePeriodSeconds": Attribute("KmsDataKeyReusePeriodSeconds", int),
    "policy": Attribute("Policy"),
    "fifoQueue": Attribute("FifoQueue", bool),
    "contentBasedDeduplication": Attribute("ContentBasedDeduplication", bool),
    "deduplicationScope": Attribute("DeduplicationScope"),
    "fifoThroughputLimit": Attribute("FifoThroughputLimit"),
    "redrivePolicy": Attribute("RedrivePolicy"),
    "redriveAllowPolicy": Attribute("RedriveAllowPolicy"),
}

NAME, FIFO_NAME = r"[0-9A-Za-z_-]{1,80}", r"[0-9A-Za-z_-]{1,75}\.fifo"

RANGES = {
    "delaySeconds": (0, 900),
    "maxMessageSize": (1024, 1_048_576),
    "messageRetentionSeconds": (60, 1_209_600),
    "receiveWaitTimeSeconds": (0, 20),
    "visibilityTimeoutSeconds": (0, 43_200),
    "kmsDataKeyReusePeriodSeconds": (60, 86_400),
}

DOCUMENTS = frozenset({"policy", "redrivePolicy", "redriveAllowPolicy"})


def queue_attributes(context: Context, url: str) -> dict[str, str] | None:
    """All attributes, or None for a queue that is gone."""
    try:
        answer: dict[str, str] = context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return answer


def set_queue_attributes(context: Context, url: str, wanted: Mapping[str, str]) -> None:
    """Change these attributes and no other; one writer a queue at a time."""
    if policy := wanted.get("Policy"):
        documents.queue_policy(policy)
    with context.lock(url):
        send = context.local_aws.queue_attributes(wanted, lambda: queue_attributes(context, url) or {})
        context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=send)


def check_queue(inputs: Props) -> Iterable[Mistake]:
    """What can be seen to be wrong without asking AWS."""
    name_ = inputs.get("name")
    if isinstance(name_, str) and not re.fullmatch(FIFO_NAME if inputs.get("fifoQueue") else NAME, name_):
        yield Mistake("name", f"invalid queue name: {name_}")
    for name, (least, most) in RANGES.items():
        value = inputs.get(name)
        if isinstance(value, int) and not least <= value <= most:
            yield Mistake(name, f"expected {name} to be in the range ({least} - {most}), got {value}")
    if inputs.get("contentBasedDeduplication") is True and not inputs.get("fifoQueue") and not has_unknown(inputs):
        yield Mistake("contentBasedDeduplication", "can only be set for FIFO queues")
    if inputs.get("sqsManagedSseEnabled") is True and inputs.get("kmsMasterKeyId") and not has_unknown(inputs):
        yield Mistake("kmsMasterKeyId", "conflicts with sqsManagedSseEnabled")


def create_queue(context: Context, inputs: Props) -> str:
    """Make the queue. CreateQueue answers an existing queue's URL; one that is different is refused, as by AWS."""
    sqs, name = context.client("sqs"), inputs["name"]
    if policy := inputs.get("policy"):
        documents.queue_policy(policy)
    attributes = {
        QUEUE[name].name: QUEUE[name].encode(inputs[name])
        for name in QUEUE.keys() & inputs.keys()
        # FifoQueue=false is refused by AWS.
        if name != "fifoQueue" or inputs[name]
    }
    with context.lock(f"{context.region}:{name}"):
        _refuse_a_different_one(context, name, inputs)
        answer = context.wait_out(
            lambda: sqs.create_queue(QueueName=name, Attributes=attributes, tags=context.all_tags(inputs)),
            "QueueDeletedRecently",
            seconds=context.seconds(NAME_BLOCKED_SECONDS, USUAL_NAME_BLOCKED_SECONDS),
            why=f"a queue {name} was deleted less than a minute ago: waiting for AWS to free the name",
        )
    return str(answer["QueueUrl"])


def _refuse_a_different_one(context: Context, name: str, inputs: Props) -> None:
    try:
        url = context.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    except Exception as error:
        if is_gone(error):
            return
        raise
    existing = decode(QUEUE, queue_attributes(context, url) or {})
    for wanted in sorted(QUEUE.keys() & inputs.keys()):
        if not _equal(wanted, inputs[wanted], existing.get(wanted)):
            raise AwsError(
                "CreateQueue",
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {QUEUE[wanted].name}",
            )


def _equal(name: str, asked: Any, existing: Any) -> bool:
    if name in DOCUMENTS:
        return same_document(str(asked), str(existing or "{}"))
    return bool(asked == existing) or (existing is None and _queue.is_default(name, asked))


def read_queue(context: Context, url: str, last: Props) -> Props | None:
    """The queue as it is."""
    answer = queue_attributes(context, url)
    if answer is None:
        return None
    try:
        tags = context.client("sqs").list_queue_tags(QueueUrl=url).get("Tags", {})
    except Exception as error:
        if is_gone(error):
            return None
        raise
    state = decode(QUEUE, answer)
    allowed = context.local_aws.redrive_allow_policy(answer.get("RedriveAllowPolicy"), last.get("redriveAllowPolicy"))
    if allowed:
        state["redriveAllowPolicy"] = allowed
    arn = answer["QueueArn"]
    return {**state, "arn": arn, "name": arn.split(":")[-1], "url": url, "tagsAll": tags}


def update_queue(context: Context, url: str, change: Change) -> None:
    """Set what changed; what is no longer asked for goes back to AWS's default."""
    sqs = context.client("sqs")
    wanted = {
        QUEUE[name].name: QUEUE[name].encode(change.new.get(name, _queue.default(name)))
        for name in change.names & QUEUE.keys()
    }
    if wanted:
        set_queue_attributes(context, url, wanted)
    retag(
        context,
        change,
        lambda tags: sqs.tag_queue(QueueUrl=url, Tags=tags),
        lambda keys: sqs.untag_queue(QueueUrl=url, TagKeys=keys),
    )


def delete_queue(context: Context, url: str, state: Props) -> None:
    """Delete it."""
    del state
    context.client("sqs").delete_queue(QueueUrl=url)


_queue = Kind(
    type="aws:sqs/queue:Queue",
    inputs=frozenset({*QUEUE, "name", "namePrefix", "tags"}),
    create=create_queue,
    read=read_queue,
    update=update_queue,
    delete=delete_queue,
    check=check_queue,
    replaces=frozenset({"name", "namePrefix", "fifoQueue"}),
    documents=DOCUMENTS,
    computed=frozenset(
        {
            "policy",
            "redrivePolicy",
            "redriveAllowPolicy",
            "sqsManagedSseEnabled",
            "kmsDataKeyReusePeriodSeconds",
            "deduplicationScope",
            "fifoThroughputLimit",
        }
    ),
    name="name",
    prefix="namePrefix",
    name_limit=80,
    defaults={
        "delaySeconds": 0,
        # 256 KiB until 2025, 1 MiB since.
        "maxMessageSize": OneOf((262_144, 1_048_576)),
        "messageRetentionSeconds": 345_600,
        "receiveWaitTimeSeconds": 0,
        "visibilityTimeoutSeconds": 30,
        "kmsMasterKeyId": "",
        "kmsDataKeyReusePeriodSeconds": 300,
        "fifoQueue": False,
        "contentBasedDeduplication": False,
        "redrivePolicy": "",
        "policy": "",
        "redriveAllowPolicy": "",
    },
    derived={**TAGS_ARE, "arn": ("name", "namePrefix"), "url": ("name", "namePrefix")},
)


def _document_of_queue(type_: str, attribute: str, name: str) -> Kind:
    def get(context: Context, url: str, last: Props) -> str | None:
        answer = queue_attributes(context, url)
        if answer is None:
            return None
        if attribute == "RedriveAllowPolicy":
            return context.local_aws.redrive_allow_policy(answer.get(attribute), last.get(name))
        return answer.get(attribute)

    return document_on(
        type_,
        "queueUrl",
        name,
        put=lambda context, url, text: set_queue_attributes(context, url, {attribute: text}),
        get=get,
        drop=lambda context, url: set_queue_attributes(context, url, {attribute: ""}),
    )


KINDS = (
    _queue,
    _document_of_queue("aws:sqs/queuePolicy:QueuePolicy", "Policy", "policy"),
    _document_of_queue("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "RedriveAllowPolicy", "redriveAllowPolicy"),
)

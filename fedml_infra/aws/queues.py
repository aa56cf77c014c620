"""Whose a queue name is: nobody's, this stack's, or someone else's in the same account and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fedml_infra.aws.failures import is_absent, translate
from fedml_infra.aws.sessions import Access, client
from fedml_infra.model.tags import owned_by


class QueueKind(StrEnum):
    """Whose a queue is."""

    ABSENT = "absent"
    OURS = "ours"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class QueueState:
    """Whether a queue exists and whose it is, by its tags."""

    name: str
    kind: QueueKind
    url: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def queue_state(access: Access, region: str, name: str, *, federation: str, pid: str | None = None) -> QueueState:
    """Whose the queue of that name is, in the account of these credentials.

    Ours is what carries the federation's tags and, where `pid` is given, that node's; a queue without tags is not.
    A queue deleted less than a minute ago is absent here, and AWS refuses to make it again until the minute is over.
    """
    sqs = client("sqs", access, region)
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
    except Exception as error:
        if is_absent(error):
            return QueueState(name, QueueKind.ABSENT)
        raise translate(error, doing="look at queue", subject=name) from None
    kind = QueueKind.OURS if owned_by(tags, federation, pid) else QueueKind.FOREIGN
    return QueueState(name, kind, url, tags)

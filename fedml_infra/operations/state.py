"""What a stack's exported state tells: its resources, and which names are its own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BUCKET = "aws:s3/bucket:Bucket"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
HUB = "fedml:index:Hub"


@dataclass(frozen=True)
class Resource:
    """One resource of a state."""

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    protected: bool = False

    @property
    def name(self) -> str:
        """The last part of its URN."""
        return self.urn.rpartition("::")[2]

    @property
    def in_aws(self) -> bool:
        """Whether it is something in AWS, and no component and no provider."""
        return self.type.startswith("aws:")


@dataclass(frozen=True)
class State:
    """The resources of one stack, in the order in which they were made."""

    resources: tuple[Resource, ...] = ()

    @classmethod
    def of(cls, exported: Mapping[str, Any]) -> State:
        """The state in an export of the engine (`pulumi stack export`); {} is an empty one."""
        return cls(tuple(_resources(exported)))

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        """The resources of one type."""
        return tuple(resource for resource in self.resources if resource.type == kind)

    @property
    def in_aws(self) -> tuple[Resource, ...]:
        """What is in AWS."""
        return tuple(resource for resource in self.resources if resource.in_aws)

    @property
    def counted(self) -> int:
        """How many resources a run counts: components and providers too, but not the engine's default providers."""
        return sum(
            not (each.type.startswith("pulumi:providers:") and each.name.startswith("default"))
            for each in self.resources
        )

    @property
    def protected(self) -> bool:
        """Whether anything of it is protected."""
        return any(resource.protected for resource in self.resources)

    @property
    def queue_arns(self) -> frozenset[str]:
        """ARNs of its queues."""
        return frozenset(str(queue.outputs.get("arn")) for queue in self.of_type(QUEUE))

    @property
    def bucket_names(self) -> frozenset[str]:
        """Names of the buckets that it made."""
        return frozenset(bucket.id for bucket in self.of_type(BUCKET))

    def node_buckets(self) -> Iterator[Resource]:
        """The buckets made for nodes, which hold payloads; the roster bucket holds only what is ours."""
        for bucket in self.of_type(BUCKET):
            if f"${HUB}" not in bucket.urn and HUB not in bucket.parent:
                yield bucket


def _resources(exported: Mapping[str, Any]) -> Iterator[Resource]:
    for row in (exported.get("deployment") or {}).get("resources") or ():
        # What is only waiting to be deleted, after a replacement, is not what the stack has.
        if not row.get("delete"):
            yield Resource(
                urn=row["urn"],
                type=row["type"],
                id=row.get("id", ""),
                inputs=row.get("inputs") or {},
                outputs=row.get("outputs") or {},
                parent=row.get("parent", ""),
                protected=bool(row.get("protect")),
            )

"""What an operation acts with: AWS and the engine, each behind its Protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedml_infra.aws import callers, deletion, state_bucket
from fedml_infra.aws.live import LiveAws
from fedml_infra.aws.protocol import Aws
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine


class Cloud(Aws, Protocol):
    """What operations ask of AWS besides what the program asks."""

    def caller_arn(self, access: Access, region: str) -> str:
        """See `aws.callers.caller_arn`."""
        ...

    def delete_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> int:
        """See `aws.deletion.delete_objects`."""
        ...

    def delete_state_object(self, url: str) -> None:
        """See `aws.state_bucket.delete_state_object`."""
        ...


class LiveCloud(LiveAws):
    """AWS itself, or whatever AWS_ENDPOINT_URL names."""

    caller_arn = staticmethod(callers.caller_arn)
    delete_objects = staticmethod(deletion.delete_objects)
    delete_state_object = staticmethod(state_bucket.delete_state_object)


@dataclass(frozen=True)
class Tools:
    """AWS, and the engine of a project's folder."""

    aws: Cloud
    engine: Callable[[Path], Engine]


def live_tools() -> Tools:
    """The real ones. Nothing of boto3 and Pulumi is loaded before its first use."""

    def engine(project: Path) -> Engine:
        from fedml_infra.engine.automation import PulumiEngine

        return PulumiEngine(project)

    return Tools(LiveCloud(), engine)

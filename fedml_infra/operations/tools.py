"""What an operation acts with: AWS and the engine, each behind its Protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from fedml_infra.aws import (
    callers,
    deletion,
    ears,
    identity_proof,
    links,
    roster_object,
    sessions,
    simulation,
    standing,
    state_bucket,
)
from fedml_infra.aws import overview as overviews
from fedml_infra.aws.ears import Ear
from fedml_infra.aws.identity_proof import UseOnce
from fedml_infra.aws.links import OwnSubscription, QueueLinks
from fedml_infra.aws.live import LiveAws
from fedml_infra.aws.overview import Overview
from fedml_infra.aws.protocol import Aws
from fedml_infra.aws.roster_object import StoredRoster
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.aws.simulation import Refusal, Wanted
from fedml_infra.aws.standing import TopicKind
from fedml_infra.engine.protocol import Engine
from fedml_infra.model.proof import Challenge, Proof
from fedml_infra.model.resources import NodeResources
from fedml_infra.operations.checks.machine import Machine, this_machine


class Cloud(Aws, Protocol):
    """What operations ask of AWS besides what the program asks."""

    def caller_arn(self, access: Access, region: str) -> str:
        """See `aws.callers.caller_arn`."""
        ...

    def keys_of(self, access: Access) -> Keys:
        """See `aws.sessions.keys_of`."""
        ...

    def delete_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> int:
        """See `aws.deletion.delete_objects`."""
        ...

    def delete_state_object(self, url: str) -> None:
        """See `aws.state_bucket.delete_state_object`."""
        ...

    def get_roster(self, access: Access, region: str, bucket: str, *, owner: str) -> StoredRoster | None:
        """See `aws.roster_object.get_roster`."""
        ...

    def put_roster(
        self, access: Access, region: str, bucket: str, body: bytes, *, account: str, replacing: str | None
    ) -> None:
        """See `aws.roster_object.put_roster`."""
        ...

    def sign_proof(self, access: Access, region: str, challenge: Challenge) -> Proof:
        """See `aws.identity_proof.sign_proof`."""
        ...

    def proven_account(self, proof: Proof, challenge: Challenge, *, now: datetime, use_once: UseOnce) -> str:
        """See `aws.identity_proof.proven_account`."""
        ...

    def make_ear(self, access: Access, node: NodeResources, mark: str) -> Ear:
        """See `aws.ears.make_ear`."""
        ...

    def subscribe_ear(self, access: Access, ear: Ear, match: Mapping[str, Sequence[str]]) -> Ear:
        """See `aws.ears.subscribe_ear`."""
        ...

    def remove_ear(self, access: Access, ear: Ear) -> None:
        """See `aws.ears.remove_ear`."""
        ...

    def stale_ears(self, access: Access, node: NodeResources) -> tuple[Ear, ...]:
        """See `aws.ears.stale_ears`."""
        ...

    def queue_links(self, access: Access, region: str, name: str) -> QueueLinks | None:
        """See `aws.links.queue_links`."""
        ...

    def own_subscription(self, access: Access, region: str, topic_arn: str, endpoint: str) -> OwnSubscription | None:
        """See `aws.links.own_subscription`."""
        ...

    def parameter_text(self, access: Access, region: str, name: str) -> SecretStr | None:
        """See `aws.links.parameter_text`."""
        ...

    def overview(self, access: Access, regions: Iterable[str]) -> Overview:
        """See `aws.overview.overview`."""
        ...

    def clock_ahead(self, access: Access, region: str) -> float:
        """See `aws.standing.clock_ahead`."""
        ...

    def region_enabled(self, access: Access, region: str) -> bool:
        """See `aws.standing.region_enabled`."""
        ...

    def topic_state(self, access: Access, region: str, arn: str, *, federation: str) -> TopicKind:
        """See `aws.standing.topic_state`."""
        ...

    def texts_in(self, access: Access, region: str, bucket: str, prefix: str) -> tuple[str, ...]:
        """See `aws.standing.texts_in`."""
        ...

    def refused(self, access: Access, region: str, caller: str, rights: Iterable[Wanted]) -> tuple[Refusal, ...]:
        """See `aws.simulation.refused`."""
        ...


class LiveCloud(LiveAws):
    """AWS itself, or whatever AWS_ENDPOINT_URL names."""

    keys_of = staticmethod(sessions.keys_of)
    caller_arn = staticmethod(callers.caller_arn)
    delete_objects = staticmethod(deletion.delete_objects)
    get_roster = staticmethod(roster_object.get_roster)
    put_roster = staticmethod(roster_object.put_roster)
    sign_proof = staticmethod(identity_proof.sign_proof)
    proven_account = staticmethod(identity_proof.proven_account)
    make_ear = staticmethod(ears.make_ear)
    subscribe_ear = staticmethod(ears.subscribe_ear)
    remove_ear = staticmethod(ears.remove_ear)
    stale_ears = staticmethod(ears.stale_ears)
    queue_links = staticmethod(links.queue_links)
    own_subscription = staticmethod(links.own_subscription)
    parameter_text = staticmethod(links.parameter_text)
    overview = staticmethod(overviews.overview)
    clock_ahead = staticmethod(standing.clock_ahead)
    region_enabled = staticmethod(standing.region_enabled)
    topic_state = staticmethod(standing.topic_state)
    texts_in = staticmethod(standing.texts_in)
    refused = staticmethod(simulation.refused)
    delete_state_object = staticmethod(state_bucket.delete_state_object)


@dataclass(frozen=True)
class Tools:
    """AWS, the engine of a project's folder, and what is installed here."""

    aws: Cloud
    engine: Callable[[Path], Engine]
    machine: Callable[[], Machine] = this_machine


def live_tools() -> Tools:
    """The real ones. Nothing of boto3 and Pulumi is loaded before its first use."""

    def engine(project: Path) -> Engine:
        from fedml_infra.engine.automation import PulumiEngine

        return PulumiEngine(project)

    return Tools(LiveCloud(), engine)

"""The demo's story: up, messages, an outsider, a drift, destroyed, nothing left; all counted as it happens."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from fedml_infra.aws.deletion import delete_objects
from fedml_infra.aws.inventory import Place, inventory
from fedml_infra.aws.sessions import Access, Keys, Role
from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.project import write_project
from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.engine.stack_files import load
from fedml_infra.model.resources import NodeResources, node_resources
from fedml_infra.operations.demo.organisations import (
    ADMINISTRATOR,
    FEDERATION,
    JOINERS,
    ORGANISATIONS,
    OUTSIDER,
    TOPIC_ARN,
    Organisation,
    stack_file,
)
from fedml_infra.operations.demo.report import Drift, Messages, Outsider, Report
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.node_process import NodeProcess, Update
from fedml_infra.sandbox.node_role import make_node_role, remove_node_role
from fedml_infra.sandbox.outsider import Attempt, Target, intrude, widen_topic_policy
from fedml_infra.sandbox.sandbox import Running

KEY_NAME = "fedml-infra:fed_secret_key"
PAYLOAD_BYTES = 64 * 1024
DELIVERY_SECONDS = 20.0
"""How long a message may take; it takes milliseconds."""
ECHO_SECONDS = 1.0
"""How long each queue is watched for a message too many, all at once."""

Say = Callable[[str], None]

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """One organisation at work: its checkout, its engine, its account."""

    organisation: Organisation
    engine: PulumiEngine
    project: Path
    access: Access

    @property
    def place(self) -> Place:
        """Where its resources are."""
        return Place(self.access, self.organisation.account, self.organisation.region)

    def node(self) -> NodeResources:
        """All names and ARNs of its node."""
        config = load(self.project / "stacks" / f"Pulumi.{FEDERATION}.yaml")
        return node_resources(config, config.nodes[0], account=self.organisation.account, topic_arn=TOPIC_ARN)


class Story:
    """One telling of the story. `directory` takes the checkouts and the state; `say` is told each step."""

    def __init__(self, running: Running, directory: Path, say: Say) -> None:
        self._running = running
        self._local = running.local_aws
        self._directory = directory
        self._say = say
        self._seconds: dict[str, float] = {}
        self._key = SecretStr(base64.b64encode(os.urandom(16)).decode())

    def tell(self, *, keep: bool = False) -> Report:
        """The whole story. Raises what goes wrong in a way that leaves nothing to count; the local AWS goes anyway.

        With `keep` nothing is destroyed, and so nothing looked for.
        """
        started = time.monotonic()
        with self._phase("prepare", "three organisations prepare: a checkout, a state and a training role each"):
            sites = [self._prepare(organisation) for organisation in ORGANISATIONS]
        hub, joiners = sites[0], sites[1:]
        with self._phase("hub", f"{ADMINISTRATOR.name} brings up the hub of {FEDERATION!r} and its own node"):
            results = [self._up(hub)]
        with self._phase("join", f"{' and '.join(each.name for each in JOINERS)} bring up their nodes"):
            results += self._each(self._up, joiners)
        with self._phase("messages", "every node sends an update, and reads what the others sent"):
            processes = [_process(site, result) for site, result in zip(sites, results, strict=True)]
            messages, read, keys = self._exchange(processes)
        tries = f"account {OUTSIDER} tries to publish, subscribe, receive and read"
        if not self._local.enforces_policies:
            tries = f"this local AWS enforces no policies: what account {OUTSIDER} may not is not tried"
        with self._phase("outsider", tries):
            outsider, attempts = self._outsider(processes, keys)
        with self._phase("drift", "someone lets one more account publish, by hand; drift finds it"):
            drift = self._drift(hub)
        leftovers: tuple[str, ...] = ()
        if not keep:
            with self._phase("destroy", "everything is destroyed, and every account and region looked through"):
                leftovers = self._destroy(hub, joiners)
        self._seconds["total"] = round(time.monotonic() - started, 2)
        return Report(
            engine=hub.engine.version,
            organisations=len(ORGANISATIONS),
            accounts=len({each.account for each in ORGANISATIONS}),
            regions=len({each.region for each in ORGANISATIONS}),
            resources=sum(result.summary.get("create", 0) for result in results),
            messages=messages,
            payloads_read=read,
            outsider=outsider,
            drift=drift,
            left_behind=len(leftovers),
            seconds=self._seconds,
            attempts=attempts,
            leftovers=leftovers,
            nodes=len(processes),
            kept=keep,
        )

    @contextmanager
    def _phase(self, name: str, what: str) -> Iterator[None]:
        self._say(what)
        started = time.monotonic()
        yield
        self._seconds[name] = round(time.monotonic() - started, 2)

    @staticmethod
    def _each(call: Callable[[Site], T], sites: Sequence[Site]) -> list[T]:
        with ThreadPoolExecutor(len(sites)) as pool:
            return list(pool.map(call, sites))

    def _prepare(self, organisation: Organisation) -> Site:
        project = self._directory / organisation.pid
        project.mkdir(parents=True)
        write_project(project)
        stack = project / "stacks" / f"Pulumi.{FEDERATION}.yaml"
        stack.parent.mkdir(exist_ok=True)
        stack.write_text(stack_file(organisation), encoding="utf-8")
        account, region = organisation.account, organisation.region
        variables = environment(self._running, account=account, region=region, project=project).applied(os.environ)
        access = self._access(account)
        make_node_role(access, region, organisation.node_role)
        return Site(organisation, PulumiEngine(project, environment=variables), project, access)

    def _access(self, account: str) -> Access:
        key, secret = self._local.credentials(account)
        return Access(keys=Keys(key, secret), endpoints=(("", self._local.url),), ca_bundle=str(self._local.ca_bundle))

    def _up(self, site: Site) -> RunResult:
        site.engine.init(FEDERATION)
        site.engine.set_secret(FEDERATION, KEY_NAME, self._key)
        return site.engine.up(FEDERATION, RunOptions(secrets=(self._key,)))

    def _exchange(self, processes: Sequence[NodeProcess]) -> tuple[Messages, int, list[str]]:
        """Every node sends one update and reads all others; returns the counts and each node's object key."""
        with ThreadPoolExecutor(len(processes)) as pool:
            keys = list(pool.map(lambda node: node.send("round-1.bin", os.urandom(PAYLOAD_BYTES)), processes))
            wanted = len(processes) - 1
            came = list(pool.map(lambda node: node.receive(wanted, seconds=DELIVERY_SECONDS), processes))
            late = list(pool.map(lambda node: node.receive(1, seconds=ECHO_SECONDS), processes))
        updates = [
            (node, update) for node, *lots in zip(processes, came, late, strict=True) for lot in lots for update in lot
        ]
        echoes = sum(update.sender == node.node.pid for node, update in updates)
        read = sum(self._reads_only(node, update) for node, update in updates)
        return Messages(sent=len(keys), received=len(updates) - echoes, echoes=echoes), read, keys

    def _reads_only(self, node: NodeProcess, update: Update) -> bool:
        """Whether the payload came, and its credentials, or one's own, open nothing else."""
        if not node.read(update):
            return False
        return not self._local.enforces_policies or all(node.refused_reads(update, "updates/another.bin"))

    def _outsider(self, processes: Sequence[NodeProcess], keys: Sequence[str]) -> tuple[Outsider, tuple[Attempt, ...]]:
        targets = [Target(each.node, each.queue_url, key) for each, key in zip(processes, keys, strict=True)]
        if not self._local.enforces_policies:
            return Outsider(enforced=False, tried=0, denied=None), ()
        attempts = intrude(self._access(OUTSIDER), TOPIC_ARN, targets)
        return Outsider(enforced=True, tried=len(attempts), denied=sum(each.denied for each in attempts)), attempts

    def _drift(self, hub: Site) -> Drift:
        widen_topic_policy(hub.access, TOPIC_ARN, OUTSIDER)
        seen = hub.engine.preview(FEDERATION, RunOptions(refresh=True))
        found = [change for change in seen.changed if change.type == "aws:sns/topicPolicy:TopicPolicy"]
        return Drift(made=1, found=len(found))

    def _destroy(self, hub: Site, joiners: Sequence[Site]) -> tuple[str, ...]:
        sites = [*joiners, hub]
        self._each(_empty, sites)
        self._each(_destroy, joiners)
        _destroy(hub)
        self._each(
            lambda site: remove_node_role(site.access, site.organisation.region, site.organisation.node_role), sites
        )
        regions = {each.region for each in ORGANISATIONS}
        accounts = {**{site.organisation.account: site.access for site in sites}, OUTSIDER: self._access(OUTSIDER)}
        places = [Place(access, account, region) for account, access in accounts.items() for region in sorted(regions)]
        left = inventory(places, FEDERATION, buckets=[each.bucket for each in ORGANISATIONS])
        return (*map(str, left.found), *left.unseen)


def _empty(site: Site) -> None:
    """Payloads stand in the way of a destroy, on purpose; here they are known to be worthless."""
    where = site.organisation
    delete_objects(site.access, where.region, where.bucket, account=where.account)


def _remove_node_role(site: Site) -> None:
    remove_node_role(site.access, site.organisation.region, site.organisation.node_role)


def _destroy(site: Site) -> None:
    site.engine.destroy(FEDERATION)
    site.engine.remove(FEDERATION)


def _process(site: Site, result: RunResult) -> NodeProcess:
    """The node's training process: it has the node's role, and no other rights."""
    access = replace(site.access, roles=(Role(site.organisation.node_role),))
    return NodeProcess(site.node(), access, result.outputs["nodes"][site.organisation.pid]["queue_url"])

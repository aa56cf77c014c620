"""The demo's story: created, invited, joined, messages, an outsider, a removal, a drift, destroyed; all counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from fedml_infra.aws.deletion import delete_objects
from fedml_infra.aws.inventory import Place, inventory
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.operations.create import CreateRequest, plan_create, write_stack
from fedml_infra.operations.demo.exchange import Exchanged, exchange
from fedml_infra.operations.demo.joining import invite_and_join
from fedml_infra.operations.demo.organisations import (
    ADMINISTRATOR,
    FEDERATION,
    OFFLINE,
    ONLINE,
    ORGANISATIONS,
    OUTSIDER,
    TOPIC_ARN,
    request_values,
)
from fedml_infra.operations.demo.report import Drift, Outsider, Removed, Report
from fedml_infra.operations.demo.site import Site, access_to, open_site
from fedml_infra.operations.destroy import destroy, plan_destroy
from fedml_infra.operations.graph.draw import draw
from fedml_infra.operations.graph.svg import svg
from fedml_infra.operations.hub_change import apply_hub_change
from fedml_infra.operations.members import remove_member
from fedml_infra.operations.sync import sync
from fedml_infra.operations.up import Run, outputs_of, recovered_before, up
from fedml_infra.sandbox.node_role import remove_node_role
from fedml_infra.sandbox.outsider import Attempt, Target, intrude, return_in, widen_topic_policy
from fedml_infra.sandbox.sandbox import Running

Say = Callable[[str], None]

T = TypeVar("T")
U = TypeVar("U")


class Story:
    """One telling of the story. `directory` takes the checkouts, the state and the store; `say` is told each step."""

    def __init__(self, running: Running, directory: Path, say: Say) -> None:
        self._running = running
        self._enforced = running.local_aws.enforces_policies
        self._directory = directory
        self._say = say
        self._seconds: dict[str, float] = {}

    def tell(self, *, keep: bool = False) -> Report:
        """The whole story. Raises what goes wrong in a way that leaves nothing to count; the local AWS goes anyway.

        With `keep` nothing is destroyed, and so nothing looked for.
        """
        started = time.monotonic()
        with self._phase("prepare", "three organisations prepare: a checkout, a state and a training role each"):
            hub, insel, ucsf = (open_site(self._running, self._directory, each) for each in ORGANISATIONS)
        sites = [hub, insel, ucsf]
        with self._phase("hub", f"{ADMINISTRATOR.name} creates {FEDERATION!r}: the hub, and its own node"):
            created = _create(hub)
        with self._phase("join", f"{ONLINE.name} joins by proving its account, {OFFLINE.name} by a request file"):
            joined = invite_and_join(hub, insel, ucsf, self._directory / "store")
        with self._phase("messages", "every node sends an update, and reads what the others sent"):
            runs = [created, *joined.runs]
            processes = [site.process(run) for site, run in zip(sites, runs, strict=True)]
            first = exchange(processes, "round-1.bin", enforced=self._enforced)
            picture = svg(draw(hub.stack(), hub.engine, hub.tools.aws)[0])
        with self._phase("outsider", self._tries(f"account {OUTSIDER} tries to publish, subscribe, receive and read")):
            intruded = self._if_enforced(
                lambda: intrude(
                    access_to(self._running, OUTSIDER),
                    TOPIC_ARN,
                    [Target(each.node, each.queue_url, key) for each, key in zip(processes, first.keys, strict=True)],
                )
            )
        with self._phase("remove", f"{OFFLINE.name} is removed, and the key rotated with that"):
            rotated = _remove(hub)
            returned = self._if_enforced(lambda: return_in(ucsf.access, ucsf.node()))
        someone = "someone lets one more account publish, by hand; drift finds it"
        with self._phase("drift", f"{someone}. Meanwhile {ONLINE.name} picks up the new key"):
            drift, epoch = _at_once(lambda: _drift(hub), lambda: _follow(insel))
        with self._phase("again", f"those who stayed send another update each; {OFFLINE.name} listens"):
            after = exchange(processes[:2], "round-2.bin", outside=processes[2:], enforced=self._enforced)
        leftovers: tuple[str, ...] = ()
        if not keep:
            with self._phase("destroy", "everything is destroyed, and every account and region looked through"):
                leftovers = self._destroy(hub, [insel, ucsf])
        self._seconds["total"] = round(time.monotonic() - started, 2)
        return Report(
            engine=hub.engine.version,
            organisations=len(ORGANISATIONS),
            accounts=len({each.account for each in ORGANISATIONS}),
            regions=len({each.region for each in ORGANISATIONS}),
            resources=sum(run.result.summary.get("create", 0) for run in runs),
            invites=joined.invites,
            joins=joined.joins,
            messages=first.messages,
            payloads_read=first.read,
            outsider=self._outsider(intruded),
            removed=self._removed(returned, after),
            rotations=min(rotated, epoch) - 1,
            drift=drift,
            left_behind=len(leftovers),
            seconds=self._seconds,
            attempts=(*intruded, *returned),
            leftovers=leftovers,
            nodes=len(processes),
            after=after.messages,
            picture=picture,
            kept=keep,
        )

    @contextmanager
    def _phase(self, name: str, what: str) -> Iterator[None]:
        self._say(what)
        started = time.monotonic()
        yield
        self._seconds[name] = round(time.monotonic() - started, 2)

    def _tries(self, what: str) -> str:
        return (
            what
            if self._enforced
            else f"this local AWS enforces no policies: what account {OUTSIDER} may not is not tried"
        )

    def _if_enforced(self, tries: Callable[[], tuple[Attempt, ...]]) -> tuple[Attempt, ...]:
        return tries() if self._enforced else ()

    def _outsider(self, attempts: Sequence[Attempt]) -> Outsider:
        return Outsider(self._enforced, len(attempts), _denied(attempts) if self._enforced else None)

    def _removed(self, attempts: Sequence[Attempt], after: Exchanged) -> Removed:
        return Removed(_denied(attempts) if self._enforced else None, after.too_many)

    def _destroy(self, hub: Site, joiners: Sequence[Site]) -> tuple[str, ...]:
        sites = [*joiners, hub]
        _each(_empty, sites)
        _each(_take_down, sites)
        _each(lambda site: remove_node_role(site.access, site.organisation.region, site.organisation.node_role), sites)
        regions = {each.region for each in ORGANISATIONS}
        accounts = {site.organisation.account: site.access for site in sites}
        accounts[OUTSIDER] = access_to(self._running, OUTSIDER)
        places = [Place(access, account, region) for account, access in accounts.items() for region in sorted(regions)]
        left = inventory(places, FEDERATION, buckets=[each.bucket for each in ORGANISATIONS])
        return (*map(str, left.found), *left.unseen)


def _each(call: Callable[[Site], T], sites: Sequence[Site]) -> list[T]:
    with ThreadPoolExecutor(len(sites)) as pool:
        return list(pool.map(call, sites))


def _denied(attempts: Sequence[Attempt]) -> int:
    return sum(each.denied for each in attempts)


def _create(hub: Site) -> Run:
    plan = plan_create(CreateRequest(request_values(), local=True), hub.tools.aws, None)
    write_stack(plan, hub.stack_path, hub.engine)
    recovery = hub.recovery()
    return up(recovery, recovered_before(recovery), RunOptions())


def _at_once(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    with ThreadPoolExecutor() as pool:
        one, other = pool.submit(first), pool.submit(second)
        return one.result(), other.result()


def _remove(hub: Site) -> int:
    """The member is taken out, and the key rotated by that. The epoch of the hub then."""
    recovery = hub.recovery()
    outputs = outputs_of(recovery.ready())
    edit = remove_member(recovery.stack.config, outputs, OFFLINE.account)
    return apply_hub_change(hub.project, recovery, outputs, edit, RunOptions()).config.fed_epoch


def _follow(stays: Site) -> int:
    """A member that stays synchronises. The epoch that it has then."""
    return sync(stays.project, stays.recovery(), RunOptions()).plan.epoch


def _drift(hub: Site) -> Drift:
    widen_topic_policy(hub.access, TOPIC_ARN, OUTSIDER)
    seen = hub.engine.preview(FEDERATION, RunOptions(refresh=True))
    found = [change for change in seen.changed if change.type == "aws:sns/topicPolicy:TopicPolicy"]
    return Drift(made=1, found=len(found))


def _empty(site: Site) -> None:
    """Payloads stand in the way of a destroy, on purpose; here they are known to be worthless."""
    where = site.organisation
    delete_objects(site.access, where.region, where.bucket, account=where.account)


def _take_down(site: Site) -> None:
    recovery = site.recovery()
    destroy(plan_destroy(recovery), recovery, RunOptions())

"""Two organisations are invited and join: one proves its account to the administrator's listener, one by a file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.operations.admission import admit_member, read_request
from fedml_infra.operations.admitting import bring_up_hub
from fedml_infra.operations.create import existing, write_stack
from fedml_infra.operations.demo.listener import listening
from fedml_infra.operations.demo.organisations import FEDERATION, NODE_ROLE, TOPIC_ARN
from fedml_infra.operations.demo.site import Site
from fedml_infra.operations.hand_in import hand_in
from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.operations.invites import create_invite
from fedml_infra.operations.join import JoinPlan, JoinRequested, plan_join
from fedml_infra.operations.up import Run, recovered_before, up
from fedml_infra.operations.waiting_join import join_request, waiting_stack
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.invites import Invite


@dataclass(frozen=True)
class Joined:
    """What came of it: each joiner's run, and how many invites were made and used."""

    runs: tuple[Run, ...]
    invites: int
    joins: int


def invite_and_join(hub: Site, online: Site, offline: Site, data_dir: Path) -> Joined:
    """Invite both and let both join; they wait at the same time, so that the hub comes up once for both.

    `data_dir` takes the administrator's store.
    """
    with open_store(StorePlace(data_dir=data_dir)) as store, ThreadPoolExecutor() as pool:
        by_file = pool.submit(_by_file, hub, offline, store)
        with listening(hub, data_dir) as url:
            plan = _invited(hub, online, store, InviteWanted(rest_url=url))
            waiting = by_file.result()
            _hand_in(online, plan, is_new=True)
            runs = (pool.submit(_come_up, online), pool.submit(_go_on, hub, offline, waiting))
            ended = tuple(run.result() for run in runs)
        rows = store.tokens.list()
    return Joined(ended, len(rows), sum(row.used_by is not None for row in rows))


def _by_file(hub: Site, offline: Site, store: Store) -> JoinPlan:
    """Invited for one account, the joiner sends a request, and the administrator admits it."""
    plan = _invited(hub, offline, store, InviteWanted(account=offline.organisation.account))
    _admit(hub, store, _request(offline, plan))
    return plan


def _invited(hub: Site, site: Site, store: Store, wanted: InviteWanted) -> JoinPlan:
    """The administrator makes an invite; the joiner opens it, and writes its stack file, which waits."""
    made = create_invite(hub.project, hub.stack(), hub.engine, store, wanted)
    assert made.passphrase is not None, "made where none is brought"
    invite = open_invite(made.blob, made.passphrase)
    node = {
        "pid": site.organisation.pid,
        "s3_bucket": site.organisation.s3_bucket,
        "node_role": NODE_ROLE,
    }
    own = {"aws:region": site.organisation.region, "fedml-infra:nodes": [node]}
    requested = JoinRequested(own, local=True, hand_in=invite.fed_rest_url is not None)
    plan = plan_join(invite, requested, site.tools.aws, None, now=datetime.now(UTC))
    write_stack(plan.created, site.stack_path, site.engine)
    return plan


def _request(site: Site, plan: JoinPlan) -> bytes:
    """The file that the joiner sends to the administrator."""
    before = existing(site.stack_path)
    assert isinstance(plan.invite, Invite) and before is not None, "a v2 invite, and the file was written"
    return join_request(waiting_stack(before), site.engine, plan.invite, plan.account).write()


def _admit(hub: Site, store: Store, request: bytes) -> None:
    """The administrator admits whoever sent that file; the hub is still to come up with it."""
    _, joining = read_request(request, store, TOPIC_ARN)
    admit_member(hub.project, FEDERATION, hub.engine, store, TOPIC_ARN, joining)


def _hand_in(site: Site, plan: JoinPlan, *, is_new: bool) -> None:
    """The joiner proves its account at the invite's address, or finds itself on the roster; either gives it the key."""
    hand_in(plan, site.stack_path, site.engine, site.tools.aws, is_new=is_new, say=lambda _: None)


def _go_on(hub: Site, site: Site, plan: JoinPlan) -> Run:
    """The administrator sees to it that the hub is up with the joiner, who then goes on."""
    bring_up_hub(hub.project, hub.recovery(), RunOptions())
    _hand_in(site, plan, is_new=False)
    return _come_up(site)


def _come_up(site: Site) -> Run:
    recovery = site.recovery()
    return up(recovery, recovered_before(recovery), RunOptions())

"""Joins that end later than the request: the token is redeemed at once, the member is written and brought up by others.

For doors behind which no run of the hub happens: a service with jobs, a repository whose changes are reviewed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fedml_infra.model.rights import Rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.admission import Admission, Joining, PidTakenError, plan_admission
from fedml_infra.operations.audit import Doing, audited
from fedml_infra.store.store import Store
from fedml_infra.wire.v2.create_policies import Granted
from fedml_infra.wire.v2.roster import Roster


def plan_redeeming(config: StackConfig, topic_arn: str, joining: Joining, store: Store) -> Admission:
    """As `plan_admission`, with those in mind who have redeemed a token and are not in the stack file yet."""
    plan = plan_admission(config, topic_arn, joining, store)
    now = store.now()
    for row in store.tokens.list(topic_arn):
        is_good = row.revoked_at is None and row.expires_at > now
        if is_good and row.pid == joining.pid and row.used_by != joining.aws_id:
            raise PidTakenError(
                f"The federation has a node {joining.pid} already, which is another organisation's.",
                fix="Join with another pid.",
            )
    return plan


def redeem(stack: str, store: Store, joining: Joining, plan: Admission, again: Callable[[], object]) -> datetime:
    """Give the token to the account, which is proved; when it was given first. `again` makes the plan anew: of two
    requests of one account at the same time the first may have named another node.
    """

    def given() -> datetime:
        row = store.tokens.redeem(
            joining.digest, aws_id=joining.aws_id, pid=joining.pid, public_key=joining.public_key
        ).row
        return row.used_at or store.now()

    if plan.token.used_at is not None:
        # Asking again is not worth an entry of the audit.
        return given()
    details = {"invite": plan.token.id, "account": joining.aws_id, "pid": joining.pid}
    with audited(store, Doing("admit", stack, plan.token.topic_arn, details=details)):
        since = given()
    again()
    return since


def granted_by(roster: Roster, raw: bytes, joining: Joining, rights: Rights) -> Granted | None:
    """What the account was given by a published roster, of which `raw` are the bytes; None while it is not all of it.
    Pure."""
    entry = next((each for each in roster.members if each.aws_id == joining.aws_id), None)
    if entry is None or (entry.nodes and joining.pid not in entry.nodes):
        return None
    if joining.public_key not in (None, entry.public_key) or not entry.rights >= rights:
        return None
    return Granted(
        fed_name=roster.fed_name,
        aws_topic_arn=roster.aws_topic_arn,
        aws_id=joining.aws_id,
        pid=joining.pid,
        rights=entry.rights,
        roster=raw,
    )

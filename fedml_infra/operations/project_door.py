"""createPolicies of customers' projects: the same door as a hub's own, with jobs in the place of its runs.

What it costs grows with what was shown, as there. Nothing of the engine runs here: who has proved its account redeems
its token, and a job takes in all who have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedml_infra.errors import ConfigurationError, FedmlError, TokenRefusedError
from fedml_infra.model.validation import HUB_KEY
from fedml_infra.operations.admission import Admission, Joining, PidTakenError, known_token, plan_admission
from fedml_infra.operations.audit import Doing, audited
from fedml_infra.operations.door import RETRY_SECONDS, Prover, Reply, joining_of, replied
from fedml_infra.operations.jobs.submit import Submitter
from fedml_infra.operations.projects import Project, Projects
from fedml_infra.operations.tools import Cloud
from fedml_infra.store.jobs import ADMIT
from fedml_infra.store.service_values import Job, JobState
from fedml_infra.store.values import Reason
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.v2.create_policies import Asked, Granted
from fedml_infra.wire.v2.keypairs import hub_public_key
from fedml_infra.wire.v2.proof import Challenger
from fedml_infra.wire.v2.roster import Roster, read_roster

AGAIN = timedelta(seconds=30)
"""After a run of the hub that failed no other one begins for so long, however many ask."""
WAITS = "The account is admitted; the hub comes up with it."
FAILED = "The account is admitted, but the hub did not come up: its administrator knows why."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectDoor:
    """The door of every project that is a hub. May be used by several threads."""

    projects: Projects
    submitter: Submitter
    aws: Cloud
    challenger: Challenger
    now: Callable[[], datetime]

    def create_policies(self, body: bytes, *, cid: str, pid: str, url: str) -> tuple[Reply, Job | None]:
        """The answer, and the job that was queued for it. `url`: the whole address by what this side calls itself."""
        queued: list[Job] = []

        def answer(asked: Asked) -> Reply:
            return self._answered(asked, cid, pid, url, queued.append)

        def told(error: FedmlError) -> None:
            _log.error("createPolicies of %s/%s: %s: %s", cid, pid, type(error).__name__, error.what)

        return replied(body, answer, told), queued[0] if queued else None

    def _answered(self, asked: Asked, cid: str, pid: str, url: str, queued: Callable[[Job], None]) -> Reply:
        joining = joining_of(asked)
        project = self._hub(cid, pid, joining)
        plan = self._plan(project, joining)
        topic_arn = project.workspace.topic_arn or ""
        prover = Prover(self.aws, self.projects.store, self.challenger, self.now)
        challenge = prover.challenge(asked, topic_arn=topic_arn, token_id=plan.token.id, url=url)
        if challenge is not None:
            return challenge
        since = self._redeem(project, joining, plan)
        return self._granted(project, joining, plan) or self._queued(project, since, queued)

    def _hub(self, cid: str, pid: str, joining: Joining) -> Project:
        """Whose door it is. An address that leads nowhere is answered as a token that is not known."""
        found = self.projects.store.workspaces.get(cid, pid)
        if found is None or not found.is_hub or found.topic_arn is None or found.outputs is None:
            raise TokenRefusedError(Reason.UNKNOWN, "This invite is not known here.")
        # Before the file is read: who has no token is to cost next to nothing.
        known_token(self.projects.store, found.topic_arn, joining)
        return self.projects.of(found)

    def _plan(self, project: Project, joining: Joining) -> Admission:
        topic_arn = project.workspace.topic_arn or ""
        plan = plan_admission(project.stack.config, topic_arn, joining, self.projects.store)
        # Whoever was admitted since the last run is not in the stack file yet.
        now = self.projects.store.now()
        for row in self.projects.store.tokens.list(topic_arn):
            is_good = row.revoked_at is None and row.expires_at > now
            if is_good and row.pid == joining.pid and row.used_by != joining.aws_id:
                raise PidTakenError(
                    f"The federation has a node {joining.pid} already, which is another organisation's.",
                    fix="Join with another pid.",
                )
        return plan

    def _redeem(self, project: Project, joining: Joining, plan: Admission) -> datetime:
        """When the token was redeemed first."""
        store = self.projects.store

        def redeem() -> datetime:
            row = store.tokens.redeem(
                joining.digest, aws_id=joining.aws_id, pid=joining.pid, public_key=joining.public_key
            ).row
            return row.used_at or store.now()

        if plan.token.used_at is not None:
            # Asking again is not worth an entry of the audit.
            return redeem()
        details = {"invite": plan.token.id, "account": joining.aws_id, "pid": joining.pid}
        with audited(store, Doing("admit", project.stack.name, plan.token.topic_arn, details=details)):
            since = redeem()
        # Of two requests of one account at the same time the first may have named another node.
        self._plan(project, joining)
        return since

    def _granted(self, project: Project, joining: Joining, plan: Admission) -> Reply | None:
        """What the account was given, once the published roster has it."""
        roster = self._roster(project)
        entry = next((each for each in roster.members if each.aws_id == joining.aws_id), None) if roster else None
        if roster is None or entry is None or project.workspace.roster is None:
            return None
        if entry.nodes and joining.pid not in entry.nodes:
            return None
        if joining.public_key not in (None, entry.public_key) or not entry.rights >= plan.rights:
            return None
        topic_arn = roster.aws_topic_arn
        self.projects.store.members.admitted(topic_arn, joining.aws_id, roster.fed_epoch)
        granted = Granted(
            fed_name=roster.fed_name,
            aws_topic_arn=topic_arn,
            aws_id=joining.aws_id,
            pid=joining.pid,
            rights=entry.rights,
            roster=project.workspace.roster,
        )
        return Reply(Answer.of(200, "The account is a member.", granted.to_map()))

    def _roster(self, project: Project) -> Roster | None:
        raw = project.workspace.roster
        if raw is None:
            return None
        key = self.projects.secret(project, HUB_KEY)
        if key is None:
            raise ConfigurationError(f"The stack file of {project.stack.name} has no hub_key.")
        return read_roster(
            raw,
            hub_public_key=hub_public_key(key),
            fed_name=project.stack.config.fed_name,
            aws_topic_arn=project.workspace.topic_arn or "",
        )

    def _queued(self, project: Project, since: datetime, queued: Callable[[Job], None]) -> Reply:
        """See that a run of the hub takes in who redeemed a token at `since`."""
        row, store = project.workspace, self.projects.store
        waits = Reply(Answer.of(202, WAITS), RETRY_SECONDS)
        last = next((job for job in store.jobs.list(row.cid, pid=row.pid, limit=20) if job.kind == ADMIT), None)
        if last is None:
            queued(self.submitter.admit(row))
            return waits
        wait = last.finished_at + AGAIN - store.now() if last.finished_at is not None else timedelta(0)
        if last.state in {JobState.FAILED, JobState.CANCELLED} and wait > timedelta(0):
            return Reply(Answer.of(503, FAILED), max(1, int(wait.total_seconds())))
        has_it = last.started_at is not None and last.started_at >= since
        under_way = last.state is JobState.RUNNING or (last.state is JobState.FINISHED and wait > timedelta(0))
        # What a run has made shows in the project's row, which was read before.
        if last.state is not JobState.QUEUED and not (has_it and under_way):
            queued(self.submitter.admit(row))
        return waits

"""createPolicies of customers' projects: the same door as a hub's own, with jobs in the place of its runs.

What it costs grows with what was shown, as there. Nothing of the engine runs here: who has proved its account redeems
its token, and a job takes in all who have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from fedml_infra.errors import ConfigurationError, FedmlError, TokenRefusedError
from fedml_infra.model.validation import HUB_KEY
from fedml_infra.operations.admission import Admission, Joining, known_token
from fedml_infra.operations.door import RETRY_SECONDS, Prover, Reply, joining_of, replied
from fedml_infra.operations.jobs.submit import Submitter
from fedml_infra.operations.projects import Project, Projects
from fedml_infra.operations.redeemed import granted_by, plan_redeeming, redeem
from fedml_infra.operations.tools import Cloud
from fedml_infra.store.jobs import ADMIT
from fedml_infra.store.service_values import Job, JobState
from fedml_infra.store.values import Reason
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.v2.create_policies import Asked
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
        return plan_redeeming(project.stack.config, topic_arn, joining, self.projects.store)

    def _redeem(self, project: Project, joining: Joining, plan: Admission) -> datetime:
        """When the token was redeemed first."""
        again = partial(self._plan, project, joining)
        return redeem(project.stack.name, self.projects.store, joining, plan, again)

    def _granted(self, project: Project, joining: Joining, plan: Admission) -> Reply | None:
        """What the account was given, once the published roster has it."""
        roster, raw = self._roster(project), project.workspace.roster
        granted = granted_by(roster, raw, joining, plan.rights) if roster is not None and raw is not None else None
        if roster is None or granted is None:
            return None
        self.projects.store.members.admitted(roster.aws_topic_arn, joining.aws_id, roster.fed_epoch)
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

"""The admin's door of a hub whose stack file is reviewed: what createPolicies answers while a person has to agree.

What it costs grows with what was shown, as at `operations.door.Door`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fedml_infra.errors import FedmlError, TokenRefusedError
from fedml_infra.gitops.admitting import DeclinedError, GitOpsRuns, Wanted
from fedml_infra.operations.admission import NotAdmissibleError, known_token
from fedml_infra.operations.door import Prover, Reply, joining_of, replied
from fedml_infra.operations.redeemed import granted_by, plan_redeeming, redeem
from fedml_infra.operations.tools import Cloud
from fedml_infra.store.store import Store
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.v2.create_policies import REVIEW, Asked
from fedml_infra.wire.v2.proof import Challenger
from fedml_infra.wire.v2.roster import Roster

RETRY_SECONDS = 30
"""After which who waits for a person may ask again."""
WAITS = "The account is proved. A person reviews that it is let in, and the hub comes up with it then."
FAILED = "The account is proved, but nobody could be asked to let it in: the hub's administrator knows why."

Published = Callable[[], tuple[Roster, bytes] | None]
"""Reads the roster that the hub has published, and its bytes."""


@dataclass(frozen=True)
class GitOpsDoor:
    """The door of a hub whose stack file is reviewed. May be used by several threads."""

    runs: GitOpsRuns
    published: Published
    aws: Cloud
    store: Store
    challenger: Challenger = field(default_factory=Challenger)
    on_error: Callable[[FedmlError], None] = lambda _: None
    """Told what a joiner is not."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def create_policies(self, body: bytes, *, url: str) -> Reply:
        """See `operations.door.Door`."""
        return replied(body, lambda asked: self._answered(asked, url), self.on_error)

    def _answered(self, asked: Asked, url: str) -> Reply:
        joining, topic_arn = joining_of(asked), self.runs.topic_arn
        known_token(self.store, topic_arn, joining)
        config = self.runs.reviewed()
        plan = plan_redeeming(config, topic_arn, joining, self.store)
        challenge = Prover(self.aws, self.store, self.challenger, self.now).challenge(
            asked, topic_arn=topic_arn, token_id=plan.token.id, url=url
        )
        if challenge is not None:
            return challenge
        redeem(
            self.runs.stack,
            self.store,
            joining,
            plan,
            lambda: plan_redeeming(config, topic_arn, joining, self.store),
        )
        published = self._published()
        granted = granted_by(*published, joining, plan.rights) if published is not None else None
        if granted is not None and published is not None:
            self.store.members.admitted(topic_arn, joining.aws_id, published[0].fed_epoch)
            return Reply(Answer.of(200, "The account is a member.", granted.to_map()))
        try:
            self.runs.propose(Wanted(joining, plan.rights))
        except (NotAdmissibleError, TokenRefusedError):
            raise
        except DeclinedError as error:
            return Reply(Answer.of(503, error.what))
        except FedmlError as error:
            self.on_error(error)
            return Reply(Answer.of(503, FAILED), RETRY_SECONDS)
        return Reply(Answer.of(202, WAITS, {"waits_for": REVIEW}), RETRY_SECONDS)

    def _published(self) -> tuple[Roster, bytes] | None:
        try:
            return self.published()
        except FedmlError as error:
            # Who waits for days is not to be turned away by a minute of AWS's.
            self.on_error(error)
            return None

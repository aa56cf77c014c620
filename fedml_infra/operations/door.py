"""The admin's door: what createPolicies answers to whoever knocks, whatever carries the bytes.

What it costs grows with what was shown: without a token that is good, two looks into the store; with one, a challenge;
with a proof, one call of STS; and a run of the engine only for an account that is proved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fedml_infra.aws.identity_proof import require_account
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import (
    ConfigurationError,
    FedmlError,
    ProofRefusedError,
    TokenRefusedError,
)
from fedml_infra.model.proof import Proof, claims
from fedml_infra.operations.admission import (
    Joining,
    NotAdmissibleError,
    PidTakenError,
    admit_member,
    known_token,
    plan_admission,
)
from fedml_infra.operations.audit import Doing, audited
from fedml_infra.operations.hub_runs import HubRuns
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.tools import Cloud
from fedml_infra.store.store import Store
from fedml_infra.store.values import Reason
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.tokens import digest
from fedml_infra.wire.v2.create_policies import Asked, Granted
from fedml_infra.wire.v2.proof import Challenger

RETRY_SECONDS = 2
"""After which who waits for the hub may ask again."""
UNKNOWN = "This invite is not known here."


@dataclass(frozen=True)
class Reply:
    """One answer, and after how many seconds to ask again."""

    answer: Answer
    retry_after: int | None = None


@dataclass(frozen=True)
class Door:
    """The door of one hub. May be used by several threads.

    `topic_arn` is that of the hub's topic, as its last run made it.
    """

    project: Path
    stack: str
    topic_arn: str
    engine: Engine
    aws: Cloud
    store: Store
    runs: HubRuns
    challenger: Challenger = field(default_factory=Challenger)
    on_error: Callable[[FedmlError], None] = lambda _: None
    """Told what a joiner is not."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def create_policies(self, body: bytes, *, url: str) -> Reply:
        """Answer a request. `url`: the whole address that it came to, by what this side calls itself: never by what
        the request says, or a proof made for another server would be good here.
        """
        return replied(body, lambda asked: self._answered(asked, url), self.on_error)

    def _answered(self, asked: Asked, url: str) -> Reply:
        joining = joining_of(asked)
        # Before the file is read: who has no token is to cost next to nothing.
        known_token(self.store, self.topic_arn, joining)
        config = load_stack(self.project, self.stack).config
        token = plan_admission(config, self.topic_arn, joining, self.store).token
        challenge = Prover(self.aws, self.store, self.challenger, self.now).challenge(
            asked, topic_arn=self.topic_arn, token_id=token.id, url=url
        )
        return challenge or self._admitted(joining, token.id)

    def _admitted(self, joining: Joining, token_id: str) -> Reply:
        doing = Doing("admit", self.stack, self.topic_arn, details={"invite": token_id, "account": joining.aws_id})
        if self._is_new(joining):
            with audited(self.store, doing):
                doing.details["pid"] = joining.pid
                done = admit_member(self.project, self.stack, self.engine, self.store, self.topic_arn, joining)
        else:
            done = admit_member(self.project, self.stack, self.engine, self.store, self.topic_arn, joining)
        config = done.changed.after.config
        member = next(each for each in config.members if each.aws_id == joining.aws_id)
        try:
            standing = self.runs.standing_with(config, member)
        except FedmlError:
            return Reply(
                Answer.of(503, "The account is admitted, but the hub did not come up: its administrator knows why."),
                RETRY_SECONDS,
            )
        if standing is None:
            return Reply(Answer.of(202, "The account is admitted; the hub comes up with it."), RETRY_SECONDS)
        self.store.members.admitted(self.topic_arn, joining.aws_id, standing.config.fed_epoch)
        granted = Granted(
            fed_name=config.fed_name,
            aws_topic_arn=self.topic_arn,
            aws_id=joining.aws_id,
            pid=joining.pid,
            rights=done.rights,
            roster=standing.roster,
        )
        return Reply(Answer.of(200, "The account is a member.", granted.to_map()))

    def _is_new(self, joining: Joining) -> bool:
        """Whether this is more than asking again, which is not worth an entry of the audit."""
        row = self.store.tokens.by_digest(joining.digest)
        return row is None or row.used_at is None


@dataclass(frozen=True)
class Prover:
    """Has accounts proved."""

    aws: Cloud
    store: Store
    challenger: Challenger
    now: Callable[[], datetime]

    def challenge(self, asked: Asked, *, topic_arn: str, token_id: str, url: str) -> Reply | None:
        """The challenge for who came without a proof; None for who has proved its account, by one call of STS.

        Raises ProofRefusedError for a proof that proves nothing.
        """
        said = claims(aws_id=asked.aws_id, pid=asked.pid, public_key=asked.public_key)
        if asked.proof is None:
            challenge = self.challenger.challenge(
                topic_arn=topic_arn, verifier=url, token_id=token_id, claims=said, now=self.now()
            )
            return Reply(Answer.of(401, "Prove the account.", {"challenge": challenge.to_map()}))
        proof = Proof.from_map(asked.proof)
        challenge = self.challenger.recall(proof, topic_arn=topic_arn, verifier=url, token_id=token_id, claims=said)
        proven = self.aws.proven_account(proof, challenge, now=self.now(), use_once=self.store.challenges.use_once)
        require_account(proven, asked.aws_id)
        return None


def joining_of(asked: Asked) -> Joining:
    """Who asks."""
    return Joining(digest(asked.token), asked.aws_id, asked.pid, asked.public_key)


def replied(body: bytes, answer: Callable[[Asked], Reply], on_error: Callable[[FedmlError], None]) -> Reply:
    """The answer to a body, errors too: the joiner is told what concerns it, `on_error` of all else."""
    try:
        asked = Asked.read(body)
    except ConfigurationError as error:
        return _refused(400, "request", "garbage", " ".join([error.what, *map(str, error.problems)]))
    try:
        return answer(asked)
    except TokenRefusedError as error:
        return _token_refused(error)
    except ProofRefusedError as error:
        return _refused(401, "proof", error.reason, f"{error.what[:1].upper()}{error.what[1:]}.")
    except NotAdmissibleError as error:
        said = f"{error.what} {error.fix}" if error.fix else error.what
        return _refused(409, "request", "pid" if isinstance(error, PidTakenError) else "impossible", said)
    except FedmlError as error:
        # What is wrong with the hub's file, its store or its network is the administrator's business.
        on_error(error)
        return Reply(Answer.of(503, "The hub's side cannot let anybody in now: its administrator knows why."))


def _token_refused(error: TokenRefusedError) -> Reply:
    """Who holds no token of this federation is told one thing, and so is who holds a revoked one."""
    if error.reason in (Reason.UNKNOWN, Reason.REVOKED):
        return _refused(401, "token", str(Reason.UNKNOWN), UNKNOWN)
    return _refused(401, "token", str(error.reason), error.what)


def _refused(status: int, what: str, reason: str, said: str) -> Reply:
    return Reply(Answer.of(status, said, {"refused": what, "reason": str(reason)}))

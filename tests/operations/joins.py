"""A hub with a store and a door, and organisations that knock at it, all in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.model.rights import Rights
from fedml_infra.model.validation import HUB_KEY
from fedml_infra.operations.admission import Joining
from fedml_infra.operations.admitting import bring_up_hub
from fedml_infra.operations.door import Door
from fedml_infra.operations.hub_runs import SharedRuns, Standing
from fedml_infra.operations.knock import Knock
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import NewToken
from fedml_infra.wire.invites import Invite
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.create_policies import Asked
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_member_key
from tests.operations.federations import BUCKET, TOPIC, Party, hub

URL = "https://fed.example.org/fedml/charite/createPolicies"
INSEL, USZ = "222222222222", "333333333333"


@dataclass
class Gate:
    """The hub's side. `at` is what its clock says."""

    party: Party
    store: Store
    door: Door
    runs: SharedRuns
    told: list[str] = field(default_factory=list)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def invite(
        self,
        account: str | None = None,
        *,
        rights: Rights | None = None,
        life: timedelta = timedelta(hours=1),
        url: str | None = URL,
        **others: str,
    ) -> Invite:
        """An invite, as the joiner reads it."""
        token, signer = new_token(), self.party.key(HUB_KEY)
        assert signer is not None
        expires = self.store.now() + life
        self.store.tokens.add(
            NewToken(
                id=token_id(digest(token)),
                digest=digest(token),
                fed_name="cardio",
                topic_arn=TOPIC,
                version="v2",
                rights=rights,
                aws_id=account,
                created_by="admin@host",
                expires_at=expires,
            )
        )
        return Invite.model_validate(
            {
                "fed_name": "cardio",
                "sync_sched": "m30",
                "aws_topic_arn": TOPIC,
                "aws_topic_region": "us-east-1",
                "fed_req_token": token,
                "topology": "decentralized",
                "hub_public_key": hub_public_key(SecretStr(signer)),
                "roster_bucket": BUCKET,
                "expires": expires,
                "rights": rights,
                "fed_rest_url": url,
                "aws_id": account,
                **others,
            }
        )

    def knock(
        self,
        invite: Invite,
        account: str = INSEL,
        pid: str = "insel",
        *,
        public_key: str | None = None,
        signer: str | None = None,
        url: str = URL,
    ) -> Knock:
        """Somebody who knocks with that invite as `account`, with the credentials of `signer`."""
        key = public_key or member_public_key(new_member_key())
        cloud = self.party.world.aws
        cloud._accounts[Access(profile=signer or account)] = signer or account
        return Knock(
            url=url,
            topic_arn=TOPIC,
            asked=Asked(invite.fed_req_token, account, pid, key),
            sign=lambda challenge: cloud.sign_proof(Access(profile=signer or account), "us-east-1", challenge),
            transport=httpx.MockTransport(self.answer),
            wait=lambda _: None,
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The door's answer, as it is known from outside."""
        reply = self.door.create_policies(request.read(), url=URL)
        headers = {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)}
        return httpx.Response(reply.answer.http_status, headers=headers, content=reply.answer.write())

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """By the stack file: pids by account."""
        return {member.aws_id: member.nodes for member in self.party.config.members}


def joining(invite: Invite, account: str = INSEL, pid: str = "insel", key: str | None = None) -> Joining:
    return Joining(digest(invite.fed_req_token), account, pid, key or member_public_key(new_member_key()))


def gate(
    folder: Path, *, members: str = "", bring_up: Callable[[Callable[[], Standing]], Standing] = lambda run: run()
) -> Gate:
    """A hub that is up and listens. `bring_up` is called in the place of each run, with it."""
    party = hub(folder, members=members)
    world = party.world
    told: list[str] = []

    def run() -> Standing:
        return bring_up_hub(world.project, party.recovery(), RunOptions())[1]

    runs = SharedRuns(lambda: bring_up(run), on_error=lambda error: told.append(str(error)))
    runs.start()
    store = open_store(StorePlace(folder / "store", None))
    made = Gate(party, store, Door(world.project, "cardio", TOPIC, world.engine, world.aws, store, runs), runs, told)
    made.door = replace(made.door, now=lambda: made.at, on_error=lambda error: told.append(str(error)))
    return made


def shut(opened: Gate) -> None:
    """Stop it."""
    opened.runs.stop()
    opened.store.close()

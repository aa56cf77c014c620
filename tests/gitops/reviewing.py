"""A door that writes branches, who knocks at it, and the person who reviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ResourceError, TimedOutError
from fedml_infra.gitops.admitting import GitOpsRuns
from fedml_infra.gitops.door import GitOpsDoor
from fedml_infra.model.rights import Rights
from fedml_infra.model.validation import HUB_KEY
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.roster import published_roster
from fedml_infra.operations.up import recovered_before, up
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from fedml_infra.wire.v2.keypairs import hub_public_key
from tests.gitops.proposals import GITHUB, Reviewed, reviewed
from tests.operations.federations import TOPIC
from tests.operations.joins import INSEL, Gate

BRANCH = "fedml-infra/admit-cardio"


@dataclass
class Repo:
    """A door that writes branches, and the person who reviews them."""

    there: Reviewed
    gate: Gate
    runs: GitOpsRuns
    said: list[str] = field(default_factory=list)

    def knock(
        self,
        account: str = INSEL,
        pid: str = "insel",
        *,
        public_key: str | None = None,
        rights: Rights | None = None,
    ) -> Callable[[], str]:
        """Somebody who asks with an invite of its own, the same at each call; what comes of it in a word."""
        asking = self.gate.knock(self.gate.invite(rights=rights), account, pid, public_key=public_key)
        whole = replace(asking, patience=0.0, say=self.said.append)

        def ask() -> str:
            try:
                return f"granted {whole.granted().aws_id}"
            except TimedOutError:
                return "waits"
            except ResourceError as error:
                return error.what

        return ask

    def apply(self) -> None:
        """The pipeline: what is merged is brought up."""
        self.there.checkout.git("pull", "--quiet", "--ff-only")
        recovery = self.there.party.recovery()
        up(recovery, recovered_before(recovery), RunOptions())

    def look_anew(self) -> None:
        """The remote is asked again at the next call."""
        self.runs._looked_at = float("-inf")


def opened(folder: Path, *, remote: str | None = GITHUB, members: str = "") -> Repo:
    """A hub that is up, in a repository, with a store and such a door."""
    there = reviewed(folder, members=members, remote=remote)
    party, world = there.party, there.party.world
    store = open_store(StorePlace(folder / "store", None))
    told: list[str] = []
    runs = GitOpsRuns(
        world.project, "cardio", TOPIC, world.engine, store, BRANCH, on_error=lambda error: told.append(str(error))
    )
    signer = party.key(HUB_KEY)
    assert signer is not None
    public_key, stack = hub_public_key(SecretStr(signer)), load_stack(world.project, "cardio")
    door = GitOpsDoor(
        runs,
        lambda: published_roster(stack, world.aws, TOPIC, public_key),
        world.aws,
        store,
        on_error=lambda error: told.append(str(error)),
    )
    return Repo(there, Gate(party, store, door, None, told), runs)  # type: ignore[arg-type]

"""A hub and a member, each in a world of its own, that share the roster and the topic."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import FED_KEY, HUB_KEY
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.roster import require_hub_key
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.up import outputs_of, recovered_before, up
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_member_key
from tests.operations.worlds import KEY, MEMBER, OWN, World, world

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
BUCKET = f"fedml-cardio-{OWN}-us-east-1"
MEMBER_KEY = new_member_key()
ENTRY = f'{{aws_id: "{MEMBER}", nodes: [insel], public_key: {member_public_key(MEMBER_KEY)}}}'


@dataclass
class Party:
    """One organisation's side."""

    world: World
    said: list[str] = field(default_factory=list)

    @property
    def config(self) -> StackConfig:
        """What its file says."""
        return load_stack(self.world.project, "cardio").config

    @property
    def outputs(self) -> dict[str, Any]:
        """Of its last run."""
        return outputs_of(self.world.engine.state("cardio"))

    @property
    def path(self) -> Path:
        """Its stack file."""
        return self.world.project / "stacks" / "Pulumi.cardio.yaml"

    def recovery(self) -> Recovery:
        """For one command."""
        stack = load_stack(self.world.project, "cardio")
        return Recovery(stack, self.world.engine, self.world.aws, self.said.append)

    def up(self) -> None:
        """Bring it up."""
        recovery = self.recovery()
        up(recovery, recovered_before(recovery), RunOptions())
        self.settle_aws()

    def settle_aws(self) -> None:
        """What the run made stands in AWS."""
        for node in (self.outputs.get("nodes") or {}).values():
            self.world.aws.add_bucket(node["account"], node["region"], node["bucket"])
            if node["queue_arn"]:
                self.world.aws.add_queue(node["account"], node["region"], node["queue_arn"].rpartition(":")[2])

    def edit(self, old: str, new: str) -> None:
        """By hand."""
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")

    def key(self, name: str = FED_KEY) -> str | None:
        """A secret of its file."""
        found = self.world.engine.get_secret("cardio", name)
        return found and found.get_secret_value()


def hub(folder: Path, *, members: str = ENTRY, more: str = "") -> Party:
    """An administrator's stack that is up, with one node and a signed roster. `members`: YAML of one entry a line."""
    folder.mkdir(parents=True, exist_ok=True)
    made = world(folder)
    entries = "".join(f"    - {line}\n" for line in members.splitlines())
    listed = f"  fedml-infra:members:\n{entries}" if entries else ""
    made.write(
        "config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: cardio\n  fedml-infra:sync_sched: m30\n"
        f"  fedml-infra:fed_secret_key: {{secure: v1:x}}\n{listed}{more}"
        "  fedml-infra:nodes:\n    - {pid: charite, s3_bucket: cardio-charite/updates}\n"
    )
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    require_hub_key(made.project, "cardio", made.engine)
    made.aws.add_topic(OWN, "us-east-1", "cardio")
    party = Party(made)
    party.up()
    return party


def joiner(its_hub: Party, folder: Path, *, more: str = "", node: str = "", key: bool = True) -> Party:
    """A member's stack that is up. `node`: more of its node's entry; `key`: whether it has a member_key."""
    folder.mkdir(parents=True)
    made = world(folder, {Access(): MEMBER})
    made.aws.rosters = its_hub.world.aws.rosters
    made.aws._topics = its_hub.world.aws._topics
    made.aws._queues = its_hub.world.aws._queues
    made.aws._changed = its_hub.world.aws._changed
    signer = its_hub.key(HUB_KEY)
    assert signer is not None
    made.write(
        "config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: cardio\n  fedml-infra:sync_sched: m30\n"
        f"  fedml-infra:aws_topic_arn: {TOPIC}\n  fedml-infra:fed_secret_key: {{secure: v1:x}}\n"
        f"  fedml-infra:hub_public_key: {hub_public_key(SecretStr(signer))}\n{more}"
        f"  fedml-infra:nodes:\n    - {{pid: insel, s3_bucket: insel-fed{node}}}\n"
    )
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    if key:
        made.engine.set_secret("cardio", "fedml-infra:member_key", MEMBER_KEY)
    party = Party(made)
    party.up()
    return party

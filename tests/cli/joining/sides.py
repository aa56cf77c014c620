"""A joining organisation at its command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.wire.blobs import seal_invite
from fedml_infra.wire.invites import Invite, InviteV1
from tests.cli.conftest import Done
from tests.operations.worlds import World

PASSPHRASE = "of a test"
OK, CONFIGURATION, REFUSED, RESOURCE, NO_STACK = 0, 2, 3, 4, 6


@dataclass
class Side:
    """A joining organisation: a folder, credentials, a command line."""

    world: World
    call: Callable[..., Done]

    @property
    def path(self) -> Path:
        return self.world.project / "stacks" / "Pulumi.cardio.yaml"

    @property
    def file(self) -> dict[str, Any]:
        return StackFile.read(self.path).config

    def join(self, invite: Invite | InviteV1, *more: str, pid: str = "insel", bucket: str = "insel-fed") -> Done:
        (self.world.project / "invite").write_text(seal_invite(invite, SecretStr(PASSPHRASE)), encoding="utf-8")
        own = ("--pid", pid, "--s3-bucket", bucket) if pid else ()
        return self.call("join", "invite", *own, "--region", "us-east-1", "--no-verify", *more)


Organisations = Callable[[str], Side]


def untouched(side: Side) -> bool:
    return not side.path.exists() and not side.world.engine.stacks()

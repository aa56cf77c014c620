"""Customers' projects, read as they are kept: no engine is started, no file is laid out and no call is made.

A project's truth is its row: the stack file that its last run wrote, and what that run made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.engine.passphrase import PassphraseReader
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, StoreError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.validation import FED_KEY, HUB_KEY
from fedml_infra.operations.audit import Doing, audited
from fedml_infra.operations.inspect import federation_info, node_of
from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.operations.invites import InvitingHub, MadeInvite, invite_to, place_in
from fedml_infra.operations.jobs.submit import require_project
from fedml_infra.operations.load import Stack
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Workspace
from fedml_infra.store.store import Store


@dataclass(frozen=True)
class Project:
    """A project that has been made."""

    workspace: Workspace
    stack: Stack
    outputs: Mapping[str, Any]
    _projects: Projects = field(repr=False)

    @property
    def key(self) -> SecretStr | None:
        """The federation's key."""
        return self._projects.secret(self, FED_KEY)


@dataclass(frozen=True)
class Projects:
    """The projects of all customers. May be used by several threads."""

    store: Store
    sealer: Sealer
    _reader: PassphraseReader = field(default_factory=PassphraseReader, init=False, repr=False)

    def require(self, cid: str, pid: str) -> Project:
        """The customer's project of that pid. ConfigurationError, in the contract's words, where there is none."""
        return self.of(require_project(self.store, cid, pid))

    def of(self, workspace: Workspace) -> Project:
        """The project of a row. ConfigurationError where no run has made it; StoreError if its stack file is none."""
        if workspace.stack_file is None or workspace.outputs is None:
            raise ConfigurationError(f"Project {workspace.pid} has not been made yet.")
        name = workspace.fed_name
        try:
            file = StackFile(Path(f"Pulumi.{name}.yaml"), workspace.stack_file, on_disk=None)
            stack = Stack(name, file.path, file.validated(), file.config)
        except ConfigurationError as error:
            # The caller did not write it.
            raise StoreError(f"The stack file of {workspace.cid}/{workspace.pid} is none: {error.what}") from None
        return Project(workspace, stack, workspace.outputs, self)

    def secret(self, project: Project, key: str) -> SecretStr | None:
        """A secret of the project's stack file by its full key; None where it has none of that key."""
        found, row = project.stack.values.get(key), project.workspace
        if not isinstance(found, Ciphertext):
            return None
        assert row.stack_file is not None
        passphrase = self.sealer.open(row.passphrase, "workspace passphrase", row.cid, row.pid).decode()
        return self._reader.open(row.stack_file, found, SecretStr(passphrase))

    def info(self, cid: str, pid: str) -> dict[str, Any]:
        """FederationInfo with the federation's key: only for an answer that is encrypted for the customer."""
        project = self.require(cid, pid)
        config = project.stack.config
        return federation_info(config, node_of(config, pid), project.outputs, key=project.key)

    def invite(self, cid: str, pid: str, wanted: InviteWanted) -> MadeInvite:
        """Invite somebody to the federation of a project that is its hub. Errors as `create_invite`."""
        project = self.require(cid, pid)
        topic, roster_bucket = place_in(project.stack, project.outputs)
        hub = InvitingHub(
            project.stack,
            topic,
            roster_bucket,
            fed_key=lambda: project.key,
            signing_key=lambda: self._signing_key(project),
        )
        doing = Doing("invite create", project.stack.name, str(topic), details={"customer": cid, "project": pid})
        with audited(self.store, doing):
            made = invite_to(hub, self.store, wanted, by=f"customer {cid}")
            doing.details["invite"] = made.token.id
        return made

    def _signing_key(self, project: Project) -> SecretStr:
        found = self.secret(project, HUB_KEY)
        if found is None:
            raise ConfigurationError(f"The stack file of {project.stack.name} has no hub_key.")
        return found

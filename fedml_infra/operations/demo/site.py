"""One organisation of the demo at work: its checkout, its engine, its account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fedml_infra.aws.inventory import Place
from fedml_infra.aws.sessions import Access, Keys, Role
from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.project import stack_path, write_project
from fedml_infra.engine.protocol import Engine
from fedml_infra.engine.stack_files import load
from fedml_infra.model.resources import NodeResources, node_resources
from fedml_infra.operations.acting_as import acting_as
from fedml_infra.operations.demo.organisations import FEDERATION, TOPIC_ARN, Organisation
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.tools import LiveCloud, Tools
from fedml_infra.operations.up import Run
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.node_process import NodeProcess
from fedml_infra.sandbox.node_role import make_node_role
from fedml_infra.sandbox.sandbox import Running

PATIENCE = 60.0
"""Seconds that a run waits for another of the same stack."""


@dataclass(frozen=True)
class Site:
    """What an organisation works with. `variables` are the environment of its shell."""

    organisation: Organisation
    project: Path
    access: Access
    tools: Tools
    engine: Engine
    variables: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Where its resources are."""
        return Place(self.access, self.organisation.account, self.organisation.region)

    @property
    def stack_path(self) -> Path:
        """Its stack file."""
        return stack_path(self.project, FEDERATION)

    def stack(self) -> Stack:
        """Its stack, as the file is now."""
        return load_stack(self.project, FEDERATION)

    def recovery(self) -> Recovery:
        """What its commands run through."""
        return Recovery(self.stack(), self.engine, self.tools.aws, lambda _: None, PATIENCE)

    def node(self) -> NodeResources:
        """All names and ARNs of its node."""
        config = load(self.stack_path)
        return node_resources(config, config.nodes[0], account=self.organisation.account, topic_arn=TOPIC_ARN)

    def process(self, run: Run) -> NodeProcess:
        """Its training process, once that run has made the node: it has the node's role, and no other rights."""
        access = replace(self.access, roles=(Role(self.organisation.node_role),))
        return NodeProcess(self.node(), access, run.result.outputs["nodes"][self.organisation.pid]["queue_url"])


def access_to(running: Running, account: str) -> Access:
    """The root of an account of the local AWS."""
    local = running.local_aws
    key, secret = local.credentials(account)
    return Access(keys=Keys(key, secret), endpoints=(("", local.url),), ca_bundle=str(local.ca_bundle))


def open_site(running: Running, directory: Path, organisation: Organisation) -> Site:
    """A checkout, a state and a training role for an organisation; nothing of a federation yet."""
    project = directory / organisation.pid
    project.mkdir(parents=True)
    write_project(project)
    account, region = organisation.account, organisation.region
    variables = environment(running, account=account, region=region, project=project).applied(os.environ)
    access = access_to(running, account)
    engine = PulumiEngine(project, environment=variables)
    tools = acting_as(Tools(LiveCloud(), lambda _: engine), access, {})
    make_node_role(access, region, organisation.node_role)
    return Site(organisation, project, access, tools, engine, variables)

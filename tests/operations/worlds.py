"""A project in a folder, an engine that does what its stack files say, and AWS, all without a process or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.double import Declared, InMemoryEngine, Program
from fedml_infra.engine.project import stack_path, template
from fedml_infra.engine.stack_files import Ciphertext, StackFile, load
from fedml_infra.errors import StackNotFoundError
from fedml_infra.model.arns import Arn
from fedml_infra.model.summary import federation_summary
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.state import BUCKET, HUB, QUEUE, TOPIC
from fedml_infra.operations.tools import Tools
from fedml_infra.policies.stack_policies import stack_policies, stack_resources

OWN, MEMBER, OTHER = "111111111111", "222222222222", "333333333333"
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="

HUB_FILE = f"""\
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:fed_secret_key: {{secure: v1:xyz}}
  fedml-infra:members:
    - aws_id: "{MEMBER}"
  fedml-infra:nodes:
    - pid: charite
      s3_bucket: cardio-charite/updates
"""


class FileEngine(InMemoryEngine):
    """The engine's double, whose program is the project's stack files; what it encrypts stands in them."""

    def __init__(self, project: Path, account: str = OWN) -> None:
        super().__init__(self._of_file)
        self._folder, self._account = project, account
        self.providers: dict[str, str | None] = {}
        self.failing: dict[str, Exception] = {}
        self._encrypted = 0

    def _of_file(self, stack: str) -> Program:
        path = stack_path(self._folder, stack)
        if not path.exists():
            raise StackNotFoundError(f"There is no stack {stack}")
        config = load(path)
        accounts = {node.pid: self._account for node in config.nodes}
        hub, nodes = stack_resources(config, account=self._account, node_accounts=accounts)
        made = []
        if hub is not None:
            policy = stack_policies(config, account=self._account, node_accounts=accounts)[0].document
            made += [
                Declared(TOPIC, hub.topic_name, {"policy": policy}, config.protect),
                Declared(BUCKET, hub.roster_bucket, {"bucket": hub.roster_bucket}, config.protect),
            ]
        for node in nodes:
            if node.queue_name is not None:
                made.append(Declared(QUEUE, node.queue_name, {"arn": node.queue_arn}, config.protect))
            if not node.adopt_bucket:
                made.append(Declared(BUCKET, node.pid, {"bucket": node.bucket, "region": node.region}, config.protect))
        outputs = {
            "federation": federation_summary(
                config,
                topic_arn=hub.topic_arn if hub else str(config.aws_topic_arn),
                roster_bucket=hub.roster_bucket
                if hub
                else config.roster_bucket_of(Arn.parse(str(config.aws_topic_arn))),
            ),
            "nodes": {
                node.pid: {
                    "account": node.account,
                    "region": node.region,
                    "queue_arn": node.queue_arn,
                    "queue_url": node.queue_name and f"https://sqs/{node.queue_name}",
                    "bucket": node.bucket,
                    "prefix": node.prefix,
                }
                for node in nodes
            },
        }
        return Program(made, outputs)

    def init(self, stack: str, secrets_provider: str | None = None) -> None:
        self._fail("init")
        self.providers[stack] = secrets_provider
        super().init(stack, secrets_provider)

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        self._fail("encrypt")
        super().encrypt(stack, values)
        self._encrypted += 1
        return {key: Ciphertext(f"v1:encrypted-{self._encrypted}") for key in values}

    def set_secret(self, stack: str, key: str, value: SecretStr) -> None:
        super().set_secret(stack, key, value)
        file = StackFile.read(stack_path(self._folder, stack))
        file.set(key, Ciphertext("v1:encrypted"))
        file.write()

    def state(self, stack: str) -> dict[str, Any]:
        exported = super().state(stack)
        for row in exported["deployment"].get("resources", []):
            row["id"] = row["inputs"].get("bucket", row["urn"])
            row["outputs"] = dict(row["inputs"])
            if row["type"] == "pulumi:pulumi:Stack":
                row["outputs"] = self.outputs(stack)
            if row["urn"].endswith("us-east-1"):
                row["parent"] = f"urn:pulumi:{stack}::fedml-infra::{HUB}::{stack}"
        return exported

    def _fail(self, operation: str) -> None:
        if operation in self.failing:
            raise self.failing[operation]


@dataclass
class World:
    """All of it. `tools` is what `cli.main` and operations are given."""

    project: Path
    engine: FileEngine
    aws: InMemoryCloud
    callers: dict[Access, str] = field(default_factory=dict)

    @property
    def tools(self) -> Tools:
        return Tools(self.aws, lambda _project: self.engine)

    def write(self, text: str = HUB_FILE, name: str = "cardio") -> Path:
        """A stack file."""
        path = stack_path(self.project, name)
        path.write_text(text, encoding="utf-8")
        return path


def world(folder: Path, accounts: dict[Access, str] | None = None, callers: dict[Access, str] | None = None) -> World:
    """An empty project in `folder`, and AWS in which the environment's credentials are account 111111111111's."""
    for name, text in template().items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "stacks").mkdir()
    accounts = accounts if accounts is not None else {Access(): OWN}
    return World(folder, FileEngine(folder, accounts.get(Access(), OWN)), InMemoryCloud(accounts, callers))

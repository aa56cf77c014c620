"""Organisations at work with nothing but plain `pulumi` and boto3, in the sandbox's environment."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from fedml_infra.engine.install import install
from fedml_infra.engine.project import write_project
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.sandbox import Running

KEY = base64.b64encode(bytes(range(16))).decode()
RUN_SECONDS = 600
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Finished:
    """A `pulumi` that ended."""

    code: int
    text: str
    """What it printed on both outputs."""


def account(number: int) -> str:
    """An account id that no other test of this process uses."""
    return f"{os.getpid() % 10**6:06d}{number:06d}"


def fresh_account() -> str:
    """Another account id."""
    return account(next(_numbers))


@dataclass
class Organisation:
    """One organisation: an account, a folder with the program, a state backend of its own, one stack."""

    running: Running
    folder: Path
    federation: str
    region: str = "us-east-1"
    account: str = field(default_factory=fresh_account)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        write_project(self.folder)
        (self.folder / "state").mkdir()
        applied = environment(self.running, account=self.account, region=self.region, project=self.folder).applied(
            os.environ
        )
        self.env = {**applied, "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(), "NO_COLOR": "1"}
        self._pulumi = install().path

    @property
    def stack_file(self) -> Path:
        """Where the stack's configuration is."""
        return self.folder / "stacks" / f"Pulumi.{self.federation}.yaml"

    @property
    def topic_arn(self) -> str:
        """Of this organisation's hub."""
        return f"arn:aws:sns:{self.region}:{self.account}:{self.federation}"

    def write(self, text: str) -> None:
        """Write the stack file by hand; the key and its salt stay, once they are there."""
        secrets = ""
        if self.stack_file.exists():
            kept = self.stack_file.read_text(encoding="utf-8")
            secrets = "".join(re.findall(r"^  fedml-infra:fed_secret_key:\n    secure: .*\n", kept, re.M))
            text = "".join(re.findall(r"^encryptionsalt: .*\n", kept, re.M)) + text
        self.stack_file.parent.mkdir(exist_ok=True)
        self.stack_file.write_text(text + secrets, encoding="utf-8")

    def hub(self, *, members: str = "", nodes: str = "", more: str = "") -> None:
        """Write an administrator's stack file. `members` and `nodes` are the YAML of one entry a line."""
        self.write(self._common() + _entries("members", members) + _entries("nodes", nodes) + more)

    def joiner(self, topic_arn: str, *, nodes: str, more: str = "") -> None:
        """Write a joining organisation's stack file."""
        self.write(self._common() + f"  fedml-infra:aws_topic_arn: {topic_arn}\n" + _entries("nodes", nodes) + more)

    def _common(self) -> str:
        return (
            f"config:\n  aws:region: {self.region}\n  fedml-infra:fed_name: {self.federation}\n"
            "  fedml-infra:sync_sched: m30\n"
        )

    def pulumi(self, *arguments: str, stdin: str | None = None) -> Finished:
        """Plain `pulumi`, however it ends."""
        ended = subprocess.run(
            [self._pulumi, *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=RUN_SECONDS,
        )
        return Finished(ended.returncode, ended.stdout + ended.stderr)

    def init(self) -> None:
        """`pulumi stack init`, and the key as a secret through standard input."""
        self.must("stack", "init", self.federation)
        self.must("config", "set", "--secret", "fed_secret_key", "-s", self.federation, stdin=KEY)

    def must(self, *arguments: str, stdin: str | None = None) -> str:
        """Plain `pulumi` that has to succeed; what it printed."""
        ended = self.pulumi(*arguments, stdin=stdin)
        assert ended.code == 0, ended.text
        return ended.text

    def up(self) -> str:
        """`pulumi up`, which has to succeed."""
        return self.must("up", "-s", self.federation, "--yes", "--skip-preview")

    def refused(self, *arguments: str) -> str:
        """What a `pulumi` that must fail says."""
        ended = self.pulumi(*arguments, "-s", self.federation)
        assert ended.code != 0, ended.text
        return ended.text

    def steps(self, *arguments: str) -> dict[str, set[str]]:
        """What `pulumi preview` would do: type and name of each resource, by operation."""
        ended = subprocess.run(
            [self._pulumi, "preview", "-s", self.federation, "--json", "--non-interactive", *arguments],
            cwd=self.folder,
            env=self.env,
            text=True,
            capture_output=True,
            timeout=RUN_SECONDS,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found: dict[str, set[str]] = {}
        for step in json.loads(ended.stdout)["steps"]:
            kind, name = step["urn"].split("::")[2:]
            found.setdefault(step["op"], set()).add(f"{kind.rpartition('$')[2].rpartition(':')[2]} {name}")
        return found

    def destroy(self) -> str:
        """`pulumi destroy`, which has to succeed."""
        return self.must("destroy", "-s", self.federation, "--yes", "--skip-preview")

    def nodes(self) -> dict[str, Any]:
        """The stack's `nodes` output."""
        text = self.must("stack", "output", "--json", "-s", self.federation)
        nodes: dict[str, Any] = json.loads(text)["nodes"]
        return nodes

    def aws(self, service: str, region: str | None = None) -> Any:
        """A boto3 client as the root of this account."""
        return self.session(region).client(service)

    def session(self, region: str | None = None) -> boto3.Session:
        """boto3 as the root of this account."""
        return self.running.local_aws.session(self.account, region or self.region)

    def publish(self, topic_arn: str, sender: str, body: str = "hello") -> None:
        """Publish a message with a sender."""
        attributes = {"sender": {"DataType": "String", "StringValue": sender}}
        region = topic_arn.split(":")[3]
        self.aws("sns", region).publish(TopicArn=topic_arn, Message=body, MessageAttributes=attributes)

    def received(self, pid: str, *, wait: int = 5) -> list[str]:
        """Bodies of what the queue of a node in this region holds: at least one, or after `wait` seconds none."""
        url = self.aws("sqs").get_queue_url(QueueName=f"{self.federation}_{pid}")["QueueUrl"]
        return self.received_from(url, self.region, wait=wait)

    def received_from(self, url: str, region: str, *, wait: int) -> list[str]:
        """As `received`, of a queue."""
        sqs = self.aws("sqs", region)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]


def _entries(key: str, lines: str) -> str:
    entries = "".join(f"    - {line.strip()}\n" for line in lines.strip().splitlines())
    return f"  fedml-infra:{key}:\n{entries}" if entries else ""

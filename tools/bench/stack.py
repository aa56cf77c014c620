"""A stack to measure: a project folder, its stack file, and plain `pulumi` run on it in the sandbox."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fedml_infra.engine.install import install
from fedml_infra.engine.project import write_project
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import Run, run

FEDERATION = "bench"
ROOT = Path(__file__).parent.parent.parent
COMMON = f"config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: {FEDERATION}\n  fedml-infra:sync_sched: m30"
KEY = base64.b64encode(bytes(16)).decode()


class Stack:
    """A project of its own with one stack, in one account."""

    def __init__(self, running: Running, folder: Path, account: str, config: str, program: str | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        write_project(folder)
        if program is not None:
            (folder / "__main__.py").write_text(program, encoding="utf-8")
        state = folder / "state"
        state.mkdir()
        # A backend of its own: the stacks of all measurements have one name.
        self.env: Mapping[str, str] = {
            **environment(running, account=account, project=folder).applied(os.environ),
            "PULUMI_BACKEND_URL": state.as_uri(),
        }
        self._pulumi = install().path
        path = folder / "stacks" / f"Pulumi.{FEDERATION}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(config, encoding="utf-8")
        self._quietly("stack", "init", FEDERATION)
        self._quietly("config", "set", "--secret", "fed_secret_key", "-s", FEDERATION, stdin=KEY)

    def up(self) -> Run:
        """Plain `pulumi up`."""
        return self._measure("up", "--yes", "--skip-preview")

    def preview(self, *more: str) -> Run:
        """Plain `pulumi preview`."""
        return self._measure("preview", *more)

    def command(self, *arguments: str, expected: int = 0) -> Run:
        """`fedml-infra`, which has to end with the expected code."""
        program = [sys.executable, "-c", "import sys, cli; sys.exit(cli.main())", *arguments, "-C", str(self.folder)]
        env = {**self.env, "FEDML_INFRA_RUNS_DIR": str(self.folder / "runs")}
        return run(program, env=env, cwd=ROOT, expected=expected)

    def destroy(self) -> Run:
        """Plain `pulumi destroy`."""
        return self._measure("destroy", "--yes", "--skip-preview")

    def _measure(self, *arguments: str) -> Run:
        command = [self._pulumi, *arguments, "--stack", FEDERATION, "--non-interactive"]
        return run(command, env=self.env, cwd=self.folder)

    def _quietly(self, *arguments: str, stdin: str | None = None) -> None:
        subprocess.run(
            [self._pulumi, *arguments, "--non-interactive"],
            env=self.env,
            cwd=self.folder,
            input=stdin,
            text=True,
            check=True,
            capture_output=True,
        )


def hub_config(*, members: int = 0, nodes: int = 0) -> str:
    """An administrator's stack file; own nodes from 180 on have no filter, of which a topic has 200."""
    lines = [
        "config:",
        "  aws:region: us-east-1",
        f"  fedml-infra:fed_name: {FEDERATION}",
        "  fedml-infra:sync_sched: m30",
    ]
    if max(members, nodes) > 180:
        lines.append("  fedml-infra:message_filter: none")
    if members:
        lines.append("  fedml-infra:members:")
        lines += [f'    - aws_id: "{200_000_000_000 + at}"' for at in range(members)]
    if nodes:
        lines.append("  fedml-infra:nodes:")
        lines += [f"    - {{pid: n{at}, s3_bucket: {FEDERATION}-n{at}-of-{nodes}}}" for at in range(nodes)]
    return "\n".join(lines) + "\n"


def joiner_config(topic_arn: str) -> str:
    """A joining organisation's stack file with one node."""
    return (
        f"{COMMON}\n  fedml-infra:aws_topic_arn: {topic_arn}\n"
        "  fedml-infra:nodes:\n    - {pid: joiner, s3_bucket: bench-joiner}\n"
    )


def empty_config() -> str:
    """What Pulumi.yaml demands of any stack."""
    return f"config:\n  fedml-infra:fed_name: {FEDERATION}\n  fedml-infra:sync_sched: m30\n"

"""What a repository of many stacks costs: `check`, which reads them all, and `gitops changed`, which reads none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fedml_infra.engine.project import write_project
from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import Run, median, run
from tools.bench.table import Row, more, ratio

TIMES = 5
COUNTS = (1, 50, 200)
AT_MOST = "at most 2 s is promised for 200"


def rows(running: Running, folder: Path) -> list[Row]:  # noqa: ARG001 (every part has these)
    """Both commands by turns, in repositories of 1, 50 and 200 stacks, of which one file changed."""
    empty = _repository(folder / "gitops-0", 0)
    repositories = {count: _repository(folder / f"gitops-{count}", count) for count in COUNTS}
    started: list[Run] = []
    checked: dict[int, list[Run]] = {count: [] for count in COUNTS}
    changed: dict[int, list[Run]] = {count: [] for count in COUNTS}
    for _ in range(TIMES):
        started.append(_command(empty, "check"))
        for count, repository in repositories.items():
            checked[count].append(_command(repository, "check"))
            changed[count].append(_command(repository, "gitops", "changed", "--base", "main"))
    start = median(started)
    found = [Row("fedml-infra check, no stack (start-up)", start.seconds, start.mebibytes)]
    for count in COUNTS:
        took = median(checked[count])
        compared = more(took.seconds, start.seconds, "start-up")
        compared += f"; {AT_MOST}" if count == COUNTS[-1] else ""
        found.append(Row(f"fedml-infra check, stacks: {count}", took.seconds, took.mebibytes, compared))
    one = median(changed[1]).seconds
    for count in COUNTS:
        took = median(changed[count])
        what = f"fedml-infra gitops changed, stacks: {count}"
        found.append(Row(what, took.seconds, took.mebibytes, ratio(took.seconds, one, "one stack's")))
    return found


def _repository(folder: Path, stacks: int) -> Path:
    folder.mkdir(parents=True)
    write_project(folder)
    (folder / ".gitignore").write_text(".venv\n", encoding="utf-8")
    for at in range(stacks):
        (folder / "stacks" / f"Pulumi.fed{at}.yaml").write_text(_stack(at), encoding="utf-8")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message=Stacks")
    _git(folder, "checkout", "--quiet", "-b", "change")
    for path in sorted((folder / "stacks").glob("*.yaml"))[:1]:
        path.write_text(path.read_text(encoding="utf-8").replace("m30", "m15"), encoding="utf-8")
    return folder


def _stack(at: int) -> str:
    return (
        "encryptionsalt: v1:bm90IGEgc2FsdA==:v1:bm90IGEgc2FsdA==\n"
        f"config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: fed{at}\n  fedml-infra:sync_sched: m30\n"
        "  fedml-infra:fed_secret_key: {secure: v1:bm90IGEga2V5:bm90IGEga2V5}\n"
        '  fedml-infra:members:\n    - aws_id: "222222222222"\n'
        '    - {aws_id: "333333333333", rights: [publish], nodes: [insel]}\n'
        f"  fedml-infra:nodes:\n    - pid: charite\n      s3_bucket: fed{at}-charite/updates\n"
        f"    - pid: other\n      s3_bucket: fed{at}-other/updates\n"
    )


def _command(repository: Path, *arguments: str) -> Run:
    return run([Path(sys.executable).with_name("fedml-infra"), *arguments], cwd=repository)


def _git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{what}": "bench@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", folder, *arguments], check=True, env={**os.environ, **who})

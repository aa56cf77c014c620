"""A hub with one node: commands begun and ended on it, with something that dies in them, and what there is then."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.aws.inventory import Place, inventory
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.engine.stack_files import load
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.catalogue import catalogue, scaffolding
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation

ROOT = Path(__file__).parents[2]
ALL = Counter(topic=1, subscription=1, queue=2, bucket=2, role=1, policy=1, parameter=1)
"""What a hub with one node has in AWS."""


@dataclass(frozen=True)
class Ended:
    """A command that ended, however."""

    code: int
    out: str
    err: str


def begin(where: Organisation, victim: str, number: int, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Starts a command in which something dies at the engine's event of that number."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stories.dying", victim, str(number), *arguments],
        cwd=where.folder,
        env={**where.env, "PYTHONPATH": str(ROOT), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    """Waits for it."""
    out, err = process.communicate(timeout=600)
    return Ended(process.returncode, out, err)


def run(where: Organisation, *arguments: str, **more: str) -> Ended:
    """A command that nobody kills."""
    return end(begin(where, "nobody", 0, *arguments, **more))


def must(where: Organisation, *arguments: str) -> Ended:
    """A command that has to succeed."""
    done = run(where, *arguments)
    assert done.code == 0, done.err
    return done


def found(where: Organisation) -> Counter[str]:
    """What the federation has in its account, by kind."""
    local = where.running.local_aws
    key, secret = local.credentials(where.account)
    access = Access(keys=Keys(key, secret), endpoints=(("", local.url),), ca_bundle=str(local.ca_bundle))
    place = Place(access, where.account, where.region)
    seen = inventory([place], where.federation, buckets=[bucket(where)])
    assert not seen.unseen
    return Counter(str(row.kind) for row in seen.found)


def bucket(where: Organisation) -> str:
    """The node's."""
    return f"{where.federation}-charite"


def state(where: Organisation) -> dict[str, Any]:
    """The exported deployment."""
    text = where.must("stack", "export", "-s", where.federation)
    # Behind it stand the warnings of the engine's own S3 client, where the state is in a bucket.
    exported, _ = json.JSONDecoder().raw_decode(text)
    return dict(exported["deployment"])


def assert_whole(where: Organisation) -> None:
    """The state has each thing of the stack once, and AWS has those things and no others."""
    deployment = state(where)
    assert not deployment.get("pending_operations")
    config = load(where.stack_file)
    entries = catalogue(config, {}, Accounts(where.account, {"charite": where.account}))
    urns = [row["urn"] for row in deployment["resources"]]
    assert sorted(urns[1:]) == sorted([*scaffolding(config), *(entry.urn for entry in entries)])
    assert found(where) == ALL


def hub(organisation: MakeOrganisation, federation: str) -> Organisation:
    """An administrator's stack with one node, not up yet."""
    made = organisation("hospital", federation)
    made.hub(members='{aws_id: "222222222222"}', nodes=f"{{pid: charite, s3_bucket: {federation}-charite}}")
    made.init()
    return made

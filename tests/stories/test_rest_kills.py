"""kill -9 of the service while it creates, at any moment: the next one ends the job; nothing is twice or left over."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fedml_infra.aws.inventory import Place, inventory
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.operations.jobs.worker import CUT_OFF
from fedml_infra.sandbox.sandbox import Running
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.keys import CustomerKey
from tests.rest.world import Client, said
from tests.stories.dying import below, kill
from tests.stories.federation import Organisation, fresh_account
from tests.stories.hub import ALL
from tests.stories.servers import Server, serving

pytestmark = pytest.mark.story(seconds=30)
SECONDS = 300.0
CREATE = "/fedml/create?pid=charite"
ASYNC = {"Prefer": "respond-async"}
KILLS = 20
LATEST = 12.0
"""Seconds after which a create is about done."""


def client_of(server: Server, key: CustomerKey) -> Client:
    return Client(server.url, "c1", key, "v2")


def wanted(where: Organisation, account: str | None = None, **more: str) -> dict[str, str]:
    """The map of one side, in an account."""
    account = account or where.account
    keys = {"aws_access_key": account, "aws_secret_key": where.env["AWS_SECRET_ACCESS_KEY"]}
    own = {"aws_region": "us-east-1", "fed_local_type": "cpu", "s3_bucket": f"{where.federation}-{account}"}
    return {**keys, **own, **more}


def of_hub(where: Organisation) -> dict[str, str]:
    """The map of a create."""
    return wanted(where, fed_name=where.federation, sync_sched="m30")


def ended(client: Client, job_id: str, log: Any) -> Any:
    """The answer of a job that has ended."""
    until = time.monotonic() + SECONDS
    while (answer := client.get(f"/jobs/{job_id}")).status_code == 202:
        assert time.monotonic() < until, (answer.text, log())
        time.sleep(0.2)
    return said(answer)


def found(where: Organisation) -> Counter[str]:
    """What the federation has in the hub's account, by kind."""
    local = where.running.local_aws
    key, secret = local.credentials(where.account)
    access = Access(keys=Keys(key, secret), endpoints=(("", local.url),), ca_bundle=str(local.ca_bundle))
    place = Place(access, where.account, where.region)
    seen = inventory([place], where.federation, buckets=[f"{where.federation}-{where.account}"])
    assert not seen.unseen
    return Counter(str(row.kind) for row in seen.found)


@contextmanager
def creating(where: Organisation, data: Path) -> Iterator[tuple[Server, Client, str]]:
    """A server at work on a create: the job's id."""
    with serving(data, where.env) as server:
        client = client_of(server, CustomerKey.parse(server.add("c1")))
        answer = client.post(CREATE, of_hub(where), headers=ASYNC)
        yield server, client, str(said(answer).values["jobId"])


def assert_made_once(where: Organisation, data: Path, key: CustomerKey, job_id: str) -> None:
    """A next server ends the job, and AWS has what it should have and nothing else."""
    with serving(data, where.env) as server:
        client = client_of(server, key)
        answer = ended(client, job_id, server.log)
        if answer.status_string == CUT_OFF.status_string:
            # The server lived, and saw its run die: that is the job's end, and the same request goes on.
            again = client.post(CREATE, of_hub(where), headers=ASYNC)
            answer = ended(client, str(said(again).values["jobId"]), server.log)
        assert (answer.http_status, answer.status_string) == (200, "Job is finished"), server.log()
    assert found(where) == ALL


def test_a_killed_service_leaves_nothing_running_and_the_next_one_ends_its_job(
    sandbox: Running, tmp_path: Path
) -> None:
    where, data = Organisation(sandbox, tmp_path / "hub", "killed"), tmp_path / "data"
    with creating(where, data) as (server, client, job_id):
        until = time.monotonic() + SECONDS
        while (said(client.get(f"/jobs/{job_id}")).values.get("progress") or {"done": 0})["done"] < 3:
            assert time.monotonic() < until, server.log()
        running = set(below(server.process.pid))
        server.process.kill()
        server.process.wait()
    assert running and all_gone(running)
    assert_made_once(where, data, client.key, job_id)


def all_gone(pids: set[int]) -> bool:
    """Whether processes end by themselves, soon."""
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.soak
@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("victim", ["server", "job"])
def test_a_kill_at_a_random_moment_of_a_create(sandbox: Running, tmp_path: Path, victim: str, number: int) -> None:
    """Of the server, or of the process that runs its job, with all that is below it."""
    where = Organisation(sandbox, tmp_path / "hub", f"{victim}{number}")
    with creating(where, tmp_path / "data") as (server, client, job_id):
        time.sleep(random.Random(number).uniform(0.0, LATEST))
        if victim == "server":
            server.process.kill()
        else:
            killed_job(server.process)
    assert_made_once(where, tmp_path / "data", client.key, job_id)


def killed_job(process: subprocess.Popen[str]) -> None:
    """kill -9 of the server's run, if one is under way, and some time for the server to take it up again."""
    for pid in list(below(process.pid)):
        try:
            if b"operations.jobs.supervise" in Path(f"/proc/{pid}/cmdline").read_bytes():
                kill("command", pid)
        except OSError:
            continue  # it ended by itself
    time.sleep(1.0)


@pytest.mark.soak
@pytest.mark.parametrize("number", [3, 16])
def test_joins_at_the_same_time_are_all_members(sandbox: Running, tmp_path: Path, number: int) -> None:
    where = Organisation(sandbox, tmp_path / "hub", "crowd")
    accounts = [fresh_account() for _ in range(number)]
    with creating(where, tmp_path / "data") as (server, client, job_id):
        assert ended(client, job_id, server.log).http_status == 200, server.log()
    with serving(tmp_path / "data", where.env, "--allow-peer", "127.0.0.1") as server:
        client = client_of(server, client.key)
        jobs = [joining(where, client, account) for account in accounts]
        with ThreadPoolExecutor(number) as pool:
            answers = list(pool.map(lambda each: ended(client, each, server.log), jobs))
        assert [each.http_status for each in answers] == [200] * number, server.log()
        heard = where.aws("sns").list_subscriptions_by_topic(TopicArn=where.topic_arn)["Subscriptions"]
        assert sorted(each["Endpoint"].split(":")[4] for each in heard) == sorted([where.account, *accounts])


def joining(where: Organisation, client: Client, account: str) -> str:
    """Another account's join, of the same customer at the same server; the job."""
    made = client.post("/fedml/charite/getEncrypted", {"fed_rest_host": client.url})
    passphrase = SecretStr(client.decrypted(made, "passphraseEncrypted"))
    invite = open_invite(said(made).values["fedInfoEncrypted"], passphrase).to_map()
    own = wanted(where, account, aws_id=account, **invite)
    answer = client.post(f"/fedml/createJoin?pid=n{account}", own, headers=ASYNC)
    return str(said(answer).values["jobId"])

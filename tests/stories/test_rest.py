"""The REST service as existing clients use it: a shell script, two servers, two organisations, one federation."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedml_infra.sandbox.sandbox import Running
from tests.stories.federation import Organisation
from tests.stories.servers import Server, serving

pytestmark = pytest.mark.story(seconds=40)
CLIENT = Path(__file__).parents[1] / "rest" / "client" / "rest-client.sh"
PEER = ("--allow-peer", "127.0.0.1")


@dataclass(frozen=True)
class Told:
    """What the client printed: after the name of each step, the rest of its line."""

    steps: dict[str, str]
    hub: Organisation
    node: Organisation


@pytest.fixture(scope="module")
def told(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A customer of one server creates, another's at another server joins."""
    folder = tmp_path_factory.mktemp("rest")
    hub, node = Organisation(sandbox, folder / "hub", "rest"), Organisation(sandbox, folder / "node", "rest")
    with (
        serving(folder / "hub-data", hub.env) as admin,
        serving(folder / "node-data", node.env, *PEER) as joiner,
    ):
        sides = settings("HUB", admin, hub, "charite", key_of(admin, "charite"))
        sides += settings("NODE", joiner, node, "insel", key_of(joiner, "insel"))
        steps = run_client(folder, sides, admin, joiner)
    return Told(steps, hub, node)


def run_client(folder: Path, sides: str, *servers: Server) -> dict[str, str]:
    """What the client prints, by step."""
    needed = folder / "needed.sh"
    needed.write_text(sides + "FEDERATION='rest'\nREGION='US_EAST_1'\nPASSWORD='hello'\n")
    ended = subprocess.run(
        [CLIENT, needed], text=True, capture_output=True, timeout=300, env={"PATH": os.environ["PATH"]}
    )
    log = "".join(each.log() for each in servers)
    assert ended.returncode == 0, (ended.stdout, ended.stderr, log)
    steps = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
    assert steps["createJoin"].startswith("201 "), (steps, log)
    return steps


def key_of(server: Server, cid: str) -> str:
    """The key of a customer that is added."""
    return server.add(cid, "--v1")


def settings(name: str, server: Server, organisation: Organisation, pid: str, key: str, cid: str | None = None) -> str:
    """What the client needs of one side, as shell assignments."""
    given = {
        "URL": server.url,
        "CID": cid or pid,
        "KEY": key,
        "PID": pid,
        "ACCESS_KEY": organisation.env["AWS_ACCESS_KEY_ID"],
        "SECRET_KEY": organisation.env["AWS_SECRET_ACCESS_KEY"],
        "ACCOUNT": organisation.account,
        "BUCKET": f"rest-{name.lower()}-{organisation.account}/updates",
    }
    return "".join(f"{name}_{key}='{value}'\n" for key, value in given.items())


def test_each_step_is_answered_with_the_contract_s_words(told: Told) -> None:
    said = {name: told.steps[name] for name in told.steps if not name.endswith("values")}
    taken = "409 CONFLICT Customer [charite] already have SYMETRYML with id[charite]"
    assert said == {
        "create": "201 CREATED Project Created with id:charite",
        "create-again": taken,
        "getEncrypted": "200 OK Invitation is made",
        "invite": f"rest {told.hub.topic_arn}",
        "createJoin": "201 CREATED Fed Project created with join",
        "awsinfo": "202 ACCEPTED Job Created",
        "awsinfo-job": "200 OK Job is finished",
        "info": "200 OK Federation info",
        "jobs": "200 OK Jobs",
        "jobs-kinds": "awsinfo createJoin ",
        "no-such-job": "400 BAD_REQUEST No such job",
    }


def test_awsinfo_names_the_queue_that_the_join_made(told: Told) -> None:
    seen = json.loads(told.steps["awsinfo-values"])
    assert [url.rpartition("/")[2] for url in seen["queues"]["US_EAST_1"]] == ["rest_insel", "rest_insel_dlq"]


def test_info_names_the_federation(told: Told) -> None:
    info = json.loads(told.steps["info-values"])
    assert (info["fed_name"], info["aws_topic_arn"]) == ("rest", told.hub.topic_arn)


def test_a_message_of_each_project_reaches_the_other_s_queue(told: Told) -> None:
    told.node.publish(told.hub.topic_arn, "insel", "from insel")
    assert told.hub.received("charite") == ["from insel"]
    told.hub.publish(told.hub.topic_arn, "charite", "from charite")
    assert told.node.received("insel") == ["from charite"]


@pytest.mark.soak
def test_a_join_of_the_same_customer_at_the_same_server_needs_no_second_place(sandbox: Running, tmp_path: Path) -> None:
    """The join waits for its hub's run without holding the one place that there is. Both are in one AWS account."""
    hub = Organisation(sandbox, tmp_path / "hub", "rest")
    node = Organisation(sandbox, tmp_path / "node", "rest", account=hub.account)
    with serving(tmp_path / "data", hub.env, "--slots", "1", *PEER) as server:
        key = key_of(server, "c1")
        sides = settings("HUB", server, hub, "nh_test_admin", key, "c1")
        sides += settings("NODE", server, node, "node1", key, "c1")
        steps = run_client(tmp_path, sides, server)
    assert steps["jobs-kinds"] == "admit awsinfo create createJoin "

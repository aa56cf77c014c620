"""Runs that are killed: the same command again mends what was left, with nothing twice and nothing forgotten."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.inventory import Place, inventory
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.engine.stack_files import load
from fedml_infra.model.tags import ownership_tags
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.catalogue import catalogue, scaffolding
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation

pytestmark = pytest.mark.story
ROOT = Path(__file__).parents[2]
ALL = Counter(topic=1, subscription=1, queue=2, bucket=2, role=1, policy=1, parameter=1)
"""What a hub with one node has in AWS."""
EVENTS = 58
"""Events of the engine in an `up` of it, and as many in its `destroy`."""
PARTS = 10
"""Of the exhaustive tests: each takes every tenth place, so that a few of them are an even sample."""


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
    out, err = process.communicate(timeout=240)
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


def killed_twice(where: Organisation, victim: str, up_at: int, destroy_at: int, **more: str) -> None:
    """`up` and then `destroy`, each killed once and run again."""
    end(begin(where, victim, up_at, "up", where.federation, "--yes", **more))
    must(where, "up", where.federation, "--yes")
    assert_whole(where)
    end(begin(where, victim, destroy_at, "destroy", where.federation, "--yes", **more))
    again = run(where, "destroy", where.federation, "--yes")
    assert again.code in (0, 6), again.err  # 6: the first had done all before it died
    assert not found(where)


@pytest.mark.parametrize(
    ("victim", "up_at", "destroy_at"), [("command", 27, 14), ("engine", 18, 31), ("provider", 24, 9)]
)
def test_one_more_run_mends_what_a_kill_left(organisation: MakeOrganisation, victim, up_at, destroy_at):
    killed_twice(hub(organisation, f"kill{victim}"), victim, up_at, destroy_at)


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["command", "engine", "provider", "program"])
@pytest.mark.parametrize("part", range(PARTS))
def test_one_more_run_mends_a_kill_at_any_event(organisation: MakeOrganisation, victim: str, part: int):
    where = hub(organisation, f"any{victim}{part}")
    for number in range(1 + part, EVENTS + 1, PARTS):
        killed_twice(where, victim, number, number)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_one_more_run_mends_a_kill_at_a_random_moment(organisation: MakeOrganisation, seed: int):
    chance = random.Random(seed)
    victim = chance.choice(["command", "engine", "provider", "program"])
    killed_twice(hub(organisation, f"moment{seed}"), victim, 0, 0, DYING_AFTER=str(chance.uniform(0.3, 4.0)))


def test_an_untouched_run_needs_no_mending_and_says_nothing_of_it(organisation: MakeOrganisation):
    where = hub(organisation, "calm")
    assert "cut off" not in must(where, "up", "calm", "--yes").err
    assert_whole(where)


def at_once(where: Organisation, number: int) -> None:
    runs = [begin(where, "nobody", 0, "up", where.federation, "--yes") for _ in range(number)]
    ended = [end(process) for process in runs]
    assert {one.code for one in ended} <= {0, 4}, [one.err for one in ended]
    assert any(one.code == 0 for one in ended)
    assert all("Another run" in one.err and "@" in one.err for one in ended if one.code == 4)
    assert_whole(where)


def test_of_several_ups_at_once_each_runs_or_says_why_not(organisation: MakeOrganisation):
    at_once(hub(organisation, "crowd"), 4)


@pytest.mark.soak
def test_of_sixteen_ups_at_once_each_runs_or_says_why_not(organisation: MakeOrganisation):
    at_once(hub(organisation, "crowd16"), 16)


def test_a_second_up_waits_for_the_first_where_it_is_told_to(organisation: MakeOrganisation):
    where = hub(organisation, "patience")
    both = [begin(where, "nobody", 0, "up", "patience", "--yes", "--wait") for _ in range(2)]
    ended = [end(process) for process in both]
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert_whole(where)


def lock(where: Organisation, host: str, pid: int) -> Path:
    """A lock in the state backend, as the engine writes it."""
    folder = where.folder / "state/.pulumi/locks/organization/fedml-infra" / where.federation
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "11111111-2222-4333-8444-555555555555.json"
    held = {"pid": pid, "username": "eve", "hostname": host, "timestamp": "2026-01-02T03:04:05.6Z"}
    path.write_text(json.dumps(held))
    return path


def test_a_lock_of_another_machine_is_left_alone_and_told_with_its_holder(organisation: MakeOrganisation):
    where = hub(organisation, "abroad")
    path = lock(where, "elsewhere", 4711)
    refused = run(where, "up", "abroad", "--yes")
    assert refused.code == 4
    assert "eve@elsewhere, process 4711, since 2026-01-02T03:04:05Z" in refused.err
    assert "pulumi cancel abroad" in refused.err
    assert path.exists() and not found(where)


def test_what_has_our_tags_and_is_in_no_state_is_adopted(organisation: MakeOrganisation):
    where = hub(organisation, "lost")
    tags = [{"Key": key, "Value": value} for key, value in ownership_tags("lost", "charite").items()]
    s3, iam = where.aws("s3"), where.aws("iam")
    s3.create_bucket(Bucket="lost-charite")
    s3.put_bucket_tagging(Bucket="lost-charite", Tagging={"TagSet": tags})
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="fedml.lost.charite.reader", AssumeRolePolicyDocument=trust, Tags=tags)
    made = iam.get_role(RoleName="fedml.lost.charite.reader")["Role"]["CreateDate"]
    done = must(where, "up", "lost", "--yes")
    assert "aws:iam:Role fedml.lost.charite.reader was there already, with this stack's tags: adopted." in done.err
    assert_whole(where)
    assert iam.get_role(RoleName="fedml.lost.charite.reader")["Role"]["CreateDate"] == made


def test_what_has_our_name_and_not_our_tags_is_refused(organisation: MakeOrganisation):
    where = hub(organisation, "theirs")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    where.aws("iam").create_role(RoleName="fedml.theirs.charite.reader", AssumeRolePolicyDocument=trust)
    refused = run(where, "up", "theirs", "--yes")
    assert refused.code == 4 and "EntityAlreadyExists" in refused.err
    assert not where.aws("iam").get_role(RoleName="fedml.theirs.charite.reader")["Role"].get("Tags")


def ages(where: Organisation) -> dict[str, object]:
    """When each thing that has a time of creation was made; a subscription's ARN is new with each one."""
    sqs, iam = where.aws("sqs"), where.aws("iam")
    urls = sqs.list_queues(QueueNamePrefix=where.federation)["QueueUrls"]
    times: dict[str, object] = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["CreatedTimestamp"]
        for url in urls
    }
    times |= {row["Name"]: row["CreationDate"] for row in where.aws("s3").list_buckets()["Buckets"]}
    times |= {row["RoleName"]: row["CreateDate"] for row in iam.list_roles()["Roles"]}
    times |= {row["PolicyName"]: row["CreateDate"] for row in iam.list_policies(Scope="Local")["Policies"]}
    rows = where.aws("sns").list_subscriptions_by_topic(TopicArn=where.topic_arn)["Subscriptions"]
    return times | {row["SubscriptionArn"]: "" for row in rows}


@pytest.mark.parametrize("how", ["gone", pytest.param("damaged", marks=pytest.mark.soak)])
def test_recover_rebuilds_a_state_and_makes_nothing_anew(organisation: MakeOrganisation, how: str):
    where = hub(organisation, f"again{how}")
    must(where, "up", where.federation, "--yes")
    before = ages(where)
    [path] = (where.folder / "state/.pulumi/stacks/fedml-infra").glob("*.json")
    if how == "gone":
        path.unlink()
    else:
        path.write_text('{"version": 3, "checkpoint": {"lat')
    stranger = where.aws("sqs").create_queue(QueueName=f"{where.federation}_other")["QueueUrl"]
    shown = must(where, "recover", where.federation, "--preview")
    assert "= import aws:sns:Topic" in shown.out
    must(where, "recover", where.federation, "--yes")
    where.aws("sqs").delete_queue(QueueUrl=stranger)
    assert_whole(where)
    assert ages(where) == before
    preview = json.loads(must(where, "preview", where.federation, "--json").out)
    # Whether a bucket may be emptied when it goes is known to no one but the state.
    assert [[part["path"] for part in change["properties"]] for change in preview["changes"]] == [["forceDestroy"]]
    must(where, "destroy", where.federation, "--yes")
    assert not found(where)


def test_create_takes_over_what_was_made_by_hand(organisation: MakeOrganisation):
    where = organisation("hospital", "byhand")
    sns, sqs, s3 = where.aws("sns"), where.aws("sqs"), where.aws("s3")
    topic = sns.create_topic(Name="byhand")["TopicArn"]
    queue = sqs.create_queue(QueueName="byhand_charite")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{where.account}:byhand_charite"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    s3.create_bucket(Bucket="byhand-charite")
    made = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]["CreatedTimestamp"]
    options = ("--sync-sched", "m30", "--pid", "charite", "--s3-bucket", "byhand-charite", "--import")
    shown = must(where, "create", "byhand", *options, "--preview")
    assert all(f"= import aws:{what}" in shown.out for what in ("sns:Topic ", "sqs:Queue ", "sns:TopicSubscription "))
    assert "adopt_bucket: true" in shown.out and not where.stack_file.exists()
    must(where, "create", "byhand", *options, "--yes")
    now = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert now["CreatedTimestamp"] == made and "RedrivePolicy" in now
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"]["fedml:federation"] == "byhand"
    rows = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [row["SubscriptionArn"] for row in rows] == [subscription["SubscriptionArn"]]
    must(where, "destroy", "byhand", "--yes")
    assert "byhand-charite" in [row["Name"] for row in s3.list_buckets()["Buckets"]]


def test_a_killed_run_is_mended_where_the_state_is_in_a_bucket(organisation: MakeOrganisation):
    where = hub(organisation, "instore")
    where.aws("s3").create_bucket(Bucket="instore-state")
    endpoint = where.env["AWS_ENDPOINT_URL"]
    where.env["PULUMI_BACKEND_URL"] = f"s3://instore-state?region=us-east-1&endpoint={endpoint}&s3ForcePathStyle=true"
    end(begin(where, "command", 20, "up", "instore", "--yes"))
    done = must(where, "up", "instore", "--yes")
    assert "its lock on instore is taken off" in done.err
    assert_whole(where)


def test_a_killed_create_can_be_previewed_and_goes_on(organisation: MakeOrganisation):
    where = organisation("hospital", "anew")
    create = ("create", "anew", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", "anew-charite", "--yes")
    end(begin(where, "engine", 14, *create))
    left = state(where)
    shown = must(where, "preview", "anew")
    assert ("`up` settles first what it left" in shown.err) == ("pending_operations" in left)
    assert state(where) == left
    must(where, *create)
    assert_whole(where)

"""What is left, lost or made by hand is taken up again: locks, states, things in AWS that no state has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedml_infra.model.tags import ownership_tags
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation
from tests.stories.hub import assert_whole, begin, end, found, hub, must, run, state

pytestmark = pytest.mark.story


@pytest.mark.soak
def test_an_untouched_run_needs_no_mending_and_says_nothing_of_it(organisation: MakeOrganisation):
    where = hub(organisation, "calm")
    assert "cut off" not in must(where, "up", "calm", "--yes").err
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


@pytest.mark.soak  # where the state is in a folder, test_kills.py has it
def test_a_killed_run_is_mended_where_the_state_is_in_a_bucket(organisation: MakeOrganisation):
    where = hub(organisation, "instore")
    where.aws("s3").create_bucket(Bucket="instore-state")
    endpoint = where.env["AWS_ENDPOINT_URL"]
    where.env["PULUMI_BACKEND_URL"] = f"s3://instore-state?region=us-east-1&endpoint={endpoint}&s3ForcePathStyle=true"
    end(begin(where, "command", 20, "up", "instore", "--yes"))
    done = must(where, "up", "instore", "--yes")
    assert "its lock on instore is taken off" in done.err
    assert_whole(where)
    must(where, "destroy", "instore", "--yes")


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

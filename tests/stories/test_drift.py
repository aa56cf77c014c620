"""Ten changes made by hand in one federation: found in one run, named in words, put right, and nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation
from tests.stories.test_commands import Done, fedml_infra

pytestmark = pytest.mark.story
MEMBER, STRANGER = "222222222222", "999999999999"
OWN_TIMES = {"LastModifiedTimestamp", "ResponseMetadata", "HostId", "RequestId"}
"""What AWS says of its own records and of the answer, and not of the thing."""


class Hand:
    """What somebody does in a console: one method a drift."""

    def __init__(self, hub: Organisation) -> None:
        self.hub = hub
        self.sns, self.sqs, self.s3, self.iam, self.ssm = map(hub.aws, ("sns", "sqs", "s3", "iam", "ssm"))
        self.bucket = f"cardio-{hub.account}"

    def url(self, queue: str) -> str:
        found: str = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        return found

    def widens_the_topic_policy(self) -> None:
        text = self.sns.get_topic_attributes(TopicArn=self.hub.topic_arn)["Attributes"]["Policy"]
        widened = text.replace('"StringEquals"', '"StringNotEquals"', 1)
        assert widened != text
        self.sns.set_topic_attributes(TopicArn=self.hub.topic_arn, AttributeName="Policy", AttributeValue=widened)

    def removes_a_filter(self) -> None:
        rows = self.sns.list_subscriptions_by_topic(TopicArn=self.hub.topic_arn)["Subscriptions"]
        (arn,) = (row["SubscriptionArn"] for row in rows if row["Endpoint"].endswith(":cardio_charite"))
        self.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")

    def takes_the_hardening_off(self) -> None:
        self.s3.delete_public_access_block(Bucket=self.bucket)

    def cuts_the_dead_letters(self) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url("cardio_insel"), Attributes={"RedrivePolicy": ""})

    def takes_a_tag_off(self) -> None:
        self.sqs.untag_queue(QueueUrl=self.url("cardio_charite"), TagKeys=["team"])

    def lets_a_stranger_subscribe(self) -> None:
        session = self.hub.running.local_aws.session(STRANGER, self.hub.region)
        session.client("sqs").create_queue(QueueName="cardio_spy")
        endpoint = f"arn:aws:sqs:{self.hub.region}:{STRANGER}:cardio_spy"
        session.client("sns").subscribe(TopicArn=self.hub.topic_arn, Protocol="sqs", Endpoint=endpoint)

    def widens_a_trust(self) -> None:
        role = "fedml.cardio.insel.reader"
        trust = self.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        principal = trust["Statement"][0]["Principal"]
        principal["AWS"] = [principal["AWS"], f"arn:aws:iam::{STRANGER}:root"]
        self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))

    def changes_the_parameter(self) -> None:
        self.ssm.put_parameter(Name="/fedml/cardio/insel", Value="another-key", Type="SecureString", Overwrite=True)

    def deletes_a_queue(self) -> None:
        self.sqs.delete_queue(QueueUrl=self.url("cardio_usz"))

    def shortens_the_lifecycle(self) -> None:
        rules = self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        for rule in rules:
            if "Expiration" in rule:
                rule["Expiration"] = {"Days": 3}
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": rules})


def told(hub: Organisation) -> set[tuple[str, str]]:
    """What each drift is called, and how bad it is."""
    return {
        ("anyone may now publish and subscribe to topic cardio; "
         f"account {MEMBER} may no longer publish and subscribe to topic cardio", "exposed"),
        ("queue cardio_charite is no longer filtered: it now gets its own node's messages and probes as well",
         "broken"),
        (f"the public access block of bucket cardio-{hub.account} is off", "exposed"),
        ("queue cardio_insel no longer sends dead letters to cardio_insel_dlq", "broken"),
        ("tag team was removed from queue cardio_charite", "changed"),
        (f"sqs arn:aws:sqs:us-east-1:{STRANGER}:cardio_spy receives the federation's messages and is no member's: "
         f"account {STRANGER} subscribed it", "exposed"),
        (f"role fedml.cardio.insel.reader can now be assumed by account {STRANGER}", "exposed"),
        ("the secret parameter /fedml/cardio/insel was changed: node insel reads another key in it", "broken"),
        ("queue cardio_usz is gone, with the messages in it", "broken"),
        ("payloads of node charite now expire after 3 days, not 14", "broken"),
    }  # fmt: skip


def snapshot(hub: Organisation) -> dict[str, Any]:
    """Everything in the account, its creation times among it."""
    hand = Hand(hub)
    sns, sqs, s3, iam, ssm = hand.sns, hand.sqs, hand.s3, hand.iam, hand.ssm
    found: dict[str, Any] = {"topic": sns.get_topic_attributes(TopicArn=hub.topic_arn)["Attributes"]}
    for row in sns.list_subscriptions_by_topic(TopicArn=hub.topic_arn)["Subscriptions"]:
        if row["Owner"] == hub.account:
            attributes = sns.get_subscription_attributes(SubscriptionArn=row["SubscriptionArn"])["Attributes"]
            found[f"subscription {row['Endpoint']}"] = attributes
        else:
            found[f"stranger {row['Endpoint']}"] = row
    for url in sqs.list_queues()["QueueUrls"]:
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[f"queue {url.rpartition('/')[2]}"] = queue | sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
    settings: tuple[Callable[..., Any], ...] = (
        s3.get_public_access_block, s3.get_bucket_policy, s3.get_bucket_encryption, s3.get_bucket_tagging,
        s3.get_bucket_lifecycle_configuration, s3.get_bucket_ownership_controls,
    )  # fmt: skip
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        found[f"bucket {name}"] = bucket["CreationDate"]
        for read in settings:
            try:
                found[f"bucket {name} {read.__name__}"] = read(Bucket=name)
            except s3.exceptions.ClientError as error:
                found[f"bucket {name} {read.__name__}"] = error.response["Error"]["Code"]
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policies = [
            iam.get_role_policy(RoleName=name, PolicyName=each)
            for each in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        found[f"role {name}"] = [role, policies]
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        found[f"policy {policy['PolicyName']}"] = [policy, version["PolicyVersion"]]
    for pid in ("charite", "insel", "usz"):
        parameter = ssm.get_parameter(Name=f"/fedml/cardio/{pid}", WithDecryption=True)["Parameter"]
        found[f"parameter {pid}"] = parameter
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str, sort_keys=True))
    return {name: _meant(value) for name, value in plain.items()}


def _meant(value: Any) -> Any:
    """A value with the policies in it opened, and without what AWS notes of its own."""
    if isinstance(value, dict):
        return {key: _meant(inner) for key, inner in value.items() if key not in OWN_TIMES}
    if isinstance(value, list):
        return [_meant(inner) for inner in value]
    return json.loads(value) if isinstance(value, str) and value[:1] == "{" else value


@pytest.mark.story(seconds=20)
def test_ten_changes_by_hand_are_found_named_and_put_right(organisation: MakeOrganisation) -> None:
    hub = organisation("hub", "cardio")
    bucket = f"cardio-{hub.account}"
    nodes = "\n".join(f"{{pid: {pid}, s3_bucket: {bucket}{more}}}" for pid, more in NODES)
    hub.hub(members=f'aws_id: "{MEMBER}"', nodes=nodes, more="  fedml-infra:tags: {team: heart}\n")
    hub.init()
    hub.up()
    before = snapshot(hub)

    hand = Hand(hub)
    drifts = [act for name in vars(Hand) if not name.startswith("_") and name != "url" for act in [getattr(hand, name)]]
    assert len(drifts) == 10
    for act in drifts:
        act()
    assert len(changed_in(before, snapshot(hub))) == 10

    found = fedml_infra(hub, "drift", "cardio", "--json")
    assert found.code == 7, found.err
    assert {(each["words"], each["severity"]) for each in found.json["findings"]} == told(hub)
    assert "another-key" not in found.out + found.err

    fixed = fedml_infra(hub, "drift", "cardio", "--fix", "--yes", "--json")
    assert fixed.code == 0, fixed.err
    assert {each["words"] for each in fixed.json["fixed"]} == {words for words, _ in told(hub)}
    assert "10 of 10 put right" in fixed.err

    after = snapshot(hub)
    # The queue that was deleted is a new one, the parameter has a history.
    assert before["queue cardio_usz"].pop("CreatedTimestamp") <= after["queue cardio_usz"].pop("CreatedTimestamp")
    for one in (before, after):
        for key in ("Version", "LastModifiedDate"):
            one["parameter insel"].pop(key)
    assert changed_in(before, after) == {}
    assert fedml_infra(hub, "drift").code == 0
    _log_is_kept(hub, found)


NODES = (("charite", ""), ("insel", "-insel"), ("usz", "-usz"))


def changed_in(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (before.get(name), after.get(name)) for name in {*before, *after} if before.get(name) != after.get(name)
    }


def _log_is_kept(hub: Organisation, found: Done) -> None:
    """Each of the runs has a log, with how it ended, and nothing secret in it."""
    listed = fedml_infra(hub, "runs", "list", "cardio", "--json").json["runs"]
    assert [(each["command"], each["outcome"]) for each in listed] == [
        ("drift", "changes found"), ("drift", "done"), ("drift", "done"),
    ]  # fmt: skip
    shown = fedml_infra(hub, "runs", "show", listed[1]["id"], "--json")
    done = {each["urn"].rpartition("::")[2] for each in shown.json["events"] if each.get("kind") == "resource done"}
    assert {"cardio", "cardio_usz", "/fedml/cardio/insel", "fedml.cardio.insel.reader"} <= done
    assert "another-key" not in shown.out + found.out
    ended = [each for each in shown.json["events"] if each.get("kind") == "ended"]
    assert all(each["done"] == each["of"] for each in ended), "progress ends where it said it would"

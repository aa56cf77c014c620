"""Members come, follow, go and are put out: with real messages, on the real engine, under enforced policies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.model.names import roster_bucket_name
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_hub_key, new_member_key
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import KEY, Organisation, fresh_account
from tests.stories.test_commands import ROOT, Done, fedml_infra

pytestmark = pytest.mark.story
OUT = 3
"""The exit code of who is not admitted, and of a roster that is not to be believed."""


def secret(who: Organisation, name: str, value: SecretStr) -> None:
    who.must("config", "set", "--secret", name, "-s", who.federation, stdin=value.get_secret_value())


@dataclass
class Joiner:
    """A member with one node, and the key that the roster seals to."""

    at: Organisation
    pid: str
    key: SecretStr

    @property
    def entry(self) -> str:
        """Its entry in the hub's file, without its nodes: any queue of its own may subscribe."""
        return f'{{aws_id: "{self.at.account}", public_key: "{member_public_key(self.key)}"}}'

    @property
    def bucket(self) -> str:
        return f"{self.pid}-{self.at.account}"

    def write(self, topic_arn: str, hub_key: str) -> None:
        node = f"{{pid: {self.pid}, s3_bucket: {self.bucket}}}"
        self.at.joiner(topic_arn, nodes=node, more=f'  fedml-infra:hub_public_key: "{hub_key}"\n')
        self.at.init()
        secret(self.at, "member_key", self.key)

    def file(self) -> dict[str, Any]:
        return StackFile.read(self.at.stack_file).config

    def keys(self) -> dict[str, Any]:
        """What its node's process reads."""
        return parameter(self.at, self.pid)


def parameter(who: Organisation, pid: str) -> dict[str, Any]:
    found = who.aws("ssm").get_parameter(Name=f"/fedml/{who.federation}/{pid}", WithDecryption=True)
    read: dict[str, Any] = json.loads(found["Parameter"]["Value"])
    return read


def must(who: Organisation, *arguments: str) -> Done:
    done = fedml_infra(who, *arguments)
    assert done.code == 0, done.err
    return done


def denied(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AuthorizationError", "AccessDenied", "AuthorizationErrorException"}
    return False


def queue(who: Organisation, name: str) -> tuple[str, str]:
    """URL and ARN of a queue that the topic may send to."""
    sqs = who.aws("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{who.region}:{who.account}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})}
    )
    return url, arn


def subscribe(who: Organisation, topic_arn: str, endpoint: str) -> str:
    made = who.aws("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=endpoint, ReturnSubscriptionArn=True)
    return str(made["SubscriptionArn"])


def subscribers(hub: Organisation) -> set[str]:
    rows = hub.aws("sns").list_subscriptions_by_topic(TopicArn=hub.topic_arn)["Subscriptions"]
    return {row["Owner"] for row in rows}


def changed(done: Done) -> set[str]:
    return {each["type"].rpartition(":")[2] for each in done.json["changes"] if each["type"].startswith("aws:")}


class Federation:
    """A hub with its node, and two organisations that joined by public keys; all of it is up."""

    def __init__(self, organisation: MakeOrganisation) -> None:
        self.hub = organisation("hub", "cardio")
        self.insel, self.usz = (Joiner(organisation(pid, "cardio"), pid, new_member_key()) for pid in ("insel", "usz"))
        hub_key = new_hub_key()
        self.bucket = roster_bucket_name("cardio", self.hub.account, self.hub.region)
        public = hub_public_key(hub_key)
        with ThreadPoolExecutor() as pool:
            joiners = (self.insel, self.usz)
            waiting = [pool.submit(each.write, self.hub.topic_arn, public) for each in joiners]
            members = f"{self.insel.entry}\n{self.usz.entry}"
            self.hub.hub(members=members, nodes=f"{{pid: charite, s3_bucket: cardio-{self.hub.account}}}")
            self.hub.init()
            secret(self.hub, "hub_key", hub_key)
            must(self.hub, "up", "--yes")
            for each in waiting:
                each.result()
            list(pool.map(Organisation.up, (self.insel.at, self.usz.at)))
        self.urls = {
            pid: who.aws("sqs").get_queue_url(QueueName=f"cardio_{pid}")["QueueUrl"]
            for pid, who in (("charite", self.hub), ("insel", self.insel.at), ("usz", self.usz.at))
        }

    def received(self, who: Organisation, pid: str, *, wait: int = 5) -> list[str]:
        """What the node's queue holds."""
        return who.received_from(self.urls[pid], self.hub.region, wait=wait)

    def edit(self, old: str, new: str) -> None:
        """By hand, in the hub's file."""
        text = self.hub.stack_file.read_text(encoding="utf-8")
        assert old in text
        self.hub.stack_file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_member_is_put_out_and_the_others_follow(organisation: MakeOrganisation) -> None:
    federation = Federation(organisation)
    hub, insel, usz, received = federation.hub, federation.insel, federation.usz, federation.received
    topic, s3 = hub.topic_arn, hub.aws("s3")
    first = s3.get_object(Bucket=federation.bucket, Key="roster.json")["Body"].read()

    # Everybody hears everybody; usz hears twice more, by queues that are no node's.
    other_url, other = queue(usz.at, "cardio_other")
    subscribe(usz.at, topic, other)
    friend = organisation("friend", "cardio")
    friend_url, friends = queue(friend, "cardio_friend")
    subscribe(usz.at, topic, friends)
    hub.publish(topic, "charite", "before")
    assert [received(each.at, each.pid) for each in (insel, usz)] == [["before"], ["before"]]
    others = ((other_url, usz.at), (friend_url, friend))
    assert all("before" in str(who.received_from(url, hub.region, wait=5)) for url, who in others)
    usz.at.publish(topic, "usz", "from usz")
    assert [received(hub, "charite"), received(insel.at, "insel")] == [["from usz"], ["from usz"]]

    # Put out: rights, subscriptions of whatever endpoint, key.
    told = must(hub, "members", "remove", usz.at.account, "--yes", "--json").json
    assert (told["epoch"], told["because_of"], told["cut_off"]) == (2, [usz.at.account], [])
    assert denied(lambda: usz.at.publish(topic, "usz", "spam"))
    assert denied(lambda: subscribe(usz.at, topic, other))
    assert subscribers(hub) == {hub.account, insel.at.account}
    hub.publish(topic, "charite", "after")
    assert received(insel.at, "insel") == ["after"]
    for url, who in ((federation.urls["usz"], usz.at), *others):
        assert "after" not in str(who.received_from(url, hub.region, wait=0))
    assert set(parameter(hub, "charite")["keys"]) == {"1", "2"}

    # Nobody else's stack shows a change; who is out is told so.
    with ThreadPoolExecutor() as pool:
        same = pool.submit(fedml_infra, insel.at, "preview", "--expect-no-changes")
        out = fedml_infra(usz.at, "sync")
        assert (out.code, out.out) == (OUT, "")
        assert "may not be read from here" in out.err and "leave" in out.err
        assert same.result().code == 0, same.result().err

    # Another schedule, written by hand, and a topology in which members only publish; insel follows, and is heard.
    federation.edit("sync_sched: m30", "sync_sched: m15")
    told = must(hub, "topology", "cardio", "centralized", "--yes", "--json").json
    assert [(each["who"], each["loses"]) for each in told["rights"]] == [(insel.at.account, ["receive"])]
    assert told["epoch"] == 3
    assert denied(lambda: subscribe(insel.at, topic, f"arn:aws:sqs:{hub.region}:{insel.at.account}:cardio_insel"))
    assert insel.keys() == {"epoch": 1, "keys": {"1": KEY}}
    listening = subprocess.Popen(
        [sys.executable, "-m", "cli", "rotate-key", "--only-listen", "--listen", "60", "--json"],
        cwd=hub.folder,
        env={**hub.env, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listening.stderr is not None
    while "Listening" not in (line := listening.stderr.readline()):
        assert line, "it ended"
    assert must(insel.at, "sync", "--json").json["announced"] == [insel.at.account]
    assert (insel.file()["fedml-infra:sync_sched"], insel.file()["fedml-infra:topology"]) == ("m15", "centralized")
    assert json.loads(listening.communicate(timeout=600)[0])["heard"] == [insel.at.account]
    assert (insel.keys()["epoch"], set(insel.keys()["keys"])) == (3, {"1", "3"})
    assert insel.keys()["keys"]["3"] == parameter(hub, "charite")["keys"]["3"]
    assert not insel.at.aws("sqs").list_queues().get("QueueUrls")
    insel.at.publish(topic, "insel", "to the centre")
    assert "to the centre" in received(hub, "charite")

    # Nothing more to do is silence; an old roster put back is refused, and changes nothing.
    quiet = must(insel.at, "sync")
    assert (quiet.out, quiet.err) == ("", "")
    s3.put_object(Bucket=federation.bucket, Key="roster.json", Body=first)
    refused = fedml_infra(insel.at, "sync", "--json")
    assert refused.code == OUT
    assert "epoch 3 was seen before" in refused.json["error"]["what"]
    assert insel.keys()["epoch"] == 3

    listed = must(hub, "members", "list", "--json").json["members"]
    assert [(each["aws_id"], each["rights"], each["epoch"], each["version"]) for each in listed] == [
        (insel.at.account, ["publish"], 3, "v2")
    ]

    # A member more: its rights on the topic and on the roster, which is published then.
    federation.edit(insel.entry, f"{insel.entry}\n    - {{aws_id: '444444444444'}}")
    assert changed(must(hub, "preview", "--json")) == {"TopicPolicy", "BucketPolicy"}


def test_a_member_leaves_though_the_hub_is_gone_and_keeps_its_data(organisation: MakeOrganisation) -> None:
    insel = Joiner(organisation("insel", "cardio"), "insel", new_member_key())
    administrator = fresh_account()
    sns = insel.at.running.local_aws.session(administrator, "us-east-1").client("sns")
    topic = sns.create_topic(Name="cardio")["TopicArn"]
    insel.at.joiner(topic, nodes=f"{{pid: insel, s3_bucket: {insel.bucket}}}", more="  fedml-infra:protect: true\n")
    allow = {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    insel.at.init()
    insel.at.up()
    s3 = insel.at.aws("s3")
    s3.put_object(Bucket=insel.bucket, Key="updates/1", Body=b"years of work")
    sns.delete_topic(TopicArn=topic)

    left = must(insel.at, "leave", "--yes", "--json")
    assert (left.json["left"], left.json["kept_buckets"]) == (True, [insel.bucket])
    assert f"members remove {insel.at.account}" in left.err
    assert s3.get_object(Bucket=insel.bucket, Key="updates/1")["Body"].read() == b"years of work"
    assert s3.get_public_access_block(Bucket=insel.bucket)
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=insel.bucket)
    assert not insel.at.aws("sqs").list_queues().get("QueueUrls")
    assert insel.at.aws("iam").list_roles()["Roles"] == []
    assert json.loads(insel.at.must("stack", "ls", "--json")) == []

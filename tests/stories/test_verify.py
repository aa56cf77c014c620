"""Every link of a federation proved on the sandbox, then cut one by one, and each named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fedml_infra.aws import sessions
from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.tools import LiveCloud
from fedml_infra.operations.verify import Link, Verdict, Verification, verify
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation, fresh_account
from tests.stories.test_commands import ROOT, fedml_infra

pytestmark = pytest.mark.story
LATER = timedelta(hours=1)


def looked(who: Organisation, *, later: timedelta = LATER, timeout: float = 1.0, **credentials: str) -> Verification:
    """`verify` of the organisation's stack, as if it were an hour later."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**who.env, **credentials}.items():
            patch.setenv(name, value)
        sessions.forget()
        stack = load_stack(who.folder, who.federation)
        found = verify(
            stack, PulumiEngine(who.folder), LiveCloud(), timeout=timeout, now=lambda: datetime.now(UTC) + later
        )
        sessions.forget()
    return found


def verdicts(found: Verification, pid: str) -> dict[str, str]:
    (node,) = (node for node in found.nodes if node.pid == pid)
    return {str(link.name): str(link.verdict) for link in node.links}


def wrong(found: Verification) -> tuple[Link, ...]:
    return found.of(Verdict.BROKEN, Verdict.PENDING)


class Federation:
    """A hub, and a member with a node that does both, and in another account of its own one that only publishes."""

    def __init__(self, organisation: MakeOrganisation) -> None:
        self.hub, self.member = organisation("hub", "cardio"), organisation("member", "cardio")
        self.publisher = fresh_account()
        members = f'{{aws_id: "{self.member.account}"}}\n{{aws_id: "{self.publisher}", rights: [publish]}}'
        self.hub.hub(members=members, nodes=f"{{pid: charite, s3_bucket: cardio-{self.hub.account}}}")
        way = f"rights: [publish], account: {{profile: sandbox-{self.publisher}}}"
        self.member.joiner(
            self.hub.topic_arn,
            nodes=f"{{pid: insel, s3_bucket: insel-{self.member.account}/updates}}\n"
            f"{{pid: usz, s3_bucket: usz-{self.publisher}, {way}}}",
        )
        with ThreadPoolExecutor() as pool:
            list(pool.map(Organisation.init, (self.hub, self.member)))
        self.hub.up()
        self.member.up()

    def left(self) -> list[str]:
        """Queues, subscriptions and objects that only a probe makes."""
        rows = self.hub.aws("sns").list_subscriptions_by_topic(TopicArn=self.hub.topic_arn)["Subscriptions"]
        found = [row["Endpoint"] for row in rows if "probe" in row["Endpoint"]]
        accounts = {"cardio": self.hub.account, "insel": self.member.account, "usz": self.publisher}
        for bucket, account in accounts.items():
            there = self.hub.running.local_aws.session(account)
            found += [url for url in there.client("sqs").list_queues().get("QueueUrls", []) if "probe" in url]
            objects = there.client("s3").list_objects_v2(Bucket=f"{bucket}-{account}").get("Contents", [])
            found += [row["Key"] for row in objects]
        return found


@pytest.fixture
def federation(organisation: MakeOrganisation) -> Iterator[Federation]:
    yield Federation(organisation)


def test_every_link_is_proved_and_each_that_is_cut_is_named(federation: Federation) -> None:
    hub, member = federation.hub, federation.member
    whole = dict.fromkeys(
        ("parameter", "queue policy", "redrive", "subscription", "subscribe", "publish", "delivery", "bucket"), "ok"
    ) | {"reader role": "ok"}
    assert verdicts(looked(hub), "charite") == whole
    found = looked(member)
    assert found.exit_code == 0
    assert verdicts(found, "insel") == whole
    assert verdicts(found, "usz") == {
        "parameter": "ok", "subscribe": "denied", "publish": "ok", "bucket": "ok", "reader role": "ok",
    }  # fmt: skip
    assert federation.left() == []
    assert waiting(hub, "charite") == waiting(member, "insel") == 0

    found = looked(member, **verifier(member))
    assert found.exit_code == 0
    assert verdicts(found, "insel") == whole
    assert federation.left() == []

    whole_policy = cut_topic(hub)
    assert interrupted(member) == 8
    assert federation.left() == []

    # Right after a run AWS may need a minute yet.
    found = looked(member, later=timedelta(0))
    assert {(str(link.name), str(link.verdict)) for link in wrong(found)} == {
        ("subscribe", "pending"), ("publish", "pending"),
    }  # fmt: skip
    assert found.exit_code == 9

    found = looked(member)
    assert {(str(link.name), str(link.verdict)) for link in wrong(found)} == {
        ("subscribe", "broken"), ("publish", "broken"),
    }  # fmt: skip
    assert all(hub.topic_arn in link.told + link.resource and hub.account in str(link.fix) for link in wrong(found))
    assert found.exit_code == 5
    set_policy(hub, whole_policy)

    cut_queue(member)
    cut_role(member)
    cut_subscription(member)
    cut_parameter(member)
    found = looked(member)
    told = {str(link.name): link for link in wrong(found)}
    assert set(told) == {"queue policy", "reader role", "subscription", "parameter"}
    assert "cardio_insel" in told["queue policy"].told
    assert told["reader role"].resource.endswith("fedml.cardio.insel.reader")
    assert "not subscribed" in told["subscription"].told
    assert "/fedml/cardio/insel" in told["parameter"].told
    assert federation.left() == []


def verifier(who: Organisation) -> dict[str, str]:
    """A user that has what `policies operator --verify` says, and nothing else."""
    printed = fedml_infra(who, "policies", "operator", "--verify", "--json")
    iam = who.aws("iam")
    iam.create_user(UserName="verifier")
    for number, document in enumerate(printed.json["accounts"][who.account]):
        iam.put_user_policy(UserName="verifier", PolicyName=f"verify-{number}", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName="verifier")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}


def interrupted(who: Organisation) -> int:
    """The exit code of a `verify` that is interrupted while its own queue waits to be let in."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import cli; sys.exit(cli.main())"
    command = [sys.executable, "-c", code, "verify", "--timeout", "100"]
    sqs = who.aws("sqs")
    with subprocess.Popen(command, cwd=who.folder, env=who.env, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not sqs.list_queues(QueueNamePrefix="cardio_fedml-probe").get("QueueUrls"):
            pass
        process.send_signal(signal.SIGINT)
        return process.wait(60)


def waiting(who: Organisation, pid: str) -> int:
    """How many messages the node's queue holds."""
    sqs = who.aws("sqs")
    url = sqs.get_queue_url(QueueName=f"cardio_{pid}")["QueueUrl"]
    asked = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[asked])["Attributes"][asked])


def cut_topic(hub: Organisation) -> str:
    """The members' accounts out of the topic's policy, by hand; the policy as it was."""
    was: str = hub.aws("sns").get_topic_attributes(TopicArn=hub.topic_arn)["Attributes"]["Policy"]
    policy = json.loads(was)
    policy["Statement"] = [each for each in policy["Statement"] if each["Effect"] == "Deny"]
    set_policy(hub, json.dumps(policy))
    return was


def set_policy(hub: Organisation, policy: str) -> None:
    hub.aws("sns").set_topic_attributes(TopicArn=hub.topic_arn, AttributeName="Policy", AttributeValue=policy)


def cut_queue(who: Organisation) -> None:
    sqs = who.aws("sqs")
    url = sqs.get_queue_url(QueueName="cardio_insel")["QueueUrl"]
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    policy["Statement"] = [each for each in policy["Statement"] if each["Effect"] == "Deny"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})


def cut_role(who: Organisation) -> None:
    iam: Any = who.aws("iam")
    role = "fedml.cardio.insel.reader"
    trust = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust.replace(who.account, "999999999999"))


def cut_subscription(who: Organisation) -> None:
    sns = who.aws("sns")
    (row,) = sns.list_subscriptions()["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=row["SubscriptionArn"])


def cut_parameter(who: Organisation) -> None:
    said = json.dumps({"epoch": 7, "keys": {"7": "x"}})
    who.aws("ssm").put_parameter(Name="/fedml/cardio/insel", Value=said, Type="SecureString", Overwrite=True)

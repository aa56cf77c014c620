"""What verify says of each link, whom it asks for what, and that it leaves nothing, against the double."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.ears import Ear
from fedml_infra.aws.links import QueueLinks
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import AuthenticationError, NetworkError, PolicyError, StackNotFoundError
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.verify import Link, Verdict, Verification, verify
from fedml_infra.operations.verify.link import Clock, Name
from fedml_infra.operations.verify.verify import _all
from fedml_infra.policies.queue import filter_policy, queue_policy, redrive_allow_policy, redrive_policy
from fedml_infra.policies.stack_policies import stack_resources
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World, world

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JOINER = f"""\
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:{OTHER}:cardio
  fedml-infra:fed_secret_key: {{secure: v1:xyz}}
  fedml-infra:nodes:
    - {{pid: insel, s3_bucket: insel-fed/updates}}
"""
PUBLISHER = JOINER.replace("pid: insel,", "pid: insel, rights: [publish],")
RECEIVER = JOINER.replace("pid: insel,", "pid: insel, rights: [receive],")


class Standing:
    """A stack that is up in the double, with everything in AWS as it should be."""

    def __init__(self, folder: Path, text: str, aws: type[InMemoryCloud] = InMemoryCloud) -> None:
        self.world: World = world(folder)
        self.world.aws = aws({Access(): OWN})
        self.world.write(text)
        self.world.engine.init("cardio")
        self.world.engine.up("cardio", RunOptions())
        self.stack = load_stack(folder, "cardio")
        _, (self.node,) = stack_resources(
            self.stack.config, account=OWN, node_accounts={node.pid: OWN for node in self.stack.config.nodes}
        )
        self.aws = self.world.aws
        node = self.node
        self.aws.add_topic(node.topic_arn.split(":")[4], "us-east-1", "cardio")
        self.aws.add_bucket(OWN, node.region, node.bucket)
        self.aws.texts[node.parameter_name] = json.dumps({"epoch": 1, "keys": {"1": "x"}})
        if node.queue_name is not None:
            self.aws.links[node.queue_name] = QueueLinks("u", queue_policy(node), redrive_policy(node), None)
            dead = str(node.dead_letter_queue_name)
            self.aws.links[dead] = QueueLinks("d", None, None, redrive_allow_policy(node))
            self.aws.add_subscription(node.topic_arn, str(node.queue_arn), owner=OWN)
            self.aws.filters[str(node.queue_arn)] = filter_policy(node.pid, "sender") or {}

    def looked(self, *, timeout: float = 0.0) -> Verification:
        return verify(self.stack, self.world.engine, self.aws, timeout=timeout, now=lambda: NOW)

    def links(self) -> dict[str, Link]:
        (node,) = self.looked().nodes
        return {str(link.name): link for link in node.links}

    def left(self) -> list[str]:
        """What a probe may leave: queues, subscriptions, objects."""
        rows = self.aws.subscriptions(Access(), "us-east-1", self.node.topic_arn)
        place = (Access(), self.node.region, self.node.bucket)
        objects = self.aws.has_objects(*place, account=OWN)
        seen = self.aws.overview(Access(), [self.node.region]).regions[0].queues
        return [row.endpoint for row in rows if "probe" in row.endpoint] + list(seen) + (["object"] if objects else [])


@pytest.fixture
def hub(tmp_path: Path) -> Standing:
    return Standing(tmp_path, HUB_FILE)


@pytest.fixture
def joiner(tmp_path: Path) -> Standing:
    return Standing(tmp_path, JOINER)


def test_all_is_well_and_nothing_is_left(hub: Standing) -> None:
    found = hub.looked()
    assert {link.name: link.verdict for link in found.of(*Verdict)} == {
        name: Verdict.OK for name in Name if name not in (Name.QUEUE, Name.CLEANUP)
    }
    assert found.verified
    assert found.exit_code == 0
    assert hub.left() == []


def cut(about: str) -> Callable[[Standing], None]:
    """Cut one link."""

    def by(standing: Standing) -> None:
        aws, node = standing.aws, standing.node
        queue, dead = str(node.queue_name), str(node.dead_letter_queue_name)
        match about:
            case "no parameter":
                del aws.texts[node.parameter_name]
            case "parameter of another epoch":
                aws.texts[node.parameter_name] = json.dumps({"epoch": 2, "keys": {"2": "x"}})
            case "parameter without the key":
                aws.texts[node.parameter_name] = json.dumps({"epoch": 1, "keys": {"2": "x"}})
            case "parameter of somebody else":
                aws.texts[node.parameter_name] = "text"
            case "parameter denied":
                aws.deny("ssm:GetParameter", node.parameter_name)
            case "no queue":
                del aws.links[queue]
            case "queue denied":
                aws.deny("sqs:GetQueueAttributes", queue)
            case "no queue policy":
                aws.links[queue] = replace(aws.links[queue], policy=None)
            case "queue policy for another topic":
                policy = json.loads(json.dumps(queue_policy(node)).replace(node.topic_arn, node.topic_arn + "x"))
                aws.links[queue] = replace(aws.links[queue], policy=policy)
            case "no redrive":
                aws.links[queue] = replace(aws.links[queue], redrive=None)
            case "no dead-letter queue":
                del aws.links[dead]
            case "dead letters of others only":
                other = {"redrivePermission": "byQueue", "sourceQueueArns": ["x"]}
                aws.links[dead] = replace(aws.links[dead], redrive_allow=other)
            case "no subscription":
                rows = aws._topics[node.topic_arn]
                rows.clear()
            case "pending subscription":
                rows = aws._topics[node.topic_arn]
                rows[:] = [replace(row, arn="PendingConfirmation") for row in rows]
            case "no filter":
                aws.filters[str(node.queue_arn)] = {}
            case "subscribe denied":
                aws.deny("sns:Subscribe", node.topic_arn)
            case "publish denied":
                aws.deny("sns:Publish", node.topic_arn)
            case "bucket of another account":
                aws._buckets[node.bucket].account = MEMBER
            case "no bucket":
                del aws._buckets[node.bucket]
            case "reader role denied":
                aws.deny("sts:AssumeRole", str(node.reader_role_arn))
            case _:
                raise AssertionError(about)

    return by


CUTS = {
    "no parameter": ("parameter", 4, "/fedml/cardio/charite"),
    "parameter of another epoch": ("parameter", 4, "is of epoch 2, and the stack file says 1"),
    "parameter without the key": ("parameter", 4, "epoch 1"),
    "parameter of somebody else": ("parameter", 4, "holds no keys"),
    "parameter denied": ("parameter", 5, "ssm:GetParameter"),
    "no queue": ("queue", 4, "There is no queue cardio_charite"),
    "queue denied": ("queue", 5, "sqs:GetQueueAttributes"),
    "no queue policy": ("queue policy", 5, "has no policy"),
    "queue policy for another topic": ("queue policy", 5, "does not let the topic send"),
    "no redrive": ("redrive", 4, "sends no dead letters to cardio_charite_dlq"),
    "no dead-letter queue": ("redrive", 4, "no dead-letter queue cardio_charite_dlq"),
    "dead letters of others only": ("redrive", 5, "does not take"),
    "no subscription": ("subscription", 4, "is not subscribed to arn:aws:sns"),
    "pending subscription": ("subscription", 4, "never confirmed"),
    "no filter": ("subscription", 4, "The filter of the subscription of cardio_charite is none"),
    "subscribe denied": ("subscribe", 5, "sns:Subscribe"),
    "publish denied": ("publish", 5, "sns:Publish"),
    "bucket of another account": ("bucket", 5, "cardio-charite"),
    "no bucket": ("bucket", 4, "cardio-charite"),
    "reader role denied": ("reader role", 5, "sts:AssumeRole"),
}


@pytest.mark.parametrize("about", CUTS)
def test_the_link_that_is_cut_is_named_and_no_other(hub: Standing, about: str) -> None:
    name, code, told = CUTS[about]
    cut(about)(hub)
    found = hub.looked()
    (wrong,) = found.of(Verdict.BROKEN, Verdict.PENDING)
    assert (str(wrong.name), wrong.verdict) == (name, Verdict.BROKEN)
    assert told in wrong.told
    assert wrong.fix
    assert found.exit_code == code
    if about not in ("no bucket", "bucket of another account"):
        assert hub.left() == []


def test_a_message_that_does_not_come_is_the_delivery_s(tmp_path: Path) -> None:
    class Deaf(InMemoryCloud):
        def publish(self, *_arguments: Any, **_rest: Any) -> str:
            return "message-0"

    standing = Standing(tmp_path, HUB_FILE, Deaf)
    wrong = standing.links()["delivery"]
    assert (wrong.verdict, wrong.exit_code) == (Verdict.BROKEN, 4)
    assert standing.left() == []


def test_a_right_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    class Late(InMemoryCloud):
        tries = 0

        def subscribe_ear(self, access: Access, ear: Ear, match: Any) -> Ear:
            self.tries += 1
            if self.tries == 1:
                raise PolicyError("not yet")
            return super().subscribe_ear(access, ear, match)

    standing = Standing(tmp_path, HUB_FILE, Late)
    (node,) = standing.looked(timeout=30).nodes
    assert {link.verdict for link in node.links} == {Verdict.OK}


def test_a_publish_only_node_s_subscribe_is_verified_as_denied(tmp_path: Path) -> None:
    standing = Standing(tmp_path, PUBLISHER)
    standing.aws.deny("sns:Subscribe", standing.node.topic_arn)
    links = standing.links()
    assert links["subscribe"].verdict is Verdict.DENIED
    assert links["publish"].verdict is Verdict.OK
    assert "delivery" not in links
    assert "subscription" not in links
    assert standing.left() == []


def test_a_right_that_nobody_gave_is_broken(tmp_path: Path) -> None:
    standing = Standing(tmp_path, PUBLISHER)
    link = standing.links()["subscribe"]
    assert (link.verdict, link.exit_code) == (Verdict.BROKEN, 5)
    assert OTHER in str(link.fix)
    assert standing.left() == []


def test_a_receive_only_node_s_publish_is_verified_as_denied(tmp_path: Path) -> None:
    standing = Standing(tmp_path, RECEIVER)
    standing.aws.deny("sns:Publish", standing.node.topic_arn)
    links = standing.links()
    assert links["publish"].verdict is Verdict.DENIED
    assert links["subscribe"].verdict is Verdict.OK
    assert links["delivery"].verdict is Verdict.NOTE


def test_a_receive_only_node_that_may_publish_is_broken(tmp_path: Path) -> None:
    assert Standing(tmp_path, RECEIVER).links()["publish"].verdict is Verdict.BROKEN


def test_in_the_topic_s_own_account_a_denial_cannot_be_tried(tmp_path: Path) -> None:
    standing = Standing(tmp_path, HUB_FILE.replace("pid: charite\n", "pid: charite\n      rights: [publish]\n"))
    assert standing.links()["subscribe"].verdict is Verdict.NOTE


def test_what_a_killed_probe_left_is_swept(hub: Standing) -> None:
    hub.aws.stale.append(Ear("cardio_fedml-probe-1", "u", f"arn:aws:sqs:us-east-1:{OWN}:q", hub.node.topic_arn))
    assert hub.looked().verified
    assert hub.aws.stale == []


def test_what_cannot_be_swept_is_a_note(hub: Standing) -> None:
    hub.aws.deny("sqs:ListQueues", OWN)
    assert hub.links()["cleanup"].verdict is Verdict.NOTE
    assert hub.looked().verified


def test_what_the_probe_itself_leaves_is_told(tmp_path: Path) -> None:
    class Sticky(InMemoryCloud):
        def remove_ear(self, access: Access, ear: Ear) -> None:
            super().remove_ear(access, ear)
            raise NetworkError(f"could not delete {ear.name}")

    link = Standing(tmp_path, HUB_FILE, Sticky).links()["cleanup"]
    assert (link.verdict, link.exit_code) == (Verdict.BROKEN, 4)
    assert "cardio_fedml-probe-" in str(link.fix)


def test_an_object_that_cannot_be_taken_away_is_told(tmp_path: Path) -> None:
    class Sticky(InMemoryCloud):
        def delete_objects(self, *_arguments: Any, **_rest: Any) -> int:
            raise PolicyError("could not delete")

    link = Standing(tmp_path, HUB_FILE, Sticky).links()["cleanup"]
    assert (link.verdict, link.exit_code) == (Verdict.BROKEN, 5)
    assert "updates/fedml-probe-" in link.resource


def test_under_a_bucket_policy_the_reader_role_is_not_tried(tmp_path: Path) -> None:
    standing = Standing(tmp_path, HUB_FILE + "  fedml-infra:sharing: bucket_policy\n")
    assert standing.links()["reader role"].verdict is Verdict.NOTE


@pytest.mark.parametrize(("seconds", "lately"), [(59, True), (60, False)])
def test_for_a_minute_after_a_run_a_denial_may_still_go(seconds: int, lately: bool) -> None:
    assert Clock(timedelta(seconds=seconds)).lately(Name.PUBLISH) is lately


def test_a_parameter_is_there_at_once() -> None:
    assert not Clock(timedelta(0)).lately(Name.PARAMETER)


def test_a_stack_that_is_not_up_is_said_to_be_that(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.write()
    with pytest.raises(StackNotFoundError, match="not up"):
        verify(load_stack(tmp_path, "cardio"), made.engine, made.aws, timeout=0)


def test_credentials_that_lead_elsewhere_are_told(hub: Standing) -> None:
    with pytest.raises(AuthenticationError, match=MEMBER):
        verify(hub.stack, hub.world.engine, InMemoryCloud({Access(): MEMBER}), timeout=0)


def test_an_interruption_waits_until_everything_is_cleared_up() -> None:
    stop, cleared = threading.Event(), []

    def interrupted() -> Any:
        raise KeyboardInterrupt
        yield

    def waiting() -> Any:
        assert stop.wait(30)
        cleared.append(True)
        yield from ()

    with pytest.raises(KeyboardInterrupt):
        _all([waiting, interrupted], stop)
    assert cleared == [True]


def test_an_interruption_ends_the_wait_for_a_right(tmp_path: Path) -> None:
    """It does not last until the time-out: the node's own probe is gone by then."""

    class Denying(InMemoryCloud):
        asked = threading.Event()

        def subscribe_ear(self, *_arguments: Any) -> Ear:
            self.asked.set()
            raise PolicyError("never")

        def stale_ears(self, *_arguments: Any) -> tuple[Ear, ...]:
            assert self.asked.wait(30)
            raise KeyboardInterrupt

    standing = Standing(tmp_path, HUB_FILE, Denying)
    with pytest.raises(KeyboardInterrupt):
        standing.looked(timeout=10_000)
    assert standing.left() == []

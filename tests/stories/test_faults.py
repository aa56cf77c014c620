"""AWS at its worst: throttled, failing, silent, late. One run gets over it, makes nothing twice and leaves nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedml_infra.sandbox.local_aws.faults import Fault, Faults, Plan, Rule
from fedml_infra.sandbox.sandbox import Running
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation

pytestmark = pytest.mark.story
COMMAND = Path(sys.executable).with_name("fedml-infra")

PASSING = (Fault.THROTTLE, Fault.INTERNAL_ERROR, Fault.LOST_ANSWER)
EACH = 6
"""Calls of one run that meet each of these faults."""
SEED = 20_261
WHOLE = Counter(
    {"topic": 1, "subscription": 1, "queue": 2, "bucket": 2, "role": 1, "policy version": 1, "parameter": 1}
)
"""What a hub with one node has in its account."""
MOST_CALLS = 150
"""More than `create` or `destroy` of it makes."""
CREATIONS = ("Create*", "Put*", "Subscribe", "Set*", "Tag*")
DELETIONS = ("Delete*", "Detach*", "Unsubscribe", "Set*")


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def faults(sandbox: Running) -> Iterator[Faults]:
    control = Faults(sandbox.local_aws)
    yield control
    control.clear()


@pytest.fixture
def hub(organisation: MakeOrganisation) -> Organisation:
    return organisation("hub", "heart")


def run(where: Organisation, *arguments: str) -> Ended:
    """Our command as that organisation, without a terminal."""
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=where.folder,
        env=where.env,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def create(where: Organisation) -> Ended:
    """The whole of a hub with one node."""
    bucket = f"{where.federation}-{where.account}"
    return run(
        where, "create", where.federation, "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", bucket, "--yes"
    )


def destroy(where: Organisation) -> Ended:
    """All of it away."""
    return run(where, "destroy", "--yes", "--delete-data", "--remove-file")


def there(where: Organisation) -> Counter[str]:
    """Everything in the account, whoever made it."""
    iam, sns = where.aws("iam"), where.aws("sns")
    policies = iam.list_policies(Scope="Local")["Policies"]
    return +Counter(
        {
            "topic": len(sns.list_topics()["Topics"]),
            "subscription": len(sns.list_subscriptions()["Subscriptions"]),
            "queue": len(where.aws("sqs").list_queues().get("QueueUrls", [])),
            "bucket": len(where.aws("s3").list_buckets()["Buckets"]),
            "role": len(iam.list_roles()["Roles"]),
            "policy version": sum(len(iam.list_policy_versions(PolicyArn=one["Arn"])["Versions"]) for one in policies),
            "parameter": len(where.aws("ssm").describe_parameters()["Parameters"]),
        }
    )


def rule(where: Organisation, fault: Fault, **more: object) -> Rule:
    """A rule for the calls of this organisation alone."""
    return Rule(fault=fault, account=where.account, **more)  # type: ignore[arg-type]


def met(faults: Faults) -> Counter[str]:
    return Counter(call.outcome for call in faults.calls() if call.outcome != "answered")


def test_one_run_gets_over_throttling_failures_and_lost_answers(hub: Organisation, faults: Faults) -> None:
    """At calls drawn by lot, in one run each of `create` and `destroy`."""
    lot = random.Random(SEED)
    for act, whole in ((create, WHOLE), (destroy, Counter())):
        drawn = lot.sample(range(4, 60), EACH * len(PASSING))
        rules = (rule(hub, fault, calls=tuple(drawn[first::3])) for first, fault in enumerate(PASSING))
        faults.set(Plan(rules=tuple(rules)))
        done = act(hub)
        assert done.code == 0, done.err
        assert met(faults).keys() == set(PASSING), met(faults)
        faults.clear()
        assert there(hub) == whole


def test_with_every_answer_to_a_creation_and_to_a_deletion_lost_nothing_is_double_and_nothing_left(
    hub: Organisation, faults: Faults
) -> None:
    """The first answer to each call that changes something."""
    for act, operations, whole in ((create, CREATIONS, WHOLE), (destroy, DELETIONS, Counter())):
        faults.set(Plan(rules=tuple(rule(hub, Fault.LOST_ANSWER, operation=one, attempt=1) for one in operations)))
        done = act(hub)
        assert done.code == 0, done.err
        assert met(faults)[Fault.LOST_ANSWER] > 10
        faults.clear()
        assert there(hub) == whole


@pytest.mark.soak  # docs/how-to/try-faults.md, which is run, has one of them too
def test_what_aws_needs_a_moment_for_is_waited_out_and_said(hub: Organisation, faults: Faults) -> None:
    """A topic's policy that is not effective yet, and names of queues that were deleted a moment ago."""
    faults.set(
        Plan(
            rules=(
                rule(hub, Fault.QUEUE_DELETED_RECENTLY, seconds=30),
                rule(hub, Fault.POLICY_NOT_EFFECTIVE, seconds=3),
            )
        )
    )
    created = create(hub)
    assert created.code == 0, created.err
    assert "… aws:sns:TopicSubscription heart_charite: waiting for the topic's policy" in created.err
    for name in ("heart_charite", "heart_charite_dlq"):
        sqs = hub.aws("sqs")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    mended = run(hub, "up", "--refresh", "--yes")
    assert mended.code == 0, mended.err
    assert "deleted less than a minute ago: waiting for AWS to free the name" in mended.err
    assert met(faults).keys() == {Fault.POLICY_NOT_EFFECTIVE, Fault.QUEUE_DELETED_RECENTLY}
    assert there(hub) == WHOLE


@pytest.mark.soak  # and so it has these
def test_credentials_that_expire_in_the_middle_stop_the_run_and_the_same_command_goes_on(
    hub: Organisation, faults: Faults
) -> None:
    faults.set(Plan(rules=(rule(hub, Fault.EXPIRED_CREDENTIALS, starting_at=45),)))
    stopped = create(hub)
    assert stopped.code == 3, stopped.err
    for words in ("have expired, in the middle of", "settled; not done: aws:", "run the same command: it goes on"):
        assert words in stopped.err
    again = create(hub)
    assert again.code == 3, again.err
    assert "have expired" in again.err
    faults.clear()
    done = create(hub)
    assert done.code == 0, done.err
    assert there(hub) == WHOLE


def test_a_node_s_account_that_is_gone_is_named_with_what_to_do(hub: Organisation, faults: Faults) -> None:
    assert create(hub).code == 0
    faults.set(Plan(rules=(rule(hub, Fault.ACCOUNT_GONE),)))
    done = run(hub, "up", "--yes")
    assert done.code == 3, done.err
    assert f"Node charite (account {hub.account})" in done.err
    assert "Where the account was closed" in done.err
    faults.clear()
    assert there(hub) == WHOLE


PARTS = 10
"""Lives in which each call meets the fault once: every tenth in one of them."""


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_at_each_call_one_run_gets_over_the_fault(hub: Organisation, faults: Faults, fault: Fault, part: int) -> None:
    """Calls are counted without their repetitions, so that the parts together are each call: 0 failures, 0 doubles."""
    struck = tuple(range(1 + part, MOST_CALLS, PARTS))
    for act, whole in ((create, WHOLE), (destroy, Counter())):
        faults.set(Plan(rules=(rule(hub, fault, attempt=1, calls=struck),)))
        done = act(hub)
        assert done.code == 0, done.err
        assert set(met(faults)) == {fault} and len(faults.calls()) < MOST_CALLS
        faults.clear()
        assert there(hub) == whole


MADE = (
    "CreateTopic", "CreateQueue", "CreateBucket", "CreateRole", "CreatePolicy", "PutParameter", "Subscribe",
    "SetTopicAttributes", "SetQueueAttributes", "PutRolePolicy", "PutBucket*", "PutPublicAccessBlock",
)  # fmt: skip
GONE = (
    "DeleteTopic", "DeleteQueue", "DeleteBucket", "DeleteRole", "DeletePolicy", "DeleteParameter", "Unsubscribe",
    "DeleteRolePolicy", "DeleteBucketPolicy",
)  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("operation", [*MADE, *GONE])
def test_where_no_answer_to_a_call_ever_comes_the_next_run_goes_on(
    hub: Organisation, faults: Faults, operation: str
) -> None:
    """However often it is repeated: the run may fail, and what it made or deleted all the same is found by the next."""
    act, whole = (create, WHOLE) if operation in MADE else (destroy, Counter())
    if act is destroy:
        assert create(hub).code == 0
    faults.set(Plan(rules=(rule(hub, Fault.LOST_ANSWER, operation=operation),)))
    cut = act(hub)
    assert met(faults)
    faults.clear()
    if cut.code != 0:
        done = act(hub)
        assert done.code in (0, 6), done.err  # 6: there was nothing more to do
    assert there(hub) == whole


@pytest.mark.soak
@pytest.mark.parametrize("operation", [*MADE, "PutBucketTagging", "AttachRolePolicy", "Get*", "Head*"])
def test_whatever_the_credentials_expire_at_the_next_run_goes_on(
    hub: Organisation, faults: Faults, operation: str
) -> None:
    """Each call of that name is refused, so what was made with it before is there, and its parts are not."""
    faults.set(Plan(rules=(rule(hub, Fault.EXPIRED_CREDENTIALS, operation=operation),)))
    cut = create(hub)
    struck = met(faults)
    faults.clear()
    assert (cut.code == 0) == (not struck), cut.err
    done = create(hub)
    assert done.code == 0, done.err
    assert there(hub) == WHOLE

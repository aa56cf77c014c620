"""Jobs on the real engine: killed in the middle, done to their end by the next worker; a join of the same customer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fedml_infra.operations.customers import CustomerWanted, add_customer
from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.store.service_values import Customer, JobState
from fedml_infra.wire.blobs import Version, open_invite
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation, fresh_account
from tests.stories.services import Site

pytestmark = pytest.mark.story


@pytest.fixture
def hub(organisation: MakeOrganisation) -> Organisation:
    return organisation("service", "jobs")


@pytest.fixture
def site(hub: Organisation) -> Iterator[Site]:
    made = Site(hub.folder / "data", hub.env)
    yield made
    made.store.close()


def own(hub: Organisation, account: str, bucket: str, **more: str) -> dict[str, str]:
    """The map of one side. The sandbox knows an account by its id as access key."""
    given = {
        "fed_local_type": "cpu",
        "aws_access_key": account,
        "aws_secret_key": hub.env["AWS_SECRET_ACCESS_KEY"],
        "aws_region": "US_EAST_1",
        "aws_id": account,
        "s3_bucket": bucket,
    }
    return given | more


def customer_of(site: Site) -> Customer:
    return add_customer(site.store, site.sealer, CustomerWanted("c1", "v1")).customer


@pytest.mark.soak
def test_a_killed_create_is_done_by_the_next_worker_and_a_v1_join_follows(hub: Organisation, site: Site) -> None:
    """One customer, one host, two projects: no run of the two waits for the other's place."""
    customer, submitter = customer_of(site), site.submitter
    wanted = own(hub, hub.account, f"jobs-{hub.account}", fed_name="jobs", sync_sched="m30")
    job = submitter.create(customer, wanted, pid="admin")
    with site.working():
        site.wait(job, lambda found: found.progress is not None and found.progress.done > 4)
    assert site.now(job).state is JobState.RUNNING
    with site.working() as url:
        done = site.wait(job)
        assert (done.status_code, done.status_string) == (201, "Project Created with id:admin"), site.log()
        assert done.attempts == 2
        assert done.progress is not None and done.progress.done == done.progress.of
        member = fresh_account()
        invite = joins(site, f"{url}/c1/admin")
        join = submitter.create_join(customer, own(hub, member, f"node1-{member}", **invite), pid="node1")
        joined = site.wait(join)
        assert (joined.status_code, joined.status_string) == (201, "Fed Project created with join"), site.log()
    hub_row, row = site.store.workspaces.get("c1", "admin"), site.store.workspaces.get("c1", "node1")
    assert hub_row is not None and hub_row.outputs is not None and row is not None and row.outputs is not None
    assert [each["aws_id"] for each in hub_row.outputs["federation"]["members"]] == [member]
    assert is_made_once(hub, row.outputs["nodes"]["node1"]["queue_arn"])
    assert {each.action for each in site.store.audit.entries()} >= {"job create", "job createJoin", "job admit"}
    assert_no_secrets(site, hub)


def joins(site: Site, url: str) -> dict[str, str]:
    """The keys of an invite, as a client has them."""
    made = site.projects.invite("c1", "admin", InviteWanted(version=Version.V1, rest_url=url))
    assert made.passphrase is not None
    return open_invite(made.blob, made.passphrase).to_map()


def is_made_once(hub: Organisation, queue_arn: str) -> bool:
    """The topic is heard by the hub's node and the member's, by each once."""
    topics = [each["TopicArn"] for each in hub.aws("sns").list_topics()["Topics"]]
    heard: list[dict[str, Any]] = hub.aws("sns").list_subscriptions_by_topic(TopicArn=hub.topic_arn)["Subscriptions"]
    ends = sorted(each["Endpoint"] for each in heard)
    own_queue = f"arn:aws:sqs:us-east-1:{hub.account}:jobs_admin"
    return topics == [hub.topic_arn] and ends == sorted([own_queue, queue_arn])


def assert_no_secrets(site: Site, hub: Organisation) -> None:
    """Nothing that a map or an invite brings is in a file of the service, its store but for what is sealed."""
    key = site.projects.require("c1", "admin").key
    assert key is not None
    secret = key.get_secret_value()
    for path in site.folder.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert secret.encode() not in raw, path
            assert not re.search(rb"FEDTOKEN[0-9a-f]{64}", raw), path

"""createJoin: it waits for its hub without holding a place, goes on where it was killed, and believes no address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedml_infra.operations.hub_runs import Standing
from fedml_infra.operations.jobs.messages import Waits
from fedml_infra.store.service_values import Ending, Job, JobState
from fedml_infra.wire.blobs import Version
from tests.operations.jobs.doors import door
from tests.operations.jobs.services import SECRET, Service
from tests.operations.joins import Gate, gate, shut
from tests.operations.worlds import MEMBER

PATH = "/symetry/rest/c1/fedml/charite/createPolicies"


@dataclass
class Joining:
    """A joiner's service, and the hub that it joins, which comes up once `opens` is set."""

    hub: Gate
    service: Service
    url: str
    opens: threading.Event

    def map(self, version: Version = Version.V1, account: str | None = None, **others: str) -> dict[str, str]:
        """What a client sends, the invite's keys among it."""
        invite = self.hub.invite(account, version=version, url=self.url + PATH).to_map()
        own = {"aws_access_key": "AKMEMBER", "aws_secret_key": SECRET, "aws_region": "us-east-1", "aws_id": MEMBER}
        return {**invite, **own, "s3_bucket": "insel-fed"} | others

    def submit(self, given: dict[str, str]) -> Job:
        customer = self.service.store.customers.get("c1") or self.service.customer(version="v1")
        return self.service.submitter.create_join(customer, given, pid="insel")

    def now(self, job: Job) -> Job:
        found = self.service.store.jobs.get(job.id)
        assert found is not None
        return found


@pytest.fixture
def joining(tmp_path: Path) -> Iterator[Joining]:
    opens = threading.Event()

    def bring_up(run: object) -> Standing:
        assert opens.wait(60) and callable(run)
        standing = run()
        assert isinstance(standing, Standing)
        return standing

    hub = gate(tmp_path / "hub", bring_up=bring_up)
    hub.runs.hold = 0.05
    service = Service(tmp_path / "joiner", hub.party.world.aws, accounts={"insel": MEMBER}, peers=("127.0.0.1",))
    service.account("AKMEMBER", MEMBER)
    with door(lambda _path, body, url: hub.door.create_policies(body, url=url)) as url:
        yield Joining(hub, service, url, opens)
    opens.set()
    shut(hub)
    service.store.close()


def run_until_done(joining: Joining, job: Job) -> Ending:
    for _ in range(200):
        came = joining.service.run(job)
        if isinstance(came, Ending):
            return came
    raise AssertionError("it waits for ever")


@pytest.mark.parametrize("version", list(Version))
def test_a_join_waits_for_its_hub_and_answers_as_the_contract_says(joining: Joining, version: Version) -> None:
    job = joining.submit(joining.map(version))
    assert isinstance(joining.service.run(job), Waits)
    waiting = joining.now(job)
    assert (waiting.state, waiting.worker, waiting.attempts) == (JobState.QUEUED, None, 0)
    joining.opens.set()
    done = run_until_done(joining, job)
    assert (done.status_code, done.status_string) == (201, "Fed Project created with join"), done
    assert done.result == {"pid": "insel"}
    assert joining.hub.members == {MEMBER: ("insel",)}


def test_a_join_that_was_killed_while_it_waited_is_the_same_join(joining: Joining) -> None:
    """Its key was handed in: with another one the door would not know it again."""
    job = joining.submit(joining.map(Version.V2))
    assert isinstance(joining.service.body(job), Waits)
    first = joining.service.row("insel")
    joining.service.engines.clear()
    joining.opens.set()
    row = joining.service.row("insel")
    assert first is not None and row is not None and row.stack_file == first.stack_file
    assert "member_key" in (row.stack_file or "")


def test_a_refused_invite_leaves_no_project(joining: Joining) -> None:
    given = joining.map()
    for row in joining.hub.store.tokens.list():
        joining.hub.store.tokens.revoke(row.id, "admin")
    done = joining.service.run(joining.submit(given))
    assert isinstance(done, Ending)
    assert (done.state, done.status_code) == (JobState.FAILED, 401)
    assert "invite" in done.status_string and "credentials" not in done.status_string
    assert joining.service.row("insel") is None


def test_another_invite_then_works(joining: Joining) -> None:
    given = joining.map()
    for row in joining.hub.store.tokens.list():
        joining.hub.store.tokens.revoke(row.id, "admin")
    joining.service.run(joining.submit(given))
    joining.opens.set()
    assert run_until_done(joining, joining.submit(joining.map())).status_code == 201


def test_an_address_inside_is_not_called(joining: Joining) -> None:
    """What answers there is no public address, and no peer of this service."""
    joining.service.peers = ()
    given = joining.map()
    done = joining.service.run(joining.submit(given))
    assert isinstance(done, Ending)
    assert done.state is JobState.FAILED and joining.hub.members == {}
    assert "not called" in done.status_string


def test_whoever_does_not_answer_is_told_in_our_words(joining: Joining) -> None:
    given = joining.map(fed_rest_url="http://127.0.0.1:9/createPolicies")
    done = joining.service.run(joining.submit(given))
    assert isinstance(done, Ending)
    assert (done.status_code, done.status_string) == (502, "The invite's server gave no answer.")


def test_nothing_was_made_in_aws_before_the_account_was_let_in(joining: Joining) -> None:
    job = joining.submit(joining.map())
    assert isinstance(joining.service.run(job), Waits)
    (engine,) = joining.service.engines.values()
    assert all(not summary.resources for summary in engine.stacks())

"""What a request is held to before it is queued: everything wrong is told at once, and nothing is kept of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.errors import BusyError, ConfigurationError, ConflictError, NotAllowedError
from fedml_infra.operations.jobs import submit as submits
from fedml_infra.store.jobs import CANCELLED, IdempotencyError
from fedml_infra.store.service_values import JobState
from tests.operations.jobs.services import SECRET, Service, create_map
from tests.operations.worlds import MEMBER, OTHER, OWN

ROLE = "arn:aws:iam::222222222222:role/fedml-infra"
TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
INVITE = {
    "fed_name": "cardio",
    "sync_sched": "m30",
    "fed_secret_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "aws_topic_arn": TOPIC,
    "topic_region": "US_EAST_1",
    "fed_rest_url": "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies",
    "fed_req_token": "FEDTOKEN" + "ab" * 32,
}
OWN_SIDE = {
    "fed_local_type": "cpu",
    "aws_access_key": "AKMEMBER",
    "aws_secret_key": SECRET,
    "aws_region": "us-east-1",
    "aws_id": MEMBER,
    "s3_bucket": "insel-fed",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.store.close()


def refused(service: Service, customer: Any, given: dict[str, Any], **more: Any) -> list[str]:
    """The keys that are told; nothing was kept."""
    with pytest.raises(ConfigurationError) as error:
        service.submitter.create(customer, given, **{"pid": "charite", **more})
    assert service.store.jobs.list() == () and service.store.workspaces.list() == ()
    assert SECRET not in str(error.value)
    return [problem.key for problem in error.value.problems]


def test_a_create_is_queued_with_its_map_sealed(service: Service) -> None:
    job = service.submitter.create(service.customer(), create_map(), pid="charite")
    assert (job.kind, job.pid, job.state) == ("create", "charite", JobState.QUEUED)
    assert job.request is not None and SECRET.encode() not in job.request
    opened = json.loads(service.sealer.open(job.request, "job request", "c1", job.id))
    assert opened == {"map": create_map(), "persist": True}


def test_nothing_of_it_is_in_the_clear_in_the_store(service: Service, tmp_path: Path) -> None:
    service.submitter.create(service.customer(), create_map(), pid="charite")
    service.store.close()
    for path in tmp_path.iterdir():
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_all_missing_keys_are_named_at_once(service: Service) -> None:
    assert set(refused(service, service.customer(), {})) == {
        "fed_name", "aws_access_key", "aws_secret_key", "aws_region", "s3_bucket", "sync_sched",
    }  # fmt: skip


def test_values_are_held_to_the_model(service: Service) -> None:
    given = create_map(s3_bucket="NO", sync_sched="x9", fed_name="a b")
    assert len(refused(service, service.customer(), given)) == 3


@pytest.mark.parametrize("value", [5, None, ["x"], {"a": 1}, True])
def test_values_are_text(service: Service, value: Any) -> None:
    assert refused(service, service.customer(), {**create_map(), "fed_name": value}) == ["fed_name"]


@pytest.mark.parametrize("pid", ["", "../x", "a b", "x" * 100])
def test_a_pid_is_a_name(service: Service, pid: str) -> None:
    refused(service, service.customer(), create_map(), pid=pid)


def test_v1_ignores_keys_that_it_does_not_know(service: Service) -> None:
    given = create_map(made_up="1")
    assert service.submitter.create(service.customer(version="v1"), given, pid="charite").kind == "create"


def test_v2_refuses_them_by_name(service: Service) -> None:
    assert refused(service, service.customer(), create_map(sync_shed="m5")) == ["sync_shed"]


def test_an_account_that_is_not_the_customers_is_refused(service: Service) -> None:
    customer = service.customer(accounts=(MEMBER,))
    with pytest.raises(NotAllowedError, match=OTHER):
        service.submitter.create(customer, create_map(aws_id=OTHER), pid="charite")


def test_a_customer_with_a_role_gives_no_keys(service: Service) -> None:
    given = {key: value for key, value in create_map().items() if not key.startswith("aws_") or key == "aws_region"}
    customer = service.customer(role_arn=ROLE, refuse_keys=True)
    assert service.submitter.create(customer, given, pid="charite").kind == "create"
    row = service.row("charite")
    assert row is not None and row.credentials is None


def test_keys_are_refused_where_told_so(service: Service) -> None:
    with pytest.raises(NotAllowedError, match="keys are refused"):
        service.submitter.create(service.customer(role_arn=ROLE, refuse_keys=True), create_map(), pid="charite")


def test_a_project_that_is_there_is_told_in_the_contracts_words(service: Service) -> None:
    customer = service.customer()
    service.submitter.create(customer, create_map(), pid="charite")
    with pytest.raises(ConflictError) as error:
        service.submitter.create(customer, create_map(), pid="charite")
    assert error.value.what == "Customer [c1] already have SYMETRYML with id[charite]"
    assert len(service.store.jobs.list()) == 1


def test_a_project_that_was_made_is_there(service: Service) -> None:
    customer = service.customer()
    job = service.submitter.create(customer, create_map(), pid="charite")
    service.store.workspaces.keep("c1", "charite", outputs={"federation": {}})
    end(service, job.id)
    with pytest.raises(ConflictError):
        service.submitter.create(customer, create_map(), pid="charite")


def test_one_that_came_to_nothing_is_begun_again(service: Service) -> None:
    customer = service.customer()
    job = service.submitter.create(customer, create_map(), pid="charite")
    end(service, job.id)
    assert service.submitter.create(customer, create_map(), pid="charite").id != job.id


def end(service: Service, job_id: str) -> None:
    from tests.operations.jobs.services import LEASE

    assert service.store.jobs.start(job_id, "w", LEASE) is not None
    assert service.store.jobs.end(job_id, "w", CANCELLED)


def test_customers_have_pids_of_their_own(service: Service) -> None:
    for cid in ("c1", "c2"):
        service.submitter.create(service.customer(cid), create_map(), pid="charite")
    assert len(service.store.jobs.list()) == 2


def test_a_quota_is_kept(service: Service) -> None:
    customer = service.customer(quota=1)
    service.submitter.create(customer, create_map(), pid="charite")
    with pytest.raises(NotAllowedError, match="1 federations"):
        service.submitter.create(customer, create_map(), pid="insel")
    assert len(service.store.jobs.list()) == 1


def test_the_same_key_is_the_same_job_and_no_conflict(service: Service) -> None:
    customer = service.customer()
    first = service.submitter.create(customer, create_map(), pid="charite", idempotency_key="k")
    assert service.submitter.create(customer, create_map(), pid="charite", idempotency_key="k").id == first.id


def test_the_same_key_with_another_request_is_refused(service: Service) -> None:
    customer = service.customer()
    service.submitter.create(customer, create_map(), pid="charite", idempotency_key="k")
    with pytest.raises(IdempotencyError):
        service.submitter.create(customer, create_map(sync_sched="h1"), pid="charite", idempotency_key="k")


@pytest.mark.parametrize("key", ["", "x" * 257, "a\nb", "ä"])
def test_a_key_is_short_printable_text(service: Service, key: str) -> None:
    with pytest.raises(ConfigurationError, match="Idempotency-Key"):
        service.submitter.create(service.customer(), create_map(), pid="charite", idempotency_key=key)


def test_more_jobs_than_there_may_be_are_refused(service: Service) -> None:
    customer = service.customer()
    given = {"aws_access_key": "AKOWN", "aws_secret_key": SECRET}
    for _ in range(submits.MOST_OF_CUSTOMER):
        service.submitter.aws_info(customer, given)
    for act in (
        lambda: service.submitter.aws_info(customer, given),
        lambda: service.submitter.create(customer, create_map(), pid="charite"),
    ):
        with pytest.raises(BusyError):
            act()
    assert service.submitter.aws_info(service.customer("c2"), given).cid == "c2"


def test_a_join_takes_the_invites_keys_as_they_are(service: Service) -> None:
    job = service.submitter.create_join(service.customer(version="v1"), {**INVITE, **OWN_SIDE}, pid="insel")
    row = service.row("insel")
    assert (job.kind, job.pid) == ("createJoin", "insel")
    assert row is not None and (row.is_hub, row.fed_name, row.topic_arn) == (False, "cardio", TOPIC)


def test_a_join_without_a_pid_gets_one_that_a_repetition_keeps(service: Service) -> None:
    customer = service.customer(version="v1")
    job = service.submitter.create_join(customer, {**INVITE, **OWN_SIDE}, idempotency_key="k")
    assert job.pid is not None and job.pid.startswith("node-")
    assert service.submitter.create_join(customer, {**INVITE, **OWN_SIDE}, idempotency_key="k").id == job.id


def test_a_joins_missing_keys_are_named_at_once(service: Service) -> None:
    with pytest.raises(ConfigurationError) as error:
        service.submitter.create_join(service.customer(version="v1"), {}, pid="insel")
    told = {problem.key for problem in error.value.problems}
    assert told >= {*INVITE, *OWN_SIDE} - {"fed_local_type", "topic_region"} | {"aws_topic_region"}


@pytest.mark.parametrize("url", ["http://fed.example.org/x", "ftp://x/", "https://u:p@fed.example.org/"])
def test_a_join_is_handed_in_privately(service: Service, url: str) -> None:
    with pytest.raises(ConfigurationError):
        given = {**INVITE, **OWN_SIDE, "fed_rest_url": url}
        service.submitter.create_join(service.customer(version="v1"), given, pid="insel")
    assert service.store.jobs.list() == ()


def test_what_is_for_create_join_is_no_create(service: Service) -> None:
    refused(service, service.customer(version="v1"), {**INVITE, **OWN_SIDE})


def test_awsinfo_needs_keys_and_a_region_that_there_is(service: Service) -> None:
    with pytest.raises(ConfigurationError) as error:
        service.submitter.aws_info(service.customer(), {"aws_region": "nowhere"})
    assert {problem.key for problem in error.value.problems} == {"aws_access_key", "aws_secret_key"}


def test_awsinfo_of_a_project_needs_the_project(service: Service) -> None:
    with pytest.raises(ConfigurationError) as error:
        service.submitter.aws_info(service.customer(), {}, pid="charite")
    assert error.value.what == "Cannot Find SYMETRYML id[charite] for Customer id [c1]"


def test_a_schedule_is_one(service: Service) -> None:
    customer = service.customer()
    service.submitter.create(customer, create_map(), pid="charite")
    service.store.workspaces.keep("c1", "charite", outputs={"federation": {}})
    with pytest.raises(ConfigurationError, match="sync_sched"):
        service.submitter.new_schedule(customer, {"sync_sched": "soon"}, pid="charite")
    assert service.submitter.new_schedule(customer, {"sync_sched": "h3"}, pid="charite").kind == "newSchedule"


def test_only_a_hub_decides_the_schedule(service: Service) -> None:
    customer = service.customer(version="v1")
    service.submitter.create_join(customer, {**INVITE, **OWN_SIDE}, pid="insel")
    service.store.workspaces.keep("c1", "insel", outputs={"federation": {}})
    with pytest.raises(ConfigurationError, match="hub"):
        service.submitter.new_schedule(customer, {"sync_sched": "h3"}, pid="insel")


def test_nobody_changes_another_customers_project(service: Service) -> None:
    service.submitter.create(service.customer(), create_map(), pid="charite")
    service.store.workspaces.keep("c1", "charite", outputs={"federation": {}})
    with pytest.raises(ConfigurationError, match="Cannot Find"):
        service.submitter.new_schedule(service.customer("c2"), {"sync_sched": "h3"}, pid="charite")

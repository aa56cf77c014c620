"""Each job that changes something is in the audit once, whatever came of it; its process says why it failed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedml_infra.errors import ResourceError
from fedml_infra.operations.jobs.messages import Waits
from fedml_infra.operations.jobs.records import recorded
from fedml_infra.operations.jobs.run import outcome
from fedml_infra.store.jobs import CANCELLED
from fedml_infra.store.service_values import Ending, Job
from tests.operations.jobs.services import SECRET, Service, create_map


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.store.close()


def submitted(service: Service) -> Job:
    return service.submitter.create(service.customer(), create_map(), pid="charite")


def outcomes(service: Service) -> list[tuple[str, str]]:
    found = [each for each in service.store.audit.entries() if each.action.startswith("job ")]
    assert all(each.details["customer"] == "c1" and each.details["project"] == "charite" for each in found)
    return [(each.action, each.outcome) for each in found]


def test_what_was_done_is_recorded(service: Service) -> None:
    with recorded(service.context(submitted(service))) as record:
        record(CANCELLED)
    assert outcomes(service) == [("job create", "done")]
    assert service.store.audit.entries()[-1].stack == "cardio"


def test_what_failed_is_recorded_without_its_words(service: Service) -> None:
    with pytest.raises(ResourceError), recorded(service.context(submitted(service))):
        raise ResourceError(SECRET)
    assert outcomes(service) == [("job create", "failed")]
    assert SECRET not in str(service.store.audit.entries()[-1])


def test_what_waits_is_not(service: Service) -> None:
    with recorded(service.context(submitted(service))) as record:
        record(Waits(1.0))
    assert outcomes(service) == []


def test_what_only_looks_is_not(service: Service) -> None:
    given = {"aws_access_key": "AKOWN", "aws_secret_key": SECRET}
    with recorded(service.context(service.submitter.aws_info(service.customer(), given))) as record:
        record(CANCELLED)
    assert not [each for each in service.store.audit.entries() if each.action.startswith("job ")]


def test_a_process_says_why_a_job_failed_to_the_log_alone(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    job = submitted(service)
    service.store.workspaces.remove("c1", "charite")
    service.store.customers.disable("c1")
    said = io.StringIO()
    ending = outcome(service.context(job).task, said)
    assert isinstance(ending, Ending) and ending.status_code == 403
    assert f"job {job.id}: NotAllowedError" in capsys.readouterr().err
    assert outcomes(service) == [("job create", "refused")]

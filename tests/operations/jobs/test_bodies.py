"""What jobs do: made, killed anywhere and made again; whose keys they act with; what they keep, and what they tell."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.sessions import Access, Role
from fedml_infra.errors import ConfigurationError, NotAllowedError, ResourceError, StoreError
from fedml_infra.operations.customers import key_of
from fedml_infra.operations.jobs.acting import acting
from fedml_infra.operations.jobs.answers import ending_of
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.workspace import opened, state_of
from fedml_infra.store.service_values import Ending, Job, JobState
from fedml_infra.wire import v1
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.request import decrypt_value
from tests.operations.jobs.services import SECRET, Service, create_map
from tests.operations.worlds import MEMBER, OTHER, OWN, FileEngine
from tests.store.values import new_token as token_row

ROLE = "arn:aws:iam::333333333333:role/fedml-infra"
TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.store.close()


def submitted(service: Service, given: dict[str, str] | None = None, **more: Any) -> Job:
    customer = service.store.customers.get("c1") or service.customer()
    return service.submitter.create(customer, given or create_map(), **{"pid": "charite", **more})


def made(service: Service) -> None:
    """A hub that is up."""
    done = service.run(submitted(service))
    assert isinstance(done, Ending) and done.status_code == 201, done
    service.aws.add_topic(OWN, "us-east-1", "cardio")


def test_create_answers_as_the_contract_says(service: Service) -> None:
    done = service.run(submitted(service))
    assert done == Ending(JobState.FINISHED, 201, "Project Created with id:charite")


def test_what_a_run_came_to_is_in_the_row(service: Service) -> None:
    made(service)
    row = service.row("charite")
    assert row is not None and row.outputs is not None and row.stack_file is not None
    assert (row.topic_arn, row.outputs["nodes"]["charite"]["account"]) == (TOPIC, OWN)
    assert "fedml-infra:fed_name: cardio" in row.stack_file


def test_aws_keys_are_no_configuration(service: Service) -> None:
    made(service)
    row = service.row("charite")
    assert row is not None and row.stack_file is not None
    assert SECRET not in row.stack_file and "AKOWN" not in row.stack_file
    assert SECRET.encode() not in (row.credentials or b"")


def test_progress_is_told(service: Service) -> None:
    made(service)
    assert [each.done for each in service.told] == sorted(each.done for each in service.told)
    assert service.told[-1].done == 5 and service.told[-1].of is not None


def test_done_again_it_says_the_same_and_changes_nothing(service: Service) -> None:
    """The worker died after the run and before its row said so."""
    job = submitted(service)
    first, second = service.body(job), service.body(job)
    assert first == second
    assert len(service.engines) == 1


@pytest.mark.parametrize("operation", ["init", "encrypt"])
def test_cut_off_before_anything_was_made_it_leaves_no_project(service: Service, operation: str) -> None:
    engine = failing(service, operation)
    done = service.run(submitted(service))
    assert isinstance(done, Ending) and done.status_code == 502
    assert service.row("charite") is None
    engine.failing.clear()
    made(service)


def failing(service: Service, operation: str) -> FileEngine:
    folder = service.settings.workspaces / "c1" / "charite"
    service.engine(folder)
    service.engines[folder].failing[operation] = ResourceError("broken")
    return service.engines[folder]


def test_what_came_to_nothing_can_be_asked_for_otherwise(service: Service) -> None:
    """Nothing of it is in AWS, so another bucket is no contradiction."""
    job = submitted(service)
    engine = failing(service, "never")
    stopped = stopping(engine)
    with pytest.raises(KeyboardInterrupt):
        service.body(job)
    assert stopped
    service.store.jobs.cancel(job.id)
    done = service.run(submitted(service, create_map(s3_bucket="another")))
    assert isinstance(done, Ending) and done.status_code == 201, done
    row = service.row("charite")
    assert row is not None and row.outputs is not None and row.outputs["nodes"]["charite"]["bucket"] == "another"


def stopping(engine: FileEngine) -> list[str]:
    """The next run is stopped before anything is made; by which stack file."""
    met: list[str] = []
    made = engine.up

    def up(stack: str, *_: Any) -> Any:
        met.append(stack)
        engine.up = made  # type: ignore[method-assign]
        raise KeyboardInterrupt

    engine.up = up  # type: ignore[method-assign]
    return met


def test_the_stack_file_is_in_the_row_before_the_run(service: Service) -> None:
    """Killed in the run, the next one has the keys that the first one gave away."""
    job = submitted(service)
    stopped = stopping(failing(service, "never"))
    with pytest.raises(KeyboardInterrupt):
        service.body(job)
    row = service.row("charite")
    assert stopped and row is not None and row.stack_file is not None and "fed_secret_key" in row.stack_file
    assert isinstance(service.body(job), Ending)
    after = service.row("charite")
    assert after is not None and after.stack_file == row.stack_file


def test_a_stack_file_that_somebody_else_wrote_meanwhile_is_not_written_over(service: Service) -> None:
    made(service)
    job = service.submitter.new_schedule(service.store.customers.require("c1"), {"sync_sched": "h3"}, pid="charite")
    context = service.context(job)
    with pytest.raises(StoreError, match="somebody else"), opened(context, context.tools) as project:
        row = project.row
        assert service.store.workspaces.write("c1", "charite", row.version, "theirs")
        project.path.write_text(project.path.read_text("utf-8") + "# ours\n", "utf-8")
    found = service.row("charite")
    assert found is not None and found.stack_file == "theirs"


def test_a_folder_is_made_of_the_row_and_of_nothing_that_lay_there(service: Service) -> None:
    made(service)
    job = service.submitter.new_schedule(service.store.customers.require("c1"), {"sync_sched": "h3"}, pid="charite")
    stray = service.settings.workspaces / "c1" / "charite" / "stacks" / "Pulumi.cardio.yaml"
    stray.write_text("config: {}\n", encoding="utf-8")
    done = service.run(job)
    assert isinstance(done, Ending) and done.status_code == 200
    row = service.row("charite")
    assert row is not None and "sync_sched: h3" in (row.stack_file or "")
    assert row.outputs is not None and row.outputs["federation"]["schedule"] == "h3"


def test_two_projects_do_not_make_one_hub(service: Service) -> None:
    made(service)
    done = service.run(submitted(service, create_map(s3_bucket="another"), pid="second"))
    assert isinstance(done, Ending) and done.status_code == 409
    assert service.row("second") is None


def test_an_ephemeral_project_is_marked_and_not_protected(service: Service) -> None:
    done = service.run(submitted(service, persist=False))
    assert isinstance(done, Ending) and done.status_code == 201
    row = service.row("charite")
    assert row is not None and "fedml:persist" in (row.stack_file or "") and "protect: true" not in row.stack_file


def test_one_that_stays_is_protected(service: Service) -> None:
    made(service)
    row = service.row("charite")
    assert row is not None and "protect: true" in (row.stack_file or "")


def test_keys_of_another_account_than_the_map_says_are_refused(service: Service) -> None:
    done = service.run(submitted(service, create_map(aws_id=OTHER)))
    assert isinstance(done, Ending) and (done.status_code, done.state) == (403, JobState.FAILED)
    assert service.engines == {}


def test_keys_of_an_account_that_the_customer_may_not_use_are_refused(service: Service) -> None:
    """Though the map names none."""
    service.customer(accounts=(MEMBER,))
    done = service.run(submitted(service))
    assert isinstance(done, Ending) and done.status_code == 403 and OWN in done.status_string


def test_keys_that_aws_does_not_know_are_told_without_its_words(service: Service) -> None:
    done = service.run(submitted(service, create_map(aws_access_key="AKNOBODY")))
    assert isinstance(done, Ending) and done.status_code == 401
    assert done.status_string.startswith("AWS does not accept the credentials")
    assert "AKNOBODY" not in done.status_string


def test_a_role_is_assumed_with_the_customers_external_id(service: Service) -> None:
    customer = service.customer(role_arn=ROLE, refuse_keys=True)
    role = Access(roles=(Role(ROLE, customer.external_id),))
    service.aws._accounts[role] = OTHER
    given = {key: value for key, value in create_map().items() if key not in {"aws_access_key", "aws_secret_key"}}
    job = submitted(service, given)
    tools = acting(service.context(job), "us-east-1")
    assert tools.aws.account_of(Access(), "us-east-1") == OTHER


def test_a_disabled_customers_job_is_not_run(service: Service) -> None:
    job = submitted(service)
    service.store.customers.disable("c1")
    with pytest.raises(NotAllowedError, match="disabled"):
        service.body(job)


def test_later_runs_act_with_the_keys_that_the_project_was_made_with(service: Service) -> None:
    made(service)
    job = service.submitter.new_schedule(service.store.customers.require("c1"), {"sync_sched": "h3"}, pid="charite")
    assert acting(service.context(job), "us-east-1").aws.account_of(Access(), "us-east-1") == OWN


def test_credentials_of_another_row_do_not_open(service: Service) -> None:
    made(service)
    row = service.row("charite")
    assert row is not None and row.credentials is not None
    customer = service.store.customers.require("c1")
    service.submitter.create(customer, create_map(fed_name="other"), pid="other")
    service.store.workspaces.keep("c1", "other", credentials=row.credentials, outputs={"federation": {}})
    job = service.submitter.new_schedule(customer, {"sync_sched": "h3"}, pid="other")
    with pytest.raises(StoreError):
        acting(service.context(job), "us-east-1")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_awsinfo_is_encrypted_for_its_customer(service: Service, version: Any) -> None:
    customer = service.customer(version=version)
    service.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    given = {"aws_access_key": "AKOWN", "aws_secret_key": SECRET, "aws_region": "US_EAST_1"}
    done = service.run(service.submitter.aws_info(customer, given))
    assert isinstance(done, Ending) and (done.status_code, done.status_string) == (200, "Job is finished")
    text, key = str(done.result["awsInfoEncrypted"]), key_of(service.sealer, customer)
    clear = (
        v1.decrypt_text(text, key) if version == "v1" else decrypt_value(text, key, cid="c1", name="awsInfoEncrypted")
    )
    assert set(json.loads(clear)) == {"topics", "queues"}


def test_whoever_redeemed_a_token_is_let_in_by_one_run(service: Service) -> None:
    made(service)
    accounts = {MEMBER: "insel", OTHER: "usz"}
    for account, pid in accounts.items():
        redeemed(service, account, pid)
    row = service.row("charite")
    assert row is not None
    done = service.run(service.submitter.admit(row))
    assert isinstance(done, Ending) and done.status_code == 200, done
    row = service.row("charite")
    assert row is not None and row.outputs is not None and row.roster is not None
    assert [each["aws_id"] for each in row.outputs["federation"]["members"]] == [*accounts]
    listed = json.loads(base64.b64decode(json.loads(row.roster)["payload"]))["members"]
    assert [each["aws_id"] for each in listed] == [*accounts]


def test_who_was_not_redeemed_or_was_revoked_before_is_not_let_in(service: Service) -> None:
    made(service)
    service.store.tokens.add(token_row())
    revoked = redeemed(service, MEMBER, "insel")
    service.store.tokens.revoke(revoked, "admin")
    row = service.row("charite")
    assert row is not None
    service.run(service.submitter.admit(row))
    row = service.row("charite")
    assert row is not None and row.outputs is not None and row.outputs["federation"]["members"] == []


def test_a_member_that_joins_again_brings_its_new_key_and_an_older_join_does_not_bring_its_own_back(
    service: Service,
) -> None:
    made(service)
    keys = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]

    def admitted() -> Any:
        row = service.row("charite")
        assert row is not None
        service.run(service.submitter.admit(row))
        row = service.row("charite")
        assert row is not None and row.roster is not None
        (member,) = json.loads(base64.b64decode(json.loads(row.roster)["payload"]))["members"]
        return member["public_key"]

    redeemed(service, MEMBER, "insel", keys[0])
    assert admitted() == keys[0]
    redeemed(service, MEMBER, "insel", keys[1])
    assert admitted() == keys[1]
    redeemed(service, MEMBER, "insel", keys[1])
    assert admitted() == keys[1]


def redeemed(service: Service, account: str, pid: str, public_key: str | None = None) -> str:
    token = new_token()
    service.store.tokens.add(token_row(id=token_id(digest(token)), digest=digest(token)))
    service.store.tokens.redeem(digest(token), aws_id=account, pid=pid, public_key=public_key)
    return token_id(digest(token))


def test_states_are_kept_apart_by_customer_and_project(tmp_path: Path) -> None:
    at = Settings(tmp_path / "workspaces")
    assert state_of(at, "c1", "p1") == (tmp_path / "state" / "c1" / "p1").as_uri()
    bucket = replace(at, state_backend="s3://states/fed?region=us-east-1&profile=state")
    assert state_of(bucket, "c1", "p1") == "s3://states/fed/c1/p1?region=us-east-1&profile=state"


@pytest.mark.parametrize("backend", ["s3://states/fed?region=us-east-1", "https://api.pulumi.com"])
def test_a_backend_that_would_not_keep_them_apart_is_refused(tmp_path: Path, backend: str) -> None:
    """With the customer's own keys, or under names that customers share."""
    with pytest.raises(ConfigurationError):
        state_of(Settings(tmp_path, backend), "c1", "p1")


def test_what_aws_or_the_engine_say_is_told_to_nobody() -> None:
    error = ResourceError(f"arn:aws:iam::{OWN}:user/inside is not authorized to perform: sns:CreateTopic")
    told = ending_of(error, "job1")
    assert OWN not in told.status_string and "job1" in told.status_string


def test_the_request_is_unreadable_in_another_job(service: Service) -> None:
    job = submitted(service)
    assert job.request is not None
    with pytest.raises(StoreError):
        service.sealer.open(job.request, "job request", "c1", "another")
    with pytest.raises(StoreError):
        service.sealer.open(job.request, "job request", "c2", job.id)
    assert SECRET not in base64.b64encode(job.request).decode()

"""Each row of the contract, through a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from fedml_infra.rest import strings
from fedml_infra.store.service_values import Ending, JobState, Progress
from fedml_infra.wire.blobs import decrypt_invite, open_invite
from fedml_infra.wire.invites import Invite, InviteV1
from tests.rest.world import AWS_KEYS, CREATE, CREATED, FED_KEY, JOIN, Client, World, refusal, said

Customer = Callable[..., Client]
JOINED = Ending(JobState.FINISHED, 201, "Fed Project created with join")
DONE = Ending(JobState.FINISHED, 200, "Job is finished")
LOOKED = Ending(JobState.FINISHED, 200, "Job is finished", {"awsInfoEncrypted": "abc="})
REFUSED = Ending(JobState.FAILED, 401, "AWS does not accept the credentials")
BOTH = pytest.mark.parametrize("version", ["v1", "v2"])


def test_the_strings_of_the_contract() -> None:
    """Existing clients compare them."""
    assert strings.JOB_CREATED == "Job Created"
    assert strings.JOB_FINISHED == "Job is finished"
    assert strings.JOB_RUNNING == "Job still running"
    assert strings.JOB_UNKNOWN == "No such job"


@BOTH
def test_create_answers_when_the_stack_is_up(service: World, customer: Customer, version: str) -> None:
    service.hand.endings["create"] = CREATED
    answer = customer(version).post("/fedml/create?pid=charite&persist=true", CREATE)
    assert refusal(answer) == (201, "Project Created with id:charite")
    assert said(answer).status_code == "CREATED"


def test_create_of_what_is_there_is_a_conflict(service: World, customer: Customer) -> None:
    client = customer()
    service.hub(client.cid)
    answer = client.post("/fedml/create?pid=charite", CREATE)
    assert refusal(answer) == (409, f"Customer [{client.cid}] already have SYMETRYML with id[charite]")


def test_create_twice_at_the_same_time_is_a_conflict(service: World, customer: Customer) -> None:
    client = customer()
    assert client.post("/fedml/create?pid=charite", CREATE, headers={"Prefer": "respond-async"}).status_code == 202
    assert client.post("/fedml/create?pid=charite", CREATE).status_code == 409


def test_create_answers_at_once_where_that_is_preferred(service: World, customer: Customer) -> None:
    client = customer()
    answer = client.post("/fedml/create?pid=charite", CREATE, headers={"Prefer": "respond-async, wait=1"})
    assert refusal(answer) == (202, "Job Created")
    job = answer.headers["Location"].rsplit("/", 1)[1]
    assert answer.headers["Location"] == f"{service.url}/symetry/rest/{client.cid}/jobs/{job}"
    assert int(answer.headers["Retry-After"]) > 0
    assert service.store.jobs.get(job) is not None


def test_create_answers_with_a_job_where_it_takes_too_long(service: World, customer: Customer) -> None:
    service.service.sync_timeout = 0.05
    try:
        answer = customer().post("/fedml/create?pid=charite", CREATE)
    finally:
        service.service.sync_timeout = 30.0
    assert refusal(answer) == (202, "Job Created")


def test_create_takes_the_pid_from_its_map_too(service: World, customer: Customer) -> None:
    service.hand.endings["create"] = CREATED
    assert customer().post("/fedml/create", {**CREATE, "pid": "charite"}).status_code == 201
    assert service.hand.told[0].pid == "charite"


def test_create_keeps_persist(service: World, customer: Customer) -> None:
    client = customer()
    client.post("/fedml/create?pid=charite&persist=False", CREATE, headers={"Prefer": "respond-async"})
    row = service.store.workspaces.get(client.cid, "charite")
    assert row is not None and not row.persist


def test_a_failed_create_answers_its_own_error(service: World, customer: Customer) -> None:
    service.hand.endings["create"] = REFUSED
    answer = customer().post("/fedml/create?pid=charite", CREATE)
    assert refusal(answer) == (401, REFUSED.status_string)


def test_create_join(service: World, customer: Customer) -> None:
    service.hand.endings["createJoin"] = JOINED
    answer = customer().post("/fedml/createJoin?pid=node1&persist=true", JOIN)
    assert refusal(answer) == (201, "Fed Project created with join")


def test_create_join_makes_a_pid_up(service: World, customer: Customer) -> None:
    service.hand.endings["createJoin"] = JOINED
    assert customer().post("/fedml/createJoin", JOIN).status_code == 201
    assert service.hand.told[0].pid


def test_create_join_reads_the_older_spelling(service: World, customer: Customer) -> None:
    service.hand.endings["createJoin"] = JOINED
    old = {key.replace("fed_", "group_", 1) if key.startswith("fed_") else key: value for key, value in JOIN.items()}
    assert customer().post("/fedml/createJoin?pid=node1", old).status_code == 201


@pytest.mark.parametrize("name", ["getEncrypted", "getInvitation"])
@pytest.mark.parametrize("key", ["fed_rest_host", "group_rest_host"])
def test_an_invite_for_v1(service: World, customer: Customer, name: str, key: str) -> None:
    client = customer()
    topic = service.hub(client.cid)
    answer = client.post(f"/fedml/charite/{name}", {"passwd": "secret", key: service.url})
    found = said(answer)
    assert answer.status_code == 200
    assert found.values["fedInfoEncrypted"] == found.values["encryptedGroupInfo"]
    assert "passphraseEncrypted" not in found.values
    invite = open_invite(found.values["fedInfoEncrypted"], SecretStr("secret"))
    assert isinstance(invite, InviteV1)
    assert invite.fed_rest_url == f"{service.url}/symetry/rest/{client.cid}/fedml/charite/createPolicies"
    assert (invite.aws_topic_arn, invite.fed_secret_key) == (topic, FED_KEY)


def test_an_invite_for_v1_has_the_keys_that_its_clients_know(service: World, customer: Customer) -> None:
    client = customer()
    service.hub(client.cid)
    answer = client.post("/fedml/charite/getEncrypted", {"passwd": "secret", "fed_rest_host": service.url})
    found = decrypt_invite(said(answer).values["fedInfoEncrypted"], SecretStr("secret"))
    assert set(found) == {
        *("fed_name", "sync_sched", "aws_topic_arn", "aws_topic_region", "fed_req_token", "fed_rest_url"),
        "fed_secret_key",
    }


def test_an_invite_for_v2_has_a_passphrase_that_only_the_customer_can_read(service: World, customer: Customer) -> None:
    client = customer("v2")
    service.hub(client.cid)
    answer = client.post("/fedml/charite/getEncrypted", {"fed_rest_host": service.url, "aws_id": "222222222222"})
    passphrase = client.decrypted(answer, "passphraseEncrypted")
    assert passphrase not in answer.text
    invite = open_invite(said(answer).values["fedInfoEncrypted"], SecretStr(passphrase))
    assert isinstance(invite, Invite) and invite.aws_id == "222222222222"


def test_an_invite_is_in_the_audit(service: World, customer: Customer) -> None:
    client = customer()
    service.hub(client.cid)
    client.post("/fedml/charite/getEncrypted", {"passwd": "secret", "fed_rest_host": service.url})
    entry = service.store.audit.entries(None, 1)[0]
    assert (entry.action, entry.outcome, entry.details["customer"]) == ("invite create", "done", client.cid)


def test_an_equals_sign_is_written_as_gson_writes_it(service: World, customer: Customer) -> None:
    client = customer()
    service.hub(client.cid)
    answer = client.get("/fedml/charite/info")
    assert b"=" not in answer.content


def test_an_invite_of_an_unknown_project(customer: Customer) -> None:
    client = customer()
    answer = client.post("/fedml/nobody/getEncrypted", {"passwd": "secret", "fed_rest_host": "x"})
    assert refusal(answer)[0] == 400
    service_says = client.post("/fedml/nobody/getEncrypted", {"passwd": "s", "fed_rest_host": client.url})
    assert refusal(service_says) == (400, f"Cannot Find SYMETRYML id[nobody] for Customer id [{client.cid}]")


@pytest.mark.parametrize("path", ["/fedml/awsinfo", "/fedml/charite/awsinfo"])
@BOTH
def test_awsinfo_is_always_a_job(service: World, customer: Customer, path: str, version: str) -> None:
    service.hand.endings["awsinfo"] = LOOKED
    client = customer(version)
    service.hub(client.cid)
    answer = client.post(path, AWS_KEYS)
    assert refusal(answer) == (202, "Job Created")
    job = urlsplit(answer.headers["Location"]).path.removeprefix(f"/symetry/rest/{client.cid}")
    polled = client.get(job)
    assert refusal(polled) == (200, "Job is finished")
    assert said(polled).values == {"awsInfoEncrypted": "abc="}


@pytest.mark.parametrize(
    ("verb", "path"), [("POST", "awsinfo"), ("POST", "newSchedule"), ("POST", "getInvitation"), ("GET", "info")]
)
def test_a_project_that_is_not_there(customer: Customer, verb: str, path: str) -> None:
    client = customer()
    given = {"awsinfo": AWS_KEYS, "newSchedule": {"sync_sched": "m5"}}.get(
        path, {"passwd": "s", "fed_rest_host": client.url}
    )
    answer = client.call(verb, f"/fedml/nobody/{path}", given if verb == "POST" else None)
    assert refusal(answer) == (400, f"Cannot Find SYMETRYML id[nobody] for Customer id [{client.cid}]")


@BOTH
def test_info_is_encrypted_for_the_customer(service: World, customer: Customer, version: str) -> None:
    client = customer(version)
    service.hub(client.cid)
    answer = client.get("/fedml/charite/info")
    assert refusal(answer)[0] == 200
    found = json.loads(client.decrypted(answer, "federationInfo"))
    assert set(found) == {
        *("aws_id", "aws_queue_url", "aws_topic_arn", "fed_local_id", "fed_name", "fed_secret_key", "sync_sched"),
        *("fed_type", "local_uuid", "s3_bucket"),
    }
    assert found["fed_secret_key"] == FED_KEY.get_secret_value()


def test_new_schedule(service: World, customer: Customer) -> None:
    service.hand.endings["newSchedule"] = DONE
    client = customer()
    service.hub(client.cid)
    assert client.post("/fedml/charite/newSchedule", {"sync_sched": "h3"}).status_code == 200


def queued(client: Client, pid: str = "charite", **headers: str) -> str:
    answer = client.post(f"/fedml/create?pid={pid}", CREATE, headers={"Prefer": "respond-async", **headers})
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"].rsplit("/", 1)[1]


def test_a_job_that_runs_says_how_far_it_is(service: World, customer: Customer) -> None:
    client = customer()
    job = queued(client)
    service.hand.start(job, Progress(4, 12, "aws:sqs/queue:Queue"))
    answer = client.get(f"/jobs/{job}")
    assert refusal(answer) == (202, "Job still running")
    assert said(answer).values["progress"] == {"done": 4, "of": 12, "current": "aws:sqs/queue:Queue"}
    assert answer.headers["Retry-After"]


def test_a_job_that_waits_is_running_to_its_client(customer: Customer) -> None:
    client = customer()
    assert refusal(client.get(f"/jobs/{queued(client)}")) == (202, "Job still running")


def test_a_failed_job_answers_its_own_error(service: World, customer: Customer) -> None:
    client = customer()
    job = queued(client)
    service.hand.start(job)
    service.hand.end(job, REFUSED)
    assert refusal(client.get(f"/jobs/{job}")) == (401, REFUSED.status_string)


def test_no_such_job(customer: Customer) -> None:
    assert refusal(customer().get("/jobs/" + "0" * 32)) == (400, "No such job")


def test_the_list_of_jobs(customer: Customer) -> None:
    client = customer()
    job = queued(client)
    listed = said(client.get("/jobs")).values["jobs"]
    assert [(each["id"], each["kind"], each["state"]) for each in listed] == [(job, "create", "queued")]


def test_a_list_has_nothing_of_requests(customer: Customer) -> None:
    client = customer()
    queued(client)
    assert "c4n4ry" not in client.get("/jobs").text


def test_a_queued_job_is_cancelled_at_once(customer: Customer) -> None:
    client = customer()
    job = queued(client)
    assert refusal(client.call("DELETE", f"/jobs/{job}")) == (200, "Job was cancelled")
    assert refusal(client.get(f"/jobs/{job}")) == (409, "Job was cancelled")


def test_a_running_job_is_asked_to_stop(service: World, customer: Customer) -> None:
    client = customer()
    job = queued(client)
    service.hand.start(job)
    assert refusal(client.call("DELETE", f"/jobs/{job}"))[0] == 202
    assert service.store.jobs.beat(job, "hand", timedelta(seconds=9)) is True
    service.hand.end(job, CREATED)


def test_a_job_that_has_ended_cannot_be_cancelled(service: World, customer: Customer) -> None:
    client = customer()
    job = queued(client)
    service.hand.start(job)
    service.hand.end(job, CREATED)
    assert refusal(client.call("DELETE", f"/jobs/{job}"))[0] == 409


def test_cancelling_what_is_not_there(customer: Customer) -> None:
    assert refusal(customer().call("DELETE", "/jobs/" + "0" * 32)) == (400, "No such job")


def test_an_idempotency_key_makes_a_repeated_request_the_same_job(customer: Customer) -> None:
    client = customer()
    key = {"Idempotency-Key": "4b1f0c"}
    assert queued(client, **key) == queued(client, **key)


def test_an_idempotency_key_is_of_one_request(customer: Customer) -> None:
    client = customer()
    queued(client, **{"Idempotency-Key": "4b1f0c"})
    answer = client.post(
        "/fedml/create?pid=charite", {**CREATE, "sync_sched": "h1"}, headers={"Idempotency-Key": "4b1f0c"}
    )
    assert refusal(answer)[0] == 400 and "Idempotency-Key" in refusal(answer)[1]


def test_an_idempotency_key_is_of_one_customer(customer: Customer) -> None:
    key = {"Idempotency-Key": "4b1f0c"}
    assert queued(customer(), **key) != queued(customer(), **key)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/symetry/rest/c1/nothing", 404),
        ("GET", "/symetry/rest/c1/fedml/create", 405),
        ("PUT", "/symetry/rest/c1/jobs", 405),
    ],
)
def test_what_is_not_there_is_told_in_the_envelope(service: World, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, service.url + path, trust_env=False)
    assert said(answer).http_status == status == answer.status_code
    assert status != 405 or answer.headers["Allow"]

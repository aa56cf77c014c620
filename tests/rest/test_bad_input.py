"""What is no request: told in full where it is the caller's mistake, in the envelope whatever it is."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Callable

import pytest

from fedml_infra.operations.jobs.submit import MOST_OF_CUSTOMER
from fedml_infra.rest import strings
from fedml_infra.rest.auth import LARGEST_BODY
from fedml_infra.store.service_values import NewJob
from fedml_infra.wire import v1
from tests.rest.world import AWS_KEYS, CREATE, CREATED, JOIN, Client, World, refusal

Customer = Callable[..., Client]
ASYNC = {"Prefer": "respond-async"}
POSTS = ["/fedml/create?pid=charite", "/fedml/createJoin?pid=node1", "/fedml/awsinfo", "/fedml/charite/awsinfo"]
POSTS += ["/fedml/charite/getEncrypted", "/fedml/charite/getInvitation", "/fedml/charite/newSchedule"]


def encrypted(client: Client, text: str) -> bytes:
    return v1.encrypt_text(text, client.key).encode()


@pytest.fixture
def client(service: World, customer: Customer) -> Client:
    made = customer()
    service.hub(made.cid, "other")
    service.hub(made.cid)
    return made


@pytest.mark.parametrize("path", POSTS)
def test_no_body(client: Client, path: str) -> None:
    assert refusal(client.post(path, b"")) == (400, strings.NO_BODY)


@pytest.mark.parametrize(
    "body", [b"%%%", b"abc", b"\xff\xfe\x00", base64.b64encode(b"x" * 15), base64.b64encode(b"x" * 32), b"fedml2.abcd"]
)
def test_what_is_not_encrypted(client: Client, body: bytes) -> None:
    answer = refusal(client.post("/fedml/awsinfo", body))
    assert answer[0] == 400 and "cannot be read" in answer[1]


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"map"', "{", '{"a": "1", "a": "2"}', "NaN", '{"a": NaN}', "[" * 100_000, '{"a":"\\ud800"}'],
)
@pytest.mark.parametrize("path", ["/fedml/create?pid=x", "/fedml/awsinfo"])
def test_what_is_no_map(client: Client, path: str, text: str) -> None:
    answer = refusal(client.post(path, encrypted(client, text)))
    assert answer[0] == 400 and "cannot be read" in answer[1]


def test_a_wrong_key(service: World, client: Client, customer: Customer) -> None:
    body = encrypted(customer(), '{"aws_access_key": "a", "aws_secret_key": "b"}')
    assert refusal(client.post("/fedml/awsinfo", body))[0] == 400


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/fedml/create?pid=x", {"fed_name", "aws_region", "s3_bucket", "sync_sched", *AWS_KEYS}),
        ("/fedml/create", {"pid", "fed_name", "aws_region", "s3_bucket", "sync_sched"}),
        (
            "/fedml/createJoin",
            {"fed_name", "aws_region", "s3_bucket", "sync_sched", *AWS_KEYS, "aws_id", "aws_topic_arn"}
            | {"aws_topic_region", "fed_req_token", "fed_secret_key", "fed_rest_url"},
        ),
        ("/fedml/awsinfo", set(AWS_KEYS)),
        ("/fedml/charite/getEncrypted", {"passwd", "fed_rest_host"}),
        ("/fedml/charite/newSchedule", {"sync_sched"}),
    ],
)
def test_missing_keys_are_all_named_at_once(client: Client, path: str, missing: set[str]) -> None:
    status, told = refusal(client.post(path, {}))
    assert status == 400
    assert {each for each in missing if f"{each}: is missing" in told} == missing


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("value", ["1", "null", "true", "[]", "{}", "1e999"])
def test_wrong_types(client: Client, path: str, value: str) -> None:
    text = "{" + ",".join(f'"{key}": {value}' for key in {**CREATE, **JOIN, "passwd": "", "fed_rest_host": ""}) + "}"
    assert refusal(client.post(path, encrypted(client, text)))[0] == 400


@pytest.mark.parametrize("path", ["/fedml/create?pid=x", "/fedml/charite/newSchedule", "/fedml/charite/getEncrypted"])
def test_an_unknown_key_of_v2_is_refused_by_name(service: World, customer: Customer, path: str) -> None:
    client = customer("v2")
    service.hub(client.cid)
    given = {"sync_sched": "m5"} if "newSchedule" in path else {"fed_rest_host": client.url}
    status, told = refusal(client.post(path, {**(CREATE if "create" in path else given), "fed_nmae": "x"}))
    assert status == 400 and "fed_nmae: is no key of this call" in told


def test_an_unknown_key_of_v1_is_ignored_and_told_in_the_log(
    service: World, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    service.hand.endings["create"] = CREATED
    with caplog.at_level(logging.INFO):
        assert client.post("/fedml/create?pid=x", {**CREATE, "fed_nmae": "c4n4ry"}).status_code == 201
        given = {"passwd": "secret", "fed_rest_host": client.url, "fed_mode": "c4n4ry"}
        assert client.post("/fedml/charite/getEncrypted", given).status_code == 200
    assert "fed_nmae" in caplog.text and "fed_mode" in caplog.text and "c4n4ry" not in caplog.text


def test_a_v2_customer_brings_no_passphrase(service: World, customer: Customer) -> None:
    client = customer("v2")
    service.hub(client.cid)
    status, told = refusal(client.post("/fedml/charite/getEncrypted", {"passwd": "x", "fed_rest_host": client.url}))
    assert status == 400 and "passwd: is not taken" in told


def test_a_v1_passphrase_is_16_bytes_at_most(client: Client) -> None:
    given = {"passwd": "x" * 17, "fed_rest_host": client.url}
    status, told = refusal(client.post("/fedml/charite/getEncrypted", given))
    assert status == 400 and "16 bytes" in told and "xxx" not in told


@pytest.mark.parametrize(
    "host", ["https://evil.example.org", "http://[", "x", "https://user@fed.example.org", "", "ftp://127.0.0.1"]
)
def test_an_invite_leads_to_this_server_and_no_other(client: Client, host: str) -> None:
    status, told = refusal(client.post("/fedml/charite/getEncrypted", {"passwd": "x", "fed_rest_host": host}))
    assert status == 400 and "fed_rest_host" in told


@pytest.mark.parametrize("key", ["rights", "aws_id"])
def test_what_an_invite_may_not_say(client: Client, key: str) -> None:
    given = {"passwd": "x", "fed_rest_host": client.url, key: "nonsense"}
    status, told = refusal(client.post("/fedml/charite/getEncrypted", given))
    assert status == 400 and f"{key}: " in told


@pytest.mark.parametrize("persist", ["yes", "1", "tru", "null"])
def test_persist_is_true_or_false(client: Client, persist: str) -> None:
    assert refusal(client.post(f"/fedml/create?pid=x&persist={persist}", CREATE))[0] == 400


@pytest.mark.parametrize("pid", ["a%20b", "..", "x" * 200, "%00", "a/b", "ä"])
def test_a_pid_that_is_none(client: Client, pid: str) -> None:
    assert refusal(client.post(f"/fedml/create?pid={pid}", CREATE))[0] in {400, 401}


@pytest.mark.parametrize("key", ["", "x" * 257])
def test_an_idempotency_key_that_is_none(client: Client, key: str) -> None:
    answer = client.post("/fedml/create?pid=x", CREATE, headers={"Idempotency-Key": key, **ASYNC})
    assert refusal(answer)[0] == 400


def sent(service: World, head: str, body: bytes = b"") -> bytes:
    """The answer to raw bytes."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
    return found


def test_what_says_that_it_is_too_large_is_refused_before_it_is_read(service: World) -> None:
    """Not one byte of the body is sent here."""
    head = f"POST /symetry/rest/c1/fedml/create HTTP/1.1\nHost: x\nContent-Length: {LARGEST_BODY + 1}\n\n"
    answer = sent(service, head)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"statusString":"A request has 262144 bytes at most."' in answer


def test_what_does_not_say_how_large_it_is_is_read_no_further_than_that(service: World) -> None:
    head = "POST /symetry/rest/c1/fedml/create HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n"
    chunk = b"%x\r\n" % (LARGEST_BODY + 1) + b"x" * (LARGEST_BODY + 1) + b"\r\n"
    assert sent(service, head, chunk).startswith(b"HTTP/1.1 413")


def test_the_largest_body_is_read(client: Client) -> None:
    assert refusal(client.post("/fedml/awsinfo", b"x" * LARGEST_BODY))[0] == 400


def test_too_many_jobs_of_a_customer_are_told_to_come_later(service: World, client: Client) -> None:
    for number in range(MOST_OF_CUSTOMER):
        service.store.jobs.submit(NewJob(client.cid, "awsinfo", str(number)))
    answer = client.post("/fedml/awsinfo", AWS_KEYS)
    assert refusal(answer)[0] == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_stack_file_that_is_none_is_the_services_trouble(service: World, client: Client) -> None:
    row = service.store.workspaces.get(client.cid, "charite")
    assert row is not None
    service.store.workspaces.write(client.cid, "charite", row.version, "no: [stack file")
    answer = client.get("/fedml/charite/info")
    assert refusal(answer)[0] == 503 and "stack file" not in answer.text


def test_a_secret_that_cannot_be_opened_is_the_services_trouble(service: World, client: Client) -> None:
    service.store.customers.change(client.cid, key=b"\x01garbage")
    answer = client.get("/jobs")
    assert refusal(answer)[0] == 503
    assert "sealed" not in answer.text

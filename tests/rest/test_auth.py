"""Who is served: the signature, the clock, once each, and what a customer has turned on."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from fedml_infra.rest import strings
from fedml_infra.rest.service import PREFIX
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import content_md5, sym_date
from tests.rest.world import AWS_KEYS, CREATE, Client, World, refusal, said

Customer = Callable[..., Client]
BOTH = pytest.mark.parametrize("version", ["v1", "v2"])


def now() -> datetime:
    return datetime.now(UTC)


def raw(client: Client, verb: str, path: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
    """A request as it is."""
    address = f"{client.url}{PREFIX}/{client.cid}{path}"
    return httpx.request(verb, address, headers=headers, content=body, trust_env=False)


def signed(client: Client, verb: str, path: str, body: bytes = b"", at: datetime | None = None) -> dict[str, str]:
    whole, _, query = f"{PREFIX}/{client.cid}{path}".partition("?")
    return client.headers(verb, whole, query, body, at or now())


def test_without_a_signature(customer: Customer) -> None:
    answer = raw(customer(), "GET", "/jobs", {})
    assert refusal(answer) == (400, "Authentication header is null")


def test_without_a_date(customer: Customer) -> None:
    client = customer()
    headers = {key: value for key, value in signed(client, "GET", "/jobs").items() if key != "sym-date"}
    assert refusal(raw(client, "GET", "/jobs", headers)) == (400, "sym-date header is null")


@pytest.mark.parametrize("date", ["", "yesterday", "2026-01-31T12:00:00Z", "2026-13-31 12:00:00;0", "é"])
def test_a_date_that_is_none(customer: Customer, date: str) -> None:
    client = customer()
    headers = {**signed(client, "GET", "/jobs"), "sym-date": date}
    answer = httpx.request(
        "GET",
        f"{client.url}{PREFIX}/{client.cid}/jobs",
        headers=[(key.encode(), value.encode()) for key, value in headers.items()],
        trust_env=False,
    )
    assert refusal(answer) == (400, "Invalid Date Format")


@pytest.mark.parametrize("off", [timedelta(minutes=-5, seconds=-5), timedelta(minutes=1, seconds=30)])
def test_a_clock_that_is_wrong(customer: Customer, off: timedelta) -> None:
    answer = customer().get("/jobs", at=now() + off)
    assert refusal(answer) == (400, "Please update your server time...")


@pytest.mark.parametrize("off", [timedelta(minutes=-4, seconds=-30), timedelta(seconds=30)])
def test_a_clock_that_is_right_enough(customer: Customer, off: timedelta) -> None:
    assert customer().get("/jobs", at=now() + off).status_code == 200


def test_a_sum_of_another_body(customer: Customer) -> None:
    client = customer()
    headers = {**signed(client, "POST", "/fedml/awsinfo", b"body"), "Content-MD5": content_md5(b"other")}
    assert refusal(raw(client, "POST", "/fedml/awsinfo", headers, b"body")) == (400, "Md5 do not match")


@BOTH
def test_an_unknown_customer(customer: Customer, version: str) -> None:
    client = replace(customer(version), cid="nobody")
    assert refusal(client.get("/jobs")) == (401, "Invalid User")


@pytest.mark.parametrize("cid", ["a%20b", "..%2fc1", "x" * 65, "%00", "c1%0a"])
def test_what_is_no_customer_at_all(customer: Customer, cid: str) -> None:
    answer = customer().get("/jobs", cid=cid)
    assert refusal(answer) in {(401, "Invalid User"), (404, strings.NOT_FOUND)}


def test_a_disabled_customer_is_an_unknown_one(service: World, customer: Customer) -> None:
    client = customer()
    service.store.customers.disable(client.cid)
    assert refusal(client.get("/jobs")) == (401, "Invalid User")
    service.store.customers.disable(client.cid, disabled=False)
    assert client.get("/jobs").status_code == 200


def test_a_wrong_key_is_told_what_was_signed_without_the_key(customer: Customer) -> None:
    client = customer()
    other = replace(client, key=CustomerKey.parse(base64.b64encode(bytes(16)).decode()))
    answer = other.get("/jobs")
    assert refusal(answer) == (401, "Invalid Signature")
    told = said(answer).values["stringToSign"]
    assert "SECRETKEY" in told and client.key.text.get_secret_value() not in answer.text.replace("\\u003d", "=")


@pytest.mark.parametrize("what", ["verb", "path", "query", "body", "date"])
def test_each_part_of_a_request_is_signed(customer: Customer, what: str) -> None:
    """Whatever is changed on the way, the signature is wrong."""
    client = customer()
    body = b"aGFsbG8="
    headers = signed(client, "POST", "/fedml/awsinfo?a=1", body)
    verb, path = "POST", "/fedml/awsinfo?a=1"
    if what == "verb":
        verb, path = "DELETE", "/jobs/1"
    elif what == "path":
        path = "/fedml/create?a=1"
    elif what == "query":
        path = "/fedml/awsinfo?a=2"
    elif what == "body":
        body = b"aGFsbG9="
        headers["Content-MD5"] = content_md5(body)
    else:
        headers["sym-date"] = sym_date(now() + timedelta(seconds=1))
    assert refusal(raw(client, verb, path, headers, body)) == (401, "Invalid Signature")


def test_path_and_query_are_signed_as_they_are_written(customer: Customer) -> None:
    assert customer().get("/jobs?a=%2F&b=%20+x").status_code == 200


@BOTH
def test_a_request_that_comes_again_is_refused(customer: Customer, version: str) -> None:
    client = customer(version)
    headers = signed(client, "GET", "/jobs")
    assert raw(client, "GET", "/jobs", headers).status_code == 200
    assert refusal(raw(client, "GET", "/jobs", headers)) == (401, strings.REPEATED)


@pytest.mark.parametrize("written", ["gson", "spaces"])
def test_a_request_that_comes_again_written_otherwise_is_refused(customer: Customer, written: str) -> None:
    client = customer()
    headers = signed(client, "GET", "/jobs")
    assert raw(client, "GET", "/jobs", headers).status_code == 200
    mac = headers["Authorization"]
    headers["Authorization"] = mac.replace("=", "\\u003d") if written == "gson" else f"{mac[:5]} {mac[5:]}"
    assert refusal(raw(client, "GET", "/jobs", headers)) == (401, strings.REPEATED)


def test_who_is_refused_uses_nothing_up(customer: Customer) -> None:
    client = customer()
    headers = signed(client, "GET", "/jobs")
    assert raw(client, "GET", "/jobs?x=1", headers).status_code == 401
    assert raw(client, "GET", "/jobs", headers).status_code == 200


def test_a_v2_body_is_of_its_own_request_alone(customer: Customer) -> None:
    """A body that was meant for another call is none here, though it is signed anew."""
    client = customer("v2")
    at = now()
    body = client.encrypted(CREATE, "POST", f"{PREFIX}/{client.cid}/fedml/create", at)
    assert "cannot be read" in refusal(client.post("/fedml/awsinfo", body, at=at))[1]
    assert "cannot be read" in refusal(client.post("/fedml/create", body, at=at + timedelta(seconds=1)))[1]


def test_a_v1_customer_has_no_v2_and_the_other_way_round(customer: Customer) -> None:
    v1, v2 = customer("v1"), customer("v2")
    assert refusal(replace(v2, version="v1", key=v1.key, cid=v2.cid).post("/fedml/awsinfo", AWS_KEYS))[0] == 401
    blob = v1.encrypted(AWS_KEYS, "POST", "", now())
    assert refusal(v2.post("/fedml/awsinfo", blob))[0] == 400
    blob = v2.encrypted(AWS_KEYS, "POST", f"{PREFIX}/{v1.cid}/fedml/awsinfo", now())
    assert refusal(v1.post("/fedml/awsinfo", blob))[0] == 400


@BOTH
def test_an_unsigned_request_is_served_where_that_is_turned_on_and_told_in_the_log(
    customer: Customer, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = customer(version, unsigned=True)
    with caplog.at_level(logging.WARNING):
        assert client.post("/fedml/awsinfo", AWS_KEYS).status_code == 202
    assert any(f"customer {client.cid}: unsigned" in record.getMessage() for record in caplog.records)


def test_an_unsigned_customer_may_sign(customer: Customer) -> None:
    client = replace(customer(unsigned=True), signs=True)
    assert client.get("/jobs").status_code == 200


def test_an_unsigned_customer_that_signs_wrongly_is_refused(customer: Customer) -> None:
    client = replace(customer(unsigned=True), signs=True)
    headers = {**signed(client, "GET", "/jobs"), "Authorization": "AAAA"}
    assert refusal(raw(client, "GET", "/jobs", headers)) == (401, "Invalid Signature")


def test_an_unsigned_customer_reads_its_jobs_by_their_ids(customer: Customer) -> None:
    client = customer(unsigned=True)
    job = client.post("/fedml/awsinfo", AWS_KEYS).headers["Location"].rsplit("/", 1)[1]
    assert client.get(f"/jobs/{job}").status_code == 202


@pytest.mark.parametrize(("verb", "path"), [("GET", "/jobs"), ("DELETE", "/jobs/" + "0" * 32)])
def test_what_nothing_shows_to_be_the_customers_needs_a_signature(customer: Customer, verb: str, path: str) -> None:
    client = customer(unsigned=True)
    assert refusal(client.call(verb, path)) == (400, "Authentication header is null")


def test_an_unsigned_v2_body_is_good_once(customer: Customer) -> None:
    client = customer("v2", unsigned=True)
    at = now()
    body = client.encrypted(AWS_KEYS, "POST", f"{PREFIX}/{client.cid}/fedml/awsinfo", at)
    assert client.post("/fedml/awsinfo", body, at=at).status_code == 202
    assert refusal(client.post("/fedml/awsinfo", body + b"\n", at=at)) == (401, strings.REPEATED)


def test_an_unsigned_v2_body_is_not_good_for_long(customer: Customer) -> None:
    client = customer("v2", unsigned=True)
    answer = client.post("/fedml/awsinfo", AWS_KEYS, at=now() - timedelta(minutes=6))
    assert refusal(answer) == (400, "Please update your server time...")


def test_an_unsigned_customer_needs_its_key(customer: Customer) -> None:
    client = customer(unsigned=True)
    other = replace(client, key=customer().key)
    assert refusal(other.post("/fedml/awsinfo", AWS_KEYS))[0] == 400


def test_a_key_that_was_rotated_is_worth_nothing(service: World, customer: Customer) -> None:
    from fedml_infra.operations.customers import rotate_key

    client = customer()
    fresh = rotate_key(service.store, service.sealer, client.cid).key
    assert refusal(client.get("/jobs")) == (401, "Invalid Signature")
    assert replace(client, key=fresh).get("/jobs").status_code == 200

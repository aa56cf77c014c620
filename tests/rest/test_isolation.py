"""No customer reaches what is another's: every endpoint, with every other's key, pid, job id and token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest

from fedml_infra.rest.app import create_app
from fedml_infra.rest.service import PREFIX
from fedml_infra.store.service_values import NewJob
from fedml_infra.wire.v2.create_policies import Asked
from tests.rest.doors import hand_in, token_of
from tests.rest.world import AWS_KEYS, CREATE, JOIN, Client, World, refusal, said

CIDS = ("alpha", "beta", "gamma", "delta")
PAIRS = list(permutations(CIDS, 2))
ENDPOINTS = {
    ("POST", "/fedml/create"): CREATE,
    ("POST", "/fedml/createJoin"): JOIN,
    ("POST", "/fedml/awsinfo"): AWS_KEYS,
    ("POST", "/fedml/{pid}/awsinfo"): AWS_KEYS,
    ("POST", "/fedml/{pid}/getEncrypted"): None,
    ("POST", "/fedml/{pid}/getInvitation"): None,
    ("POST", "/fedml/{pid}/newSchedule"): {"sync_sched": "m5"},
    ("GET", "/fedml/{pid}/info"): None,
    ("GET", "/jobs"): None,
    ("GET", "/jobs/{job_id}"): None,
    ("GET", "/jobs/{job_id}/events"): None,
    ("DELETE", "/jobs/{job_id}"): None,
}
"""Each endpoint of customers, with a map that its owner may send."""
OF_PROJECT = [each for each in ENDPOINTS if "{pid}" in each[1]]
OF_JOB = [each for each in ENDPOINTS if "{job_id}" in each[1]]


@pytest.fixture(scope="module")
def world(served: World) -> Iterator[World]:
    """Four customers, of each kind, each with a hub `<cid>-hub` and a job."""
    for number, cid in enumerate(CIDS):
        served.add(cid, "v1" if number % 2 == 0 else "v2", unsigned=number == 2)
        served.hub(cid, f"{cid}-hub")
        served.store.jobs.submit(NewJob(cid, "awsinfo", id=job_of(cid)))
    yield served


def job_of(cid: str) -> str:
    return cid.encode().hex().ljust(32, "0")


def given(client: Client, endpoint: tuple[str, str]) -> dict[str, str] | None:
    if endpoint[1].endswith(("getEncrypted", "getInvitation")):
        made = {"fed_rest_host": client.url}
        return made if client.version == "v2" else {**made, "passwd": "secret"}
    found = ENDPOINTS[endpoint]
    return dict(found) if found is not None else None


def test_the_matrix_has_every_endpoint(world: World) -> None:
    """One that is added is looked at here, or this fails."""
    found = {
        (method.upper(), path.removeprefix(PREFIX + "/{cid}"))
        for path, operations in create_app(world.service).openapi()["paths"].items()
        for method in operations
        if path.startswith(PREFIX)
    }
    assert found == {*ENDPOINTS, ("POST", "/fedml/{pid}/createPolicies")}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=" ".join)
def test_anothers_key_opens_no_address(world: World, endpoint: tuple[str, str]) -> None:
    """Signed and encrypted by one, sent to the address of another, for each two of them."""
    for mine, theirs in PAIRS:
        client = replace(world.clients[mine], signs=True)
        path = endpoint[1].format(pid=f"{theirs}-hub", job_id=job_of(theirs))
        answer = client.call(endpoint[0], path, given(client, endpoint), cid=theirs)
        assert refusal(answer) == (401, "Invalid Signature"), (mine, theirs)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=" ".join)
def test_a_request_of_ones_own_is_none_at_anothers_address(world: World, endpoint: tuple[str, str]) -> None:
    """Signed rightly by one for itself, and sent on to another's address."""
    for mine, theirs in PAIRS:
        client = replace(world.clients[mine], cid=theirs, signs=True)
        path = endpoint[1].format(pid=f"{mine}-hub", job_id=job_of(mine))
        assert refusal(client.call(endpoint[0], path, given(client, endpoint)))[0] == 401, (mine, theirs)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=" ".join)
def test_who_need_not_sign_opens_nothing_with_anothers_body(world: World, endpoint: tuple[str, str]) -> None:
    """`gamma` takes unsigned requests: what is encrypted with another's key is none of its."""
    if given(world.clients["alpha"], endpoint) is None:
        return
    for mine in set(CIDS) - {"gamma"}:
        client = replace(world.clients[mine], signs=False)
        path = endpoint[1].format(pid="gamma-hub", job_id=job_of("gamma"))
        answer = client.call(endpoint[0], path, given(client, endpoint), cid="gamma")
        assert refusal(answer)[0] == 400 and "cannot be read" in answer.text, mine


@pytest.mark.parametrize("endpoint", OF_PROJECT, ids=" ".join)
def test_anothers_project_is_none(world: World, endpoint: tuple[str, str]) -> None:
    """Nor does the answer tell that there is one: it is the same as for a name that nobody has."""
    for mine, theirs in PAIRS:
        client = replace(world.clients[mine], signs=True)
        told = []
        for pid in (f"{theirs}-hub", "nobodys-hub"):
            answer = client.call(endpoint[0], endpoint[1].format(pid=pid), given(client, endpoint))
            told.append((refusal(answer)[0], answer.text.replace(pid, "PID")))
        assert told[0] == told[1] and told[0][0] == 400, (mine, theirs)


@pytest.mark.parametrize("endpoint", OF_JOB, ids=" ".join)
def test_anothers_job_is_none(world: World, endpoint: tuple[str, str]) -> None:
    for mine, theirs in PAIRS:
        client = replace(world.clients[mine], signs=True)
        answer = client.call(endpoint[0], endpoint[1].format(job_id=job_of(theirs)))
        assert refusal(answer) == (400, "No such job"), (mine, theirs)


def test_nobodys_job_was_cancelled(world: World) -> None:
    for cid in CIDS:
        job = world.store.jobs.get(job_of(cid))
        assert job is not None and not job.cancel_requested and not job.state.ended


def test_a_list_has_ones_own_jobs_alone(world: World) -> None:
    for cid in CIDS:
        listed = said(replace(world.clients[cid], signs=True).get("/jobs")).values["jobs"]
        assert [each["id"] for each in listed] == [job_of(cid)]


def test_the_same_pid_is_of_each_customer_apart(world: World) -> None:
    for cid in CIDS:
        client = replace(world.clients[cid], signs=True)
        answer = client.post("/fedml/create?pid=alpha-hub", CREATE, headers={"Prefer": "respond-async"})
        assert answer.status_code == (409 if cid == "alpha" else 202), cid
        if cid != "alpha":
            world.store.jobs.cancel(answer.headers["Location"].rsplit("/", 1)[1])
            world.store.workspaces.remove(cid, "alpha-hub")


def test_a_token_is_of_its_own_federation_alone(world: World) -> None:
    """At the address of another federation's hub it is as good as none."""
    world.add("epsilon")
    world.hub("epsilon", "epsilon-hub")
    token = token_of(world, "alpha", "alpha-hub")
    asked = Asked(token, "222222222222", "insel", None)
    assert hand_in(world, "alpha", "alpha-hub", asked).status_code == 401
    there = hand_in(world, "epsilon", "epsilon-hub", asked)
    nowhere = hand_in(world, "alpha", "nobodys-hub", asked)
    assert refusal(there) == refusal(nowhere) == (401, "This invite is not known here.")
    assert "challenge" not in said(there).values

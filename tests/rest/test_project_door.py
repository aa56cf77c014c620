"""createPolicies of a customer's project: what each step costs, what is told to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from fedml_infra.rest.limits import RateLimit
from fedml_infra.store.service_values import Ending, Job, JobState
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.create_policies import Asked, Granted
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tests.rest.doors import hand_in, proof_of, proved, token_of
from tests.rest.world import INSEL, USZ, Client, World, publish, refusal, said

Customer = Callable[..., Client]
KEY = member_public_key(new_member_key())
FAILED = Ending(JobState.FAILED, 502, "The run failed")
DONE = Ending(JobState.FINISHED, 200, "Job is finished")


class Hub:
    """A customer's hub."""

    def __init__(self, world: World, cid: str) -> None:
        self.world, self.cid = world, cid

    def asks(self, account: str = INSEL, pid: str = "insel", token: SecretStr | None = None) -> Asked:
        return Asked(token or token_of(self.world, self.cid, "charite"), account, pid, KEY)

    def hand_in(self, asked: Asked | bytes) -> httpx.Response:
        return hand_in(self.world, self.cid, "charite", asked)

    def proved(self, asked: Asked, **more: str) -> httpx.Response:
        return proved(self.world, self.cid, "charite", asked, **more)

    @property
    def admissions(self) -> list[Job]:
        return [job for job in self.world.store.jobs.list(self.cid) if job.kind == "admit"]

    def publish(self, **accounts: str) -> None:
        members = {account.removeprefix("a"): (pid, KEY) for account, pid in accounts.items()}
        publish(self.world.store, self.cid, "charite", members)


@pytest.fixture
def hub(service: World, customer: Customer) -> Hub:
    client = customer()
    service.hub(client.cid)
    service.cloud.sts_calls = 0
    return Hub(service, client.cid)


def test_first_comes_a_challenge_and_nothing_is_used_up(hub: Hub) -> None:
    asked = hub.asks()
    answer = hub.hand_in(asked)
    assert refusal(answer) == (401, "Prove the account.")
    assert said(answer).values["challenge"]
    row = hub.world.store.tokens.by_digest(digest(asked.token))
    assert row is not None and row.used_at is None
    assert (hub.world.cloud.sts_calls, hub.admissions) == (0, [])


def test_who_has_proved_its_account_waits_for_the_hub_after_one_call_of_sts(hub: Hub) -> None:
    answer = hub.proved(hub.asks())
    assert refusal(answer)[0] == 202
    assert int(answer.headers["Retry-After"]) > 0
    assert hub.world.cloud.sts_calls == 1
    assert [job.state for job in hub.admissions] == [JobState.QUEUED]


def test_the_dispatcher_is_told_of_the_job(hub: Hub) -> None:
    hub.proved(hub.asks())
    assert [job.kind for job in hub.world.hand.told] == ["admit"]


def test_once_the_hub_is_up_it_gets_what_it_was_granted_as_often_as_it_asks(hub: Hub) -> None:
    asked = hub.asks()
    hub.proved(asked)
    hub.publish(a222222222222="insel")
    for _ in range(2):
        answer = hub.proved(asked)
        assert answer.status_code == 200
        granted = Granted.from_map(said(answer).values)
        assert (granted.aws_id, granted.pid, len(granted.rights)) == (INSEL, "insel", 2)
    assert len(hub.admissions) == 1


def test_joins_that_wait_at_the_same_time_share_one_job(hub: Hub) -> None:
    for number in range(4):
        account = f"{number + 2}" * 12
        assert hub.proved(hub.asks(account, f"n{number}")).status_code == 202
    assert len(hub.admissions) == 1


def test_who_comes_while_a_run_is_under_way_has_the_next(hub: Hub) -> None:
    hub.proved(hub.asks())
    hub.world.hand.start(hub.admissions[0].id)
    other = hub.asks(USZ, "usz")
    hub.proved(other)
    hub.proved(other)
    assert sorted(job.state for job in hub.admissions) == [JobState.QUEUED, JobState.RUNNING]


def test_who_asks_again_while_its_run_is_under_way_begins_no_other(hub: Hub) -> None:
    asked = hub.asks()
    hub.proved(asked)
    hub.world.hand.start(hub.admissions[0].id)
    assert hub.proved(asked).status_code == 202
    assert len(hub.admissions) == 1


def test_a_hub_that_does_not_come_up_is_told_and_not_run_again_at_once(hub: Hub) -> None:
    asked = hub.asks()
    hub.proved(asked)
    job = hub.admissions[0].id
    hub.world.hand.start(job)
    hub.world.hand.end(job, FAILED)
    answer = hub.proved(asked)
    assert refusal(answer)[0] == 503 and "administrator" in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert len(hub.admissions) == 1


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    found = said(answer)
    return found.http_status, found.values["refused"], found.values["reason"]


def test_an_unknown_and_a_revoked_token_are_answered_alike(hub: Hub) -> None:
    token = token_of(hub.world, hub.cid, "charite")
    hub.world.store.tokens.revoke(token_id(digest(token)), "somebody")
    revoked, unknown = hub.hand_in(hub.asks(token=token)), hub.hand_in(hub.asks(token=new_token()))
    assert revoked.content == unknown.content
    assert refused(unknown) == (401, "token", "unknown")


def test_a_token_that_another_account_used_says_so_to_who_holds_it(hub: Hub) -> None:
    token = token_of(hub.world, hub.cid, "charite")
    hub.proved(hub.asks(token=token))
    assert refused(hub.hand_in(hub.asks(USZ, "usz", token))) == (401, "token", "used")


def test_without_a_good_token_aws_is_not_asked(hub: Hub) -> None:
    asked = hub.asks()
    proof = proof_of(hub.world, hub.cid, "charite", asked).to_map()
    hub.hand_in(Asked(new_token(), INSEL, "insel", KEY, proof))
    assert (hub.world.cloud.sts_calls, hub.admissions) == (0, [])


def test_a_proof_is_good_once(hub: Hub) -> None:
    asked = hub.asks()
    proof = proof_of(hub.world, hub.cid, "charite", asked).to_map()
    whole = Asked(asked.token, asked.aws_id, asked.pid, asked.public_key, proof)
    assert hub.hand_in(whole).status_code == 202
    assert refused(hub.hand_in(whole)) == (401, "proof", "repeated")


def test_another_accounts_proof_uses_nothing_up(hub: Hub) -> None:
    asked = hub.asks()
    assert refused(hub.proved(asked, signer=USZ))[:2] == (401, "proof")
    row = hub.world.store.tokens.by_digest(digest(asked.token))
    assert row is not None and row.used_at is None and hub.admissions == []


@pytest.mark.parametrize("change", ["aws_id", "pid", "public_key", "token"])
def test_a_proof_is_of_what_was_asked_with_it(hub: Hub, change: str) -> None:
    asked = hub.asks()
    proof = proof_of(hub.world, hub.cid, "charite", asked).to_map()
    said = {"token": asked.token, "aws_id": asked.aws_id, "pid": asked.pid, "public_key": KEY, "proof": proof}
    other = {
        "aws_id": USZ,
        "pid": "usz",
        "public_key": member_public_key(new_member_key()),
        "token": token_of(hub.world, hub.cid, "charite"),
    }
    answer = hub.hand_in(Asked(**{**said, change: other[change]}))  # type: ignore[arg-type]
    assert refused(answer) == (401, "proof", "challenge")
    assert hub.world.cloud.sts_calls == 0


def test_a_challenge_is_for_the_servers_own_address_whatever_the_host_says(hub: Hub) -> None:
    """One that was asked for under another name is good under its own."""
    assert hub.proved(hub.asks(), host="evil.example.org").status_code == 202


def test_a_node_that_another_organisation_has(hub: Hub) -> None:
    hub.proved(hub.asks())
    assert refused(hub.hand_in(hub.asks(USZ, "insel"))) == (409, "request", "pid")
    assert refused(hub.hand_in(hub.asks(USZ, "charite"))) == (409, "request", "pid")


def test_the_same_account_comes_as_the_same_node(hub: Hub) -> None:
    token = token_of(hub.world, hub.cid, "charite")
    hub.proved(hub.asks(token=token))
    assert refused(hub.hand_in(hub.asks(INSEL, "other", token))) == (409, "request", "impossible")


def test_a_joiners_project_is_no_hub(hub: Hub) -> None:
    from fedml_infra.store.service_values import NewWorkspace

    asked = hub.asks()
    hub.world.store.workspaces.add(NewWorkspace(hub.cid, "node1", "cardio", False, True, b"", topic_arn="x"))
    assert refused(hand_in(hub.world, hub.cid, "node1", asked)) == (401, "token", "unknown")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"aws_id": 1}', b"\xff", b'{"fed_req_token": "c4n4ry"}'])
def test_what_is_no_request(hub: Hub, body: bytes) -> None:
    answer = hub.hand_in(body)
    assert refused(answer) == (400, "request", "garbage")
    assert "c4n4ry" not in answer.text


def test_what_is_too_large(hub: Hub) -> None:
    assert refusal(hub.hand_in(b"x" * 40_000))[0] == 413


def test_an_admission_is_in_the_audit_once(hub: Hub) -> None:
    asked = hub.asks()
    hub.proved(asked)
    hub.proved(asked)
    entries = [each for each in hub.world.store.audit.entries(None, 100) if each.details.get("account") == INSEL]
    mine = [each for each in entries if each.details["invite"] == token_id(digest(asked.token))]
    assert [(each.action, each.outcome) for each in mine] == [("admit", "done")]


@pytest.mark.parametrize("which", ["per_address", "per_token"])
def test_too_many_requests_are_told_to_come_later(hub: Hub, which: str) -> None:
    before = getattr(hub.world.service, which)
    asked = hub.asks()
    setattr(hub.world.service, which, RateLimit(0.5, 2))
    try:
        answers = [hub.hand_in(asked) for _ in range(3)]
        other = hub.hand_in(Asked(new_token(), INSEL, "insel", KEY))
    finally:
        setattr(hub.world.service, which, before)
    assert [each.status_code for each in answers] == [401, 401, 429]
    assert answers[2].headers["Retry-After"] == "2"
    # Another token is counted for itself, another request of the same address is not.
    assert other.status_code == (429 if which == "per_address" else 401)


def test_a_bucket_fills_up_again() -> None:
    at = [0.0]
    limit = RateLimit(2.0, 2, clock=lambda: at[0])
    assert [limit.wait("a") for _ in range(3)] == [None, None, 1]
    at[0] += timedelta(seconds=0.5).total_seconds()
    assert [limit.wait("a"), limit.wait("a"), limit.wait("b")] == [None, 1, None]

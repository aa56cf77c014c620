"""The admin's door: what it takes to be let in, what each refusal tells, and what each step costs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import (
    ConfigurationError,
    FedmlError,
    ProofRefusedError,
    ResourceError,
    TimedOutError,
    TokenRefusedError,
)
from fedml_infra.model.rights import PUBLISH_ONLY
from fedml_infra.model.stack import Member, StackConfig
from fedml_infra.model.validation import HUB_KEY
from fedml_infra.operations.hub_change import apply_hub_change
from fedml_infra.operations.hub_runs import HubRuns, Standing
from fedml_infra.operations.members import remove_member
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_member_key
from fedml_infra.wire.v2.proof import CHALLENGE_SECONDS
from fedml_infra.wire.v2.roster import read_roster
from tests.operations.federations import ENTRY, KEY, TOPIC
from tests.operations.joins import INSEL, URL, USZ, Gate, gate, shut

Run = Callable[[], Standing]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub")
    yield made
    shut(made)


def refused(door: Gate, knock: object, kind: type[FedmlError]) -> FedmlError:
    """What is raised; nobody is let in by it, and no run is begun."""
    before, runs = door.members, door.party.outputs
    with pytest.raises(kind) as raised:
        knock.granted()  # type: ignore[attr-defined]
    assert door.members == before
    assert door.party.outputs == runs
    return raised.value


def test_an_account_that_proves_itself_becomes_a_member_and_gets_the_key(door: Gate) -> None:
    key = new_member_key()
    granted = door.knock(door.invite(), public_key=member_public_key(key)).granted()
    assert (granted.aws_id, granted.pid, granted.rights) == (INSEL, "insel", {"publish", "receive"})
    assert door.members == {INSEL: ("insel",)}
    signer = door.party.key(HUB_KEY)
    assert signer is not None
    public = hub_public_key(SecretStr(signer))
    roster = read_roster(granted.roster, hub_public_key=public, fed_name="cardio", aws_topic_arn=TOPIC)
    assert roster.federation_key(INSEL, key).get_secret_value() == KEY


def test_it_is_up_and_recorded_by_then(door: Gate) -> None:
    door.knock(door.invite()).granted()
    assert [each["aws_id"] for each in door.party.outputs["federation"]["members"]] == [INSEL]
    assert door.store.members.seen(TOPIC)[INSEL].epoch == 1
    assert [(row.action, row.outcome) for row in door.store.audit.entries()] == [("admit", "done")]


def test_rights_are_those_of_the_invite(door: Gate) -> None:
    assert door.knock(door.invite(rights=PUBLISH_ONLY)).granted().rights == {"publish"}
    assert door.party.config.members[0].rights == PUBLISH_ONLY


def test_a_v1_client_gives_no_public_key_and_is_let_in(door: Gate) -> None:
    knock = door.knock(door.invite())
    replace(knock, asked=replace(knock.asked, public_key=None)).granted()
    assert door.party.config.members[0].public_key is None


def test_the_same_account_gets_the_same_again(door: Gate) -> None:
    knock = door.knock(door.invite())
    first = knock.granted()
    text = door.party.path.read_bytes()
    assert knock.granted() == first
    assert door.party.path.read_bytes() == text


def test_another_account_gets_nothing_of_a_used_invite(door: Gate) -> None:
    invite = door.invite()
    door.knock(invite).granted()
    error = refused(door, door.knock(invite, USZ, "usz"), TokenRefusedError)
    assert error.what == "The invite was used by another account."


def test_an_invite_for_one_account_is_none_for_another(door: Gate) -> None:
    error = refused(door, door.knock(door.invite(INSEL), USZ, "usz"), TokenRefusedError)
    assert error.what == "The invite is for another account."


def test_an_expired_invite_is_called_that_to_who_holds_it(door: Gate) -> None:
    error = refused(door, door.knock(door.invite(life=timedelta(seconds=-1))), TokenRefusedError)
    assert error.what == "The invite has expired."


def test_a_revoked_token_and_an_unknown_one_are_answered_alike_and_cost_no_call(door: Gate) -> None:
    revoked = door.invite()
    door.store.tokens.revoke(token_id(digest(revoked.fed_req_token)), "admin")
    answers = []
    for token in (revoked.fed_req_token, new_token()):
        knock = door.knock(revoked)
        asked = replace(knock.asked, token=token)
        answers.append(door.door.create_policies(asked.write(), url=URL))
    assert answers[0] == answers[1]
    assert "challenge" not in answers[0].answer.values
    assert door.party.world.aws.sts_calls == 0


def test_a_token_of_another_federation_is_unknown(door: Gate) -> None:
    knock = door.knock(door.invite())
    elsewhere = replace(door.door, topic_arn=TOPIC.replace("cardio", "neuro"))
    reply = elsewhere.create_policies(knock.asked.write(), url=URL)
    assert (reply.answer.http_status, reply.answer.values["reason"]) == (401, "unknown")


def test_a_challenge_costs_no_call_and_a_proof_costs_one(door: Gate) -> None:
    knock = door.knock(door.invite())
    knock.look()
    assert door.party.world.aws.sts_calls == 0
    knock.granted()
    assert door.party.world.aws.sts_calls == 1


@pytest.mark.parametrize("pid", ["charite", "usz"])
def test_a_pid_that_somebody_else_has_is_refused_and_the_invite_stays_good(door: Gate, pid: str) -> None:
    door.knock(door.invite(), USZ, "usz").granted()
    invite = door.invite()
    error = refused(door, door.knock(invite, pid=pid), ConfigurationError)
    assert f"a node {pid} already" in error.what
    assert door.knock(invite).granted().pid == "insel"


def test_another_account_s_signature_proves_nothing(door: Gate) -> None:
    invite = door.invite()
    error = refused(door, door.knock(invite, INSEL, signer=USZ), ProofRefusedError)
    assert error.reason == "account"
    assert door.store.tokens.look(digest(invite.fed_req_token), aws_id=INSEL).used_at is None


def test_a_proof_for_another_server_is_refused(door: Gate) -> None:
    knock = door.knock(door.invite(), url=URL)
    elsewhere = replace(knock, url=URL.replace("fed.example.org", "evil.example.org"))
    assert refused(door, elsewhere, ProofRefusedError).reason == "signature"


def test_a_proof_is_good_once(door: Gate) -> None:
    knock, seen = door.knock(door.invite()), []

    def remembering(request: httpx.Request) -> httpx.Response:
        seen.append(request.read())
        return door.answer(request)

    replace(knock, transport=httpx.MockTransport(remembering)).granted()
    again = door.door.create_policies(seen[-1], url=URL)
    assert again.answer.values["reason"] == "repeated"


def test_a_proof_counts_for_what_was_asked_with_it(door: Gate) -> None:
    """Somebody on the way may not put another public key beside it."""
    knock = door.knock(door.invite())

    def altering(request: httpx.Request) -> httpx.Response:
        said = json.loads(request.read())
        if "proof" in said:
            said["public_key"] = member_public_key(new_member_key())
        return door.answer(httpx.Request("POST", URL, content=json.dumps(said)))

    error = refused(door, replace(knock, transport=httpx.MockTransport(altering)), ProofRefusedError)
    assert error.reason == "challenge"


def test_an_expired_challenge_is_answered_by_another_one(door: Gate) -> None:
    knock, times = door.knock(door.invite()), [0]

    def late(request: httpx.Request) -> httpx.Response:
        if "proof" in json.loads(request.read()) and not times[0]:
            times[0] = 1
            door.at += timedelta(seconds=CHALLENGE_SECONDS + 1)
        return door.answer(request)

    assert replace(knock, transport=httpx.MockTransport(late)).granted().pid == "insel"


def test_where_aws_does_not_answer_nobody_is_let_in_and_the_administrator_is_told(door: Gate) -> None:
    door.party.world.aws.sts_down = True
    error = refused(door, door.knock(door.invite()), ResourceError)
    assert "its administrator knows why" in error.what
    assert door.told == ["STS gave no answer"]


def test_a_broken_stack_file_is_told_to_the_administrator_alone(door: Gate) -> None:
    knock = door.knock(door.invite())
    door.party.edit("sync_sched: m30", "sync_sched: nonsense")
    reply = door.door.create_policies(knock.asked.write(), url=URL)
    assert reply.answer.http_status == 503
    assert "nonsense" not in reply.answer.write().decode()
    assert "sync_sched" in door.told[0]


def test_who_has_no_token_does_not_learn_even_that(door: Gate) -> None:
    knock = door.knock(door.invite())
    door.party.edit("sync_sched: m30", "sync_sched: nonsense")
    reply = door.door.create_policies(replace(knock.asked, token=new_token()).write(), url=URL)
    assert (reply.answer.http_status, reply.answer.values["reason"], door.told) == (401, "unknown", [])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "no JSON map"),
        (b"[]", "no JSON map"),
        (b"{}", "fed_req_token: is missing"),
        (b'{"fed_req_token": "FEDTOKENzz", "aws_id": "1", "pid": "a b"}', "pid"),
        (b'{"fed_req_token": "FEDTOKENab", "aws_id": 222222222222, "pid": "a"}', "aws_id: "),
        (
            b'{"fed_req_token": "FEDTOKENab", "aws_id": "222222222222", "pid": "a", "proof": "x"}',
            "proof: must be a map",
        ),
    ],
)
def test_what_is_no_request_is_called_that_and_no_token_is_repeated(door: Gate, body: bytes, named: str) -> None:
    reply = door.door.create_policies(body, url=URL)
    assert reply.answer.http_status == 400
    assert named in reply.answer.status_string
    assert "FEDTOKEN" not in reply.answer.write().decode().replace("FEDTOKEN and", "")


def test_a_proof_that_is_none_is_garbage(door: Gate) -> None:
    asked = replace(door.knock(door.invite()).asked, proof={"url": "https://evil.example.org"})
    reply = door.door.create_policies(asked.write(), url=URL)
    assert (reply.answer.http_status, reply.answer.values["reason"]) == (401, "garbage")
    assert door.party.world.aws.sts_calls == 0


def test_a_removed_member_does_not_come_back_by_its_old_invite(door: Gate) -> None:
    knock = door.knock(door.invite())
    knock.granted()
    door.store.members.removed(TOPIC, INSEL, "admin")
    remove(door, INSEL)
    assert refused(door, knock, TokenRefusedError).reason == "unknown"


def test_one_who_was_taken_out_by_hand_does_not_either(door: Gate) -> None:
    knock = door.knock(door.invite())
    knock.granted()
    remove(door, INSEL)
    assert refused(door, knock, TokenRefusedError).reason == "unknown"


def remove(door: Gate, account: str) -> None:
    recovery, world = door.party.recovery(), door.party.world
    edit = remove_member(door.party.config, door.party.outputs, account)
    recovery.wait = 60.0
    apply_hub_change(world.project, recovery, door.party.outputs, edit, RunOptions())


def test_while_the_hub_comes_up_who_waits_is_told_so(tmp_path: Path) -> None:
    go = threading.Event()

    def slow(run: Run) -> Standing:
        go.wait()
        return run()

    door = gate(tmp_path / "hub", bring_up=slow)
    door.runs.hold = 0.01
    knock = replace(door.knock(door.invite()), say=door.told.append, patience=30.0)
    waits = iter((lambda: None, go.set))

    def wait(_seconds: float) -> None:
        next(waits, go.set)()

    assert replace(knock, wait=wait).granted().pid == "insel"
    assert door.told == ["fed.example.org has let this account in; its hub comes up with it …"]
    with pytest.raises(TimedOutError):
        go.clear()
        replace(door.knock(door.invite(), USZ, "usz"), patience=0.0).granted()
    go.set()
    shut(door)


def test_a_run_that_fails_is_told_to_both_sides_and_the_next_knock_begins_another(tmp_path: Path) -> None:
    failing = [ResourceError("AWS knows an account no more: 999999999999")]

    def bring_up(run: Run) -> Standing:
        if failing:
            raise failing.pop()
        return run()

    door = gate(tmp_path / "hub", bring_up=bring_up)
    knock = door.knock(door.invite())
    with pytest.raises(ResourceError) as raised:
        knock.granted()
    assert "999999999999" not in str(raised.value)
    assert door.told == ["AWS knows an account no more: 999999999999"]
    assert knock.granted().pid == "insel"
    shut(door)


class Arrivals:
    """Passes on who waits for the hub, and tells when so many do."""

    def __init__(self, runs: HubRuns, everybody: int) -> None:
        self._runs, self._left, self._lock = runs, everybody, threading.Lock()
        self.all_here = threading.Event()

    def standing_with(self, config: StackConfig, member: Member) -> Standing | None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.all_here.set()
        return self._runs.standing_with(config, member)


def test_sixteen_at_once_are_all_let_in_by_few_runs_and_a_removal_among_them_is_not_lost(tmp_path: Path) -> None:
    runs = [0]

    def waiting_for_all(run: Run) -> Standing:
        runs[0] += 1
        arrivals.all_here.wait()
        return run()

    gone = ENTRY.replace(INSEL, "999999999999").replace("insel", "gone")
    door = gate(tmp_path / "hub", members=gone, bring_up=waiting_for_all)
    arrivals = Arrivals(door.runs, 16)
    door.door = replace(door.door, runs=arrivals)
    accounts = [f"4000000000{number:02}" for number in range(16)]
    knocks = [door.knock(door.invite(), account, f"node{account[-2:]}") for account in accounts]
    with ThreadPoolExecutor(17) as pool:
        waiting = [pool.submit(knock.granted) for knock in knocks]
        removed = pool.submit(remove, door, "999999999999")
        granted = [each.result() for each in waiting]
        removed.result()
    assert set(door.members) == set(accounts)
    assert [each.aws_id for each in granted] == accounts
    assert runs[0] <= 3
    assert door.party.config.fed_epoch == 2
    shut(door)

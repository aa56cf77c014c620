"""Invites redeemed against a repository: the branch, the wait, the merge, and a no."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import FedmlError, NetworkError, TimedOutError, TokenRefusedError
from fedml_infra.gitops.admitting import GitOpsRuns
from fedml_infra.gitops.propose import at_desk, propose
from fedml_infra.model.rights import BOTH
from fedml_infra.operations.up import recovered_before, up
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.keypairs import member_public_key
from tests.gitops.proposals import FILE, Host, host
from tests.gitops.reviewing import BRANCH, Repo, opened
from tests.operations.federations import ENTRY, MEMBER_KEY, TOPIC
from tests.operations.joins import INSEL, USZ


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    made = opened(tmp_path)
    yield made
    made.gate.store.close()


@pytest.fixture
def gh(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return host(tmp_path / "bin", repo.there.bare.root, monkeypatch)


def test_a_join_is_proposed_waits_for_a_person_and_goes_on_once_it_is_applied(repo: Repo, gh: Host) -> None:
    before, ask = repo.there.snapshot(), repo.knock()
    assert ask() == "waits"
    assert INSEL in repo.there.of(BRANCH) and "public_key" in repo.there.of(BRANCH)
    assert gh.pulls[0]["state"] == "OPEN"
    assert "A person reviews that it is let in" in repo.said[0]
    assert repo.there.snapshot() == before
    repo.there.merge(BRANCH)
    gh.set_state("MERGED")
    repo.look_anew()
    assert ask() == "waits"
    repo.apply()
    assert ask() == f"granted {INSEL}"
    assert repo.gate.store.members.seen(TOPIC)[INSEL].epoch == 1
    assert len(gh.pulls) == 1


def test_nothing_of_the_engine_runs(repo: Repo, gh: Host) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it ran")

    for name in ("up", "preview", "state", "init", "encrypt"):
        setattr(repo.there.party.world.engine, name, never)
    assert repo.knock()() == "waits"


def test_who_waits_at_the_same_time_shares_branch_and_pull_request(repo: Repo, gh: Host) -> None:
    knocks = [repo.knock(f"40000000000{number}", f"node{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert [each.result() for each in [pool.submit(ask) for ask in knocks]] == ["waits"] * 6
    text = repo.there.of(BRANCH)
    assert all(f"40000000000{number}" in text for number in range(6))
    assert len(gh.pulls) == 1
    assert int(repo.there.bare.git("rev-list", "--count", f"main..{BRANCH}")) <= 3


def test_asking_again_writes_nothing_and_asks_nobody_for_a_while(repo: Repo, gh: Host) -> None:
    ask = repo.knock()
    ask()
    commit, calls = repo.there.bare.git("rev-parse", BRANCH), len(gh.calls)
    assert ask() == "waits"
    assert len(gh.calls) == calls
    repo.look_anew()
    assert ask() == "waits"
    assert repo.there.bare.git("rev-parse", BRANCH) == commit


def test_another_process_goes_on_where_one_was_killed(repo: Repo, gh: Host) -> None:
    ask = repo.knock()
    ask()
    world = repo.there.party.world
    anew = GitOpsRuns(world.project, "cardio", TOPIC, world.engine, repo.gate.store, BRANCH)
    repo.gate.door = replace(repo.gate.door, runs=anew)  # type: ignore[call-arg]
    commit = repo.there.bare.git("rev-parse", BRANCH)
    assert ask() == "waits"
    assert (repo.there.bare.git("rev-parse", BRANCH), len(gh.pulls)) == (commit, 1)


def test_the_next_batch_has_a_branch_of_its_own(repo: Repo, gh: Host) -> None:
    repo.knock()()
    repo.there.merge(BRANCH, delete=False)
    gh.set_state("MERGED")
    assert repo.knock(USZ, "usz")() == "waits"
    assert repo.there.bare.git("diff", "--numstat", "main", f"{BRANCH}-2").split()[1] == "0"
    assert USZ in repo.there.of(f"{BRANCH}-2") and USZ not in repo.there.of(BRANCH)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_no_is_told_once_and_asked_for_again_it_is_opened_again(repo: Repo, gh: Host, deleted: bool) -> None:
    ask = repo.knock()
    ask()
    gh.set_state("CLOSED")
    if deleted:
        repo.there.delete(BRANCH)
    repo.look_anew()
    assert "is closed, and was not merged" in ask()
    assert len(gh.pulls) == 1
    assert ask() == "waits"
    assert [pull["state"] for pull in gh.pulls] == ["CLOSED", "OPEN"]


def test_who_was_refused_is_not_in_the_next_one_s_branch(repo: Repo, gh: Host) -> None:
    repo.knock()()
    gh.set_state("CLOSED")
    repo.look_anew()
    assert repo.knock(USZ, "usz")() == "waits"
    assert INSEL not in repo.there.of(f"{BRANCH}-2")


def test_a_reviewer_may_take_one_out_of_the_branch(repo: Repo, gh: Host) -> None:
    one, other = repo.knock(), repo.knock(USZ, "usz")
    one()
    repo.look_anew()
    other()
    repo.there.bare.git("update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    repo.look_anew()
    assert (one(), "is closed" in other()) == ("waits", True)


def test_a_revoked_invite_is_the_last_word(repo: Repo, gh: Host) -> None:
    invite = repo.gate.invite()
    knock = replace(repo.gate.knock(invite), patience=0.0)
    with pytest.raises(TimedOutError):
        knock.granted()
    repo.gate.store.tokens.revoke(token_id(digest(invite.fed_req_token)), "admin")
    with pytest.raises(TokenRefusedError):
        knock.granted()


def test_a_token_is_one_account_s(repo: Repo, gh: Host) -> None:
    invite = repo.gate.invite()
    with pytest.raises(TimedOutError):
        replace(repo.gate.knock(invite), patience=0.0).granted()
    with pytest.raises(TokenRefusedError):
        repo.gate.knock(invite, USZ, "usz").granted()
    assert USZ not in repo.there.of(BRANCH)


def test_a_pid_that_waits_is_taken(repo: Repo, gh: Host) -> None:
    repo.knock()()
    with pytest.raises(FedmlError, match="a node insel already"):
        repo.gate.knock(repo.gate.invite(), USZ, "insel").granted()


def test_a_pid_that_a_reviewer_gave_away_on_the_branch_is_told_to_who_asks_for_it(repo: Repo, gh: Host) -> None:
    repo.knock()()
    with at_desk(repo.there.checkout.root, BRANCH) as desk:
        path = desk.project / FILE
        path.write_text(path.read_text().replace("nodes: [insel]", "nodes: [insel, usz]"))
        propose(desk, path, "another node", "a body")
    with pytest.raises(FedmlError, match="a node usz already"):
        repo.gate.knock(repo.gate.invite(), USZ, "usz").granted()


def test_a_push_that_is_refused_is_the_administrator_s_to_know_and_mended_by_the_next(repo: Repo, gh: Host) -> None:
    hook = repo.there.bare.root / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    ask = repo.knock()
    assert "administrator knows why" in ask()
    assert BRANCH in repo.gate.told[0]
    assert not repo.there.checkout.repository.has_branch(BRANCH)
    hook.unlink()
    assert ask() == "waits"


def test_a_changed_remote_is_what_counts_and_not_what_is_checked_out(repo: Repo, gh: Host) -> None:
    repo.there.party.edit("m30", "m45")
    assert repo.knock()() == "waits"
    assert "m30" in repo.there.of(BRANCH)


def test_without_a_remote_the_branch_is_made_here(tmp_path: Path) -> None:
    made = opened(tmp_path, remote=None)
    ask = made.knock()
    assert (ask(), ask()) == ("waits", "waits")
    made.there.checkout.git("merge", "--quiet", BRANCH)
    recovery = made.there.party.recovery()
    up(recovery, recovered_before(recovery), RunOptions())
    assert ask() == f"granted {INSEL}"
    made.gate.store.close()


def test_a_member_that_joins_again_with_another_node_keeps_the_first(tmp_path: Path) -> None:
    made = opened(tmp_path, members=ENTRY)
    assert made.knock(INSEL, "second")() == "waits"
    assert "nodes: [insel, second]" in made.there.of(BRANCH)
    made.gate.store.close()


def test_a_member_s_new_key_and_further_rights_wait_for_a_person_too(tmp_path: Path) -> None:
    made = opened(tmp_path, members=ENTRY.replace("}", ", rights: [publish]}"))
    ask = made.knock(INSEL, "insel", rights=BOTH)
    assert (ask(), ask()) == ("waits", "waits")
    body = made.there.bare.git("log", "-1", "--format=%B", BRANCH)
    assert "may now also receive" in body and "its public key is another one" in body
    assert "rights: [publish]" not in made.there.of(BRANCH)
    made.look_anew()
    assert ask() == "waits"
    assert made.there.bare.git("rev-list", "--count", f"main..{BRANCH}") == "1"
    made.there.merge(BRANCH)
    made.apply()
    assert ask() == f"granted {INSEL}"
    made.gate.store.close()


def test_rights_alone_are_granted_once_they_are_in_force(tmp_path: Path) -> None:
    made = opened(tmp_path, members=ENTRY.replace("}", ", rights: [publish]}"))
    ask = made.knock(INSEL, "insel", public_key=member_public_key(MEMBER_KEY), rights=BOTH)
    assert ask() == "waits"
    made.there.merge(BRANCH)
    made.look_anew()
    assert ask() == "waits"
    made.apply()
    assert ask() == f"granted {INSEL}"
    made.gate.store.close()


def test_what_keeps_it_from_proposing_is_said_before_anybody_asks(repo: Repo) -> None:
    repo.runs.check()
    assert not repo.there.checkout.repository.has_branch(BRANCH)
    with pytest.raises(FedmlError, match="no name for a branch"):
        replace(repo.runs, prefix="a..b").check()
    with pytest.raises(FedmlError, match="checked out"):
        replace(repo.runs, prefix="main").check()


def test_who_waits_for_a_person_is_not_turned_away_by_what_fails_meanwhile(repo: Repo, gh: Host) -> None:
    def down(*_: object, **__: object) -> None:
        raise NetworkError("AWS is away")

    ask = repo.knock()
    ask()
    away = repo.there.bare.root.rename(repo.there.bare.root.with_name("away"))
    repo.there.party.world.aws.get_roster = down  # type: ignore[method-assign,assignment]
    repo.look_anew()
    assert ask() == "waits"
    assert any("AWS is away" in line for line in repo.gate.told)
    assert any("cannot be fetched from" in line for line in repo.gate.told)
    away.rename(repo.there.bare.root)
    repo.look_anew()
    assert ask() == "waits"

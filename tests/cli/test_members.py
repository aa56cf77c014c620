"""members, rotate-key, schedule, topology, sync and leave: what each prints, asks, records and refuses."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import ResourceError
from fedml_infra.store.place import store_place
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import AuditRow
from fedml_infra.wire.v2.announcement import Announcement, attributes, write_announcement
from tests.cli.conftest import Done
from tests.operations.federations import BUCKET, ENTRY, TOPIC, Party, hub, joiner
from tests.operations.worlds import KEY, MEMBER, OTHER

ANOTHER = f'{{aws_id: "{OTHER}"}}'
Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of its own, no region and no endpoint in the environment, no terminal."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "FEDML_INFRA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    return hub(tmp_path / "hub", members=f"{ENTRY}\n{ANOTHER}")


@pytest.fixture
def insel(the_hub: Party, tmp_path: Path) -> Party:
    return joiner(the_hub, tmp_path / "insel")


@pytest.fixture
def run(called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(party, *arguments)`: a command line in that party's project."""

    def call(party: Party, *arguments: str) -> Done:
        monkeypatch.chdir(party.world.project)
        return called(party.world.tools, *arguments)

    return call


def store() -> Store:
    import os

    return open_store(store_place(None, None, os.environ))


def audit() -> list[AuditRow]:
    with store() as opened:
        return list(opened.audit.entries())


# members list


def test_members_are_listed_with_what_is_known_of_them(the_hub: Party, run: Run) -> None:
    the_hub.world.aws.add_subscription(TOPIC, f"arn:aws:sqs:us-east-1:{MEMBER}:cardio_insel")
    with store() as opened:
        opened.members.admitted(TOPIC, MEMBER, 1)
    done = run(the_hub, "members", "list", "--json")
    assert (done.code, done.json["epoch"]) == (0, 1)
    one, two = done.json["members"]
    assert (one["aws_id"], one["version"], one["epoch"], len(one["subscribed"])) == (MEMBER, "v2", 1, 1)
    assert datetime.fromisoformat(one["since"]).tzinfo == UTC
    assert (two["aws_id"], two["version"], two["epoch"], two["since"]) == (OTHER, "v1", None, None)


def test_members_are_listed_for_people(the_hub: Party, run: Run) -> None:
    the_hub.edit(ANOTHER, ANOTHER.replace("}", ", rights: [publish]}"))
    done = run(the_hub, "members", "list")
    lines = done.out.splitlines()
    assert lines[0].split() == ["account", "may", "in", "force", "nodes", "queues", "since", "key"]
    assert lines[2].split() == [OTHER, "publish", "publish", "and", "receive", "-", "0", "-", "-", "(v1)"]
    assert "fedml-infra up cardio" in done.err


def test_a_hub_without_members_says_so(tmp_path: Path, run: Run) -> None:
    assert "has no members" in run(hub(tmp_path / "alone", members=""), "members", "list").out


# members remove, set-rights


def test_a_removal_is_shown_and_stops_there(the_hub: Party, run: Run) -> None:
    before = the_hub.path.read_bytes()
    done = run(the_hub, "members", "remove", OTHER, "--preview")
    assert done.code == 0
    assert f"Account {OTHER} is no longer a member" in done.out
    assert f"The key will be a new one, of epoch 2, as {OTHER} had the one before." in done.out
    assert "72 hours" in done.out
    assert (the_hub.path.read_bytes(), audit()) == (before, [])


def test_a_removal_is_never_done_unasked(the_hub: Party, run: Run) -> None:
    before = the_hub.path.read_bytes()
    done = run(the_hub, "members", "remove", OTHER)
    assert (done.code, the_hub.path.read_bytes()) == (2, before)
    assert "Give --yes" in done.err


def test_a_removal_is_done_recorded_and_told(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "members", "remove", OTHER, "--yes", "--json")
    assert (done.code, done.json["changed"], done.json["epoch"], done.json["account"]) == (0, True, 2, OTHER)
    assert done.json["because_of"] == [OTHER]
    assert [member.aws_id for member in the_hub.config.members] == [MEMBER]
    (row,) = audit()
    assert (row.action, row.outcome, row.topic_arn) == ("members remove", "done", TOPIC)
    assert dict(row.details) == {"account": OTHER, "epoch": "2"}
    with store() as opened:
        assert not opened.members.seen(TOPIC)[OTHER].is_member


def test_a_removal_done_again_says_that_nothing_changes(the_hub: Party, run: Run) -> None:
    run(the_hub, "members", "remove", OTHER, "--yes")
    again = run(the_hub, "members", "remove", OTHER)
    assert (again.code, again.out) == (0, "Nothing changes.\n")
    assert the_hub.config.fed_epoch == 2


@pytest.mark.parametrize("store_is_lost", [False, True])
def test_a_removal_that_was_cut_off_before_the_roster_goes_on(
    the_hub: Party, run: Run, tmp_path: Path, store_is_lost: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResourceError("cut off")

    aws = the_hub.world.aws
    put, body = aws.put_roster, aws.rosters[BUCKET].body
    aws.put_roster = refuse  # type: ignore[method-assign]
    assert run(the_hub, "members", "remove", OTHER, "--yes").code == 4
    aws.put_roster = put  # type: ignore[method-assign]
    assert aws.rosters[BUCKET].body == body
    if store_is_lost:
        shutil.rmtree(tmp_path / "store")
    again = run(the_hub, "members", "remove", OTHER)
    assert (again.code, the_hub.config.fed_epoch) == (0, 2)
    assert aws.rosters[BUCKET].body != body


def test_an_account_that_never_was_a_member_is_a_mistake(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "members", "remove", "999999999999", "--yes")
    assert done.code == 2
    assert "Account 999999999999 is no member of cardio" in done.err


def test_v1_members_that_a_removal_cuts_off_are_named_beforehand(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "members", "remove", MEMBER, "--preview", "--json")
    assert done.json["cut_off"] == [OTHER]
    assert f"Account {OTHER} gave no public key (v1)" in done.err


def test_a_broken_store_stops_no_removal(the_hub: Party, run: Run, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no folder")
    done = run(the_hub, "members", "remove", OTHER, "--yes")
    assert (done.code, the_hub.config.fed_epoch) == (0, 2)
    assert "could not be revoked" in done.err and "not in the audit" in done.err


def test_rights_are_set(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "members", "set-rights", OTHER, "publish", "--yes", "--json")
    assert (done.code, done.json["epoch"]) == (0, 2)
    assert [(each["who"], each["loses"]) for each in done.json["rights"]] == [(OTHER, ["receive"])]
    assert dict(audit()[0].details) == {"account": OTHER, "rights": "publish", "epoch": "2"}
    again = run(the_hub, "members", "set-rights", OTHER, "publish")
    assert (again.code, again.out) == (0, "Nothing changes.\n")


@pytest.mark.parametrize("arguments", [("set-rights", "999999999999", "publish"), ("set-rights", OTHER, "publsh")])
def test_rights_that_cannot_be_set_are_refused(the_hub: Party, run: Run, arguments: tuple[str, ...]) -> None:
    before = the_hub.path.read_bytes()
    done = run(the_hub, "members", *arguments, "--yes", "--json")
    assert (done.code, done.json["error"]["kind"]) == (2, "ConfigurationError")
    assert the_hub.path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("members", "list"),
        ("members", "remove", OTHER, "--yes"),
        ("members", "set-rights", OTHER, "publish", "--yes"),
        ("rotate-key", "--yes"),
        ("schedule", "m15", "--yes"),
        ("topology", "centralized", "--yes"),
    ],
)
def test_what_the_hub_decides_is_refused_on_a_joiner_s_stack(
    insel: Party, run: Run, arguments: tuple[str, ...]
) -> None:
    before = insel.path.read_bytes()
    done = run(insel, *arguments)
    assert (done.code, insel.path.read_bytes()) == (2, before)
    assert "decided by the hub of cardio, in account 111111111111" in done.err


# up, of a file that somebody took a member out of


def test_up_foretells_that_the_key_is_rotated(the_hub: Party, run: Run) -> None:
    the_hub.edit(f"    - {ENTRY}\n", "")
    done = run(the_hub, "preview")
    assert f"The key will be rotated to epoch 2, as {MEMBER} had it." in done.out
    assert f"Account {OTHER} gave no public key" in done.err
    assert the_hub.config.fed_epoch == 1
    assert run(the_hub, "up", "--yes").code == 0
    assert the_hub.config.fed_epoch == 2


def test_up_foretells_nothing_where_nobody_was_taken_out(the_hub: Party, run: Run) -> None:
    assert "rotated" not in run(the_hub, "preview").out


# rotate-key


def test_a_key_is_rotated_by_hand_once_it_is_agreed_to(the_hub: Party, run: Run) -> None:
    assert run(the_hub, "rotate-key").code == 2
    assert the_hub.config.fed_epoch == 1
    done = run(the_hub, "rotate-key", "--yes", "--json")
    assert (done.code, done.json["epoch"], done.json["without_key"]) == (0, 2, [OTHER])
    assert the_hub.key() != KEY
    assert audit()[0].action == "rotate-key"
    assert KEY not in done.out + done.err


def test_who_says_that_it_has_the_key_is_heard_and_kept(the_hub: Party, run: Run) -> None:
    aws = the_hub.world.aws
    subscribe = aws.subscribe_ear

    def and_then(access: Access, ear: Any, match: Any) -> Any:
        listening = subscribe(access, ear, match)
        key = the_hub.world.engine.get_secret("cardio", "fedml-infra:fed_secret_key")
        assert key is not None
        body = write_announcement(Announcement(MEMBER, 2), topic_arn=TOPIC, key=key)
        aws.publish(Access(), "us-east-1", TOPIC, body, attributes(2, "insel"))
        return listening

    aws.subscribe_ear = and_then  # type: ignore[method-assign]
    done = run(the_hub, "rotate-key", "--yes", "--listen", "5", "--json")
    assert (done.json["heard"], done.json["not_heard"], done.json["cannot_tell"]) == ([MEMBER], [], [OTHER])
    assert f"Account {MEMBER} has it." in done.err
    assert run(the_hub, "members", "list", "--json").json["members"][0]["epoch"] == 2


def test_one_may_only_listen(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "rotate-key", "--only-listen", "--listen", "0.01")
    assert done.code == 0
    assert f"{MEMBER}: did not say so yet" in done.out
    assert the_hub.config.fed_epoch == 1
    assert run(the_hub, "rotate-key", "--only-listen").code == 2


# schedule, topology


def test_a_schedule_is_shown_and_set(the_hub: Party, run: Run) -> None:
    assert run(the_hub, "schedule").out == "m30\n"
    assert run(the_hub, "schedule", "cardio", "--json").json["decided_here"] is True
    assert run(the_hub, "schedule", "m15", "--preview").out.splitlines()[-1].startswith("The nodes of cardio")
    done = run(the_hub, "schedule", "cardio", "m15", "--yes", "--json")
    assert (done.code, done.json["sync_sched"], done.json["rotates_to"]) == (0, "m15", None)
    assert str(the_hub.config.sync_sched) == "m15"
    assert run(the_hub, "schedule", "m15").out == "Nothing changes.\n"


def test_a_schedule_longer_than_credentials_live_is_warned_of(the_hub: Party, run: Run) -> None:
    assert "longer than the hour" in run(the_hub, "schedule", "h3", "--preview").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("15m",), "write m15"),
        (("cardio", "often"), "is not a span of time"),
        (("neuro",), "There is no stack 'neuro'"),
        (("a", "b", "c"), "too many"),
        (("-s", "cardio", "neuro", "m15"), "too many"),
    ],
)
def test_words_that_are_no_schedule_are_refused(
    the_hub: Party, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = run(the_hub, "schedule", *arguments, "--yes")
    assert done.code in (2, 6)
    assert told in done.err


def test_a_schedule_is_shown_on_a_joiner_s_stack(insel: Party, run: Run) -> None:
    assert run(insel, "schedule", "--json").json == {"stack": "cardio", "sync_sched": "m30", "decided_here": False}


def test_a_topology_is_shown_and_set(the_hub: Party, run: Run) -> None:
    shown = run(the_hub, "topology")
    assert shown.out.splitlines()[0] == "decentralized"
    assert "charite" in shown.out
    preview = run(the_hub, "topology", "centralized", "--preview")
    assert f"Account {MEMBER} may not receive any more. Its subscriptions are removed." in preview.out
    done = run(the_hub, "topology", "-s", "cardio", "centralized", "--yes", "--json")
    assert (done.code, done.json["topology"], done.json["epoch"]) == (0, "centralized", 2)
    rights = {each["who"]: each["rights"] for each in run(the_hub, "topology", "--json").json["rights"]}
    assert rights == {MEMBER: ["publish"], OTHER: ["publish"], "charite": ["publish", "receive"]}


def test_a_topology_that_is_none_is_refused(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "topology", "cardio", "centralised", "--yes")
    assert done.code == 2
    assert "did you mean centralized?" in done.err


# sync


def test_a_timer_hears_nothing_where_nothing_changed(insel: Party, run: Run) -> None:
    done = run(insel, "sync")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert audit() == []
    assert run(insel, "runs", "list", "--json").json["runs"] == []


def test_what_is_picked_up_is_told_and_recorded(the_hub: Party, insel: Party, run: Run) -> None:
    run(the_hub, "members", "remove", OTHER, "--yes")
    done = run(insel, "sync", "--json")
    assert done.json["changes"] == ["The key is of epoch 2 (it was 1)."]
    assert (done.json["changed"], done.json["announced"]) == (True, [MEMBER])
    row = max(audit(), key=lambda each: each.number)
    assert (row.action, row.outcome, dict(row.details)) == ("sync", "done", {"epoch": "2"})
    assert run(insel, "sync", "--json").json["changed"] is False


def test_a_refused_roster_is_recorded(insel: Party, run: Run) -> None:
    insel.world.aws.roster_readers = {OTHER}
    done = run(insel, "sync")
    assert (done.code, done.out) == (3, "")
    assert "it was a member before" in done.err.lower()
    (row,) = audit()
    assert (row.action, row.outcome, dict(row.details)) == ("sync", "refused", {"error": "NotAdmittedError"})


def test_a_protected_queue_is_said_to_stay_until_somebody_agrees(the_hub: Party, tmp_path: Path, run: Run) -> None:
    insel = joiner(the_hub, tmp_path / "insel", more="  fedml-infra:protect: true\n")
    run(the_hub, "members", "set-rights", MEMBER, "publish", "--yes")
    held = run(insel, "sync")
    assert held.code == 0
    assert "fedml-infra sync cardio --yes" in held.err
    assert run(insel, "sync", "--yes", "--json").json["held_back"] == []
    assert insel.outputs["nodes"]["insel"]["queue_arn"] is None


# leave, and destroy of a hub


def test_leaving_is_shown_asked_done_and_recorded(insel: Party, run: Run) -> None:
    insel.world.aws.put_object("insel-fed", "updates/1", b"x")
    preview = run(insel, "leave", "--preview")
    assert "bucket insel-fed holds payloads, and stays" in preview.out
    assert run(insel, "leave").code == 2
    assert insel.world.engine.exists("cardio")
    done = run(insel, "leave", "--yes", "--json")
    assert (done.json["left"], done.json["kept_buckets"], done.json["file_removed"]) == (True, ["insel-fed"], False)
    assert f"fedml-infra members remove {MEMBER}" in done.err
    assert insel.path.exists() and not insel.world.engine.exists("cardio")
    assert [(row.action, row.outcome) for row in audit()] == [("leave", "done")]


def test_leaving_may_take_the_data_and_the_file_along(insel: Party, run: Run) -> None:
    insel.world.aws.put_object("insel-fed", "updates/1", b"x")
    done = run(insel, "leave", "--yes", "--delete-data", "--remove-file", "--json")
    assert (done.json["kept_buckets"], done.json["file_removed"]) == ([], True)
    assert not insel.path.exists()


def test_a_hub_is_told_to_destroy(the_hub: Party, run: Run) -> None:
    done = run(the_hub, "leave", "--yes")
    assert done.code == 2
    assert "fedml-infra destroy cardio" in done.err


def test_destroying_a_hub_names_whom_it_leaves_without_a_topic(the_hub: Party, run: Run) -> None:
    (warning,) = run(the_hub, "destroy", "--preview", "--json").json["warnings"]
    assert f"the members {MEMBER}, {OTHER}:" in warning

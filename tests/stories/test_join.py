"""An invite becomes a member: online by a proof, offline by a file, on the real engine, under enforced policies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fedml_infra.engine.stack_files import StackFile
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation
from tests.stories.test_commands import ROOT, Done, fedml_infra

pytestmark = pytest.mark.story
CONFIGURATION, REFUSED = 2, 3


def must(who: Organisation, *arguments: str) -> Done:
    done = fedml_infra(who, *arguments)
    assert done.code == 0, done.err
    return done


@dataclass(frozen=True)
class Invite:
    """What went to the other side, one way and another."""

    id: str
    blob: str
    passphrase: str

    def at(self, who: Organisation) -> list[str]:
        """The invite and its passphrase in files of that organisation."""
        where = who.folder / "passphrase"
        where.write_text(self.passphrase + "\n", encoding="utf-8")
        (who.folder / "invite").write_text(self.blob, encoding="utf-8")
        return ["invite", "--passphrase-file", str(where)]


class Hub:
    """A hub with one node that is up, and a store of its own."""

    def __init__(self, organisation: MakeOrganisation, federation: str) -> None:
        self.at = organisation("hub", federation)
        self.store = ("--data-dir", str(self.at.folder / "store"))
        bucket = f"{federation}-{self.at.account}"
        must(self.at, "create", federation, "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", bucket, "--yes")

    def invite(self, *options: str) -> Invite:
        made = must(self.at, "invite", "create", *options, *self.store, "--json").json
        return Invite(made["id"], made["invite"], made["passphrase"])

    @contextmanager
    def listening(self) -> Iterator[str]:
        """The door, and the address that invites are handed in at."""
        serving = subprocess.Popen(
            [sys.executable, "-m", "cli", "admit", "--listen", "--json", *self.store],
            cwd=self.at.folder,
            env={**self.at.env, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert serving.stdout is not None
        line = serving.stdout.readline()
        try:
            yield json.loads(line)["url"] if line else pytest.fail(serving.communicate()[1])
        finally:
            serving.terminate()
            _, said = serving.communicate(timeout=60)
            assert serving.returncode == 0, said

    def members(self) -> dict[str, Any]:
        listed = must(self.at, "members", "list", *self.store, "--json").json["members"]
        return {each["aws_id"]: each for each in listed}


def join(who: Organisation, invite: Invite, pid: str, *options: str) -> Done:
    """As a person who has an empty folder and credentials."""
    own = ("--pid", pid, "--s3-bucket", f"{pid}-{who.account}", "--data-dir", str(who.folder / "store"))
    return fedml_infra(who, "join", *invite.at(who), *own, "--yes", "--json", *options)


def untouched(who: Organisation) -> bool:
    return not who.stack_file.exists() and not who.aws("sqs").list_queues().get("QueueUrls")


def test_an_invite_becomes_a_member_online_and_another_one_offline(organisation: MakeOrganisation) -> None:
    hub = Hub(organisation, "cardio")
    insel, usz, other = (organisation(name, "cardio") for name in ("insel", "usz", "other"))

    with hub.listening() as url:
        online = hub.invite("--rest-url", url)

        # A wrong passphrase touches nothing.
        wrong = join(insel, Invite(online.id, online.blob, "a wrong one"), "insel")
        assert (wrong.code, wrong.json["error"]["kind"]) == (CONFIGURATION, "UnreadableError")
        assert untouched(insel)

        # A pid that the hub has is refused, the invite stays good, and nothing is left behind.
        taken = join(insel, online, "charite")
        assert (taken.code, "charite already" in taken.err) == (CONFIGURATION, True), taken.err
        assert untouched(insel)

        joined = join(insel, online, "insel")
        assert joined.code == 0, joined.err
        env = joined.json["nodes"]["insel"]
        assert (env["topic_arn"], env["epoch"]) == (hub.at.topic_arn, 1)
        assert {link["verdict"] for node in joined.json["verified"]["nodes"] for link in node["links"]} <= {
            "ok",
            "denied",
            "note",
        }
        assert list(hub.members()) == [insel.account]

        # Done again, nothing changes; and another account gets nothing of it.
        again = join(insel, online, "insel")
        assert (again.code, "nothing had to change" in again.err) == (0, True), again.err
        used = join(other, online, "other")
        assert (used.code, used.json["error"]["what"]) == (REFUSED, "The invite was used by another account.")
        assert untouched(other)

    # Messages in both directions.
    hub.at.publish(hub.at.topic_arn, "charite", "to insel")
    assert insel.received("insel") == ["to insel"]
    insel.publish(hub.at.topic_arn, "insel", "from insel")
    assert hub.at.received("charite") == ["from insel"]

    # Without a server: a request there, its admission, and on.
    offline = hub.invite("--account", usz.account)
    foreign = join(other, offline, "other", "--request-out", "request.json")
    assert (foreign.code, f"for account {usz.account}" in foreign.err) == (REFUSED, True), foreign.err
    asked = join(usz, offline, "usz", "--request-out", "request.json")
    assert asked.code == 0, asked.err
    assert "fedml-infra:fed_secret_key" not in StackFile.read(usz.stack_file).config
    waits = fedml_infra(usz, "up", "--yes")
    assert (waits.code, "join --continue" in waits.err) == (CONFIGURATION, True)
    early = fedml_infra(usz, "join", "--continue", "--json")
    assert (early.code, "not admitted" in early.json["error"]["what"]) == (REFUSED, True)
    request = hub.at.folder / "request.json"
    request.write_bytes((usz.folder / "request.json").read_bytes())
    told = must(hub.at, "admit", "request.json", "--yes", "--json", *hub.store).json
    assert (told["aws_id"], told["pid"], told["admitted"]) == (usz.account, "usz", True)
    on = fedml_infra(usz, "join", "--continue", "--json", "--no-verify")
    assert on.code == 0, on.err
    hub.at.publish(hub.at.topic_arn, "charite", "to both")
    assert [who.received(pid) for who, pid in ((insel, "insel"), (usz, "usz"))] == [["to both"]] * 2
    keys = [
        who.aws("ssm").get_parameter(Name=f"/fedml/cardio/{pid}", WithDecryption=True)["Parameter"]["Value"]
        for who, pid in ((hub.at, "charite"), (insel, "insel"), (usz, "usz"))
    ]
    assert len(set(keys)) == 1

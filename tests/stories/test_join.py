"""An invite becomes a member: online by a proof, offline by a file, on the real engine, under enforced policies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from fedml_infra.aws.identity_proof import sign_proof
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.operations.knock import Knock
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.v2.create_policies import Asked
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation, fresh_account
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
            _, said = serving.communicate(timeout=600)
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


def online(insel: Organisation, other: Organisation, invite: Invite) -> None:
    """Joins by a proof; once more, nothing changes; and another account gets nothing of the same invite."""
    joined = join(insel, invite, "insel")
    assert joined.code == 0, joined.err
    verdicts = {link["verdict"] for node in joined.json["verified"]["nodes"] for link in node["links"]}
    assert verdicts <= {"ok", "denied", "note"}
    assert joined.json["nodes"]["insel"]["queue_url"]
    used = join(other, invite, "other")
    assert (used.code, used.json["error"]["what"]) == (REFUSED, "The invite was used by another account.")
    assert untouched(other)
    again = join(insel, invite, "insel", "--no-verify")
    assert (again.code, "nothing had to change" in again.err) == (0, True), again.err


def offline(hub: Hub, usz: Organisation, invite: Invite) -> None:
    """A request on this side, its admission on the other, and on."""
    asked = join(usz, invite, "usz", "--request-out", "request.json")
    assert asked.code == 0, asked.err
    early = fedml_infra(usz, "join", "--continue", "--json")
    assert (early.code, "not admitted" in early.json["error"]["what"]) == (REFUSED, True)
    (hub.at.folder / "request.json").write_bytes((usz.folder / "request.json").read_bytes())
    told = must(hub.at, "admit", "request.json", "--yes", "--json", *hub.store).json
    assert (told["aws_id"], told["pid"], told["admitted"]) == (usz.account, "usz", True)
    done = fedml_infra(usz, "join", "--continue", "--json", "--no-verify")
    assert done.code == 0, done.err


@pytest.mark.soak
def test_an_invite_becomes_a_member_online_and_another_one_offline_at_the_same_time(
    organisation: MakeOrganisation,
) -> None:
    hub = Hub(organisation, "cardio")
    insel, usz, other = (organisation(name, "cardio") for name in ("insel", "usz", "other"))
    with hub.listening() as url, ThreadPoolExecutor() as pool:
        making = pool.submit(hub.invite, "--account", usz.account)
        invite = hub.invite("--rest-url", url)
        by_file = pool.submit(offline, hub, usz, making.result())
        wrong = join(insel, Invite(invite.id, invite.blob, "a wrong one"), "insel")
        assert (wrong.code, wrong.json["error"]["kind"]) == (CONFIGURATION, "UnreadableError")
        assert untouched(insel)
        online(insel, other, invite)
        by_file.result()

    # Everybody hears everybody, and all have the same key.
    hub.at.publish(hub.at.topic_arn, "charite", "to both")
    assert [who.received(pid) for who, pid in ((insel, "insel"), (usz, "usz"))] == [["to both"]] * 2
    insel.publish(hub.at.topic_arn, "insel", "from insel")
    assert [hub.at.received("charite"), usz.received("usz")] == [["from insel"]] * 2
    assert secret(insel, "insel") == secret(usz, "usz") == secret(hub.at, "charite")


def secret(who: Organisation, pid: str) -> str:
    found = who.aws("ssm").get_parameter(Name=f"/fedml/{who.federation}/{pid}", WithDecryption=True)
    return str(found["Parameter"]["Value"])


@pytest.mark.soak
def test_sixteen_knock_at_once_and_a_removal_among_them_is_not_lost(organisation: MakeOrganisation) -> None:
    hub = Hub(organisation, "cardio")
    topic, gone = hub.at.topic_arn, fresh_account()
    accounts = [fresh_account() for _ in range(16)]
    hub.at.stack_file.write_text(
        hub.at.stack_file.read_text(encoding="utf-8") + f'  fedml-infra:members:\n    - aws_id: "{gone}"\n',
        encoding="utf-8",
    )
    must(hub.at, "up", "--yes")

    def knock(number: int, invite: Invite, url: str) -> str:
        opened = open_invite(invite.blob, SecretStr(invite.passphrase))
        account = accounts[number]
        keys = Access(keys=Keys(*hub.at.running.local_aws.credentials(account)))
        key = member_public_key(new_member_key())
        asked = Asked(opened.fed_req_token, account, f"node{number}", key)
        return Knock(url, topic, asked, lambda given: sign_proof(keys, "us-east-1", given)).granted().aws_id

    with hub.listening() as url, ThreadPoolExecutor(17) as pool:
        invites = [hub.invite("--rest-url", url) for _ in accounts]
        knocking = [pool.submit(knock, number, invite, url) for number, invite in enumerate(invites)]
        removing = pool.submit(must, hub.at, "members", "remove", gone, "--yes", "--json", *hub.store)
        assert [each.result() for each in knocking] == accounts
        assert removing.result().json["epoch"] == 2
    assert set(hub.members()) == set(accounts)
    made = json.loads(hub.at.must("stack", "output", "--json", "-s", "cardio"))["federation"]
    assert (made["epoch"], {each["aws_id"] for each in made["members"]}) == (2, set(accounts))

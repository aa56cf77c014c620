"""The hub's roster: what the stack file says, signed, never over a newer one; read by members alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.aws.roster_object import RosterChangedError, StoredRoster
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ConfigurationError, RosterError
from fedml_infra.model.validation import FED_KEY, HUB_KEY
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.roster import NotAdmittedError, publish_roster, read_hub_roster, require_hub_key
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.shared_up import in_force, shared_up
from fedml_infra.operations.up import outputs_of
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_hub_key, new_member_key
from tests.operations.worlds import HUB_FILE, KEY, MEMBER, OWN, World, world

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
BUCKET = f"fedml-cardio-{OWN}-us-east-1"
MEMBER_KEY = new_member_key()
WITH_KEY = HUB_FILE.replace(
    f'- aws_id: "{MEMBER}"', f'- {{aws_id: "{MEMBER}", public_key: {member_public_key(MEMBER_KEY)}}}'
)


@pytest.fixture
def hub(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write(WITH_KEY)
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    require_hub_key(made.project, "cardio", made.engine)
    return made


def publish(hub: World) -> bool:
    return publish_roster(load_stack(hub.project, "cardio"), hub.engine, hub.aws).changed


def edit(hub: World, old: str, new: str) -> None:
    path = hub.project / "stacks" / "Pulumi.cardio.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def joiner(hub: World, folder: Path, *, epoch: int = 1, public_key: str | None = None) -> tuple[Stack, World]:
    """A member's stack, in a world of its own that sees the same buckets."""
    folder.mkdir()
    made = world(folder, {Access(): MEMBER})
    made.aws.rosters = hub.aws.rosters
    signer = hub.engine.get_secret("cardio", HUB_KEY)
    assert signer is not None
    made.write(
        "config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: cardio\n  fedml-infra:sync_sched: m30\n"
        f"  fedml-infra:aws_topic_arn: {TOPIC}\n  fedml-infra:fed_secret_key: {{secure: v1:x}}\n"
        f"  fedml-infra:fed_epoch: {epoch}\n  fedml-infra:hub_public_key: {public_key or hub_public_key(signer)}\n"
        "  fedml-infra:nodes:\n    - {pid: insel, s3_bucket: insel-fed}\n"
    )
    return load_stack(made.project, "cardio"), made


def test_a_hub_key_is_made_once(hub: World) -> None:
    first = require_hub_key(hub.project, "cardio", hub.engine)
    assert require_hub_key(hub.project, "cardio", hub.engine) == first
    assert first.get_secret_value() not in (hub.project / "stacks" / "Pulumi.cardio.yaml").read_text("utf-8")


def test_a_member_reads_the_key_from_what_was_published(hub: World, tmp_path: Path) -> None:
    assert publish(hub)
    stack, its = joiner(hub, tmp_path / "insel")
    roster = read_hub_roster(stack, its.aws)
    assert roster.federation_key(MEMBER, MEMBER_KEY) == SecretStr(KEY)


def test_what_is_published_already_is_left_alone(hub: World) -> None:
    assert publish(hub)
    etag = hub.aws.rosters[BUCKET].etag
    assert not publish(hub)
    assert hub.aws.rosters[BUCKET].etag == etag


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m30", "h2"),
        ("fed_name: cardio", "fed_name: cardio\n  fedml-infra:topology: centralized\n  fedml-infra:fed_epoch: 2"),
        ("fed_name: cardio", "fed_name: cardio\n  fedml-infra:fed_epoch: 2"),
        (f'aws_id: "{MEMBER}"', f'aws_id: "{MEMBER}", nodes: [insel]'),
        (f'aws_id: "{MEMBER}"', f'aws_id: "{MEMBER}", rights: [receive]'),
        (member_public_key(MEMBER_KEY), member_public_key(new_member_key())),
    ],
    ids=["schedule", "topology", "epoch", "nodes", "rights", "public key"],
)
def test_every_change_that_members_see_is_published(hub: World, old: str, new: str) -> None:
    publish(hub)
    edit(hub, old, new)
    assert publish(hub)


def test_an_old_stack_file_does_not_take_a_rotation_back(hub: World) -> None:
    edit(hub, "fed_name: cardio", "fed_name: cardio\n  fedml-infra:fed_epoch: 2")
    publish(hub)
    newest = hub.aws.rosters[BUCKET]
    edit(hub, "\n  fedml-infra:fed_epoch: 2", "")
    with pytest.raises(RosterError, match="epoch 2") as refused:
        publish(hub)
    assert "newest stack file" in str(refused.value)
    assert hub.aws.rosters[BUCKET] == newest


def test_what_this_hub_did_not_sign_is_written_over(hub: World) -> None:
    hub.aws.rosters[BUCKET] = StoredRoster(b"{}", "etag")
    assert publish(hub)


def test_a_roster_written_meanwhile_is_read_again(hub: World) -> None:
    """The first attempt meets another run's roster, the second is over it."""
    publish(hub)
    edit(hub, "m30", "h2")
    real = hub.aws.get_roster
    seen = []

    def stale(access: Access, region: str, bucket: str, *, owner: str) -> StoredRoster | None:
        found = real(access, region, bucket, owner=owner)
        seen.append(found)
        return replace(found, etag="gone") if len(seen) == 1 and found else found

    hub.aws.get_roster = stale  # type: ignore[method-assign]
    assert publish(hub)
    assert len(seen) == 2


def test_a_roster_that_others_always_write_is_given_up(hub: World) -> None:
    hub.aws.get_roster = lambda *_, **__: StoredRoster(b"{}", "gone")  # type: ignore[method-assign]
    with pytest.raises(RosterChangedError):
        publish(hub)


def test_members_without_a_public_key_are_named(hub: World) -> None:
    hub.write(HUB_FILE)
    hub.engine.set_secret("cardio", HUB_KEY, new_hub_key())
    published = publish_roster(load_stack(hub.project, "cardio"), hub.engine, hub.aws)
    assert published.without_key == (MEMBER,)


def test_a_hub_without_a_signing_key_publishes_nothing(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.write()
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    with pytest.raises(ConfigurationError, match="hub_key"):
        publish_roster(load_stack(made.project, "cardio"), made.engine, made.aws)


def test_who_is_not_admitted_is_told_so(hub: World, tmp_path: Path) -> None:
    publish(hub)
    stack, its = joiner(hub, tmp_path / "insel")
    its.aws.roster_readers = set()
    with pytest.raises(NotAdmittedError, match="not admitted"):
        read_hub_roster(stack, its.aws)


def test_a_hub_that_has_published_nothing_is_told(hub: World, tmp_path: Path) -> None:
    stack, its = joiner(hub, tmp_path / "insel")
    with pytest.raises(NotAdmittedError, match="no roster yet"):
        read_hub_roster(stack, its.aws)


def test_an_old_roster_that_was_put_back_is_refused(hub: World, tmp_path: Path) -> None:
    publish(hub)
    stack, its = joiner(hub, tmp_path / "insel", epoch=2)
    with pytest.raises(RosterError) as refused:
        read_hub_roster(stack, its.aws)
    assert refused.value.refusal == "lower_epoch"


def test_a_roster_of_another_signer_is_refused(hub: World, tmp_path: Path) -> None:
    publish(hub)
    stack, its = joiner(hub, tmp_path / "insel", public_key=hub_public_key(new_hub_key()))
    with pytest.raises(RosterError) as refused:
        read_hub_roster(stack, its.aws)
    assert refused.value.refusal == "bad_signature"


def test_a_stack_that_knows_no_signer_believes_no_roster(hub: World) -> None:
    with pytest.raises(ConfigurationError, match="hub_public_key"):
        read_hub_roster(load_stack(hub.project, "cardio"), hub.aws)


@pytest.fixture
def recovery(hub: World) -> Recovery:
    return Recovery(load_stack(hub.project, "cardio"), hub.engine, hub.aws, lambda _: None)


def test_up_publishes(hub: World, recovery: Recovery) -> None:
    assert shared_up(hub.project, recovery, RunOptions()) is not None
    assert BUCKET in hub.aws.rosters


def test_what_another_run_brought_up_is_not_run_again(hub: World, recovery: Recovery) -> None:
    """But its roster is published, should that run have been cut off before."""
    shared_up(hub.project, recovery, RunOptions())
    hub.aws.rosters.clear()
    assert shared_up(hub.project, recovery, RunOptions()) is None
    assert BUCKET in hub.aws.rosters


def test_the_file_is_read_when_the_stack_is_held(hub: World, recovery: Recovery) -> None:
    """Not before: what others wrote while this one waited is brought up with it."""
    edit(hub, "m30", "h2")
    run = shared_up(hub.project, recovery, RunOptions())
    assert run is not None and run.result.outputs["federation"]["schedule"] == "h2"


@pytest.mark.parametrize(
    ("old", "new"),
    [("m30", "h2"), (f'aws_id: "{MEMBER}"', 'aws_id: "333333333333"'), ("us-east-1", "eu-west-1")],
)
def test_a_file_that_says_something_else_is_not_in_force(hub: World, recovery: Recovery, old: str, new: str) -> None:
    shared_up(hub.project, recovery, RunOptions())
    outputs = outputs_of(hub.engine.state("cardio"))
    assert in_force(load_stack(hub.project, "cardio").config, outputs)
    edit(hub, old, new)
    assert not in_force(load_stack(hub.project, "cardio").config, outputs)


def test_a_stack_that_never_ran_is_not_in_force(hub: World) -> None:
    assert not in_force(load_stack(hub.project, "cardio").config, {})

"""The hub hears who has the current key, from those who can prove it, and leaves no queue behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import ConfigurationError, PolicyError
from fedml_infra.operations.listen import awaited, listen
from fedml_infra.operations.load import load_stack
from fedml_infra.wire.v2.announcement import Announcement, attributes, write_announcement
from tests.operations.federations import ENTRY, TOPIC, Party, hub
from tests.operations.worlds import KEY, MEMBER, OTHER

FOURTH = "444444444444"
SEALED = ENTRY.replace(MEMBER, OTHER).replace("insel", "usz")


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    made = hub(tmp_path / "hub", members=f'{ENTRY}\n{SEALED}\n{{aws_id: "{FOURTH}"}}')
    aws = made.world.aws
    subscribe = aws.subscribe_ear

    def and_then(access: Access, ear: object, match: object) -> object:
        """As soon as it listens, everybody speaks."""
        listening = subscribe(access, ear, match)  # type: ignore[arg-type]
        for body in bodies:
            aws.publish(Access(), "us-east-1", TOPIC, body, attributes(1, "insel"))
        return listening

    bodies: list[str] = []
    aws.subscribe_ear = and_then  # type: ignore[method-assign,assignment]
    made.bodies = bodies  # type: ignore[attr-defined]
    return made


def says(the_hub: Party, account: str, *, epoch: int = 1, key: str = KEY) -> None:
    the_hub.bodies.append(  # type: ignore[attr-defined]
        write_announcement(Announcement(account, epoch), topic_arn=TOPIC, key=SecretStr(key))
    )


def heard(the_hub: Party, *accounts: str) -> tuple[tuple[str, ...], list[str]]:
    told: list[str] = []
    stack = load_stack(the_hub.world.project, "cardio")
    found = listen(
        stack, the_hub.outputs, the_hub.world.engine, the_hub.world.aws, accounts, seconds=0.05, heard=told.append
    )
    return found, told


def test_it_hears_who_speaks_and_each_once(the_hub: Party) -> None:
    says(the_hub, MEMBER)
    says(the_hub, MEMBER)
    assert heard(the_hub, MEMBER, OTHER) == ((MEMBER,), [MEMBER])


def test_it_ends_when_all_have_spoken(the_hub: Party) -> None:
    says(the_hub, OTHER)
    says(the_hub, MEMBER)
    assert heard(the_hub, MEMBER, OTHER) == ((MEMBER, OTHER), [OTHER, MEMBER])


def test_it_believes_nobody_without_the_key_nor_of_another_epoch(the_hub: Party) -> None:
    says(the_hub, MEMBER, key="AAAAAAAAAAAAAAAAAAAAAA==")
    says(the_hub, OTHER, epoch=2)
    says(the_hub, FOURTH)
    the_hub.bodies.append("hello")  # type: ignore[attr-defined]
    assert heard(the_hub, MEMBER, OTHER) == ((), [])


def test_it_leaves_nothing_behind(the_hub: Party) -> None:
    heard(the_hub, MEMBER)
    aws = the_hub.world.aws
    assert not [url for url in aws._queues if "probe" in url]
    assert aws.subscriptions(Access(), "us-east-1", TOPIC) == ()
    (match,) = aws.filters.values()
    assert match == {"probe": ["sync"]}


def test_it_leaves_nothing_behind_where_it_may_not_subscribe(the_hub: Party) -> None:
    the_hub.world.aws.deny("sns:Subscribe", TOPIC)
    with pytest.raises(PolicyError):
        heard(the_hub, MEMBER)
    assert not [url for url in the_hub.world.aws._queues if "probe" in url]


def test_a_stack_that_is_not_up_hears_nobody(the_hub: Party) -> None:
    stack = load_stack(the_hub.world.project, "cardio")
    with pytest.raises(ConfigurationError, match="is not up"):
        listen(stack, {}, the_hub.world.engine, the_hub.world.aws, (MEMBER,), seconds=1, heard=print)


def test_who_could_not_tell_is_not_waited_for(the_hub: Party) -> None:
    the_hub.edit(SEALED, SEALED.replace("nodes:", "rights: [receive], nodes:"))
    found = awaited(the_hub.config)
    assert (found.can_tell, found.silent) == ((MEMBER,), (OTHER, FOURTH))

"""When members came and went, and which key they have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fedml_infra.store.store import Store
from fedml_infra.store.values import MemberSeen
from tests.store.values import TOPIC, A, B, execute


def seen(store: Store, account: str = A) -> MemberSeen:
    return store.members.seen(TOPIC)[account]


def test_an_admission_is_kept_with_its_time_and_key(store: Store) -> None:
    before = store.now()
    store.members.admitted(TOPIC, A, 3)
    found = seen(store)
    assert found.since is not None and found.epoch_at is not None
    assert before <= found.since <= store.now() and before <= found.epoch_at <= store.now()
    assert (found.epoch, found.removed_at, found.is_member) == (3, None, True)


def test_an_admission_said_again_changes_nothing(store: Store) -> None:
    store.members.admitted(TOPIC, A, 1)
    first = seen(store)
    store.members.admitted(TOPIC, A, 1)
    assert seen(store) == first


def test_federations_are_apart(store: Store) -> None:
    store.members.admitted(TOPIC, A, 1)
    store.members.admitted(TOPIC + "2", B, 1)
    assert list(store.members.seen(TOPIC)) == [A]


@pytest.mark.parametrize(("said", "known"), [(2, 2), (5, 5), (1, 2)])
def test_the_newest_key_counts(store: Store, said: int, known: int) -> None:
    store.members.admitted(TOPIC, A, 2)
    store.members.synchronised(TOPIC, A, said)
    assert seen(store).epoch == known


def test_who_was_written_by_hand_is_known_by_its_key_alone(store: Store) -> None:
    store.members.synchronised(TOPIC, A, 4)
    found = seen(store)
    assert (found.since, found.epoch, found.is_member) == (None, 4, True)


def test_a_removal_is_kept_and_said_again_changes_nothing(store: Store) -> None:
    store.members.admitted(TOPIC, A, 1)
    store.members.removed(TOPIC, A, "admin@host")
    found = seen(store)
    assert found.removed_at is not None and not found.is_member
    execute(store, "UPDATE members SET removed_at = removed_at + 5")
    store.members.removed(TOPIC, A, "admin@host")
    assert seen(store).removed_at == found.removed_at + timedelta(milliseconds=5)


def test_who_comes_back_is_a_member_since_then_and_was_removed(store: Store) -> None:
    """However little time is between."""
    for _ in range(5):
        store.members.admitted(TOPIC, A, 1)
        assert seen(store).is_member
        store.members.removed(TOPIC, A, "admin@host")
        assert not seen(store).is_member
    store.members.admitted(TOPIC, A, 2)
    found = seen(store)
    assert found.since is not None and found.removed_at is not None
    assert found.since > found.removed_at
    assert (found.is_member, found.epoch) == (True, 2)


def test_for_72_hours_after_a_removal_its_queues_are_refused(store: Store) -> None:
    store.members.removed(TOPIC, A, "admin@host")
    found = seen(store)
    assert found.removed_at is not None
    end = found.removed_at + timedelta(hours=72)
    assert found.waits_until(end - timedelta(seconds=1)) == end
    assert found.waits_until(end) is None


def test_who_never_left_waits_for_nothing(store: Store) -> None:
    store.members.admitted(TOPIC, A, 1)
    assert seen(store).waits_until(store.now()) is None

"""Tokens are kept as hashes, and redeemed once: by one account, in time, unless they were taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedml_infra.errors import ConfigurationError, TokenRefusedError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import NewToken, TokenRow, TokenState
from tests.store.values import HOUR, TOPIC, A, B, execute, new_token

PAST = -timedelta(seconds=1)


def reason(store: Store, token: NewToken, aws_id: str = A) -> str:
    """Why it is refused."""
    with pytest.raises(TokenRefusedError) as refused:
        store.tokens.redeem(token.digest, aws_id=aws_id, pid="insel", public_key=None)
    return refused.value.reason


def redeem(store: Store, token: NewToken, aws_id: str = A, pid: str = "insel", public_key: str | None = "key") -> bool:
    """Whether it was the first time."""
    return store.tokens.redeem(token.digest, aws_id=aws_id, pid=pid, public_key=public_key).first


def expire(store: Store, token: NewToken) -> None:
    execute(store, f"UPDATE tokens SET expires_at = 1 WHERE id = '{token.id}'")


@pytest.mark.parametrize("rights", [None, BOTH, PUBLISH_ONLY, frozenset({Right.RECEIVE})])
def test_a_token_comes_back_as_it_was_kept(store: Store, rights: frozenset[Right] | None) -> None:
    token = new_token(rights=rights, aws_id=A)
    store.tokens.add(token)
    found = store.tokens.by_digest(token.digest)
    assert found is not None
    expected = asdict(token) | {
        "expires_at": token.expires_at.replace(microsecond=token.expires_at.microsecond // 1000 * 1000)
    }
    assert {name: value for name, value in asdict(found).items() if name in expected} == expected
    assert found.state(store.now()) is TokenState.PENDING


def test_times_are_the_database_s_and_have_a_zone(store: Store) -> None:
    before = store.now()
    row = store.tokens.add(new_token())
    assert before <= row.created_at <= store.now()
    assert row.created_at.utcoffset() == timedelta(0)
    assert abs(store.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_account_redeems_a_token(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    done = store.tokens.redeem(token.digest, aws_id=A, pid="insel", public_key="key")
    assert done.first
    assert (done.row.used_by, done.row.pid, done.row.public_key) == (A, "insel", "key")
    assert done.row.used_at is not None
    assert done.row.state(store.now()) is TokenState.USED


def test_the_same_account_gets_the_same_again(store: Store) -> None:
    """With the pid and the key of the first time, whatever it says now."""
    token = new_token()
    store.tokens.add(token)
    first = store.tokens.redeem(token.digest, aws_id=A, pid="insel", public_key="key")
    again = store.tokens.redeem(token.digest, aws_id=A, pid="other", public_key="other")
    assert (again.first, again.row) == (False, first.row)


def test_a_member_without_a_key_has_none_the_second_time_either(store: Store) -> None:
    token = new_token(version="v1")
    store.tokens.add(token)
    redeem(store, token, public_key=None)
    assert store.tokens.redeem(token.digest, aws_id=A, pid="insel", public_key="key").row.public_key is None


def test_another_account_is_refused_a_used_token(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    redeem(store, token)
    assert reason(store, token, B) == "used"


def test_an_unknown_token_is_refused(store: Store) -> None:
    assert reason(store, new_token()) == "unknown"


def test_a_token_for_another_account_is_refused_and_not_spent(store: Store) -> None:
    token = new_token(aws_id=A)
    store.tokens.add(token)
    assert reason(store, token, B) == "other_account"
    assert redeem(store, token, A)


def test_an_expired_token_is_refused(store: Store) -> None:
    token = new_token(life=PAST)
    assert store.tokens.add(token).state(store.now()) is TokenState.EXPIRED
    assert reason(store, token) == "expired"


def test_the_account_that_used_it_is_refused_too_once_it_expired(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    redeem(store, token)
    expire(store, token)
    assert reason(store, token) == "expired"


def test_a_revoked_token_is_refused(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    row = store.tokens.revoke(token.id, "admin@host")
    assert (row.state(store.now()), row.revoked_by) == (TokenState.REVOKED, "admin@host")
    assert reason(store, token) == "revoked"


def test_the_account_that_used_it_is_refused_too_once_it_is_revoked(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    redeem(store, token)
    assert store.tokens.revoke(token.id, "admin@host").state(store.now()) is TokenState.USED
    assert reason(store, token) == "revoked"


def test_who_revoked_first_is_kept(store: Store) -> None:
    token = new_token()
    store.tokens.add(token)
    first = store.tokens.revoke(token.id, "admin@host")
    assert store.tokens.revoke(token.id, "other@host") == first


def test_revoking_what_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="no invite"):
        store.tokens.revoke("0123456789abcdef", "admin@host")


def test_a_refusal_leaves_a_token_as_it_was(store: Store) -> None:
    token = new_token(aws_id=A)
    kept = store.tokens.add(token)
    reason(store, token, B)
    assert store.tokens.get(token.id) == kept


def test_tokens_are_listed_by_federation_the_oldest_first(store: Store) -> None:
    first, other, last = new_token(), new_token(topic_arn=TOPIC + "2"), new_token()
    for token in (first, other, last):
        store.tokens.add(token)
        execute(store, "UPDATE tokens SET created_at = created_at - 10")
    assert [row.id for row in store.tokens.list()] == [first.id, other.id, last.id]
    assert [row.id for row in store.tokens.list(TOPIC)] == [first.id, last.id]


def test_a_token_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    for name in ("aa11", "aa22", "b%_3"):
        store.tokens.add(new_token(id=name))
    assert store.tokens.get("aa1").id == "aa11"
    assert store.tokens.get("b%_").id == "b%_3"
    with pytest.raises(ConfigurationError, match="aa11, aa22"):
        store.tokens.get("aa")


@pytest.mark.parametrize("wanted", ["cc", "%", "_", ""])
def test_an_id_that_is_none_is_refused(store: Store, wanted: str) -> None:
    store.tokens.add(new_token(id="aa11"))
    with pytest.raises(ConfigurationError, match="invite list"):
        store.tokens.get(wanted)


def test_a_token_s_hash_is_not_printed(store: Store) -> None:
    token = new_token()
    assert "digest" not in repr(store.tokens.add(token))


def test_a_removed_account_does_not_come_back_by_what_it_has(store: Store) -> None:
    """Not by the token that it used, nor by one that is for it alone; those of others stay."""
    used, bound, others = new_token(), new_token(aws_id=A), new_token()
    for token in (used, bound, others):
        store.tokens.add(token)
    redeem(store, used)
    store.members.removed(TOPIC, A, "admin@host")
    assert [reason(store, used), reason(store, bound)] == ["revoked", "revoked"]
    assert redeem(store, others, B)


def test_a_removal_elsewhere_revokes_nothing_here(store: Store) -> None:
    token = new_token(aws_id=A)
    store.tokens.add(token)
    store.members.removed(TOPIC + "2", A, "admin@host")
    assert redeem(store, token)


STEPS = st.lists(st.sampled_from(["A", "B", "revoke", "expire"]), max_size=8)


@pytest.fixture(scope="module")
def one_store(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("property")
    shutil.copy(migrated_file, folder)
    with open_store(StorePlace(folder)) as opened:
        yield opened


@given(steps=STEPS, bound=st.sampled_from([None, A, B]))
@settings(max_examples=40)
def test_whatever_happens_to_a_token_one_account_has_it(one_store: Store, steps: list[str], bound: str | None) -> None:
    """Against what it should do, written down as plain as can be."""
    token = new_token(aws_id=bound)
    one_store.tokens.add(token)
    owner, alive = None, True
    for step in steps:
        if step == "revoke":
            one_store.tokens.revoke(token.id, "admin@host")
            alive = False
        elif step == "expire":
            expire(one_store, token)
            alive = False
        else:
            account = {"A": A, "B": B}[step]
            if alive and owner in (None, account) and bound in (None, account):
                assert redeem(one_store, token, account) is (owner is None)
                owner = account
            else:
                reason(one_store, token, account)
    assert one_store.tokens.get(token.id).used_by == owner


def test_states_follow_the_clock() -> None:
    now = datetime.now(UTC)
    row = TokenRow(**asdict(new_token()) | {"expires_at": now + HOUR, "created_at": now})
    assert row.state(now) is TokenState.PENDING
    assert row.state(now + HOUR) is TokenState.EXPIRED
    assert replace(row, revoked_at=now).state(now + HOUR) is TokenState.REVOKED
    assert replace(row, revoked_at=now, used_at=now).state(now + HOUR) is TokenState.USED

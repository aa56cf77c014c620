"""Derived names keep to their service's alphabet and length, and never collide."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.model import names
from fedml_infra.model.bucket import bucket_name
from fedml_infra.model.names import account_id, name
from fedml_infra.model.regions import regions

NAME = st.text("aAbB01-_", min_size=1, max_size=names.NAME_LIMIT)
PIDS = st.tuples(NAME, NAME).filter(lambda pair: len("".join(pair)) + 1 + len("_dlq") <= names.QUEUE_NAME_LIMIT)
ACCOUNT = st.text("0123456789", min_size=12, max_size=12)
REGION = st.sampled_from(regions())


def folded(text: str) -> str:
    return text.lower()


def test_queue_names_are_the_contract() -> None:
    assert names.queue_name("cardio", "insel") == "cardio_insel"
    assert names.dead_letter_queue_name("cardio", "insel") == "cardio_insel_dlq"
    assert names.parameter_name("cardio", "insel") == "/fedml/cardio/insel"


def test_names_that_fit_stay_readable() -> None:
    assert names.reader_role_name("cardio", "insel") == "fedml.cardio.insel.reader"
    assert names.node_policy_name("cardio", "insel") == "fedml.cardio.insel.node"
    roster = names.roster_bucket_name("cardio", "111111111111", "us-east-1")
    assert roster == "fedml-cardio-111111111111-us-east-1"


@given(PIDS)
def test_role_and_policy_names_keep_to_iam(pair: tuple[str, str]) -> None:
    """IAM: `[\\w+=,.@-]`, 64 for a role and 128 for a policy."""
    assert re.fullmatch(r"[\w+=,.@-]{1,64}", names.reader_role_name(*pair), re.ASCII)
    assert re.fullmatch(r"[\w+=,.@-]{1,128}", names.node_policy_name(*pair), re.ASCII)


@given(PIDS, PIDS)
def test_two_nodes_never_share_a_role_or_policy(one: tuple[str, str], other: tuple[str, str]) -> None:
    """IAM compares names without regard to case; ("a_b", "c") is not ("a", "b_c")."""
    if one != other:
        assert folded(names.reader_role_name(*one)) != folded(names.reader_role_name(*other))
        assert folded(names.node_policy_name(*one)) != folded(names.node_policy_name(*other))


@given(PIDS)
def test_case_alone_makes_another_iam_name(pair: tuple[str, str]) -> None:
    other = (pair[0].swapcase(), pair[1].swapcase())
    if other != pair:
        assert folded(names.reader_role_name(*pair)) != folded(names.reader_role_name(*other))


@given(st.integers(1, 40))
def test_a_separator_that_moves_makes_another_name(at: int) -> None:
    whole = "a-" * 21
    moved = (whole[:at], whole[at + 1 :])
    assert names.reader_role_name(*moved) != names.reader_role_name(whole[: at + 1], whole[at + 1 :])


@given(NAME, ACCOUNT, REGION)
def test_roster_bucket_names_are_what_s3_takes(federation: str, account: str, region: str) -> None:
    roster = names.roster_bucket_name(federation, account, region)
    assert bucket_name(roster) == roster
    assert "_" not in roster
    assert "." not in roster


@given(NAME, NAME, ACCOUNT, REGION)
def test_two_federations_never_share_a_roster_bucket(one: str, other: str, account: str, region: str) -> None:
    if one != other:
        assert names.roster_bucket_name(one, account, region) != names.roster_bucket_name(other, account, region)


@given(NAME, ACCOUNT, REGION)
def test_a_federation_cannot_be_named_to_take_anothers_roster_bucket(fed: str, account: str, region: str) -> None:
    """Naming a federation like the altered name of another gives a third name."""
    roster = names.roster_bucket_name(fed, account, region)
    middle = roster.removeprefix("fedml-").removesuffix(f"-{account}-{region}")
    if middle != fed:
        assert names.roster_bucket_name(middle, account, region) != roster


@pytest.mark.parametrize("fed", ["_", "-", "__", "A", "a--b", "-a", "a-", "x" * 74, "Ä".encode().hex()])
def test_odd_federation_names_have_a_roster_bucket(fed: str) -> None:
    assert bucket_name(names.roster_bucket_name(fed, "111111111111", "ap-southeast-1"))


def test_another_region_has_another_roster_bucket() -> None:
    here, there = (names.roster_bucket_name("c", "111111111111", region) for region in ("us-east-1", "us-east-2"))
    assert here != there


def test_shorten_keeps_what_fits_and_hashes_the_whole() -> None:
    assert names.shorten("abc", 3) == "abc"
    long, longer = names.shorten("x" * 99, 64), names.shorten("x" * 100, 64)
    assert len(long) == len(longer) == 64
    assert long != longer


@pytest.mark.parametrize("good", ["222222222222", "012345678901", "000000000000"])
def test_account_ids_in_quotes_stay_text(good: str) -> None:
    assert account_id(good) == good


def test_a_bare_account_id_of_twelve_digits_is_right() -> None:
    assert account_id(222222222222) == "222222222222"


@pytest.mark.parametrize("short", [12345678901, 1402433619, 0, 1234567890123, -12345678901])
def test_a_bare_number_that_is_not_twelve_digits_says_to_quote_it(short: int) -> None:
    with pytest.raises(ValueError, match=r"in quotes.*leading zeros"):
        account_id(short)


@pytest.mark.parametrize(
    "wrong",
    [
        "22222222222",
        "2222222222222",
        "22222222222a",
        " 22222222222",
        "\N{FULLWIDTH DIGIT ONE}" * 12,
        "",
        None,
        True,
        2e11,
        [],
    ],
)
def test_anything_else_is_no_account_id(wrong: object) -> None:
    with pytest.raises(ValueError, match="not an AWS account id"):
        account_id(wrong)


@pytest.mark.parametrize("wrong", ["card io", "", "a.b", "a/b", "ä", "a\n", "x" * 75, 7, True, None])
def test_names_with_other_characters_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"characters|must be text"):
        name(wrong)


def test_a_probe_s_queue_is_named_as_the_topic_s_policy_demands() -> None:
    assert names.probe_queue_name("cardio", "0123") == "cardio_fedml-probe-0123"


@pytest.mark.parametrize("length", [1, 51, 52, 74])
def test_a_probe_s_queue_fits_and_its_pattern_fits_it(length: int) -> None:
    made = names.probe_queue_name("x" * length, "0123456789abcdef")
    assert len(made) <= 80
    assert made.endswith("bcdef")
    assert made.startswith(names.probe_queues("x" * length).removesuffix("*"))


def test_the_pattern_fits_no_node_s_queue_where_there_is_room() -> None:
    assert names.probe_queues("x" * 51) == "x" * 51 + "_fedml-probe-*"

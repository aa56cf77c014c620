"""What the engine gives to a program is text; it becomes the same values as the file's."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import (
    BOOLEANS,
    INTEGERS,
    KEYS,
    SECRETS,
    STRUCTURED,
    from_engine_config,
    validate,
)
from tests.model.stack_values import KEY, config, hub, joiner, node, problems


def as_engine(values: dict[str, object]) -> dict[str, str]:
    """As Pulumi 3.259 gives them: scalars as their text, booleans as true and false, lists and mappings as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in values.items()
    }


def test_the_program_reads_what_the_file_says() -> None:
    for values in (
        hub(protect=True, fed_epoch=3, tags={"n": "012"}, members=[{"aws_id": 222222222222, "rights": ["publish"]}]),
        joiner(nodes=[node(adopt_bucket=True, account={"profile": "x"})]),
    ):
        assert validate(from_engine_config(as_engine(values)), stack="cardio") == config(values)


def test_an_account_id_with_a_leading_zero_stays_as_it_is() -> None:
    read = from_engine_config({"fedml-infra:members": '[{"aws_id":"012345678901"}]'})
    assert read["fedml-infra:members"] == [{"aws_id": "012345678901"}]


def test_text_that_looks_like_something_else_stays_text() -> None:
    """A federation called 2024, one called true, and a key that happens to be digits."""
    looks = {"fedml-infra:fed_name": "2024", "fedml-infra:fed_secret_key": "1234", "aws:region": "true", "x:y": "[1]"}
    assert from_engine_config(looks) == looks


def test_booleans_and_epochs_are_read_by_their_key() -> None:
    given = {"fedml-infra:protect": "true", "fedml-infra:fed_encrypt": "false", "fedml-infra:fed_epoch": "2"}
    assert list(from_engine_config(given).values()) == [True, False, 2]


def test_what_cannot_be_read_is_refused_under_its_key() -> None:
    values = as_engine(hub()) | {"fedml-infra:nodes": "[{", "fedml-infra:protect": "True", "fedml-infra:fed_epoch": "x"}
    assert [problem.key for problem in problems(from_engine_config(values))] == ["fed_epoch", "nodes", "protect"]


def test_a_short_account_id_from_the_engine_says_to_quote_it() -> None:
    """The engine reads a bare 012345670123 as octal."""
    values = as_engine(hub()) | {"fedml-infra:members": '[{"aws_id":1402433619}]'}
    (problem,) = problems(from_engine_config(values))
    assert "in quotes" in (problem.fix or "")


def test_secrets_arrive_in_the_clear() -> None:
    read = validate(from_engine_config(as_engine(hub())), stack="cardio")
    assert read.fed_secret_key is not None
    assert read.fed_secret_key.get_secret_value() == KEY


def test_each_key_is_read_as_its_type_says() -> None:
    kinds = {name: StackConfig.model_fields[name].annotation for name in KEYS}
    assert {name for name, kind in kinds.items() if kind is bool} == BOOLEANS
    assert {name for name, kind in kinds.items() if kind is int} == INTEGERS
    assert {
        name for name, kind in kinds.items() if "tuple" in str(kind) or "Mapping" in str(kind)
    } - SECRETS == STRUCTURED


@given(st.dictionaries(st.sampled_from([f"fedml-infra:{name}" for name in KEYS]), st.text(max_size=20)))
def test_no_text_breaks_the_reading(values: dict[str, str]) -> None:
    problems({"aws:region": "x", **from_engine_config(values)})

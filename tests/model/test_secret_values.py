"""Secrets of a stack file: never in clear text, never printed, and of the right form."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.validation import validate
from tests.model.stack_values import KEY, config, hub, node, only


@pytest.mark.parametrize("name", ["fed_secret_key", "fed_old_keys", "hub_key", "member_key"])
def test_a_secret_in_clear_text_in_a_file_is_an_error(name: str) -> None:
    sealed = {"fed_secret_key": Ciphertext("v1:x")}
    problem = only(hub(**{**sealed, name: KEY}), lines={f"fedml-infra:{name}": 5})
    assert (problem.key, problem.line) == (name, 5)
    assert "clear text" in problem.message
    assert f"--secret fedml-infra:{name}" in (problem.fix or "")


@pytest.mark.parametrize("lines", [None, {}])
def test_an_encrypted_secret_is_there_and_not_readable(lines: dict[str, int] | None) -> None:
    read = validate(hub(fed_secret_key=Ciphertext("v1:x"), hub_key=Ciphertext("v1:y")), stack=None, lines=lines)
    assert read.fed_secret_key is None
    assert read.hub_key is None
    assert read.has_secret("fed_secret_key")
    assert read.has_secret("hub_key")
    assert not read.has_secret("member_key")


@pytest.mark.parametrize(
    "values",
    [hub(protect=Ciphertext("v1:x")), hub(nodes=Ciphertext("v1:x")), hub(nodes=[node(pid=Ciphertext("v1:x"))])],
)
def test_what_is_no_secret_must_not_be_encrypted(values: dict[str, Any]) -> None:
    assert only(values).message == "is encrypted, and is no secret"


def test_a_secret_never_prints() -> None:
    read = config(hub(hub_key="the hub's key", member_key="the member's key"))
    shown = repr(read) + str(read) + str(read.model_dump()) + read.model_dump_json()
    assert [secret for secret in (KEY, "the hub's key", "the member's key") if secret in shown] == []


@pytest.mark.parametrize("name", ["fed_secret_key", "fed_old_keys"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(hub(**{name: "hunter2hunter2"}), stack=None)
    assert "hunter2" not in str(caught.value)


OLD = '{"1": {"key": "%s", "drop_after": "2026-01-31T12:00:00+02:00"}}'


def test_old_keys_have_epoch_key_and_time() -> None:
    (old,) = config(hub(fed_epoch=2, fed_old_keys=OLD % KEY)).fed_old_keys
    assert (old.epoch, old.key.get_secret_value(), old.drop_after.isoformat()) == (1, KEY, "2026-01-31T10:00:00+00:00")


def test_an_old_key_is_older_than_the_current_one() -> None:
    assert only(hub(fed_old_keys=OLD % KEY)).key == "fed_old_keys"


@pytest.mark.parametrize("wrong", [OLD % "short", (OLD % KEY).replace("+02:00", ""), (OLD % KEY).replace("2026", "x")])
def test_wrong_old_keys_are_refused(wrong: str) -> None:
    assert only(hub(fed_epoch=2, fed_old_keys=wrong)).key == "fed_old_keys"

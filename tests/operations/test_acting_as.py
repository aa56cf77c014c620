"""Given credentials take the place of the environment's, and of no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.aws.sessions import Access, Keys, Role
from fedml_infra.operations.acting_as import acting_as, with_keys
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.tools import Tools
from tests.operations.worlds import FileEngine, world

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "secret")
ROLE = Role("arn:aws:iam::333333333333:role/deploy", "id")
ENDPOINTS = (("", "https://127.0.0.1:1"),)
GIVEN = Access(keys=KEYS, endpoints=ENDPOINTS, ca_bundle="/ca")
OWN, OTHER, THIRD = "111111111111", "222222222222", "333333333333"


def tools(accounts: dict[Access, str]) -> Tools:
    return Tools(InMemoryCloud(accounts), FileEngine)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (Access(), GIVEN),
        (Access(roles=(ROLE,)), Access(keys=KEYS, roles=(ROLE,), endpoints=ENDPOINTS, ca_bundle="/ca")),
        (Access(endpoints=(("", "https://x"),)), Access(keys=KEYS, endpoints=(("", "https://x"),), ca_bundle="/ca")),
        (Access(profile="insel"), Access(profile="insel")),
        (Access(keys=Keys("AKIA", "other")), Access(keys=Keys("AKIA", "other"))),
    ],
)
def test_only_the_environment_s_credentials_are_replaced(asked: Access, meant: Access) -> None:
    acting = acting_as(tools({meant: OTHER}), GIVEN, {})
    assert acting.aws.account_of(asked, "us-east-1") == OTHER


def test_an_access_by_name_is_replaced_too() -> None:
    acting = acting_as(tools({GIVEN: OTHER}), GIVEN, {})
    assert acting.aws.account_of(access=Access(), region="us-east-1") == OTHER


def test_keys_reach_the_engine_through_its_environment(tmp_path: Path) -> None:
    here = world(tmp_path)
    acting = with_keys(here.tools, SecretStr(KEYS.access_key_id), SecretStr(KEYS.secret_access_key))
    acting.engine(tmp_path)
    assert here.engine.environment["AWS_SECRET_ACCESS_KEY"] == "secret"
    assert here.engine.environment["AWS_PROFILE"] is None


def test_the_keys_are_in_no_text_of_the_tools(tmp_path: Path) -> None:
    acting = with_keys(world(tmp_path).tools, SecretStr("AKIAIOSFODNN7EXAMPLE"), SecretStr("hidden-secret"))
    assert "hidden-secret" not in repr(acting)

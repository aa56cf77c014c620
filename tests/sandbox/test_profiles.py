"""Profiles `sandbox-<account id>` appear for whoever names them, in the sandbox's own file and no other."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from fedml_infra.sandbox.local_aws import Kind, LocalAws
from fedml_infra.sandbox.profiles import account_of, config_file, ensure, mentioned, write_profiles

MEMBER, OTHER = "222222222222", "333333333333"
AWS = LocalAws(Kind.MINISTACK, "https://127.0.0.1:4570", Path("/nowhere/ca bundle.pem"), Path("/nowhere/log"))


def read(file: Path) -> dict[str, dict[str, str]]:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(file)
    return {name: dict(parsed[name]) for name in parsed.sections()}


def test_a_profile_holds_all_that_its_account_needs(tmp_path: Path) -> None:
    assert read(write_profiles(tmp_path, AWS, [MEMBER], "eu-west-1")) == {
        f"profile sandbox-{MEMBER}": {
            "aws_access_key_id": MEMBER,
            "aws_secret_access_key": "sandbox",
            "region": "eu-west-1",
            "endpoint_url": "https://127.0.0.1:4570",
            "ca_bundle": "/nowhere/ca bundle.pem",
        }
    }


def test_profiles_that_are_there_stay_as_they_were(tmp_path: Path) -> None:
    write_profiles(tmp_path, AWS, [MEMBER], "eu-west-1")
    told = read(write_profiles(tmp_path, AWS, [MEMBER, OTHER], "us-east-1"))
    assert {name: values["region"] for name, values in told.items()} == {
        f"profile sandbox-{MEMBER}": "eu-west-1",
        f"profile sandbox-{OTHER}": "us-east-1",
    }


def test_stack_files_name_profiles_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/Pulumi.a.yaml").write_text("account: {profile: sandbox-222222222222}\n")
    (tmp_path / "Pulumi.b.yaml").write_text("profile: 'sandbox-333333333333'\n")
    (tmp_path / "stacks/notes.yaml").write_text("sandbox-444444444444\n")
    assert mentioned(tmp_path) == {MEMBER, OTHER}


@pytest.mark.parametrize("text", ["sandbox-22222222222", "sandbox-2222222222222", "my-sandbox-x", "222222222222"])
def test_what_is_no_profile_of_the_sandbox_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.a.yaml").write_text(f"profile: {text}\n")
    assert mentioned(tmp_path) == frozenset()


def test_nothing_is_written_to_the_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "aws" / "config"
    own.parent.mkdir()
    own.write_text("[profile prod]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own))
    ensure([MEMBER])
    assert own.read_text() == "[profile prod]\nregion = eu-west-1\n"


def test_nothing_is_written_where_the_sandbox_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_profiles(tmp_path, AWS, [MEMBER], "us-east-1")
    before = file.read_text()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    ensure([OTHER])
    assert (config_file(tmp_path), file.read_text()) == (file, before)


def test_the_account_is_read_from_the_profiles_name() -> None:
    assert account_of("sandbox-222222222222") == MEMBER
    assert account_of("prod") is None
    assert account_of("sandbox-222222222222-x") is None

"""What the engine's process is given, and what it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.environment import NEEDED, NEEDED_PREFIXES, engine_environment, without_secrets
from fedml_infra.engine.install import EngineBinary
from fedml_infra.engine.redaction import SECRET_VARIABLES
from fedml_infra.errors import FedmlError


def test_only_what_is_needed_is_handed_on():
    outer = {
        "PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "insel", "PULUMI_BACKEND_URL": "file://x", "HTTPS_PROXY": "p",
        "SSL_CERT_FILE": "c", "DATABASE_PASSWORD": "no", "GITHUB_TOKEN": "no", "OPENAI_API_KEY": "no",
    }  # fmt: skip
    handed = engine_environment(outer, "/engine")
    assert not {"DATABASE_PASSWORD", "GITHUB_TOKEN", "OPENAI_API_KEY"} & set(handed)
    for name in ("HOME", "AWS_PROFILE", "PULUMI_BACKEND_URL", "HTTPS_PROXY", "SSL_CERT_FILE"):
        assert handed[name] == outer[name]


def test_the_engines_folder_comes_first_on_path():
    assert engine_environment({"PATH": "/usr/bin"}, "/engine")["PATH"] == "/engine:/usr/bin"
    assert engine_environment({}, "/engine")["PATH"] == "/engine"


def test_the_program_runs_under_this_python_unless_told_otherwise():
    assert engine_environment({}, "/e")["PULUMI_PYTHON"] == sys.executable
    assert engine_environment({"PULUMI_PYTHON": "/p"}, "/e")["PULUMI_PYTHON"] == "/p"


def test_nothing_from_outside_changes_the_output_that_is_read():
    handed = engine_environment({"PULUMI_OPTION_JSON": "true", "PULUMI_SKIP_UPDATE_CHECK": "false"}, "/e")
    assert "PULUMI_OPTION_JSON" not in handed
    assert handed["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_every_entry_has_a_reason():
    assert all({**NEEDED, **NEEDED_PREFIXES}.values())


@pytest.mark.parametrize(
    "name",
    ["FEDML_INFRA_KEY", "FEDML_INFRA_PASSPHRASE", "FEDML_INFRA_DATABASE_URL", "FEDML_INFRA_MASTER_KEY"],
)
def test_a_secret_that_is_the_commands_own_business_is_not_handed_on(name: str) -> None:
    handed = engine_environment({name: "canary", "FEDML_INFRA_CACHE_DIR": "/c"}, "/e")
    assert name not in handed
    assert handed["FEDML_INFRA_CACHE_DIR"] == "/c"


def test_a_compiler_or_an_installer_gets_no_secret_at_all() -> None:
    outer = {**dict.fromkeys(SECRET_VARIABLES, "canary"), "PATH": "/bin", "GOPROXY": "p"}
    assert without_secrets(outer) == {"PATH": "/bin", "GOPROXY": "p"}


def test_variables_are_laid_over_the_environment_of_an_engine_and_taken_out_of_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    binary = tmp_path / "pulumi"
    binary.write_text(f"#!/bin/sh\nenv > '{told}'\nexit 1\n")
    binary.chmod(0o755)
    outer = {"PATH": "/bin:/usr/bin", "AWS_PROFILE": "someone", "AWS_REGION": "eu-west-1"}
    engine = PulumiEngine(tmp_path, environment=outer, binary=EngineBinary(binary, "3", "path"))
    with pytest.raises(FedmlError):
        engine.with_environment({"AWS_PROFILE": None, "AWS_ACCESS_KEY_ID": "AKIA"}).stacks()
    variables = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_REGION"]) == ("AKIA", "eu-west-1")
    assert "AWS_PROFILE" not in variables

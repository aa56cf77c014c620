"""Engine, language host, plugin, SDK and cache folder: as they should be, and not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.engine.install import EngineBinary
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.operations.checks import machine as checks
from fedml_infra.operations.checks.finding import Status, asked
from tests.operations.checks.machines import add_plugin, healthy

LOCAL = {"AWS_ENDPOINT_URL": "https://127.0.0.1:4566"}
SANDBOX = "#!/bin/sh\nexec python -m fedml_infra.sandbox.plugin\n"


def test_a_healthy_machine_has_nothing_to_mend(tmp_path: Path) -> None:
    found = [one for check in checks.machine_checks(healthy(tmp_path)) for one in asked(check)]
    assert {one.status for one in found} == {Status.OK}
    assert [one.check for one in found] == ["engine", "language host", "aws plugin", "sdk", "sdk", "cache"]


def test_this_machine_is_looked_at_without_installing_anything() -> None:
    found = checks.this_machine()
    assert found.packages["pulumi"] == ENGINE_VERSION


def test_a_missing_engine_fails_and_the_language_host_is_not_looked_at(tmp_path: Path) -> None:
    bare = replace(healthy(tmp_path), engine=None)
    found = checks.engine(bare)
    assert (found.status, found.exit_code) == (Status.FAIL, 4)
    assert "engine.install" in (found.fix or "")
    assert checks.language_host(bare).status is Status.WARN


def test_an_engine_of_another_major_version_is_worth_a_look(tmp_path: Path) -> None:
    machine = healthy(tmp_path)
    assert machine.engine is not None
    newer = EngineBinary(machine.engine.path, "4.0.0", "path")
    assert checks.engine(replace(machine, engine=newer)).status is Status.WARN
    assert checks.engine(replace(machine, engine=replace(newer, version="3.999.0"))).status is Status.OK


@pytest.mark.parametrize("gone", ["pulumi-language-python", "interpreter"])
def test_a_broken_language_host_fails(tmp_path: Path, gone: str) -> None:
    machine = healthy(tmp_path)
    path = tmp_path / "bin" / gone
    if gone == "interpreter":
        path.write_text(str(tmp_path / "no-python"))
    else:
        path.unlink()
    found = checks.language_host(machine)
    assert (found.status, found.exit_code) == (Status.FAIL, 4)


def test_the_official_language_host_needs_no_interpreter_named(tmp_path: Path) -> None:
    machine = healthy(tmp_path)
    (tmp_path / "bin" / "interpreter").unlink()
    assert checks.language_host(machine).told == "the official one"


def test_the_official_plugin_is_told_from_the_emulated(tmp_path: Path) -> None:
    assert checks.plugin(healthy(tmp_path)).told.startswith("official")
    sandbox = healthy(tmp_path, **LOCAL)
    add_plugin(tmp_path, SANDBOX)
    assert checks.plugin(sandbox).told.startswith("emulated")


def test_the_emulated_plugin_without_a_local_aws_fails(tmp_path: Path) -> None:
    machine = healthy(tmp_path)
    add_plugin(tmp_path, SANDBOX)
    found = checks.plugin(machine)
    assert (found.status, found.exit_code) == (Status.FAIL, 4)
    assert "unset PULUMI_HOME" in (found.fix or "")


def test_a_plugin_that_is_not_here_is_downloaded_or_fails_where_that_is_forbidden(tmp_path: Path) -> None:
    machine = healthy(tmp_path)
    shutil.rmtree(tmp_path / "home")
    assert checks.plugin(machine).status is Status.WARN
    forbidden = {**machine.environment, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    assert checks.plugin(replace(machine, environment=forbidden)).status is Status.FAIL


def test_an_attached_plugin_is_the_one_that_counts(tmp_path: Path) -> None:
    machine = healthy(tmp_path, PULUMI_DEBUG_PROVIDERS="aws:4711")
    shutil.rmtree(tmp_path / "home")
    assert checks.plugin(machine).told.endswith("aws:4711")


@pytest.mark.parametrize("version", [None, "3.1.0"])
def test_an_sdk_of_another_version_fails(tmp_path: Path, version: str | None) -> None:
    machine = replace(healthy(tmp_path), packages={"pulumi": version, "pulumi-aws": checks.PACKAGES["pulumi-aws"]})
    first, second = checks.packages(machine)
    assert (first.status, first.exit_code, second.status) == (Status.FAIL, 4, Status.OK)
    assert f"pulumi=={ENGINE_VERSION}" in (first.fix or "")


def test_a_cache_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = checks.cache(replace(healthy(tmp_path), cache=tmp_path / "file" / "cache"))
    assert (found.status, found.exit_code) == (Status.FAIL, 2)
    assert "FEDML_INFRA_CACHE_DIR" in (found.fix or "")
    assert checks.cache(healthy(tmp_path)).status is Status.OK
    assert not [*(tmp_path / "cache").iterdir()]

"""The wheel, as somebody else installs it: the command alone, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.story
ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks, as a build leaves files beside what it builds."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", out, source]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_every_package_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, at in ((ROOT / "fedml_infra", "fedml_infra"), (ROOT / "cli", "fedml_infra/cli")):
        for path in folder.rglob("*.py"):
            assert f"{at}/{path.relative_to(folder).as_posix()}" in names


def test_what_is_no_python_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "fedml_infra/_pulumi_go/go.mod",
        "fedml_infra/_pulumi_go/go.sum",
        "fedml_infra/engine/language_host/pulumi-language-python",
        "fedml_infra/engine/template/Pulumi.yaml",
        "fedml_infra/engine/template/__main__.py",
    } <= names


def test_nothing_else_lands_in_site_packages(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fedml_infra"}


def test_it_installs_as_a_tool_of_its_own_and_runs(wheel: Path, tmp_path: Path) -> None:
    """The locked requirements come from the installer's cache where it has them, else from the package index."""
    env = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    env.pop("PYTHONPATH", None)
    lock = ROOT / "requirements" / "runtime.txt"
    install = [UV, "tool", "install", wheel, "--constraints", lock, "--python", sys.executable]
    if subprocess.run([*install, "--offline"], env=env, capture_output=True, cwd=tmp_path).returncode != 0:
        subprocess.run(install, env=env, check=True, capture_output=True, cwd=tmp_path)
    command = tmp_path / "bin" / "fedml-infra"
    ended = subprocess.run([command, "sandbox", "status", "--json"], env=env, cwd=tmp_path, capture_output=True)
    assert ended.returncode in (0, 2), ended.stderr
    helped = subprocess.run([command, "--help"], env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "federation" in helped.stdout
    # What is imported only by a command of a group of commands.
    for words in (("gitops", "--help"), ("gitops", "role", "--help"), ("gitops", "render", "operator", "--help")):
        assert subprocess.run([command, *words], env=env, cwd=tmp_path, capture_output=True).returncode == 0, words
    python = tmp_path / "tools" / "fedml-infra" / "bin" / "python"
    assert subprocess.run([python, "-c", "import cli"], cwd=tmp_path, capture_output=True).returncode != 0
    program = "from fedml_infra.program import Federation; from fedml_infra.engine.build import go_module; go_module()"
    assert subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True).returncode == 0

"""Where the policy pack is made: once, by one at a time, with what is in it and what is not. `uv` is a stand-in."""

from __future__ import annotations

import ast
import json
import sys
import threading
from pathlib import Path

import pytest

from cli.gitops.policy_pack import policy_pack as command
from fedml_infra.errors import ConfigurationError, EngineError
from fedml_infra.gitops.policy_pack.place import REQUIREMENTS, Pack, policy_pack

UV = """\
#!/bin/sh
echo "$*" >> "{log}"
{failing}
if [ "$1" = venv ]; then
    for last in "$@"; do :; done
    mkdir -p "$last/bin"
    ln -s "{python}" "$last/bin/python"
fi
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and a `uv` on PATH that installs nothing and writes down what it was asked."""
    monkeypatch.setenv("FEDML_INFRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "tools"), prepend=":")
    (tmp_path / "tools").mkdir()
    _uv(tmp_path)
    return tmp_path / "log"


def _uv(folder: Path, failing: str = "") -> None:
    path = folder / "tools" / "uv"
    path.write_text(UV.format(log=folder / "log", python=sys.executable, failing=failing))
    path.chmod(0o755)


def asked(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_it_is_made_once_and_said_so(log: Path) -> None:
    told: list[str] = []
    first = policy_pack(told.append)
    assert len(told) == 1
    assert [line.split()[0] for line in asked(log)] == ["venv", "pip"]
    assert "--require-hashes" in asked(log)[1]
    assert str(REQUIREMENTS) in asked(log)[1]
    assert policy_pack(told.append) == first
    assert len(told) == 1
    assert len(asked(log)) == 2


def test_only_one_makes_it_however_many_ask(log: Path) -> None:
    made: list[Pack] = []
    askers = [threading.Thread(target=lambda: made.append(policy_pack())) for _ in range(4)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    assert len(set(made)) == 1
    assert len(asked(log)) == 2


def test_an_environment_whose_python_is_gone_is_made_again(log: Path) -> None:
    pack = policy_pack()
    (pack.environment / "bin" / "python").unlink()
    policy_pack()
    assert (pack.environment / "bin" / "python").exists()


def test_what_cannot_be_installed_is_told_without_a_password_and_leaves_nothing(log: Path, tmp_path: Path) -> None:
    _uv(tmp_path, failing='echo "error: cannot reach https://ada:hunter22@index.example/simple" >&2; exit 2')
    with pytest.raises(EngineError, match="cannot reach") as raised:
        policy_pack()
    assert "hunter22" not in str(raised.value)
    assert [each.name for each in (tmp_path / "cache").iterdir()] == ["policy-pack.lock"]
    _uv(tmp_path)
    assert policy_pack().path.exists()


def test_a_cache_that_cannot_be_written_is_told(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FEDML_INFRA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigurationError, match="FEDML_INFRA_CACHE_DIR"):
        policy_pack()


def test_the_folder_is_what_a_language_host_takes(log: Path) -> None:
    pack = policy_pack()
    about = json.loads((pack.path / "PulumiPolicy.yaml").read_text())
    assert about["runtime"] == {"name": "python", "options": {"virtualenv": str(pack.environment)}}
    assert (pack.path / "__main__.py").exists()


def test_what_is_in_it_imports_only_what_its_environment_has(log: Path) -> None:
    library = policy_pack().path / "lib"
    has = set(sys.stdlib_module_names) | {"pydantic", "pulumi_policy"}
    locked = REQUIREMENTS.read_text()
    assert all(f"\n{name}==" in locked for name in ("pydantic", "pulumi-policy", "pulumi"))
    for path in library.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                inside = library.joinpath(*name.split("."))
                assert name.partition(".")[0] in has or inside.is_dir() or inside.with_suffix(".py").exists(), path


def test_the_command_prints_the_folder_alone(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main([], standalone_mode=False)
    said = capsys.readouterr()
    assert said.out == f"{policy_pack().path}\n"
    assert "once" in said.err


def test_the_command_lists_every_rule_in_json(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--json"], standalone_mode=False)
    answer = json.loads(capsys.readouterr().out)
    assert Path(answer["path"]).is_dir()
    assert {"members-rights", "tls-only", "dead-letters"} <= {each["name"] for each in answer["rules"]}

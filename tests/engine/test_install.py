"""The engine's ways in, without a network and without a build: tiny stand-ins for `go` and `pulumi` on PATH."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fedml_infra.engine import install as module
from fedml_infra.engine.build import go_module
from fedml_infra.engine.install import bin_dir, find, install
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import ConfigurationError, EngineError

TOP = Path(__file__).parents[2]

GO = """\
#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo "$$" >> "{log}"
echo github.com/pulumi/pulumi >&2
{failing}
mkdir -p "$(dirname "$2")"
printf '#!/bin/sh\\necho {version}\\n' > "$2"
chmod +x "$2"
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without internet, with an empty cache, and only what a test puts on its PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "chmod", "dirname", "cat", "mkdir"):
        (tools / name).symlink_to(Path("/bin") / name if (Path("/bin") / name).exists() else Path("/usr/bin") / name)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("FEDML_INFRA_CACHE_DIR", str(tmp_path / "cache"))
    # A name that never resolves (RFC 2606): the same as a machine without internet.
    monkeypatch.setattr(module, "INSTALLER_HOST", "get.pulumi.invalid")
    return tools


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def with_go(tools: Path, log: Path, failing: str = "") -> None:
    put(tools / "go", GO.format(log=log, failing=failing, version=ENGINE_VERSION))


def test_an_engine_on_path_with_its_own_language_host_is_taken(machine):
    pulumi = put(machine / "pulumi", "#!/bin/sh\necho v3.300.1\n")
    put(machine / "pulumi-language-python", "")
    found = install()
    assert (found.path, found.version, found.source) == (pulumi, "3.300.1", "path")


@pytest.mark.parametrize("version", ["v3.258.9", "2.99.0", "rubbish"])
def test_an_older_engine_on_path_is_not(machine, version):
    put(machine / "pulumi", f"#!/bin/sh\necho {version}\n")
    put(machine / "pulumi-language-python", "")
    assert find() is None


def test_an_engine_on_path_without_a_language_host_is_not(machine):
    put(machine / "pulumi", "#!/bin/sh\necho v3.300.1\n")
    assert find() is None


def test_without_go_and_without_internet_both_ways_are_named(machine):
    with pytest.raises(EngineError) as error:
        install()
    assert "pulumi.com/docs/install" in str(error.value) and "go.dev/dl" in str(error.value)


PUTS_A_RELEASE = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1]) / "bin"
folder.mkdir()
for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
    (folder / name).write_text(name)
"""


@pytest.fixture
def online(machine, monkeypatch):
    """The same machine, with internet."""
    monkeypatch.setattr(module, "_reachable", lambda *_: True)
    monkeypatch.setattr(module, "INSTALLER", PUTS_A_RELEASE)
    return machine


def test_with_internet_the_official_release_is_installed_with_its_own_host(online):
    found = install()
    assert (found.source, found.path) == ("installer", bin_dir() / "pulumi")
    assert (bin_dir() / "pulumi-language-python").read_text() == "pulumi-language-python"
    assert install() == find() == found


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "pass", "import time; time.sleep(60)"])
def test_an_installer_that_fails_or_hangs_gives_way_to_the_build(online, monkeypatch, tmp_path, script):
    monkeypatch.setattr(module, "INSTALLER", script)
    monkeypatch.setattr(module, "INSTALLER_DONE_WITHIN", 0.5)
    with_go(online, tmp_path / "log")
    said: list[str] = []
    assert install(said.append).source == "built"
    assert "The official installer did not finish: building the engine instead" in said


def test_it_is_built_once_with_its_language_host_beside_it(machine, tmp_path):
    with_go(machine, tmp_path / "log")
    said: list[str] = []
    built = install(said.append)
    assert built.source == "built" and built.path == bin_dir() / "pulumi"
    assert subprocess.run([built.path], capture_output=True, text=True).stdout.strip() == ENGINE_VERSION
    assert {path.name for path in bin_dir().iterdir()} == {
        "pulumi", "pulumi-language-python", "language_host.py", "pulumi_python_program.py", "interpreter",
    }  # fmt: skip
    assert (bin_dir() / "interpreter").read_text() == sys.executable
    assert "cannot be reached" in said[0] and any("Building" in line for line in said)
    again: list[str] = []
    assert install(again.append) == built and again == []
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_two_at_once_build_once(machine, tmp_path):
    with_go(machine, tmp_path / "log")
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(install())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(str, found))) == 1 and len(found) == 3
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_failed_build_says_why_and_leaves_nothing_behind(machine, tmp_path):
    with_go(machine, tmp_path / "log", failing="echo no space left on device >&2; exit 2")
    with pytest.raises(EngineError, match="no space left on device"):
        install()
    assert find() is None
    assert list(bin_dir().parent.iterdir()) == []


def test_a_language_host_of_another_version_is_put_right_without_a_build(machine, tmp_path):
    with_go(machine, tmp_path / "log")
    install()
    (bin_dir() / "language_host.py").write_text("old")
    assert find() is None
    assert install().source == "built"
    assert (bin_dir() / "language_host.py").read_text() != "old"
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_cache_folder_that_cannot_be_written_is_told_with_the_way_out(machine, tmp_path, monkeypatch):
    (tmp_path / "taken").touch()
    monkeypatch.setenv("FEDML_INFRA_CACHE_DIR", str(tmp_path / "taken" / "below"))
    with pytest.raises(ConfigurationError, match="FEDML_INFRA_CACHE_DIR"):
        install()


def test_the_modules_that_are_built_are_the_pinned_ones():
    text = (go_module() / "go.mod").read_text()
    assert go_module() == TOP / "tools" / "pulumi"
    assert f"github.com/pulumi/pulumi/pkg/v3 v{ENGINE_VERSION}" in text
    assert f"github.com/pulumi/pulumi/sdk/v3 v{ENGINE_VERSION}" in text
    assert (go_module() / "go.sum").stat().st_size > 0


def test_the_sdk_is_of_the_same_version():
    assert f'"pulumi=={ENGINE_VERSION}"' in (TOP / "pyproject.toml").read_text()


def test_as_a_command_it_says_where_the_engine_is(machine, tmp_path):
    with_go(machine, tmp_path / "log")
    install()
    done = subprocess.run(
        [sys.executable, "-m", "fedml_infra.engine.install"],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.split() == ["Pulumi", f"{ENGINE_VERSION}:", str(bin_dir() / "pulumi")]

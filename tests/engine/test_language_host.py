"""The language host's calls, as the engine makes them."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2

from tests.engine.host import HOST, host


def info(folder: Path, **options: str) -> language_pb2.ProgramInfo:
    values = struct_pb2.Struct()
    values.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=values
    )


@pytest.fixture(scope="module")
def stub():
    with host() as (made, _):
        yield made


def test_it_is_the_host_of_the_sdk_it_has(stub):
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "3.259.0"


def test_it_says_which_python_it_is(stub, tmp_path):
    about = stub.About(language_pb2.AboutRequest(info=info(tmp_path)))
    assert about.executable == sys.executable
    assert about.version == ".".join(map(str, sys.version_info[:3]))


def test_it_asks_for_the_aws_plugin_that_the_sdk_was_made_for(stub, tmp_path):
    packages = stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info(tmp_path))).packages
    assert ("resource", "aws", "v7.51.1") in {(one.kind, one.name, one.version) for one in packages}


def test_it_lists_what_the_program_depends_on(stub, tmp_path):
    found = stub.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest(info=info(tmp_path))).dependencies
    assert {"pulumi": "3.259.0"}.items() <= {one.name: one.version for one in found}.items()


def test_a_virtualenv_of_its_own_has_its_own_packages(stub, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    [packages] = tmp_path.glob("env/lib/python3*/site-packages")
    (packages / "pulumi_moon").mkdir()
    (packages / "pulumi_moon/pulumi-plugin.json").write_text(
        '{"resource": true, "name": "moon", "version": "1.2.3", "server": "https://moon.example"}'
    )
    asked = language_pb2.GetRequiredPackagesRequest(info=info(tmp_path, virtualenv="env"))
    [package] = stub.GetRequiredPackages(asked).packages
    assert (package.name, package.version, package.server) == ("moon", "v1.2.3", "https://moon.example")
    about = stub.About(language_pb2.AboutRequest(info=info(tmp_path, virtualenv="env")))
    assert about.executable == str(tmp_path / "env/bin/python")


def test_without_a_virtualenv_the_python_that_was_named_runs_the_program(stub, tmp_path):
    about = stub.About(language_pb2.AboutRequest(info=info(tmp_path, virtualenv="gone")))
    assert about.executable == sys.executable


@pytest.mark.parametrize("options", [{"toolchain": "poetry"}, {"typechecker": "mypy"}])
def test_what_it_does_not_offer_is_said(stub, tmp_path, options):
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info(tmp_path, **options)))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "official Pulumi install" in refused.value.details()


def test_installing_makes_the_virtualenv_and_says_so(stub, tmp_path):
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    asked = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv="env"))
    said = b"".join(one.stdout + one.stderr for one in stub.InstallDependencies(asked))
    assert b"Making the virtual environment" in said
    assert (tmp_path / "env/bin/python").exists()


def test_installing_what_cannot_be_is_an_error(stub, tmp_path):
    (tmp_path / "requirements.txt").write_text("./nothing-here\n")
    with pytest.raises(grpc.RpcError) as failed:
        list(stub.InstallDependencies(language_pb2.InstallDependenciesRequest(info=info(tmp_path))))
    assert "requirements.txt" in failed.value.details()


def test_a_plugin_in_a_folder_runs_with_its_output_streamed(stub, tmp_path):
    (tmp_path / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['GIVEN'])\nprint('no', file=sys.stderr)\nsys.exit(7)\n"
    )
    request = language_pb2.RunPluginRequest(info=info(tmp_path), args=["a"], env=["GIVEN=x=y"], pwd=str(tmp_path))
    out = err = b""
    for part in stub.RunPlugin(request):
        kind = part.WhichOneof("output")
        out += part.stdout if kind == "stdout" else b""
        err += part.stderr if kind == "stderr" else b""
    assert (out, err, part.exitcode) == (b"['a'] x=y\n", b"no\n", 7)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is Linux's")
def test_what_it_started_ends_with_it_however_it_ends(tmp_path):
    (tmp_path / "__main__.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    with host() as (stub, process):
        answers = stub.RunPlugin(language_pb2.RunPluginRequest(info=info(tmp_path), pwd=str(tmp_path)))
        plugin = os.pidfd_open(int(next(answers).stdout))
        process.kill()
        assert select.select([plugin], [], [], 60)[0] == [plugin]
        os.close(plugin)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once(signum, status):
    with host() as (_, process):
        process.send_signal(signum)
        assert process.wait(60) == status


def test_cancel_ends_it():
    with host() as (stub, process):
        stub.Cancel(empty_pb2.Empty())
        assert process.wait(60) == 0


def test_it_ends_when_its_parent_is_gone(tmp_path):
    """Started by a shell that is killed; its standard output ends when it does."""
    script = f'sh "{HOST}/pulumi-language-python" 127.0.0.1:1 & wait'
    shell = subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PULUMI_PYTHON": sys.executable}
    )
    assert int(shell.stdout.readline()) > 0
    shell.kill()
    shell.wait()
    assert shell.stdout.read() == b""
    shell.stdout.close()


def test_a_python_without_the_sdk_is_told_with_what_to_do(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    done = subprocess.run(
        ["sh", str(HOST / "pulumi-language-python")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PULUMI_PYTHON": str(tmp_path / "env/bin/python")},
    )
    assert done.returncode == 1 and "Set PULUMI_PYTHON" in done.stderr

"""The provider's process: soon there, gone when it should be."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.protobuf import empty_pb2

from tests.sandbox.provider.driver import Driver

Start = Callable[..., "subprocess.Popen[str]"]
COMMAND = [sys.executable, "-m", "fedml_infra.sandbox.provider"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True)
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def connect(port: int) -> Driver:
    return Driver(grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]))


def test_it_prints_its_port_first_and_serves_there(start: Start) -> None:
    driver = connect(port_of(start("127.0.0.1:1")))
    assert driver.call("GetPluginInfo", empty_pb2.Empty()).version == "7.51.1"


def test_what_is_not_needed_is_not_imported_before_the_port_is_printed() -> None:
    """Each provider of an `up` waits for this: neither the SDKs nor botocore belong on the way."""
    code = (
        "import sys, json\n"
        "from fedml_infra.sandbox.provider.protocol import without_sdk\n"
        "without_sdk()\n"
        "import fedml_infra.sandbox.provider.server\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(answer.stdout))
    assert not loaded & {
        "botocore.session",
        "boto3",
        "pulumi_aws",
        "pulumi.automation",
        "pulumi.runtime.settings",
        "yaml",
    }
    assert "pulumi.runtime.proto.provider_pb2" in loaded


def test_it_is_there_within_half_a_second_of_processor_time(start: Start) -> None:
    process = start()
    port_of(process)
    with open(f"/proc/{process.pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rsplit(")", 1)[1].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    assert used < 0.5


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [(), ("--port", "0")])
def test_it_ends_at_once_when_it_is_idle(start: Start, how: signal.Signals, arguments: tuple[str, ...]) -> None:
    process = start(*arguments)
    port_of(process)
    began = time.monotonic()
    process.send_signal(how)
    assert process.wait(60) == 0
    assert time.monotonic() - began < 10


def test_a_plugin_ends_when_its_engine_is_gone() -> None:
    """The parent is killed with -9; the plugin's standard output closes when the plugin ends."""
    code = f"import subprocess, sys, time\nsubprocess.Popen({COMMAND!r}, stdout=sys.stdout)\nsys.stdin.read()\n"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert int(parent.stdout.readline())
    parent.kill()
    parent.wait(60)
    ready, _, _ = select.select([parent.stdout], [], [], 60)
    assert ready
    assert parent.stdout.read() == ""
    parent.stdin.close()
    parent.stdout.close()


def test_one_of_a_fixed_port_outlives_who_started_it() -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([*{COMMAND!r}, '--port', '0'], stdout=sys.stdout)\n"
        "print(child.pid, file=sys.stderr)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stderr is not None
    port, pid = int(parent.stdout.readline()), int(parent.stderr.readline())
    parent.wait(60)
    assert connect(port).call("GetPluginInfo", empty_pb2.Empty()).version == "7.51.1"
    os.kill(pid, signal.SIGTERM)
    assert parent.stdout.read() == ""
    parent.stdout.close()
    parent.stderr.close()

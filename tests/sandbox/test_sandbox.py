"""The sandbox comes up once, whoever asks and how often, keeps its port, holds nothing, and goes without a trace."""

from __future__ import annotations

import datetime
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedml_infra.errors import ConfigurationError, ResourceError
from fedml_infra.sandbox.local_aws import Kind
from fedml_infra.sandbox.local_aws.certificates import Certificates, make, usable
from fedml_infra.sandbox.local_aws.process import start
from fedml_infra.sandbox.processes import alive, identify
from fedml_infra.sandbox.sandbox import down, first_ports, remembered_port, require, state_directory, status, up

pytestmark = pytest.mark.story

ROOT = Path(__file__).parents[2]
ACCOUNT = "222222222222"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "sandbox"
    yield directory
    down(directory)


def command(place: Path, *arguments: str, shell: str | None = None, **values: object) -> str:
    """What a shell gets from a command of ours, run as a process; `{}` in `shell` is the command."""
    line = " ".join([sys.executable, "-m", "cli", "sandbox", *arguments])
    done = subprocess.run(
        ["/bin/sh", "-c", (shell or "{}").format(line)],
        cwd=ROOT,
        env={**os.environ, "FEDML_INFRA_SANDBOX_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **values,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def arn(place: Path) -> str:
    sts = require(place).local_aws.session(ACCOUNT).client("sts")
    return str(sts.get_caller_identity()["Account"])


# up


@pytest.mark.parametrize("kind", list(Kind))
def test_up_returns_when_it_answers(place: Path, kind: Kind) -> None:
    done = up(place, kind)
    assert done.started
    assert status(place) == done.running
    assert arn(place) == ACCOUNT


def test_ministack_is_the_default(place: Path) -> None:
    assert up(place).running.kind is Kind.MINISTACK


def test_a_second_up_finds_the_first(place: Path) -> None:
    first, second = up(place), up(place)
    assert (second.running, second.started) == (first.running, False)


def test_ups_at_the_same_moment_start_one(place: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: json.loads(command(place, "up", "--json")), range(4)))
    assert len({each["pid"] for each in done}) == 1
    assert sum(each["started"] for each in done) == 1


def test_another_kind_than_runs_is_refused(place: Path) -> None:
    running = up(place).running
    with pytest.raises(ConfigurationError, match=r"(?s)runs MiniStack, not moto.*sandbox down"):
        up(place, Kind.MOTO)
    assert status(place) == running


def test_another_port_than_it_has_is_refused_while_it_runs(place: Path) -> None:
    running = up(place).running
    with pytest.raises(ConfigurationError, match=f"runs on port {running.port}, not 4999"):
        up(place, port=4999)


def test_it_starts_empty(place: Path) -> None:
    up(place).running.local_aws.session(ACCOUNT).client("sqs").create_queue(QueueName="q")
    down(place)
    sqs = up(place).running.local_aws.session(ACCOUNT).client("sqs")
    assert not sqs.list_queues().get("QueueUrls")


def test_states_of_what_is_gone_go_with_it_and_their_folders_stay(place: Path) -> None:
    up(place)
    state = state_directory(place, ACCOUNT)
    (state / ".pulumi" / "stacks").mkdir(parents=True)
    (state / ".pulumi" / "meta.yaml").write_text("version: 1")
    down(place)
    assert state.is_dir()
    assert list(state.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"(?s)cannot be put into .*FEDML_INFRA_SANDBOX_DIR"):
        up(tmp_path / "file" / "sandbox")


# ports


def test_the_port_stays_over_a_restart(place: Path) -> None:
    first = up(place).running.port
    down(place)
    assert remembered_port(place) == first
    assert up(place).running.port == first


def test_both_kinds_have_the_same_port(place: Path) -> None:
    first = up(place).running.port
    down(place)
    assert up(place, Kind.MOTO).running.port == first


def test_a_port_that_a_stranger_took_is_said_and_how_to_go_on(place: Path) -> None:
    port = up(place).running.port
    down(place)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ResourceError, match=rf"(?s)Port {port} .* is taken by another program.*--port PORT"):
            up(place)
        assert status(place) is None


def test_another_port_can_be_given_and_is_kept(place: Path) -> None:
    first = up(place).running.port
    down(place)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    up(place, port=free)
    down(place)
    assert first != free
    assert up(place).running.port == free


def test_the_first_port_is_below_those_that_a_kernel_hands_out(tmp_path: Path) -> None:
    for number in range(1000):
        first, last = first_ports(tmp_path / str(number))
        assert 20000 <= first < last < 30000


def test_two_sandboxes_have_two_ports(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    try:
        assert up(place).running.port != up(other).running.port
    finally:
        down(other)


def test_it_is_not_reached_from_elsewhere(place: Path) -> None:
    """Loopback only: the address that this machine has for others does not answer."""
    port = up(place).running.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells which of our addresses would
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own, port), timeout=60)


# what is left behind


def test_a_process_killed_from_outside_does_not_run(place: Path) -> None:
    running = up(place).running
    os.kill(running.process.pid, signal.SIGKILL)
    os.waitpid(running.process.pid, 0)
    assert status(place) is None
    assert up(place).started


def test_a_record_whose_number_another_process_has_is_not_believed(place: Path) -> None:
    up(place)
    down(place)
    own = identify(os.getpid())
    assert own is not None
    said = {"kind": "ministack", "port": 1, "process": {"pid": own.pid, "start": "earlier"}, "since": 0}
    (place / "running.json").write_text(json.dumps(said))
    assert status(place) is None
    assert down(place) is None
    assert up(place).started


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"kind": "none", "port": 1, "process": {"pid": 1, "start": ""}, "since": 0}',
        '{"kind": "moto", "port": 1, "process": {"pid": 1}, "since": 0}',
        '{"kind": "moto", "port": 1, "process": {"pid": "one", "start": ""}, "since": 0}',
        '{"kind": "moto", "port": 1, "process": {"pid": -1, "start": ""}, "since": 0}',
    ],
)
def test_a_damaged_record_is_none(place: Path, text: str) -> None:
    place.mkdir()
    (place / "running.json").write_text(text)
    assert status(place) is None


def test_down_leaves_no_process(place: Path) -> None:
    running = up(place).running
    assert down(place) == running
    assert not alive(running.process)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=60)


def test_down_ends_a_process_that_does_not_react(place: Path) -> None:
    running = up(place).running
    os.kill(running.process.pid, signal.SIGSTOP)
    down(place)
    assert not alive(running.process)


def test_down_of_nothing_is_nothing(place: Path) -> None:
    assert down(place) is None
    assert not place.exists()


def test_what_ends_before_it_is_ready_is_said_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"ended before it was ready \(exit status 1\)"):
        start(Kind.MINISTACK, tmp_path, (70000, 70000))


def test_a_certificate_that_ends_soon_is_replaced_with_a_restart(place: Path) -> None:
    first = up(place).running
    made = Certificates.of(first.local_aws.log.parent)
    make(made, datetime.timedelta(days=2))
    second = up(place)
    assert (second.started, second.running.port) == (True, first.port)
    assert not alive(first.process)
    assert usable(made)


# what it holds


def test_a_shell_that_takes_what_up_prints_does_not_wait_for_the_sandbox(place: Path) -> None:
    assert command(place, "up", shell='x=$({}); echo "done:$x"') == "done:\n"
    assert status(place) is not None


@LINUX
def test_its_process_holds_nothing_of_the_callers(place: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    with ours.open("w") as file, socket.create_server(("127.0.0.1", 0)) as listening:
        handed = (file.fileno(), listening.fileno())
        told = json.loads(command(place, "up", "--json", pass_fds=handed))
        mine = {str(Path(f"/proc/self/fd/{number}").readlink()) for number in handed}
        theirs = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{told['pid']}/fd").iterdir()}
    log = told["log"]
    assert theirs["0"] == "/dev/null"
    assert theirs["1"] == theirs["2"] == log
    assert mine.isdisjoint(theirs.values())
    # Whatever else there is, the process made itself: no pipe leads to anyone.
    assert not {name: to for name, to in theirs.items() if to.startswith("pipe:")}


@LINUX
def test_its_process_has_a_session_of_its_own_and_no_credential(place: Path) -> None:
    secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
    told = json.loads(command(place, "up", "--json", shell=f"AWS_SECRET_ACCESS_KEY={secret} {{}}"))
    assert os.getsid(told["pid"]) == told["pid"]
    assert secret not in Path(f"/proc/{told['pid']}/environ").read_text()


@LINUX
def test_nothing_runs_on_when_its_starter_is_killed_before_it_was_told_to_stay(tmp_path: Path) -> None:
    code = (
        "import os, signal, pathlib, sys\n"
        "from fedml_infra.sandbox.local_aws import Kind\n"
        "from fedml_infra.sandbox.local_aws.process import start\n"
        f"print(start(Kind.MINISTACK, pathlib.Path({str(tmp_path)!r})).process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    left = int(done.stdout)
    try:
        handle = os.pidfd_open(left)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 60)[0], "it still runs"
    finally:
        os.close(handle)


# the commands


def test_status_tells_where_it_is_and_its_log(place: Path) -> None:
    up(place)
    told = json.loads(command(place, "status", "--json"))
    assert told["running"] is True
    assert told["url"] == f"https://127.0.0.1:{told['port']}"
    assert Path(told["log"]).is_file()


def test_status_of_nothing_says_so(place: Path) -> None:
    assert json.loads(command(place, "status", "--json"))["running"] is False


def test_down_says_whether_there_was_anything(place: Path) -> None:
    up(place)
    assert json.loads(command(place, "down", "--json")) == {"stopped": True}
    assert json.loads(command(place, "down", "--json")) == {"stopped": False}

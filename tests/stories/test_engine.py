"""The real engine when things go wrong: keys, locks, stops, kills. Programs without AWS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.events import EventKind
from fedml_infra.engine.install import EngineBinary, install
from fedml_infra.engine.locks import StackLockedByError
from fedml_infra.engine.protocol import Cancellation, RunOptions
from fedml_infra.errors import (
    AuthenticationError,
    CancelledError,
    ConfigurationError,
    EngineError,
    PolicyError,
    StackNotFoundError,
    TimedOutError,
)
from tests.engine.worlds import PROGRAM, RealWorld

pytestmark = pytest.mark.story

WAITING = PROGRAM + (
    "import os, time\n"
    "pulumi.log.info('waiting')\n"
    "while not os.path.exists('go'):\n"
    "    time.sleep(0.02)\n"
)  # fmt: skip


@pytest.fixture
def world(tmp_path) -> RealWorld:
    made = RealWorld(tmp_path)
    made.stack_file("cardio")
    return made


def with_environment(world: RealWorld, **changes: str | None) -> PulumiEngine:
    environment = {**world.environment, **changes}
    return PulumiEngine(world.project, environment={k: v for k, v in environment.items() if v is not None})


def borrow_environment(folder: Path) -> None:
    """A virtual environment of its own that sees this one's packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python3*/site-packages")
    (packages / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes whose environment names the folder, zombies left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def until(true, seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_wrong_passphrase_is_told_as_such_and_changes_nothing(world):
    world.engine.up("cardio")
    world.engine.set_secret("cardio", "fedml-infra:fed_secret_key", SecretStr("hush"))
    file = world.project / "stacks/Pulumi.cardio.yaml"
    before = file.read_text()
    with pytest.raises(AuthenticationError, match="not the one that the secrets of stack cardio"):
        with_environment(world, PULUMI_CONFIG_PASSPHRASE="another one").up("cardio")
    assert file.read_text() == before


def test_a_missing_passphrase_is_told_with_both_variables(world):
    with pytest.raises(AuthenticationError, match="PULUMI_CONFIG_PASSPHRASE_FILE"):
        with_environment(world, PULUMI_CONFIG_PASSPHRASE=None).preview("cardio")


def test_without_a_backend_it_says_how_to_choose_one(world):
    with pytest.raises(ConfigurationError, match=r"pulumi login --local.*\n?.*PULUMI_BACKEND_URL"):
        with_environment(world, PULUMI_BACKEND_URL=None).preview("cardio")


def test_a_backend_folder_that_is_not_there_is_named(world):
    with pytest.raises(ConfigurationError, match="/nowhere/at/all"):
        with_environment(world, PULUMI_BACKEND_URL="file:///nowhere/at/all").stacks()


def test_making_a_stack_keeps_what_a_person_wrote(world):
    file = world.project / "stacks/Pulumi.cardio.yaml"
    file.write_text("# ours\nconfig:\n  fedml-infra:fed_epoch: 1   # the first\n\n  aws:region: 'eu-west-1'\n")
    world.engine.init("cardio")
    salt, _, rest = file.read_text().partition("\n")
    assert salt.startswith("encryptionsalt: v1:")
    assert rest == "# ours\nconfig:\n  fedml-infra:fed_epoch: 1   # the first\n\n  aws:region: 'eu-west-1'\n"


def test_a_secret_reaches_neither_argv_nor_the_file_in_the_clear(world, tmp_path):
    real, log, spy = install().path, tmp_path / "argv", tmp_path / "spy"
    spy.mkdir()
    (spy / "pulumi").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (spy / "pulumi").chmod(0o755)
    engine = PulumiEngine(
        world.project,
        environment={**world.environment, "PATH": f"{real.parent}:{os.environ['PATH']}"},
        binary=EngineBinary(spy / "pulumi", "3.259.0", "path"),
    )
    engine.init("cardio")
    engine.set_secret("cardio", "fedml-infra:fed_secret_key", SecretStr("Zm9yIG5vYm9keQ=="))
    assert "config set --secret" in log.read_text()
    assert "Zm9yIG5vYm9keQ==" not in log.read_text()
    file = (world.project / "stacks/Pulumi.cardio.yaml").read_text()
    assert "secure: v1:" in file and "Zm9yIG5vYm9keQ==" not in file
    assert world.engine.get_secret("cardio", "fedml-infra:fed_secret_key") == SecretStr("Zm9yIG5vYm9keQ==")


def test_secrets_of_a_run_are_taken_out_of_what_it_says(tmp_path):
    program = "import pulumi\npulumi.log.warn('the key is Zm9yIG5vYm9keQ==')\nraise ValueError('Zm9yIG5vYm9keQ==')\n"
    world = RealWorld(tmp_path, program)
    world.stack_file("cardio")
    told = []
    with pytest.raises(EngineError) as failed:
        options = RunOptions(on_event=told.append, secrets=(SecretStr("Zm9yIG5vYm9keQ=="),))
        world.engine.preview("cardio", options)
    assert "Zm9yIG5vYm9keQ==" not in f"{failed.value} {told}"
    assert any(event.text == "the key is [secret]" and event.severity == "warning" for event in told)


def test_a_traceback_is_cut_to_the_users_frames(tmp_path):
    world = RealWorld(tmp_path, "import helper\nhelper.fail()\n")
    world.stack_file("cardio")
    (world.project / "helper.py").write_text("def fail():\n    raise ValueError('no such thing')\n")
    with pytest.raises(EngineError) as failed:
        world.engine.preview("cardio")
    lines = str(failed.value).splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if line.strip().startswith("File")] == [
        f'File "{world.project}/__main__.py", line 2, in <module>',
        f'File "{world.project}/helper.py", line 2, in fail',
    ]
    assert lines[-1] == "ValueError: no such thing"


def test_a_program_that_leaves_with_a_status_is_told_with_it(tmp_path):
    world = RealWorld(tmp_path, "raise SystemExit(3)\n")
    world.stack_file("cardio")
    with pytest.raises(EngineError, match="Program exited with non-zero exit code: 3"):
        world.engine.preview("cardio")


def test_the_program_runs_under_the_interpreter_of_its_virtualenv(tmp_path):
    world = RealWorld(tmp_path, "import sys, pulumi\npulumi.export('prefix', sys.prefix)\n")
    world.stack_file("cardio")
    (world.project / "Pulumi.yaml").write_text(
        "name: fedml-infra\nruntime: {name: python, options: {virtualenv: env}}\nstackConfigDir: stacks\n"
    )
    environment = world.project / "env"
    borrow_environment(environment)
    assert world.engine.preview("cardio").outputs == {"prefix": str(environment)}


def test_a_virtualenv_that_is_not_there_is_told_with_what_to_do(tmp_path):
    world = RealWorld(tmp_path)
    (world.project / "Pulumi.yaml").write_text(
        "name: fedml-infra\nruntime: {name: python, options: {virtualenv: env}}\n"
    )
    world.environment.pop("PULUMI_PYTHON")
    folder = install().path.parent
    environment = {**world.environment, "PATH": f"{folder}:{os.environ['PATH']}"}
    for command in (["stack", "init", "cardio"], ["preview", "--non-interactive"]):
        done = subprocess.run(
            [folder / "pulumi", *command], cwd=world.project, env=environment, capture_output=True, text=True
        )
    assert done.returncode != 0
    assert "and there is none" in done.stdout + done.stderr
    assert "pulumi install" in done.stdout + done.stderr


def test_one_request_to_stop_is_clean_and_the_next_run_goes_on(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.declare({"a": 1})
    world.engine.init("cardio")
    stop = Cancellation()

    def when_waiting(event):
        if event.text == "waiting":
            stop.request()

    with pytest.raises(CancelledError, match="up of stack cardio was stopped"):
        world.engine.up("cardio", RunOptions(on_event=when_waiting, cancellation=stop))
    assert "pending_operations" not in world.engine.state("cardio")["deployment"]
    (world.project / "go").touch()
    assert sum(world.engine.up("cardio").summary.values()) == 2


def test_a_run_that_takes_too_long_is_stopped(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.engine.init("cardio")
    with pytest.raises(TimedOutError, match=r"longer than 1.5 s"):
        world.engine.up("cardio", RunOptions(timeout=1.5))
    (world.project / "go").touch()
    world.engine.up("cardio")


HOLDER = """\
import json, sys
from pathlib import Path
from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.protocol import RunOptions
project, environment = Path(sys.argv[1]), json.loads(sys.argv[2])
try:
    PulumiEngine(project, environment=environment).up(
        "cardio", RunOptions(on_event=lambda event: print(event.text, flush=True))
    )
except Exception as error:
    print(type(error).__name__, flush=True)
"""


def holder(world: RealWorld) -> subprocess.Popen[str]:
    """A command in another process, waiting in the middle of its run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(world.project), json.dumps(world.environment)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], start_new_session=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.strip() == "waiting":
            return process
    raise AssertionError("the run ended before it waited")


def test_a_live_holder_of_the_lock_is_named_and_a_killed_one_leaves_no_process(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.engine.init("cardio")
    process = holder(world)
    with process:
        with pytest.raises(StackLockedByError, match="Another run holds the lock of stack cardio") as refused:
            world.engine.up("cardio")
        [who] = refused.value.holders
        assert who.is_dead is False
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert until(lambda: not processes_of(tmp_path)), processes_of(tmp_path)
    with pytest.raises(StackLockedByError) as stale:
        world.engine.up("cardio")
    assert stale.value.holders == (who,) and who.is_dead is True
    world.engine.cancel("cardio")
    (world.project / "go").touch()
    assert world.engine.up("cardio").summary == {"create": 1}


def test_ctrl_c_stops_the_run_and_a_second_one_at_once(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.engine.init("cardio")
    process = holder(world)
    with process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().splitlines()[-1] == "CancelledError"
    assert until(lambda: not processes_of(tmp_path)), processes_of(tmp_path)


def test_a_run_in_a_thread_can_be_stopped_too(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.engine.init("cardio")
    stop, waiting, caught = Cancellation(), threading.Event(), []

    def run():
        def tell(event):
            if event.text == "waiting":
                waiting.set()

        try:
            world.engine.up("cardio", RunOptions(on_event=tell, cancellation=stop))
        except CancelledError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert waiting.wait(120)
    stop.request()
    thread.join(120)
    assert caught


def test_a_stack_without_a_file_is_not_made(world):
    with pytest.raises(StackNotFoundError, match="no stack nobody"):
        world.engine.up("nobody")
    assert not world.engine.exists("nobody")


def test_a_change_is_told_with_what_it_was(world):
    world.declare({"a": {"team": "red", "n": [1, 2]}})
    world.engine.up("cardio")
    world.declare({"a": {"team": "blue", "n": [1, 2]}})
    seen = world.engine.preview("cardio", RunOptions(diff=True))
    assert '~ team: "red" => "blue"' in seen.text and "Permalink" not in seen.text
    [change] = seen.changed
    assert change.op == "update"
    assert [(one.path, one.before, one.after) for one in change.properties] == [("input.team", "red", "blue")]


def test_events_come_while_the_run_lasts(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    world.engine.init("cardio")

    def go(event):
        if event.text == "waiting" and event.kind is EventKind.MESSAGE:
            (world.project / "go").touch()

    assert world.engine.up("cardio", RunOptions(on_event=go, timeout=120)).summary == {"create": 1}


ANALYZER = """\
#!{python}
import sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as pb, analyzer_pb2_grpc as services, plugin_pb2

class Analyzer(services.AnalyzerServicer):
    def Handshake(self, request, context): return pb.AnalyzerHandshakeResponse()
    def GetPluginInfo(self, request, context): return plugin_pb2.PluginInfo(version="1.0.0")
    def GetAnalyzerInfo(self, request, context):
        return pb.AnalyzerInfo(name="rules", version="1.0.0", policies=[pb.PolicyInfo(name="no-b", enforcementLevel=1)])
    def Configure(self, request, context): return empty_pb2.Empty()
    def ConfigureStack(self, request, context): return pb.AnalyzerStackConfigureResponse()
    def Cancel(self, request, context): return empty_pb2.Empty()
    def Remediate(self, request, context): return pb.RemediateResponse()
    def AnalyzeStack(self, request, context): return pb.AnalyzeResponse()
    def Analyze(self, request, context):
        wrong = [pb.AnalyzeDiagnostic(policyName="no-b", policyPackName="rules", policyPackVersion="1.0.0",
                 message="b is not allowed", enforcementLevel=1, urn=request.urn)] if request.name == "b" else []
        return pb.AnalyzeResponse(diagnostics=wrong)

server = grpc.server(ThreadPoolExecutor(4))
services.add_AnalyzerServicer_to_server(Analyzer(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


def test_what_a_policy_pack_forbids_is_a_policy_error_and_nothing_is_made(world, tmp_path):
    pack = tmp_path / "rules"
    pack.write_text(ANALYZER.format(python=sys.executable))
    pack.chmod(0o755)
    world.declare({"a": 1, "b": 2})
    with pytest.raises(PolicyError, match="pulumi:index:Stash b: rules/no-b: b is not allowed"):
        world.engine.preview("cardio", RunOptions(policy_packs=(pack,)))
    world.declare({"a": 1})
    assert world.engine.preview("cardio", RunOptions(policy_packs=(pack,))).summary == {"create": 2}


def test_a_killed_command_leaves_no_program_in_a_child_either(tmp_path):
    world = RealWorld(tmp_path, WAITING)
    world.stack_file("cardio")
    (world.project / "Pulumi.yaml").write_text(
        "name: fedml-infra\nruntime: {name: python, options: {virtualenv: env}}\nstackConfigDir: stacks\n"
    )
    borrow_environment(world.project / "env")
    world.engine.init("cardio")
    process = holder(world)
    with process:
        assert any("pulumi_python_program" in line for line in processes_of(tmp_path))
        process.send_signal(signal.SIGKILL)
    assert until(lambda: not processes_of(tmp_path)), processes_of(tmp_path)

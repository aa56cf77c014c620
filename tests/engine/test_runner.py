"""One process, run to its end or stopped: with shell scripts in the engine's place."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fedml_infra.engine import runner
from fedml_infra.engine.protocol import Cancellation

ENV = {"PATH": os.environ["PATH"]}


def sh(script: str, tmp_path, **options):
    return runner.run(["sh", "-c", script, "sh"], cwd=tmp_path, env=ENV, **options)


def test_output_and_status_come_back(tmp_path):
    done = sh("echo out; echo err >&2; exit 3", tmp_path)
    assert (done.status, done.stdout, done.stderr, done.stopped) == (3, "out\n", "err\n", 0)


def test_much_output_on_both_streams_does_not_block(tmp_path):
    done = sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", tmp_path)
    assert len(done.stdout) == len(done.stderr) == 300000


@pytest.mark.parametrize("size", [10, 200_000])
def test_input_of_any_size_arrives(tmp_path, size):
    assert sh("wc -c", tmp_path, stdin=b"x" * size).stdout.strip() == str(size)


def test_the_environment_is_the_one_given(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    assert "SECRET_OF_THE_PARENT" not in sh("env", tmp_path).stdout


def test_lines_of_the_event_log_are_told_while_it_runs(tmp_path):
    told = []

    def tell(line):
        told.append(line)
        (tmp_path / f"saw-{line}").touch()

    # The second line is only written once the first one was seen.
    script = 'exec 3>"$2"; echo one >&3; until [ -e saw-one ]; do :; done; echo two >&3'
    assert sh(script, tmp_path, on_event_line=tell, timeout=120).status == 0
    assert told == ["one", "two"]


def test_a_process_that_never_opens_its_event_log_ends_all_the_same(tmp_path):
    assert sh("exit 1", tmp_path, on_event_line=print).status == 1


def test_a_grandchild_that_keeps_the_pipes_open_holds_nothing_up(tmp_path):
    done = sh("sleep 30 & echo done; echo $! > pid", tmp_path)
    os.kill(int((tmp_path / "pid").read_text()), 9)
    assert done.stdout == "done\n"


def test_a_request_to_stop_is_one_interrupt(tmp_path):
    stop = Cancellation()

    def tell(line):
        stop.request()

    done = sh(
        "trap 'echo clean; exit 4' INT; echo x > \"$2\"; while :; do sleep 0.02; done",
        tmp_path, on_event_line=tell, cancellation=stop,
    )  # fmt: skip
    assert (done.status, done.stdout, done.stopped) == (4, "clean\n", 1)


def test_one_that_heeds_no_interrupt_is_killed_after_the_second(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LAST_GRACE", 0.1)
    stop = Cancellation()

    def tell(line):
        stop.request()
        stop.request()

    done = sh(
        "trap '' INT; echo x > \"$2\"; while :; do sleep 0.02; done", tmp_path, on_event_line=tell, cancellation=stop
    )
    assert done.status == -9 and done.stopped == 2


def test_a_time_out_stops_it_and_is_told(tmp_path):
    done = sh("trap 'exit 5' INT; while :; do sleep 0.02; done", tmp_path, timeout=2)
    assert done.timed_out and done.status == 5


def test_a_time_out_that_is_not_heeded_ends_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 0.1)
    monkeypatch.setattr(runner, "LAST_GRACE", 0.1)
    done = sh("trap '' INT; while :; do sleep 0.02; done", tmp_path, timeout=1.5)
    assert done.timed_out and done.status == -9


def test_a_thread_other_than_the_main_one_may_run_it(tmp_path):
    done = []
    thread = threading.Thread(target=lambda: done.append(sh("echo hi", tmp_path)))
    thread.start()
    thread.join()
    assert done[0].stdout == "hi\n"


def test_a_program_that_is_not_there_is_an_os_error(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "dying_with_us", list)
    with pytest.raises(OSError):
        runner.run([str(tmp_path / "none")], cwd=tmp_path, env=ENV)


def test_handlers_are_put_back_and_what_is_ignored_stays_so(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ours = signal.getsignal(signal.SIGINT)
        # The hang-up goes to this process while the run lasts; ignored, it stops nothing.
        done = sh(f"kill -HUP {os.getpid()}; echo on", tmp_path)
        assert (done.stdout, done.stopped) == ("on\n", 0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN and signal.getsignal(signal.SIGINT) is ours
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_to_this_process_stops_the_run_and_not_the_process(tmp_path):
    script = f"trap 'exit 6' INT; kill -TERM {os.getpid()}; while :; do sleep 0.02; done"
    done = sh(script, tmp_path)
    assert (done.status, done.stopped) == (6, 1)

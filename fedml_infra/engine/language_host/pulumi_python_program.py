"""Runs one Pulumi program, in the language host's own process or, started as a script, in a process of its own.

As a script it takes the engine's address as its argument and a serialised RunRequest on standard input, and answers by
its exit status, as the official host's does: 0 done, 32 failed and already told to the person, anything else is the
program's own `sys.exit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import runpy
import signal
import sys
import sysconfig
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BAILED = 32
"""Exit status of a program whose failure has been told: PYTHON_PROCESS_EXITED_AFTER_SHOWING_USER_ACTIONABLE_MESSAGE."""

_NOT_THE_USERS = (
    sysconfig.get_path("stdlib"),
    str(Path(__file__).parent),
    "<frozen",
)


def user_traceback(error: BaseException) -> str:
    """The traceback cut to the frames of the user's own files; uncut where none of them is the user's."""
    whole = traceback.TracebackException.from_exception(error)
    _cut(whole, set())
    return "".join(whole.format()).rstrip()


def _cut(part: traceback.TracebackException, seen: set[int]) -> None:
    if id(part) in seen:
        return
    seen.add(id(part))
    own = [
        frame
        for frame in part.stack
        if "site-packages" not in frame.filename and not frame.filename.startswith(_NOT_THE_USERS)
    ]
    # A file that does not parse has no frames of its own, and needs none: the error itself names file and line.
    if own or (isinstance(part.exc_type, type) and issubclass(part.exc_type, SyntaxError)):
        part.stack = traceback.StackSummary.from_list(own)
    for inner in (part.__cause__, part.__context__):
        if inner is not None:
            _cut(inner, seen)


def engine_at(address: str, *, debugging: bool) -> Any:
    """The engine's service that takes messages. Without `debugging` the SDK's own debug messages stay here.

    They are six calls a resource, each waited for, that the engine then drops: a third of the time of a preview of 200.
    """
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    if not address:
        return None
    size = [("grpc.max_receive_message_length", 400 << 20)]
    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=size))
    if not debugging:
        send = stub.Log
        stub.Log = lambda request: None if request.severity == engine_pb2.DEBUG else send(request)
    return stub


def run(request: Any, engine: str, *, debugging: bool) -> int:
    """Runs the program that a RunRequest asks for, logging to the engine at that address.

    Returns the exit status that the program would have as a process.
    """
    import grpc
    from pulumi import RunError, log
    from pulumi.runtime import reset_options, run_in_stack, set_all_config

    directory = Path(request.info.program_directory or request.pwd)
    entry = directory / (request.info.entry_point or ".")
    if entry.is_dir():
        entry = entry / "__main__.py"
    if not entry.is_file():
        log_before_start(f"There is no program at {entry}. Pulumi.yaml's `main` says where it is.")
        return BAILED

    os.chdir(request.pwd or directory)
    sys.path.insert(0, str(entry.parent.resolve()))
    sys.argv = [str(entry), *request.args]
    reset_options(
        project=request.project,
        stack=request.stack,
        root_directory=request.info.root_directory or str(directory),
        monitor_address=request.monitor_address,
        engine_address=engine_at(engine, debugging=debugging),
        parallel=request.parallel,
        preview=request.dryRun,
        organization=request.organization or "organization",
    )
    set_all_config(dict(request.config), list(request.configSecretKeys))
    # A failed run leaves tasks pending; asyncio's complaints about them would drown the error itself.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def program() -> None:
        runpy.run_path(str(entry), run_name="__main__")

    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=min(64, max(request.parallel, 1) * 4)))
    loop.set_exception_handler(lambda where, what: where.stop() if _monitor_gone(what.get("exception")) else None)
    try:
        loop.run_until_complete(run_in_stack(program))
    except RunError as error:
        log.error(str(error))
        return BAILED
    except grpc.RpcError as error:
        if not _monitor_gone(error):
            log.error(f"The engine refused a call of the program: {error.details()}")
        return BAILED
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            log.error(leaving.code)
            return BAILED
        return leaving.code or 0
    except BaseException as error:  # the program's own fault, whatever it raised
        if isinstance(error, RuntimeError) and str(error).startswith("Event loop stopped before"):
            return BAILED
        log.error("Program failed with an unhandled exception:\n" + user_traceback(error))
        return BAILED
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with contextlib.suppress(BaseException):
                loop.run_until_complete(task)
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def log_before_start(message: str) -> None:
    """Says something on standard error, which the engine shows, while there is no engine to log to."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def _monitor_gone(error: object) -> bool:
    """UNAVAILABLE: the engine is shutting down, and has told the person why."""
    import grpc

    return isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAVAILABLE


def end_with_parent(parent: int, status: int = 1) -> None:
    """Ends this process, from a thread, when `parent` is no longer its parent: a killed one cannot tell us."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(status)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def line_buffered() -> None:
    """Makes `print` show at once: the engine passes lines on as they come."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def main() -> None:
    """A program in its own process: the interpreter is the project's, not the language host's."""
    parent = os.getppid()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    end_with_parent(parent)
    # The folder of this file is not the program's: no name in it may hide one of the program's modules.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    line_buffered()
    try:
        from pulumi.runtime.proto import language_pb2
    except ImportError as error:
        log_before_start(
            f"{sys.executable} cannot import the pulumi package ({error}). "
            "Install the project's requirements into the environment that Pulumi.yaml's `virtualenv` names."
        )
        sys.exit(BAILED)
    status = run(
        language_pb2.RunRequest.FromString(sys.stdin.buffer.read()), sys.argv[1], debugging="debug" in sys.argv[2:]
    )
    sys.stdout.flush()
    # Threads that a failed program left waiting must not keep the process.
    os._exit(status)


if __name__ == "__main__":
    main()

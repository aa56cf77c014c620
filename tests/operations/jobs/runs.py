"""Runs of jobs without an engine: what the request tells the process of a job to do.

python -m tests.operations.jobs.runs: in the place of `fedml_infra.operations.jobs.run`.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from fedml_infra.operations.jobs.messages import Task, Waits, write
from fedml_infra.store.service_values import Ending, JobState, Progress

# As the store has it, which takes longer to import than the rest of a run.
CANCELLED = Ending(JobState.CANCELLED, 409, "Job was cancelled")


def say(said: Progress | Ending | Waits) -> None:
    # Not by sys.stdout: a signal may come while it writes, and it takes no second writer.
    os.write(sys.stdout.fileno(), f"{write(said)}\n".encode())


def stopped(_signal: int, _frame: FrameType | None) -> None:
    say(CANCELLED)
    sys.exit(0)


def await_writer(path: str) -> None:
    """Until somebody has opened the other end and closed it. Looks up now and then, for signals."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    watched = select.poll()
    watched.register(pipe, select.POLLIN)
    while not watched.poll(100):
        pass


def alone(stack: Path, blocks: int) -> None:
    """Holds the stack's file, and notes the beginning, the end, and whether somebody else had it; the first `blocks`
    runs never end.
    """
    with stack.with_suffix(".held").open("a") as held, stack.open("a+", encoding="utf-8", buffering=1) as notes:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notes.write("two at a time\n")
            return
        notes.seek(0)
        begun = notes.read().count("begin")
        notes.write("begin\n")
        if begun < blocks:
            signal.pause()
        # What others would run into if they were let.
        time.sleep(0.05)
        notes.write("end\n")


def main() -> None:
    signal.signal(signal.SIGINT, stopped)
    task = Task.read(sys.stdin.buffer.readline())
    asked = task.request
    if "mark" in asked:
        # A line a run, so that runs can be counted; and the pipe's other end tells when the run is gone.
        with Path(asked["mark"]).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
    say(Progress(1, 3, "queue"))
    match asked["do"]:
        case "finish":
            os.write(sys.stdout.fileno(), b"not an answer\n")
            say(Progress(3, 3))
            say(Ending(JobState.FINISHED, 201, "Project Created", {"pid": str(task.pid)}))
        case "wait":
            say(Waits(float(asked["seconds"])))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "alone":
            alone(Path(asked["stack"]), int(asked.get("blocks", 0)))
            say(Ending(JobState.FINISHED, 200, "Job is finished"))
        case "block":
            await_writer(asked["fifo"])
            say(Ending(JobState.FINISHED, 200, "Job is finished"))


if __name__ == "__main__":
    main()

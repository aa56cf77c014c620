"""The process of one job: its task on standard input, progress and ending on standard output, all else on stderr.

SIGINT stops the engine cleanly, a second one at once, as Ctrl-C does for a command.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from fedml_infra.errors import CancelledError, FedmlError
from fedml_infra.operations.jobs.answers import ending_of
from fedml_infra.operations.jobs.bodies import BODIES, JobContext
from fedml_infra.operations.jobs.messages import Said, Task, Waits, write
from fedml_infra.operations.jobs.records import recorded
from fedml_infra.store.jobs import CANCELLED
from fedml_infra.store.service_values import Ending


def main() -> int:
    """Run the task."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    # Whatever prints in a run must not be taken for an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    task = Task.read(sys.stdin.buffer.readline())
    _say(answers, outcome(task, answers))
    return 0


def outcome(task: Task, answers: TextIO) -> Ending | Waits:
    """What the job comes to; an error too is an ending."""
    try:
        with JobContext.open(task, lambda progress: _say(answers, progress)) as context, recorded(context) as record:
            return record(BODIES[task.kind](context))
    except (CancelledError, KeyboardInterrupt):
        return CANCELLED
    except FedmlError as error:
        sys.stderr.write(f"job {task.job_id}: {type(error).__name__}: {error.__cause__ or error}\n")
        return ending_of(error, task.job_id)


def _say(answers: TextIO, said: Said) -> None:
    answers.write(write(said) + "\n")


if __name__ == "__main__":
    sys.exit(main())

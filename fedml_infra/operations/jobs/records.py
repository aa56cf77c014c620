"""What customers' jobs did to their stacks is in the audit, as what commands do is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fedml_infra.errors import StoreError
from fedml_infra.operations.audit import Doing
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.messages import Waits
from fedml_infra.operations.jobs.requests import AWS_INFO
from fedml_infra.store.service_values import Ending

Came = Ending | Waits


@contextmanager
def recorded(context: JobContext) -> Iterator[Callable[[Came], Came]]:
    """Records how the job ended, once; not that it waits, nor what only looks. That it cannot is told, and no more."""
    came: list[Came] = []
    error: BaseException | None = None

    def record(what: Came) -> Came:
        came.append(what)
        return what

    task = context.task
    row = context.store.workspaces.get(task.cid, task.pid) if task.pid is not None else None
    try:
        yield record
    except BaseException as raised:
        error = raised
        raise
    finally:
        if task.kind != AWS_INFO and not (came and isinstance(came[0], Waits)):
            doing = Doing(
                f"job {task.kind}",
                row.fed_name if row is not None else "",
                row.topic_arn if row is not None else None,
                details={"customer": task.cid, "project": str(task.pid), "job": task.job_id},
            )
            try:
                context.store.audit.append(doing.entry(error))
            except StoreError as failed:
                context.say(f"What was done is not in the audit. {failed}")

"""Jobs as they are shown, to customers and to the administrator alike."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fedml_infra.store.service_values import Job


def job_json(job: Job) -> dict[str, Any]:
    """A job for machines: nothing of its request, and no values of its answer."""
    return {
        "id": job.id,
        "kind": job.kind,
        "pid": job.pid,
        "state": str(job.state),
        "progress": asdict(job.progress) if job.progress is not None else None,
        "cancel_requested": job.cancel_requested,
        "attempts": job.attempts,
        "status_string": job.status_string,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")

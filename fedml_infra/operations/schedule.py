"""How often nodes synchronise: decided by the hub, brought to the members by the roster."""

from __future__ import annotations

from typing import Any

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.validation import NAMESPACE
from fedml_infra.operations.hub_change import Edit

SYNC_SCHED = NAMESPACE + "sync_sched"


def parse_schedule(text: str) -> Schedule:
    """A schedule as `m30`, `h3` or `d7`. ConfigurationError otherwise, that shows what was likely meant."""
    try:
        return Schedule.parse(text)
    except MistakeError as error:
        raise ConfigurationError(f"sync_sched: {error.what}", fix=error.fix) from None


def set_schedule(schedule: Schedule) -> Edit:
    """The edit that sets the schedule."""

    def edit(values: dict[str, Any]) -> None:
        values[SYNC_SCHED] = str(schedule)

    return edit

"""Spans of time as `m30`, `h3`, `d7`: minutes, hours, days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from fedml_infra.model.mistake import MistakeError, text

_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"([mhd])([1-9][0-9]{0,5})")
_SWAPPED = re.compile(r"0*([1-9][0-9]{0,5})\s*([mhd])", re.IGNORECASE)
_LOOSE = re.compile(r"([mhd])\s*0*([1-9][0-9]{0,5})", re.IGNORECASE)


@dataclass(frozen=True)
class Schedule:
    """A number of minutes, hours or days; also a retention."""

    unit: Literal["m", "h", "d"]
    count: int

    @classmethod
    def parse(cls, given: str) -> Schedule:
        """`m30`, `h3` or `d7`. MistakeError (a ValueError) otherwise, that shows what was likely meant."""
        if match := _FORM.fullmatch(given):
            return cls(match[1], int(match[2]))  # type: ignore[arg-type]
        meant = None
        if match := _SWAPPED.fullmatch(given):
            meant = match[2].lower() + match[1]
        elif match := _LOOSE.fullmatch(given):
            meant = match[1].lower() + match[2]
        fix = f"write {meant}" if meant else "write m, h or d (minutes, hours, days) and a number, as m30"
        raise MistakeError(f"{given!r} is not a span of time", fix)

    @property
    def seconds(self) -> int:
        """Its length in seconds."""
        return self.count * _SECONDS[self.unit]

    @property
    def days(self) -> int:
        """Its length in whole days, rounded up, as S3 lifecycle rules count."""
        return -(-self.seconds // _SECONDS["d"])

    def __str__(self) -> str:
        return f"{self.unit}{self.count}"


def schedule(value: object) -> Schedule:
    """A Schedule of a value in a stack file. MistakeError where it is none."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise MistakeError(f"{value} lacks its unit", f"write m{value}, h{value} or d{value}: minutes, hours, days")
    return Schedule.parse(text(value))


def retention(value: object) -> Schedule:
    """A Schedule that SQS accepts as retention: 60 seconds to 14 days (SQS API, `MessageRetentionPeriod`)."""
    span = schedule(value)
    if not 60 <= span.seconds <= 14 * 86400:
        raise MistakeError(f"{span} is longer than SQS keeps a message", "use d14 at most")
    return span


_SCHEMA = {"type": "string", "pattern": "^[mhd][1-9][0-9]{0,5}$"}
ScheduleText = Annotated[Schedule, BeforeValidator(schedule), WithJsonSchema(_SCHEMA)]
RetentionText = Annotated[Schedule, BeforeValidator(retention), WithJsonSchema(_SCHEMA)]

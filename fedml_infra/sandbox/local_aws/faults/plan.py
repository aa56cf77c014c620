"""Which calls meet which fault: frozen values, and the file that a person writes them in."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fedml_infra.errors import ConfigurationError, Problem

SERVICES = ("*", "iam", "kms", "s3", "sns", "sqs", "ssm", "sts")
MOST_SECONDS = 3600.0
USUAL_BLOCK = 60.0
"""Seconds. A policy takes about as long to be effective, and SQS keeps the name of a deleted queue that long."""


class Fault(StrEnum):
    """What happens to a call."""

    THROTTLE = "throttle"
    """Refused as too fast, with the service's own code; nothing is done."""
    INTERNAL_ERROR = "internal_error"
    """500 with the service's own code; nothing is done."""
    UNAVAILABLE = "unavailable"
    """503; nothing is done."""
    LOST_ANSWER = "lost_answer"
    """The call is carried out, and the connection is cut without a byte of the answer."""
    POLICY_NOT_EFFECTIVE = "policy_not_effective"
    """AuthorizationError to Subscribe and Publish for `seconds` after the topic's policy was changed."""
    QUEUE_DELETED_RECENTLY = "queue_deleted_recently"
    """CreateQueue is refused for `seconds` after a queue of that name was deleted."""
    EXPIRED_CREDENTIALS = "expired_credentials"
    """The security token has expired."""
    ACCOUNT_GONE = "account_gone"
    """The account's credentials are unknown, as after it was closed."""
    LATENCY = "latency"
    """The call takes `seconds` longer."""


TIMED = frozenset({Fault.POLICY_NOT_EFFECTIVE, Fault.QUEUE_DELETED_RECENTLY, Fault.LATENCY})
"""Faults that `seconds` means something to."""

Ordinal = Annotated[int, Field(ge=1, le=10**9)]


def _account(value: Any) -> Any:
    # YAML reads an account id without quotes as a number.
    return f"{value:012d}" if isinstance(value, int) and not isinstance(value, bool) else value


class Rule(BaseModel):
    """Calls that match `service`, `operation`, `account`, `region` and `attempt` are counted from 1.

    All of them meet `fault`, unless one of `calls` (these), `every` (each n-th) and `starting_at` (this one and all
    later) says otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: Fault
    service: str = "*"
    operation: str = "*"
    """Glob, as `Create*`."""
    account: Annotated[str, BeforeValidator(_account)] = "*"
    """Twelve digits: whose credentials the call is made with."""
    region: str = "*"
    """Glob, as `eu-*`."""
    attempt: Ordinal | None = None
    """Which attempt at one call: AWS's SDKs say with each whether it is the first (`amz-sdk-request`)."""
    calls: tuple[Ordinal, ...] = ()
    every: Ordinal | None = None
    starting_at: Ordinal | None = None
    seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        if self.service not in SERVICES:
            raise ValueError(f"service: none of {', '.join(SERVICES)}")
        if self.account != "*" and not re.fullmatch("[0-9]{12}", self.account):
            raise ValueError("account: an AWS account id has twelve digits")
        if sum(map(bool, (self.calls, self.every, self.starting_at))) > 1:
            raise ValueError("one of calls, every and starting_at at most")
        if self.seconds is not None and self.fault not in TIMED:
            raise ValueError(f"seconds: {self.fault} does not last")
        if self.fault is Fault.LATENCY and self.seconds is None:
            raise ValueError("seconds: latency needs it")
        if self.fault is Fault.POLICY_NOT_EFFECTIVE and self.service not in ("*", "sns"):
            raise ValueError(f"service: {self.fault} is a fault of sns")
        if self.fault is Fault.QUEUE_DELETED_RECENTLY and (
            self.service not in ("*", "sqs") or not fnmatch.fnmatchcase("CreateQueue", self.operation)
        ):
            raise ValueError(f"operation: {self.fault} is a fault of sqs' CreateQueue")
        return self

    @property
    def lasts(self) -> float:
        """Seconds that a fault lasts which lasts."""
        return USUAL_BLOCK if self.seconds is None else self.seconds

    def concerns(self, service: str, operation: str, account: str, region: str, attempt: int) -> bool:
        """Whether a call is one that this rule counts."""
        return (
            self.service in ("*", service)
            and self.account in ("*", account)
            and fnmatch.fnmatchcase(operation, self.operation)
            and fnmatch.fnmatchcase(region, self.region)
            and self.attempt in (None, attempt)
        )

    def strikes(self, ordinal: int) -> bool:
        """Whether the call of that number, from 1, among those that it counts meets the fault."""
        if self.calls:
            return ordinal in self.calls
        if self.every is not None:
            return ordinal % self.every == 0
        return ordinal >= (self.starting_at or 1)


class Plan(BaseModel):
    """Rules; of those that strike a call the first decides, and latencies add up. Without a rule calls are counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()


def read_plan(path: Path) -> Plan:
    """The plan in a YAML or JSON file. Raises ConfigurationError with every mistake and its line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The plan of faults {path} cannot be read: {error.strerror}", fix="Name a file with --faults PLAN."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: byte {error.start}") from error
    except (YAMLError, ValueError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        problem = Problem("plan", str(getattr(error, "problem", None) or error), line=mark.line + 1 if mark else None)
        raise ConfigurationError(f"{path} is neither YAML nor JSON", [problem]) from error
    return plan_of(document, source=str(path))


def plan_of(document: Any, *, source: str) -> Plan:
    """The plan that a document says. Raises ConfigurationError with every mistake, and its line where it has one."""
    try:
        return Plan.model_validate(_plain(document))
    except ValidationError as error:
        problems = [
            Problem(_key(found["loc"]), _message(found), line=_line(document, found["loc"])) for found in error.errors()
        ]
        raise ConfigurationError(
            f"{source} is no plan of faults", problems, fix="docs/how-to/try-faults.md shows one and what it may say."
        ) from error


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _message(found: Mapping[str, Any]) -> str:
    message = str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        names = Rule.model_fields if len(found["loc"]) > 1 else Plan.model_fields
        return f"there is no such key; there are {', '.join(names)}"
    return message


def _key(loc: tuple[Any, ...]) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return key.removeprefix(".") or "plan"


def _line(node: Any, loc: tuple[Any, ...]) -> int | None:
    """1-based line of the innermost thing there is on the way to `loc`."""
    line: int | None = None
    for part in loc:
        marks = getattr(node, "lc", None)
        try:
            if isinstance(part, int):
                line = marks.item(part)[0] + 1 if marks else line
            else:
                line = marks.key(part)[0] + 1 if marks else line
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line

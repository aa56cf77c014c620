"""What happens in a run, as frozen values: the engine's event log read line by line.

Format: the engine's `--event-log`, one JSON object a line (sdk/go/common/apitype/events.go of pulumi/pulumi).
The engine has blinded the stack's secrets in it already.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fedml_infra.engine.differences import PropertyChange, plain, property_changes

STACK_TYPE = "pulumi:pulumi:Stack"
SETTLED = frozenset({"same", "refresh", "read"})
"""Operations that change nothing."""


class EventKind(StrEnum):
    """What an event tells."""

    STARTED = "started"
    RESOURCE_STARTED = "resource started"
    RESOURCE_DONE = "resource done"
    RESOURCE_FAILED = "resource failed"
    MESSAGE = "message"
    WAITING = "waiting"
    """A resource waits for AWS, and `text` says for what; told again and again while it does."""
    POLICY_VIOLATION = "policy violation"
    ENDED = "ended"


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    done: int = 0
    """Resources that are settled, unchanged ones among them."""
    of: int | None = None
    """How many there will be, where a preview told."""
    looked_at: int = 0
    """Resources that a run which looks first at AWS has looked at."""
    current: tuple[str, ...] = ()
    """URNs of what is being worked on, the oldest first."""
    elapsed: float = 0.0
    """Seconds since the run began."""


@dataclass(frozen=True)
class RunEvent:
    """One thing that happened in a run, with how far the run was then."""

    kind: EventKind
    progress: Progress
    text: str = ""
    severity: str = ""
    """Of a message or violation: info, warning, error; `mandatory` or `advisory` of a violation."""
    urn: str | None = None
    op: str | None = None
    """create, update, delete, replace, same, read, refresh, import, …"""
    changes: tuple[str, ...] = ()
    """Of a resource: the paths of the properties that change."""
    looked: bool = False
    """Whether the resource was only looked at: `op` then says what is in AWS, and nothing was done there."""


@dataclass(frozen=True)
class Diagnostic:
    """A message of the engine, a plugin or the program."""

    severity: str
    message: str
    urn: str | None = None


@dataclass(frozen=True)
class ResourceChange:
    """What a run does, or would do, to one resource; unchanged ones are told too."""

    urn: str
    op: str
    type: str
    properties: tuple[PropertyChange, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the program asks for; secrets are `[secret]`."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    protected: bool = False
    failed: bool = False

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def changes_something(self) -> bool:
        return self.op not in SETTLED

    def as_json(self) -> dict[str, Any]:
        """The change for machines; secrets are `[secret]` in it."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "op": self.op,
            "properties": [
                {"path": part.path, "kind": part.kind, "before": part.before, "after": part.after}
                for part in self.properties
            ],
        }


def short_type(token: str) -> str:
    """`aws:sqs/queue:Queue` as `aws:sqs:Queue`, as the engine's own display does."""
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    return f"{package}:{module.partition('/')[0]}:{name}" if name else token


def label(urn: str) -> str:
    """A resource as a person names it: its short type and its name."""
    parts = urn.split("::")
    return f"{short_type(parts[-2].rpartition('$')[2])} {parts[-1]}" if len(parts) >= 4 else urn


class EventReader:
    """Reads the lines of one run's event log; holds what came of them."""

    def __init__(
        self,
        tell: Callable[[RunEvent], None],
        *,
        redact: Callable[[str], str] = lambda text: text,
        expected: int | None = None,
        only_refresh: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._redact, self._expected, self._clock = tell, redact, expected, clock
        self._began = clock()
        self._only_refresh = only_refresh
        self._current: dict[str, str] = {}
        self._done: set[str] = set()
        self._told: set[str] = set()
        self._looked_at: set[str] = set()
        self._only_looked_at: set[str] = set()
        self.diagnostics: list[Diagnostic] = []
        self.violations: list[Diagnostic] = []
        self.changes: dict[str, ResourceChange] = {}
        self.outputs: Mapping[str, Any] = {}
        self.summary: Mapping[str, int] = {}
        self.ended = False

    def progress(self) -> Progress:
        """How far the run is now."""
        of = max(self._expected, len(self._done)) if self._expected is not None else None
        return Progress(len(self._done), of, len(self._looked_at), tuple(self._current), self._clock() - self._began)

    def line(self, text: str) -> None:
        """One line of the log. What is no event, or of a kind that a newer engine adds, is passed over."""
        try:
            event = json.loads(text)
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        try:
            self._read(event)
        except (KeyError, TypeError, AttributeError) as error:
            # A log that reads otherwise than it did must not stop a run that changes things in AWS.
            self.diagnostics.append(Diagnostic("warning", f"An event of the engine could not be read: {error!r}"))

    def _read(self, event: Mapping[str, Any]) -> None:
        if "preludeEvent" in event:
            self._emit(EventKind.STARTED)
        elif "resourcePreEvent" in event:
            self._before(event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            self._after(event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            self._failed(event["resOpFailedEvent"]["metadata"])
        elif "diagnosticEvent" in event:
            self._diagnostic(event["diagnosticEvent"])
        elif "policyEvent" in event:
            self._policy(event["policyEvent"])
        elif "summaryEvent" in event:
            self.summary = dict(event["summaryEvent"].get("resourceChanges") or {})
            self.ended = True
            self._emit(EventKind.ENDED)

    def message(self, text: str, severity: str = "info") -> None:
        """Something that we, not the engine, have to say about the run."""
        self._emit(EventKind.MESSAGE, text=text, severity=severity)

    def _before(self, step: Mapping[str, Any]) -> None:
        if _internal(step):
            return
        self._current[step["urn"]] = step["op"]
        change = self._change(step)
        self._emit(EventKind.RESOURCE_STARTED, step, changes=tuple(part.path for part in change.properties))

    def _after(self, step: Mapping[str, Any]) -> None:
        if step["type"] == STACK_TYPE and step.get("new") and step["op"] != "delete":
            self.outputs = plain(step["new"].get("outputs") or {})
        if _internal(step):
            return
        urn = step["urn"]
        told = urn in self._told and urn not in self._current
        self._current.pop(urn, None)
        self._told.add(urn)
        looked = step["op"] == "refresh"
        if looked:
            self._looked_at.add(urn)
        if self._only_refresh or not looked:
            self._done.add(urn)
        change = self._change(step, done=True)
        if not told:  # a component's outputs come after it, as a second event
            self._emit(EventKind.RESOURCE_DONE, {**step, "op": change.op if looked else step["op"]}, looked=looked)

    def _failed(self, step: Mapping[str, Any]) -> None:
        self._current.pop(step["urn"], None)
        self._change(step, failed=True)
        said = [found.message for found in self.diagnostics if found.urn == step["urn"]]
        self._emit(EventKind.RESOURCE_FAILED, step, text=said[-1] if said else "")

    def _change(self, step: Mapping[str, Any], *, done: bool = False, failed: bool = False) -> ResourceChange:
        old, new = step.get("old") or {}, step.get("new") or {}
        urn, op = step["urn"], step["op"]
        known = self.changes.get(urn)
        properties = property_changes(step)
        if op == "refresh":
            self._only_looked_at.add(urn)
            if done:
                op = "delete" if not new else "update" if properties else "refresh"
        elif urn in self._only_looked_at:
            # The run looked first at what is there; what it then does, or leaves, is what counts.
            self._only_looked_at.discard(urn)
            known = None
        if known is not None and known.changes_something and not failed:
            # A replacement comes as three steps: the one that says most stays.
            op = "replace" if "replace" in known.op or "replace" in op else known.op if op in SETTLED else op
            properties = properties or known.properties
        shown = new or old
        change = ResourceChange(
            urn, op, step["type"], properties, plain(shown.get("inputs") or {}), plain(shown.get("outputs") or {}),
            shown.get("parent") or None, bool(shown.get("protect")), failed or (known is not None and known.failed),
        )  # fmt: skip
        self.changes[urn] = change
        return change

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        if event.get("severity") == "debug":
            return
        # Colours come as marks such as <{%reset%}>, whatever --color says.
        text = re.sub(r"<\{%.*?%\}>", "", event.get("message") or "").strip()
        if not text:
            return
        if event.get("ephemeral"):
            if event.get("urn"):
                self._emit(EventKind.WAITING, text=self._redact(text), urn=event["urn"])
            return
        severity = str(event.get("severity") or "info")
        severity = "info" if severity == "info#err" else severity
        if severity == "info" and text.startswith(("warning: ", "error: ")):
            severity, _, text = text.partition(": ")
        found = Diagnostic(severity, self._redact(text), event.get("urn") or None)
        self.diagnostics.append(found)
        self._emit(EventKind.MESSAGE, text=found.message, severity=found.severity, urn=found.urn)

    def _policy(self, event: Mapping[str, Any]) -> None:
        text = re.sub(r"<\{%.*?%\}>", "", event.get("message") or "").strip()
        level = str(event.get("enforcementLevel") or "mandatory")
        name = f"{event.get('policyPackName', '')}/{event.get('policyName', '')}"
        found = Diagnostic(level, self._redact(f"{name}: {text}"), event.get("resourceUrn") or None)
        self.violations.append(found)
        self._emit(EventKind.POLICY_VIOLATION, text=found.message, severity=level, urn=found.urn)

    def _emit(self, kind: EventKind, step: Mapping[str, Any] | None = None, **parts: Any) -> None:
        if step is not None:
            parts = {"urn": step["urn"], "op": step["op"], **parts}
        self._tell(RunEvent(kind, self.progress(), **parts))


def _internal(step: Mapping[str, Any]) -> bool:
    """Default providers are the engine's own bookkeeping: neither its display nor its counts show them."""
    name = str(step["urn"]).rpartition("::")[2]
    return str(step["type"]).startswith("pulumi:providers:") and name.startswith("default")

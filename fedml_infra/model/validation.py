"""From plain values to a StackConfig: every mistake at once, each with its key, its line and what would be right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.mistake import MistakeError, kind_of, nearest
from fedml_infra.model.rules import Draft, Finding, Path, dotted, findings
from fedml_infra.model.stack import AccountAccess, Member, Node, StackConfig

NAMESPACE = "fedml-infra:"
REGION_KEY = "aws:region"
FED_KEY = NAMESPACE + "fed_secret_key"
OLD_KEYS = NAMESPACE + "fed_old_keys"
HUB_KEY = NAMESPACE + "hub_key"
MEMBER_KEY = NAMESPACE + "member_key"
MEMBERS = NAMESPACE + "members"
NODES = NAMESPACE + "nodes"

SECRETS = frozenset({"fed_secret_key", "fed_old_keys", "hub_key", "member_key"})
STRUCTURED = frozenset({"members", "nodes", "tags"})
BOOLEANS = frozenset({"fed_encrypt", "protect"})
INTEGERS = frozenset({"fed_epoch"})
KEYS: tuple[str, ...] = tuple(name for name in StackConfig.model_fields if name not in {"region", "sealed"})
"""The keys of our namespace, in the order of the contract."""

JOIN_GOES_ON = "this stack waits to be admitted: `fedml-infra join --continue` goes on"

_LISTS: Mapping[str, type[BaseModel]] = {"members": Member, "nodes": Node}
_MODELS: Mapping[str, type[BaseModel]] = {"members": Member, "nodes": Node, "account": AccountAccess}


def from_engine_config(config: Mapping[str, str]) -> dict[str, Any]:
    """The plain values of what the engine gives to a program, where each value is text, structured ones as JSON.

    What a key is decides how its text is read, never what the text looks like: an account id stays text. Text that
    cannot be read so stays as it is, for `validate` to refuse.
    """
    return {key: _decoded(key.removeprefix(NAMESPACE), value) for key, value in config.items()}


def validate(
    values: Mapping[str, Any],
    *,
    stack: str | None,
    lines: Mapping[str, int] | None = None,
    source: str | None = None,
) -> StackConfig:
    """The configuration of one stack. ConfigurationError with ALL problems otherwise.

    `values`: plain values by full key (`fedml-infra:fed_name`, `aws:region`); keys of other namespaces are left
    alone. `stack`: the stack's name, which must be the federation's. `lines`: 1-based lines by full key and path
    (`fedml-infra:nodes[0].pid`); given, the values come from a file, where a secret must be encrypted. `source`:
    what to call that file.
    """
    found = [*_unknown(values)]
    good: dict[str, Any] = {}
    entries: dict[str, dict[int, Any]] = {name: {} for name in _LISTS}
    sealed: set[str] = set()
    given = {name for name in KEYS if NAMESPACE + name in values}
    for name, value in _own(values):
        if isinstance(value, Ciphertext):
            if name in SECRETS:
                sealed.add(name)
                good[name] = StackConfig.model_fields[name].get_default() if name != "fed_secret_key" else None
            else:
                found.append(Finding((name,), "is encrypted, and is no secret", "write it in plain"))
        elif name in SECRETS and lines is not None:
            fix = f"take it out and run `pulumi config set --secret {NAMESPACE}{name}`; if it was shared, replace it"
            found.append(Finding((name,), "is a secret and must not stand in the file in clear text", fix))
        elif name in _LISTS:
            found.extend(_read_list(name, value, good, entries[name]))
        else:
            found.extend(_read(name, value, good))
    if REGION_KEY not in values:
        found.append(Finding((REGION_KEY,), "is missing", f"add {REGION_KEY}: us-east-1, or where you want to be"))
    for name in KEYS:
        field = StackConfig.model_fields[name]
        if name in given:
            continue
        if field.is_required():
            waits = name == "fed_secret_key" and "member_key" in given
            found.append(Finding((name,), "is missing", JOIN_GOES_ON if waits else _example(name)))
        else:
            good[name] = field.get_default(call_default_factory=True)
    found.extend(findings(Draft(good, entries["members"], entries["nodes"], frozenset(given))))
    if stack is not None and good.get("fed_name", stack) != stack:
        fix = f"set fed_name: {stack}, or rename the stack and its file"
        found.append(Finding(("fed_name",), f"is {good['fed_name']!r}, and the stack is called {stack!r}", fix))
    if found:
        told = [problem_of(finding, lines) for finding in _sorted(found)]
        if lines is not None:
            told.sort(key=lambda problem: (problem.line is None, problem.line))
        raise ConfigurationError(_headline(len(found), source, stack), told)
    chosen = {name: value for name, value in good.items() if name in given or name == "region"}
    return StackConfig(**chosen, sealed=frozenset(sealed))


def _decoded(name: str, value: str) -> Any:
    if name in BOOLEANS:
        return {"true": True, "false": False}.get(value, value)
    if name in INTEGERS and value.isdecimal():
        return int(value)
    if name in STRUCTURED:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _own(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if REGION_KEY in values:
        yield "region", values[REGION_KEY]
    for name in KEYS:
        if NAMESPACE + name in values:
            value = values[NAMESPACE + name]
            # `pulumi config set nodes '[…]'` leaves JSON text in the file, and works in the program.
            yield name, _decoded(name, value) if isinstance(value, str) else value


def _unknown(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key in values:
        name = key.removeprefix(NAMESPACE)
        if ":" not in key:
            meant = NAMESPACE + key if key in KEYS else REGION_KEY if key == "region" else None
            yield Finding((key,), "has no namespace", f"write {meant}" if meant else f"our keys begin with {NAMESPACE}")
        elif key.startswith(NAMESPACE) and name not in KEYS:
            yield Finding((name,), "is not a key of ours", _meant(name, KEYS))


def _read_list(name: str, value: Any, good: dict[str, Any], entries: dict[int, Any]) -> Iterator[Finding]:
    if not isinstance(value, list | tuple):
        yield Finding((name,), f"must be a list, not {kind_of(value)}", "begin each entry with a hyphen")
        return
    for i, item in enumerate(value):
        if not isinstance(item, _LISTS[name]) and (found := [*_encrypted((name, i), item)]):
            yield from found
            continue
        try:
            entries[i] = _LISTS[name].model_validate(item)
        except ValidationError as error:
            yield from _findings_of((name, i), item, error)
    if len(entries) == len(value):
        good[name] = tuple(entries.values())


def _encrypted(path: Path, value: Any) -> Iterator[Finding]:
    if isinstance(value, Ciphertext):
        yield Finding(path, "is encrypted, and is no secret", "write it in plain")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _encrypted((*path, str(key)), inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _encrypted((*path, i), inner)


def _read(name: str, value: Any, good: dict[str, Any]) -> Iterator[Finding]:
    if value is None:
        optional = name in StackConfig.model_fields and not StackConfig.model_fields[name].is_required()
        yield Finding((name,), "has no value", "take it out or " * optional + (_example(name) or "give it one"))
        return
    try:
        good[name] = _adapter(name).validate_python(value)
    except ValidationError as error:
        yield from _findings_of((name,), value, error)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    field = StackConfig.model_fields[name]
    kind: Any = field.annotation
    return TypeAdapter(Annotated[kind, *field.metadata] if field.metadata else kind)


def _findings_of(path: Path, value: Any, error: ValidationError) -> Iterator[Finding]:
    for detail in error.errors(include_url=False, include_input=False):
        where = (*path, *(part for part in detail["loc"] if _is_step(part)))
        what, fix = detail["msg"], None
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, MistakeError):
            what, fix = cause.what, cause.fix
        elif detail["type"] == "missing":
            what, fix = "is missing", _example_at(where)
        elif detail["type"] == "extra_forbidden":
            what, fix = "is not a key of ours", _meant(str(where[-1]), _model_at(where).model_fields)
        elif detail["type"] in {"model_type", "model_attributes_type"}:
            known = ", ".join(_model_at((*where, "")).model_fields)
            what, fix = f"must be a mapping, not {kind_of(_at(value, detail['loc']))}", f"its keys are {known}"
        elif detail["type"] == "tuple_type":
            what, fix = (
                f"must be a list, not {kind_of(_at(value, detail['loc']))}",
                f"write [{_at(value, detail['loc'])}]",
            )
        elif detail["type"] == "string_pattern_mismatch":
            what, fix = "has a character that AWS refuses, or too few or many", _example_at(where)
        elif detail["type"] == "invalid_key":
            what, fix = "is a key that is no text", "put it in quotes"
        elif detail["type"] == "string_too_short":
            what, fix = "is empty", _example_at(where)
        yield Finding(where, what, fix)


def _is_step(part: str | int) -> bool:
    # pydantic names the branch of a union in the path ("function-before[…]"), which is no key of the file.
    return isinstance(part, int) or "[" not in part


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(part, str) and not _is_step(part):
            continue
        value = value[part]
    return value


def _model_at(path: Path) -> type[BaseModel]:
    for part in reversed(path[:-1]):
        if part in _MODELS:
            return _MODELS[str(part)]
    return StackConfig


def _meant(name: str, known: Any) -> str:
    near = nearest(name, known)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"


def _example(name: str) -> str | None:
    return _example_at((name,))


def _example_at(path: Path) -> str | None:
    name = str(path[-1])
    if name in SECRETS:
        return f"set it with `pulumi config set --secret {NAMESPACE}{name}`"
    field = _model_at(path).model_fields.get(name)
    if field is None or not field.examples:
        return None
    example = field.examples[0]
    return f"write {name}: {example if isinstance(example, str) else json.dumps(example)}"


def problem_of(finding: Finding, lines: Mapping[str, int] | None) -> Problem:
    """The finding as a person is told it, with its line where that is known."""
    path: Path = (REGION_KEY, *finding.path[1:]) if finding.path[0] == "region" else finding.path
    return Problem(dotted(path), finding.what, finding.fix, _line(path, lines or {}))


def _line(path: Path, lines: Mapping[str, int]) -> int | None:
    """The line of the value, or of the nearest thing around it that has one."""
    for full in ((NAMESPACE + str(path[0]), *path[1:]), path):
        for end in range(len(full), 0, -1):
            if (line := lines.get(dotted(full[:end]))) is not None:
                return line
    return None


def _sorted(found: list[Finding]) -> list[Finding]:
    order = {name: i for i, name in enumerate((REGION_KEY, "region", *KEYS))}
    return sorted(
        found,
        key=lambda f: (order.get(str(f.path[0]), len(order)), [part for part in f.path[1:2] if isinstance(part, int)]),
    )


def _headline(count: int, source: str | None, stack: str | None) -> str:
    where = source or (f"the configuration of stack {stack}" if stack else "the configuration")
    return f"{where} has {count} mistake{'s' if count != 1 else ''}:"

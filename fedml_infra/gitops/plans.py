"""Saved plans: what a preview proposed, kept until a merge applies exactly that.

A plan is two files in a folder: `<stack>.plan.json` is the engine's, with secrets encrypted as in the stack's state;
`<stack>.plan.about.json` says what it is a plan of. What does not fit is refused by the latter before the engine is
started; what moved since in the state or in AWS, by the engine, at the first step that is not in the plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.validation import FED_KEY, OLD_KEYS
from fedml_infra.operations.rotate import EPOCH

ROTATED = (EPOCH, FED_KEY, OLD_KEYS)
"""What a rotation writes into a stack file."""
FIX = "Make a new preview with --save-plans, have it reviewed, and apply that."
T = TypeVar("T")


@dataclass(frozen=True)
class About:
    """What a plan is of."""

    stack: str
    file: str
    """SHA-256 of the stack file."""
    content: str
    """SHA-256 of what the file says but for what a rotation writes."""
    engine: str
    """Version of the engine that made it: plans are not for another."""
    program: str
    """Version of this package, which the program is of."""
    base: str
    """The commit that the change was reviewed against."""


@dataclass(frozen=True)
class SavedPlan:
    """A plan that fits, as far as can be told before it is applied."""

    path: Path | None
    """The engine's file; None where all of it is done, and only the rotation that followed it is not."""
    about: About


class PlanUnfitError(ConfigurationError):
    """A plan that is of something else than what is to be applied."""


def path_of(folder: Path, stack: str) -> Path:
    """Where the engine's plan of a stack is, or is to be."""
    return folder / f"{stack}.plan.json"


def save(folder: Path, stack: str, file: Path, engine_version: str, base: str, preview: Callable[[Path], T]) -> T:
    """Have `preview` save the engine's plan at the path it is given (`RunOptions.save_plan`), and say beside it what
    it is of. `base`: the commit that the change is reviewed against. A plan that was there is gone first."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, about = path_of(folder, stack), _about(folder, stack)
    for old in (about, plan):
        old.unlink(missing_ok=True)
    # Before the preview: of a file that changes under it the plan must not say that it fits.
    of = _of(stack, file, engine_version, base)
    made = preview(plan)
    about.write_text(json.dumps(asdict(of), indent=2) + "\n", encoding="utf-8")
    return made


def load(folder: Path, stack: str, file: Path, engine_version: str, *, under_way: bool = False) -> SavedPlan:
    """The plan of a stack that fits its file, this engine and this package. PlanUnfitError with every reason otherwise.

    `under_way`: a rotation is in the file that was not brought up yet. One that came after the plan fits too.
    """
    plan, beside = path_of(folder, stack), _about(folder, stack)
    if not (plan.is_file() and beside.is_file()):
        raise PlanUnfitError(f"There is no plan of {stack} in {folder}.", fix=FIX)
    try:
        json.loads(plan.read_bytes())
        about = About(**json.loads(beside.read_bytes()))
    except (ValueError, TypeError):
        raise PlanUnfitError(f"The plan of {stack} in {folder} is damaged.", fix=FIX) from None
    now = _of(stack, file, engine_version, about.base)
    done = under_way and about.file != now.file and about.content == now.content
    problems = [
        Problem(what, f"the plan is of {_short(was)}, and this is {_short(is_)}")
        for what, was, is_ in (
            ("stack", about.stack, now.stack),
            ("stack file (SHA-256)", about.file, about.file if done else now.file),
            ("engine", about.engine, now.engine),
            ("fedml-infra", about.program, now.program),
        )
        if was != is_
    ]
    if problems:
        raise PlanUnfitError(f"The plan of {stack} does not fit what is to be applied:", problems, fix=FIX)
    return SavedPlan(None if done else plan, about)


def _about(folder: Path, stack: str) -> Path:
    return folder / f"{stack}.plan.about.json"


def _of(stack: str, file: Path, engine_version: str, base: str) -> About:
    read = StackFile.read(file)
    said = _without_rotation(read.config)
    return About(
        stack, _digest(file.read_bytes()), _digest(said.encode()), engine_version, version("fedml-infra"), base
    )


def _without_rotation(values: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in values.items() if key not in ROTATED}
    return json.dumps(kept, sort_keys=True, default=_ciphertext)


def _ciphertext(value: object) -> Any:
    if isinstance(value, Ciphertext):
        return {"secure": value.text}
    raise TypeError(f"{type(value).__name__} stands in no stack file")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _short(text: str) -> str:
    return text[:12] if len(text) == 64 else text

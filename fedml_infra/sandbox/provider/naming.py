"""Automatic names, and the note in the inputs that tells them from names that were asked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

from pulumi.runtime.proto import provider_pb2

from fedml_infra.sandbox.provider.kind import Kind, Mistake
from fedml_infra.sandbox.provider.wire import Props

NOTE = "__defaults"
"""Where the official provider notes which inputs it filled in itself."""

RANDOM_CHARACTERS = 7


def is_automatic(kind: Kind, inputs: Props) -> bool:
    """Whether the name in these inputs was made up."""
    return kind.name is not None and kind.name in inputs.get(NOTE, ())


def name(kind: Kind, inputs: Props, old: Props, request: Any) -> Iterable[Mistake]:
    """Fill in the name if there is none: the one it has, the engine's proposal, or one of our own."""
    if kind.name is None or kind.name in inputs:
        return
    mode = provider_pb2.CheckRequest.AutonamingOptions
    options = request.autonaming if request.HasField("autonaming") else None
    if is_automatic(kind, old) and old.get(kind.name):
        inputs[kind.name] = old[kind.name]
    elif options is not None and options.mode == mode.DISABLE:
        yield Mistake(kind.name, f"automatic naming is turned off: {kind.type} needs {kind.name}")
        return
    elif options is not None and options.proposed_name:
        inputs[kind.name] = options.proposed_name
    else:
        inputs[kind.name] = _made_up(kind, inputs, request)
    inputs[NOTE] = [kind.name]


def _made_up(kind: Kind, inputs: Props, request: Any) -> str:
    tail = hashlib.sha256(request.randomSeed or os.urandom(16)).hexdigest()[:RANDOM_CHARACTERS]
    ending = ".fifo" if inputs.get("fifoQueue") or inputs.get("fifoTopic") else ""
    base = inputs.get(kind.prefix or "") or f"{request.name or request.urn.split('::')[-1]}-"
    if kind.name == "bucket":
        base = base.lower()
    return f"{base[: kind.name_limit - RANDOM_CHARACTERS - len(ending)]}{tail}{ending}"

"""What a command does to a stack is recorded in the audit, once, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fedml_infra.operations.audit import Doing

    from .target import Target

KEY = "fedml_infra.recorded"


@contextmanager
def recorded(on: Target, **details: str) -> Iterator[Doing]:
    """Record what happens within under the command's name; where a command records by itself, only there.

    A store that cannot be written is told, and stops nothing: a federation must not wait for its records.
    """
    from fedml_infra.operations.audit import Doing, audited_if_possible

    from .output import warn
    from .store_options import store_of

    context = click.get_current_context()
    doing = Doing(" ".join(context.command_path.split()[1:]), on.name, on.stack.config.aws_topic_arn, details=details)
    if context.meta.get(KEY):
        yield doing
        return
    context.meta[KEY] = True
    try:
        with audited_if_possible(lambda: store_of(context.params), doing, warn):
            yield doing
    finally:
        del context.meta[KEY]

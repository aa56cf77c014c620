"""Arguments that may be the stack or a value: `schedule cardio m15`, `schedule m15`, `schedule cardio`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click


def stack_and_value(
    ctx: click.Context, words: Sequence[str], option: str | None, is_value: Callable[[str], bool]
) -> tuple[str | None, str | None]:
    """The stack and the value that up to two words name. One word that names a stack here is the stack.

    A usage error for more words than fit.
    """
    from .target import chosen, stack_names

    if len(words) > (1 if option else 2) and not (len(words) == 2 and words[0] == option):
        raise click.UsageError(f"{len(words)} words are too many: give a stack and a value at most.", ctx)
    if len(words) == 2:
        return chosen(ctx, words[0], option), words[1]
    if not words:
        return option, None
    only = words[0]
    if option is None and (only in stack_names(ctx) or not is_value(only)):
        return only, None
    return option, only

"""`--summary`: a page of Markdown for whoever looks at a pipeline's run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def summary_option(command: F) -> F:
    """`--summary FILE`, passed on as `summary`."""
    return click.option(
        "--summary",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Add a page of Markdown to FILE, as $GITHUB_STEP_SUMMARY is.",
    )(command)


def append_summary(file: Path, text: str) -> None:
    """Add a page. Raises ConfigurationError where the file cannot be written."""
    from fedml_infra.errors import ConfigurationError

    try:
        with file.open("a", encoding="utf-8") as page:
            page.write(text)
    except OSError as error:
        raise ConfigurationError(f"The summary {file} cannot be written: {error.strerror}.") from None

"""Where the store is, for every command that needs it: the same options, the same variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fedml_infra.store.place import StorePlace
    from fedml_infra.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])

URL_OPTION = "--database-url"
URL_FILE_OPTION = "--database-url-file"


def store_options(command: F) -> F:
    """`--data-dir`, `--database-url` and `--database-url-file`, which go to `store_of` as the command's keywords."""
    for option in reversed(
        [
            click.option(
                "--data-dir",
                type=click.Path(file_okay=False, path_type=Path),
                metavar="DIR",
                help="Keep tokens, members and audit in SQLite there; or in FEDML_INFRA_DATA_DIR. "
                "The user's data folder if neither is given.",
            ),
            click.option(
                URL_OPTION,
                metavar="URL",
                help="Keep them in PostgreSQL: postgresql://user@host/name, without a password.",
            ),
            click.option(
                URL_FILE_OPTION,
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="FILE",
                help="The same from a file, and so with a password; or in FEDML_INFRA_DATABASE_URL.",
            ),
        ]
    ):
        command = option(command)
    return command


def store_of(given: Mapping[str, Any]) -> Store:
    """The store that options and environment name, opened: a context manager.

    `given`: the command's keywords. Raises UsageError for options that contradict each other or a password as an
    argument, StoreError where it cannot be opened.
    """
    from fedml_infra.store.store import open_store

    return open_store(place_of(given))


def place_of(given: Mapping[str, Any]) -> StorePlace:
    """Where it is, unopened. Errors as `store_of`."""
    from pydantic import SecretStr

    from fedml_infra.store.place import has_password, store_place

    url, path, folder = given.get("database_url"), given.get("database_url_file"), given.get("data_dir")
    if sum(value is not None for value in (url, path, folder)) > 1:
        raise click.UsageError(f"Give one of --data-dir, {URL_OPTION} and {URL_FILE_OPTION}.")
    if url is not None and has_password(url):
        raise click.UsageError(
            f"A password is no argument, as every user of this machine can see it: use {URL_FILE_OPTION}, "
            "or set FEDML_INFRA_DATABASE_URL."
        )
    secret = SecretStr(url) if url is not None else None
    if path is not None:
        from .secret_input import read_secret

        secret = read_secret("The database's URL", path, URL_FILE_OPTION, "FEDML_INFRA_DATABASE_URL")
    return store_place(folder, secret, os.environ)

"""Where the store is: a file in a folder, or a PostgreSQL database. Reads no file and loads no driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError

DIRECTORY_VARIABLE = "FEDML_INFRA_DATA_DIR"
URL_VARIABLE = "FEDML_INFRA_DATABASE_URL"
FILE = "store.sqlite3"

_SCHEMES = {"postgresql", "postgres", "postgresql+psycopg"}


@dataclass(frozen=True)
class StorePlace:
    """A folder for SQLite's file, or the URL of a PostgreSQL database; exactly one of them."""

    data_dir: Path | None = None
    database_url: SecretStr | None = None

    def __post_init__(self) -> None:
        if (self.data_dir is None) == (self.database_url is None):
            raise ConfigurationError("The store is either in a folder or in a database: name one of them.")

    @property
    def file(self) -> Path | None:
        """SQLite's file; None where the store is in PostgreSQL."""
        return self.data_dir / FILE if self.data_dir is not None else None

    def __str__(self) -> str:
        """For people: the file, or host and name of the database; never a password."""
        if self.database_url is None:
            return str(self.file)
        parts = urlsplit(self.database_url.get_secret_value())
        return f"postgresql://{parts.hostname or 'localhost'}{parts.path}"


def store_place(data_dir: Path | None, database_url: SecretStr | None, environ: Mapping[str, str]) -> StorePlace:
    """The place that options name, else the environment (the database before the folder), else the user's data folder.

    Raises ConfigurationError where both options are given, or for the URL of anything but PostgreSQL.
    """
    if data_dir is None and database_url is None:
        if given := environ.get(URL_VARIABLE):
            database_url = SecretStr(given)
        elif given := environ.get(DIRECTORY_VARIABLE):
            data_dir = Path(given).expanduser()
        else:
            import platformdirs

            data_dir = Path(platformdirs.user_data_dir("fedml-infra"))
    if database_url is not None:
        _require_postgresql(database_url)
    return StorePlace(data_dir.absolute() if data_dir is not None else None, database_url)


def has_password(url: str) -> bool:
    """Whether a database's URL holds a password, and so may be no argument: every user here can see arguments."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return parts.password is not None or any(
        key == "password" for key, _ in parse_qsl(parts.query, keep_blank_values=True)
    )


def without_password(text: str, url: SecretStr) -> str:
    """The text with `***` where the password of the URL was, however it is written there."""
    parts = urlsplit(url.get_secret_value())
    given = [parts.password or "", *(value for key, value in parse_qsl(parts.query) if key == "password")]
    for password in {*given, *map(unquote, given)} - {""}:
        text = text.replace(password, "***")
    return text


def _require_postgresql(url: SecretStr) -> None:
    try:
        parts = urlsplit(url.get_secret_value())
        right = parts.scheme in _SCHEMES and "://" in url.get_secret_value() and (parts.port or True)
    except ValueError:
        right = False
    if not right:
        # Not repeated, as it may hold a password.
        raise ConfigurationError(
            "The database's URL is not one of PostgreSQL.",
            fix="It looks like postgresql://user@host/fedml; for SQLite give a folder with --data-dir instead.",
        )

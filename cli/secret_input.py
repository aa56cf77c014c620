"""Secrets that a person gives: from a file, from the environment or at a prompt; never as an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

KEY_VARIABLE = "FEDML_INFRA_KEY"
PASSPHRASE_VARIABLE = "FEDML_INFRA_PASSPHRASE"  # noqa: S105 - the name of a variable


def read_secret(what: str, path: Path | None, option: str, variable: str, *, twice: bool = False) -> SecretStr:
    """From the file, else the environment, else a prompt. ConfigurationError where there is nothing, or no text.

    `what` begins the sentence that asks or complains; `twice` asks a second time, for a secret that is new.
    """
    from pydantic import SecretStr

    from fedml_infra.errors import ConfigurationError

    if path is not None:
        try:
            text = path.read_bytes().decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path} is not UTF-8 text.") from None
    else:
        text = os.environ.get(variable) or _asked(what, f"Give {option} FILE, or set {variable}.", twice=twice)
    if not text:
        raise ConfigurationError(f"{what} is empty.", fix=f"Give {option} FILE, or set {variable}.")
    return SecretStr(text)


def _asked(what: str, otherwise: str, *, twice: bool) -> str:
    """Asked for at the terminal itself, as standard input may be taken by the text."""
    import getpass

    from fedml_infra.errors import ConfigurationError

    try:
        Path("/dev/tty").open("rb").close()
        terminal = sys.stderr.isatty()
    except OSError:
        terminal = False
    if not terminal:
        raise ConfigurationError(f"{what} is missing, and there is no terminal to ask at.", fix=otherwise)
    text = getpass.getpass(f"{what}: ")
    if twice and getpass.getpass("The same again: ") != text:
        raise ConfigurationError("The two were not the same, so nothing was encrypted.", fix="Try again.")
    return text

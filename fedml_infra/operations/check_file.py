"""What is looked for in a stack file beside its values: secrets in clear text, and keys that stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fedml_infra.engine.quick_yaml import Quick
from fedml_infra.errors import Problem
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.mistake import nearest
from fedml_infra.model.secret_text import public, sealed, secrets_in
from fedml_infra.model.validation import NAMESPACE

BESIDE_CONFIG = ("secretsprovider", "encryptedkey", "encryptionsalt", "environment")
"""The other keys of a stack file (Pulumi, "Stack settings file reference")."""

_CREDENTIALS = ("accesskey", "secretkey", "token", "password", "privatekey")
_REPLACE = "take it out of the file and of git's history, and make it useless where it was issued"


def misplaced(file: Quick) -> Iterator[Problem]:
    """Keys beside `config` that are none of the engine's and seem to be meant for it."""
    for key in file.rest:
        if key in BESIDE_CONFIG:
            continue
        line = file.rest_lines.get(key)
        if ":" in key:
            yield Problem(
                key, "stands beside config:, where the engine does not read it", "move it under config:", line
            )
        elif near := nearest(key, (*BESIDE_CONFIG, "config"), most=1):
            yield Problem(key, "is no key of a stack file", f"did you mean {near[0]}?", line)


def clear_text(path: Path, file: Quick | None) -> Iterator[Problem]:
    """What looks like a secret anywhere in the file, comments included. What it is is never told, only where.

    A file that is no text, or not there, has nothing to find: reading it has said so already.
    """
    if file is not None:
        for key, value in file.config.items():
            name = key.rpartition(":")[2].lower()
            if not key.startswith(NAMESPACE) and name.endswith(_CREDENTIALS) and isinstance(value, str) and value:
                fix = f"take it out: credentials come from the environment, or from OIDC in a pipeline; {_REPLACE}"
                yield Problem(key, "is a credential and must not stand in the file", fix, file.lines.get(key))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for found in secrets_in(text, harmless=frozenset(_harmless(file)) if file is not None else frozenset()):
        yield Problem(
            "secret", f"something that looks like {found.what} stands here in clear text", _REPLACE, found.line
        )


def _harmless(file: Quick) -> Iterator[str]:
    """What looks like a key and is none: what the engine encrypted, its salt, and public keys."""
    for value in _texts(file.config):
        if isinstance(value, Ciphertext):
            if sealed(value.text) or len(value.text) > 64:
                yield value.text
        elif isinstance(value, str) and public(value):
            yield value
    for name in ("encryptionsalt", "encryptedkey"):
        value = file.rest.get(name)
        if isinstance(value, str) and (":" in value or len(value) > 64):
            yield value


def _texts(value: Any, *, public_key: bool = False) -> Iterator[Any]:
    """All ciphertexts, and the texts of keys whose name says that they are public."""
    if isinstance(value, Ciphertext) or (public_key and isinstance(value, str)):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, public_key=str(key).endswith("public_key"))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)

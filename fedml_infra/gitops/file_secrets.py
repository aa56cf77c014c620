"""Secrets of a stack file, opened and encrypted without the stack's state: whoever proposes a change may reach neither.

How a stack file's secrets are encrypted it says itself (`encryptionsalt`, `secretsprovider`); the engine asks for a
state all the same, and gets an empty one of its own. Only secrets that Pulumi Cloud keeps need the real backend.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from fedml_infra.engine.backend import backend_url
from fedml_infra.engine.protocol import Engine
from fedml_infra.model.ciphertext import Ciphertext

_OWN = re.compile(r"^(encryptionsalt|secretsprovider):", re.MULTILINE)


class FileSecrets:
    """The secrets of one stack file; a context manager. Implements `operations.change.Secrets`.

    Nothing is started before the first secret: a change without any needs no passphrase. Errors are the engine's:
    AuthenticationError where the passphrase or the key is out of reach.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine, self._path = engine, path
        self._away: Engine | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        """See `operations.change.Secrets`."""
        return self._opened(stack).encrypt(stack, values) if values else {}

    def get_secrets(self, stack: str, keys: Iterable[str]) -> dict[str, SecretStr]:
        """See `operations.change.Secrets`."""
        return self._opened(stack).get_secrets(stack, keys)

    def _opened(self, stack: str) -> Engine:
        if not says_how(self._path):
            return self._engine
        if self._away is None:
            self._away = self._held.enter_context(away(self._engine))
            self._away.init(stack)
        return self._away


def says_how(path: Path) -> bool:
    """Whether a stack file says itself how its secrets are encrypted, so that no backend has to."""
    return _OWN.search(path.read_text(encoding="utf-8")) is not None


@contextmanager
def away(engine: Engine) -> Iterator[Engine]:
    """The engine with a state backend that is empty, and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fedml-infra-no-state-") as folder:
        yield engine.with_environment({"PULUMI_BACKEND_URL": f"file://{folder}"})


@contextmanager
def for_new_file(engine: Engine, project: Path, secrets_provider: str | None) -> Iterator[Engine]:
    """The engine that encrypts a stack file which is being made; the backend gets no stack by it.

    Where Pulumi Cloud keeps the state, and no provider is named, its own keys encrypt: then it is the engine itself.
    """
    if secrets_provider is None and (backend_url(os.environ, project) or "").startswith(("https://", "http://")):
        yield engine
        return
    with away(engine) as apart:
        yield apart

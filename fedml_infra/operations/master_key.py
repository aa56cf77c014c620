"""The master key, under which the service's store keeps secrets: given, or made once, and known again at each start.

What it is known by is a value in the store that it sealed: a wrong key is told at once, not at the first request.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path
from typing import Protocol

from pydantic import SecretBytes

from fedml_infra.aws import kms
from fedml_infra.aws.kms import KmsKey, kms_key
from fedml_infra.errors import ConfigurationError, StoreError
from fedml_infra.store.sealing import KEY_BYTES, Sealer
from fedml_infra.store.store import Store

VARIABLE = "FEDML_INFRA_MASTER_KEY"
FILE = "master.key"
"""In the data folder, where no other key is given: base64 and a line's end, readable by its owner only."""
CHECK, DATA_KEY = "master key check", "master key by KMS"
"""Names in the store: what the key is known by, and a KMS data key as it is encrypted."""
_KNOWN = b"fedml-infra"


class Kms(Protocol):
    """Makes and opens data keys."""

    def new_data_key(self, key: KmsKey) -> tuple[SecretBytes, bytes]:
        """See `aws.kms.new_data_key`."""
        ...

    def open_data_key(self, key: KmsKey, encrypted: bytes) -> SecretBytes:
        """See `aws.kms.open_data_key`."""
        ...


class LiveKms:
    """AWS's own."""

    new_data_key = staticmethod(kms.new_data_key)
    open_data_key = staticmethod(kms.open_data_key)


def master_key(
    store: Store, *, given: str | None = None, environ: MutableMapping[str, str], aws: Kms | None = None
) -> SecretBytes:
    """The key of this store. `given`: the path of a file that has it (base64), or `awskms://…`.

    Without it: the environment's, which is taken out of `environ` so that no child inherits it; else the data folder's
    file, made where the store has never had a key. Raises ConfigurationError where there is none, or it is no key;
    StoreError where it is another than what is in the store was sealed with.
    """
    from_environment = environ.pop(VARIABLE, None)
    if given is not None and given.startswith("awskms:"):
        found = _by_kms(store, kms_key(given), aws or LiveKms())
    elif given is not None:
        found = _of_file(Path(given))
    elif from_environment:
        found = _read(from_environment, VARIABLE)
    elif store.place.data_dir is not None:
        found = _of_folder(store, store.place.data_dir / FILE)
    else:
        raise ConfigurationError(
            "Processes that share a database share a master key, and none is given.",
            fix=f"Set {VARIABLE} to base64 of {KEY_BYTES} random bytes, or give --master-key-file or awskms://….",
        )
    _require_same(store, found)
    return found


def _require_same(store: Store, key: SecretBytes) -> None:
    sealer = Sealer(key)
    kept = store.kept.get(CHECK) or store.kept.keep(CHECK, sealer.seal(_KNOWN, CHECK))
    try:
        sealer.open(kept, CHECK)
    except StoreError:
        raise StoreError(
            f"This is not the master key that the store {store.place} was begun with.",
            fix="Give that one: what it sealed cannot be opened with any other.",
        ) from None


def _by_kms(store: Store, key: KmsKey, aws: Kms) -> SecretBytes:
    """The data key that is kept, encrypted, in the store; made by whoever comes first."""
    kept = store.kept.get(DATA_KEY)
    if kept is None:
        made, encrypted = aws.new_data_key(key)
        kept = store.kept.keep(DATA_KEY, encrypted)
        if kept == encrypted:
            return made
    return aws.open_data_key(key, kept)


def _of_folder(store: Store, path: Path) -> SecretBytes:
    if not path.exists():
        if store.kept.get(CHECK) is not None:
            raise ConfigurationError(
                f"The master key of {store.place} is not given, and {path} is not there.",
                fix=f"Restore that file, or give the key as before: --master-key-file, {VARIABLE} or awskms://….",
            )
        _make(path)
    return _of_file(path)


def _make(path: Path) -> None:
    """Whole or not at all, and by one of several that begin together."""
    text = base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink()


def _of_file(path: Path) -> SecretBytes:
    try:
        text = path.read_text(encoding="ascii")
        open_to_others = path.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not base64"
        raise ConfigurationError(f"The master key's file {path} cannot be read: {said}.") from None
    if open_to_others:
        raise ConfigurationError(
            f"The master key's file {path} can be read by others of this machine.", fix=f"chmod 600 {path}"
        )
    return _read(text, str(path))


def _read(text: str, where: str) -> SecretBytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigurationError(
            f"{where} holds no master key.",
            fix=f"It is base64 of {KEY_BYTES} random bytes: `head -c 32 /dev/urandom | base64`.",
        )
    return SecretBytes(raw)

"""The master key, for every command that needs it: `--master-key-file`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pydantic import SecretBytes

    from fedml_infra.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def master_key_option(command: F) -> F:
    """`--master-key-file`, which goes to `master_key_of` as the command's keyword."""
    return click.option(
        "--master-key-file",
        metavar="FILE|awskms://…",
        help="What secrets in the store are sealed with: base64 of 32 bytes, or a KMS key that keeps it; or in "
        "FEDML_INFRA_MASTER_KEY. With a --data-dir it is made there if neither is given.",
    )(command)


def master_key_of(given: Mapping[str, Any], store: Store) -> SecretBytes:
    """The store's master key. Errors as `operations.master_key.master_key`."""
    from fedml_infra.operations.master_key import master_key

    return master_key(store, given=given.get("master_key_file"), environ=os.environ)

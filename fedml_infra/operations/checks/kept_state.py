"""What is kept of a stack: its backend, its secrets, its lock, and what a run that was cut off has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.backend import backend_url, bucket_of, folder_of, holders_in_folder, holders_of, lock_folder
from fedml_infra.engine.events import label
from fedml_infra.engine.locks import LockHolder
from fedml_infra.engine.protocol import Engine
from fedml_infra.engine.recovery import pending_in
from fedml_infra.engine.stack_encryption import secrets_provider_in
from fedml_infra.errors import AuthenticationError, ResourceError, StackNotFoundError
from fedml_infra.model.regions import home_region
from fedml_infra.operations.checks.finding import Finding, fail, ok, warn
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud

PASSPHRASE = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def backend(engine: Engine, stack: str | None, url: str | None) -> Finding:
    """Whether the backend answers, and has the stack. Raises what the engine says."""
    known = {one.name for one in engine.stacks()}
    where = url or "the backend"
    if stack is None:
        return ok("backend", f"{where} answers")
    return ok("backend", f"{where} answers, and {'has' if stack in known else 'does not have'} {stack}")


def secrets(engine: Engine, stack: Stack, environment: Mapping[str, str]) -> Finding:
    """Whether the stack file's secrets can be read. Raises what the engine says."""
    provider = secrets_provider_in(stack.path.read_text(encoding="utf-8"))
    how = f"with {provider}" if provider else "with the passphrase"
    try:
        found = engine.get_secrets(stack.name, [f"fedml-infra:{name}" for name in sorted(stack.config.sealed)])
    except StackNotFoundError:
        # The engine asks the backend first; what can be said without it is whether there is a passphrase at all.
        if provider is None and not any(environment.get(name) for name in PASSPHRASE):
            missing = AuthenticationError(
                "The stack's secrets need a passphrase, and none is set.",
                fix="Set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it.",
            )
            return fail("secrets", missing)
        return warn("secrets", f"{stack.name} is not in the backend yet, so they were not tried {how}.")
    return ok("secrets", f"{len(found)} can be read {how}")


def lock(stack: str, project: Path, environment: Mapping[str, str], aws: Cloud) -> Finding:
    """Who holds the stack's lock. Raises FedmlError where the backend's bucket cannot be read."""
    url = backend_url(environment, project)
    if url is None:
        return warn("lock", "Not looked at, as no backend is named.", "Set PULUMI_BACKEND_URL, or `pulumi login`.")
    folder, bucket = folder_of(url), bucket_of(url)
    if folder is not None:
        try:
            holders = holders_in_folder(folder, stack)
        except OSError as error:
            return fail("lock", ResourceError(f"The locks in {folder} cannot be read: {error.strerror}."))
    elif bucket is not None:
        endpoints = (("s3", bucket.endpoint),) if bucket.endpoint else ()
        access = Access(profile=bucket.profile, endpoints=endpoints)
        region = bucket.region or environment.get("AWS_REGION") or home_region("aws")
        texts = aws.texts_in(access, region, bucket.bucket, bucket.prefix + lock_folder(stack))
        holders = holders_of(texts)
    else:
        return ok("lock", "not told by this backend, which looks after its locks itself")
    return told_of(stack, holders)


def told_of(stack: str, holders: Sequence[LockHolder]) -> Finding:
    """A lock in words. Pure but for a look whether the holder's process lives."""
    if not holders:
        return ok("lock", "free")
    one = holders[0]
    who = f"held by {one.user}@{one.host}, process {one.pid}, since {one.since}"
    if one.is_dead:
        return warn("lock", f"{who}, which is gone", f"The next run of `fedml-infra up {stack}` mends it.")
    if one.is_dead is None:
        fix = f"Ask there; where it is gone, `pulumi cancel -s {stack}` deletes the lock."
        return warn("lock", f"{who}, on another machine", fix)
    return warn("lock", f"{who}, which runs", "Wait for it to end.")


def pending(stack: str, exported: Mapping[str, Any]) -> Finding:
    """What a run that was cut off has left in the state. Pure."""
    rows = pending_in(exported)
    if not rows:
        return ok("pending", "no operation was cut off")
    named = ", ".join(f"{row.operation} {label(row.urn)}" for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return warn(
        "pending", f"A run was cut off while {named}{more}.", f"`fedml-infra up {stack}` settles it and goes on."
    )

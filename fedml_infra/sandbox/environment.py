"""What a shell needs so that `pulumi`, boto3 and every command of ours act on the sandbox, as one account of it.

Nothing in it can reach real AWS: the only credentials are an account id and a word that AWS knows nobody by, the
user's own files and role settings are out of sight, and no service has an endpoint of its own.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.aws.access import OTHER_CREDENTIALS
from fedml_infra.sandbox import plugin, profiles
from fedml_infra.sandbox.sandbox import Running, state_directory

DEFAULT_ACCOUNT = "111111111111"
DEFAULT_REGION = "us-east-1"
PASSPHRASE = "sandbox"  # noqa: S105
LOOPBACK = ("127.0.0.1", "localhost", "::1")

UNSET = (
    *OTHER_CREDENTIALS,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",  # else AWS_ENDPOINT_URL is not heeded, and real AWS is called
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_DEBUG_PROVIDERS",  # would put another provider in our plugin's place
    "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT",  # would send what is done here to a collector
    "PULUMI_STACK",
)
"""What would lead elsewhere, or is somebody's real credential."""
SERVICE_ENDPOINT = "AWS_ENDPOINT_URL_"
"""Start of the variables that send one service elsewhere."""


@dataclass(frozen=True)
class Environment:
    """Variables to set, and others to take away."""

    export: Mapping[str, str]
    unset: tuple[str, ...]
    on_path: str
    """The folder that comes first on PATH, before whatever a shell has there."""

    def lines(self) -> str:
        """For `eval` in any POSIX shell, any number of times."""
        folder = shlex.quote(self.on_path)
        taken = [f"unset {name}" for name in self.unset]
        given = [f"export {name}={shlex.quote(value)}" for name, value in self.export.items()]
        path = f'case "${{PATH-}}" in {folder}:*) ;; *) export PATH={folder}"${{PATH:+:$PATH}}" ;; esac'
        return "\n".join([*taken, *given, path])

    def applied(self, current: Mapping[str, str]) -> dict[str, str]:
        """An environment as it is after `eval`."""
        kept = {name: value for name, value in current.items() if name not in self.unset}
        return {**kept, **self.export, "PATH": _first(self.on_path, current.get("PATH", ""))}

    def json(self) -> dict[str, Any]:
        """`export` (name -> value), `unset` (names) and `path` (the folder that comes first on PATH)."""
        return {"export": dict(self.export), "unset": list(self.unset), "path": self.on_path}


def environment(
    running: Running,
    *,
    account: str = DEFAULT_ACCOUNT,
    region: str = DEFAULT_REGION,
    profile_accounts: Iterable[str] = (),
    official_provider: bool = False,
    project: Path | None = None,
    current: Mapping[str, str] | None = None,
) -> Environment:
    """The environment of one account, and the files that it names.

    `profile_accounts` are further accounts to have a profile `sandbox-<id>`, besides those that the stack files of
    `project` (default the current folder) name. `current` is the environment that this one is laid over (default this
    process's). Raises ValueError for what is no account id.
    """
    current = os.environ if current is None else current
    local_aws, directory = running.local_aws, running.directory
    aws = local_aws.environment(account, region)
    named = {account, *profile_accounts, *profiles.mentioned(project or Path.cwd())}
    config = profiles.write_profiles(directory, local_aws, named, region)
    no_credentials = config.with_name("credentials")
    no_credentials.touch()
    export = {
        **aws,
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(no_credentials),
        "BOTO_CONFIG": str(no_credentials),  # else boto3 falls back to ~/.boto
        **_without_proxy(current),
        **_pulumi(directory, account, official_provider=official_provider),
    }
    others = sorted(name for name in current if name.startswith(SERVICE_ENDPOINT))
    unset = (*UNSET, *others)
    if official_provider:  # a sandbox's environment may be there already
        unset = (*unset, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    return Environment(export, unset, str(engine_folder()))


def engine_folder() -> Path:
    """The folder of the Pulumi engine, which may not be installed there yet."""
    from fedml_infra.engine.install import bin_dir, find

    found = find()
    return found.path.parent if found else bin_dir()


def _pulumi(directory: Path, account: str, *, official_provider: bool) -> dict[str, str]:
    # The official plugin has a home of its own, as the engine takes the first that it finds.
    home = directory / ("pulumi-home-official" if official_provider else "pulumi-home")
    home.mkdir(parents=True, exist_ok=True)
    state = state_directory(directory, account)
    state.mkdir(parents=True, exist_ok=True)
    values = {
        "PULUMI_HOME": str(home),
        "PULUMI_PYTHON": sys.executable,
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if official_provider:
        return values
    plugin.install(home)
    # Without this the engine asks for the official plugin, though it has ours.
    return {**values, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}


def _first(folder: str, path: str) -> str:
    """PATH with a folder at its start, once."""
    return os.pathsep.join([folder, *(part for part in path.split(os.pathsep) if part and part != folder)])


def _without_proxy(current: Mapping[str, str]) -> dict[str, str]:
    """No proxy for loopback, besides what the user excepts; in both spellings, as programs differ."""
    said = current.get("no_proxy") or current.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*(host.strip() for host in said.split(",") if host.strip()), *LOOPBACK])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))

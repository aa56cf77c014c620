"""What is installed on this machine: engine, language host, aws plugin, SDK, cache folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fedml_infra.aws.sessions import is_loopback
from fedml_infra.engine.backend import pulumi_home
from fedml_infra.engine.install import EngineBinary, cache_root, find
from fedml_infra.engine.version import AWS_PLUGIN_VERSION, ENGINE_VERSION
from fedml_infra.errors import ConfigurationError, EngineError
from fedml_infra.operations.checks.finding import Check, Finding, fail, ok, warn

PACKAGES: Mapping[str, str] = {"pulumi": ENGINE_VERSION, "pulumi-aws": AWS_PLUGIN_VERSION}
"""The SDK's packages and the versions that the engine and the plugin go with."""
INSTALL = "python -m fedml_infra.engine.install"
EMULATED = b"fedml_infra.sandbox"
"""What the sandbox's plugin, a short script, has in it."""


@dataclass(frozen=True)
class Machine:
    """What there is here."""

    environment: Mapping[str, str]
    engine: EngineBinary | None
    packages: Mapping[str, str | None]
    """Installed version by package; None where it is not installed."""
    cache: Path

    @property
    def endpoint(self) -> str | None:
        """Where the environment sends AWS's calls instead of to AWS."""
        return self.environment.get("AWS_ENDPOINT_URL") or None


def this_machine() -> Machine:
    """This one, with this process's environment; installs nothing."""
    return Machine(dict(os.environ), find(), {name: _installed(name) for name in PACKAGES}, cache_root())


def machine_checks(machine: Machine) -> tuple[Check, ...]:
    """All checks of the machine."""
    return (
        Check("engine", lambda: engine(machine)),
        Check("language host", lambda: language_host(machine)),
        Check("aws plugin", lambda: plugin(machine)),
        Check("sdk", lambda: packages(machine)),
        Check("cache", lambda: cache(machine)),
    )


def engine(machine: Machine) -> Finding:
    """Whether there is an engine that can run, and which."""
    binary = machine.engine
    if binary is None:
        missing = EngineError(
            f"There is no Pulumi engine of version {ENGINE_VERSION} or newer.",
            fix=f"`{INSTALL}` gets it; so does the first command that needs it.",
        )
        return fail("engine", missing)
    where = {"path": "found on PATH", "installer": "from the official installer", "built": "built here"}[binary.source]
    told = f"Pulumi {binary.version}, {where}: {binary.path}"
    if binary.version.partition(".")[0] != ENGINE_VERSION.partition(".")[0]:
        return warn(
            "engine", f"{told}; this project is tried with {ENGINE_VERSION}.", f"Take it off PATH, or `{INSTALL}`."
        )
    return ok("engine", told)


def language_host(machine: Machine) -> Finding:
    """Whether what runs Python programs lies beside the engine, and has a Python."""
    if machine.engine is None:
        return warn("language host", "Not looked at, as there is no engine.")
    folder = machine.engine.path.resolve().parent
    host = folder / "pulumi-language-python"
    if not os.access(host, os.X_OK):
        return fail("language host", EngineError(f"{host} is missing or cannot be run.", fix=f"`{INSTALL}` mends it."))
    named = folder / "interpreter"
    if named.exists():
        python = named.read_text(encoding="utf-8").strip()
        if not os.access(python, os.X_OK):
            gone = EngineError(f"The language host's Python is gone: {python}.", fix=f"`{INSTALL}` names this one.")
            return fail("language host", gone)
        return ok("language host", f"ours, with {python}")
    return ok("language host", "the official one")


def plugin(machine: Machine) -> Finding:
    """Which aws plugin a run would get, and whether it fits where the calls go."""
    environment, local = machine.environment, is_loopback(machine.endpoint)
    attached = [one for one in environment.get("PULUMI_DEBUG_PROVIDERS", "").split(",") if one.startswith("aws:")]
    if attached:
        return ok("aws plugin", f"attached, as PULUMI_DEBUG_PROVIDERS says: {attached[0]}")
    folder = pulumi_home(environment) / "plugins" / f"resource-aws-v{AWS_PLUGIN_VERSION}"
    binary = folder / "pulumi-resource-aws"
    if not binary.exists():
        if environment.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "").lower() in ("1", "true"):
            missing = EngineError(
                f"There is no aws plugin {AWS_PLUGIN_VERSION} in {folder.parent}, and the engine may not download it.",
                fix="Unset PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION, or use the sandbox: "
                '`eval "$(fedml-infra sandbox env)"`.',
            )
            return fail("aws plugin", missing)
        return warn(
            "aws plugin",
            f"Version {AWS_PLUGIN_VERSION} is not here yet: the engine downloads it at its first run.",
            f"`pulumi plugin install resource aws v{AWS_PLUGIN_VERSION}` gets it now; it needs the internet.",
        )
    if not _emulated(binary):
        return ok("aws plugin", f"official {AWS_PLUGIN_VERSION}" + (", against a local AWS" if local else ""))
    if not local:
        wrong = EngineError(
            "The aws plugin is the sandbox's, which speaks to a local AWS only, and AWS_ENDPOINT_URL names none.",
            fix='For the sandbox: `eval "$(fedml-infra sandbox env)"`. For AWS: unset PULUMI_HOME.',
        )
        return fail("aws plugin", wrong)
    return ok("aws plugin", f"emulated {AWS_PLUGIN_VERSION}, of the sandbox")


def packages(machine: Machine) -> Iterator[Finding]:
    """Whether the SDK is of the engine's and the plugin's version."""
    for name, wanted in PACKAGES.items():
        found = machine.packages.get(name)
        if found == wanted:
            yield ok("sdk", f"{name} {found}")
        else:
            yield fail(
                "sdk",
                EngineError(
                    f"{name} is {found or 'not installed'}, and this project goes with {wanted}.",
                    fix=f"`pip install {name}=={wanted}`, or `make setup` in a clone.",
                ),
            )


def cache(machine: Machine) -> Finding:
    """Whether the cache folder can be written: the engine is installed there."""
    try:
        machine.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=machine.cache):
            return ok("cache", str(machine.cache))
    except OSError as error:
        closed = ConfigurationError(
            f"The cache folder {machine.cache} cannot be written: {error.strerror}.",
            fix="Mend its rights, or name another in FEDML_INFRA_CACHE_DIR.",
        )
        return fail("cache", closed)


def _emulated(binary: Path) -> bool:
    with binary.open("rb") as file:
        return EMULATED in file.read(4096)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

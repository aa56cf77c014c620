"""The AWS configuration file of the sandbox: a profile `sandbox-<account id>` for each account that is used.

boto3 and the Go engine read profiles by exact name from a file, so the file must hold every one that is asked for. It
holds those of accounts that were named to `sandbox env`, and of all that the stack files of the project name: these are
looked up again by `sandbox env` and whenever the emulated provider starts.
"""

from __future__ import annotations

import configparser
import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from fedml_infra.sandbox.local_aws import LocalAws

PREFIX = "sandbox-"
CONFIG_VARIABLE = "AWS_CONFIG_FILE"
MARK = "# fedml-infra sandbox: written by `fedml-infra sandbox env`; nothing in it opens anything but the sandbox.\n"

_PROFILE = re.compile(r"\bsandbox-(\d{12})\b")
_SECTION = re.compile(r"profile sandbox-(\d{12})")


def config_file(directory: Path) -> Path:
    """What AWS_CONFIG_FILE names, in a sandbox's folder."""
    return directory / "aws" / "config"


def mentioned(project: Path) -> frozenset[str]:
    """The accounts whose profiles the stack files of a folder name."""
    found: set[str] = set()
    for file in (*project.glob("Pulumi*.yaml"), *project.glob("*/Pulumi.*.yaml")):
        try:
            found.update(_PROFILE.findall(file.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return frozenset(found)


def write_profiles(directory: Path, local_aws: LocalAws, accounts: Iterable[str], region: str) -> Path:
    """The file with a profile for each account, those that it holds already kept; `region` is that of new ones."""
    file = config_file(directory)
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        regions = {**dict.fromkeys(accounts, region), **_regions(file)}
        sections = [MARK]
        for account in sorted(regions):
            key, secret = local_aws.credentials(account)
            sections.append(
                f"[profile {PREFIX}{account}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
                f"region = {regions[account]}\nendpoint_url = {local_aws.url}\nca_bundle = {local_aws.ca_bundle}\n"
            )
        fresh = file.with_name(f".config.{os.getpid()}")
        fresh.write_text("\n".join(sections), encoding="utf-8")
        fresh.replace(file)
    return file


def ensure(accounts: Iterable[str]) -> None:
    """Add profiles to the file that AWS_CONFIG_FILE names, where that is a running sandbox's; else nothing.

    For the processes that a sandbox's environment reaches: the emulated provider, and commands.
    """
    named = os.environ.get(CONFIG_VARIABLE, "")
    file = Path(named)
    wanted = frozenset(accounts)
    if not wanted or file.name != "config" or not _ours(file) or wanted <= _regions(file).keys():
        return
    # Only here: it brings the whole sandbox with it, which every start of the provider would wait for.
    from fedml_infra.sandbox.sandbox import status

    directory = file.parent.parent
    running = status(directory)
    if running is not None:
        write_profiles(directory, running.local_aws, wanted, os.environ.get("AWS_REGION", "us-east-1"))


def account_of(profile: str) -> str | None:
    """The account of a profile `sandbox-<account id>`; None for any other name."""
    found = _PROFILE.fullmatch(profile)
    return found[1] if found else None


def _ours(file: Path) -> bool:
    try:
        return file.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, ValueError):
        return False


def _regions(file: Path) -> dict[str, str]:
    """The accounts that the file has profiles for, with the region of each."""
    if not _ours(file):
        return {}
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(file, encoding="utf-8")
    found = {section: _SECTION.fullmatch(section) for section in parsed.sections()}
    return {match[1]: parsed[section]["region"] for section, match in found.items() if match}

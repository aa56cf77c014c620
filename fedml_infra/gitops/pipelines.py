"""The pipelines that `init` writes: templates with a few words put in, for GitHub Actions and GitLab CI.

What they may do, and what of a pull request they run (nothing), is docs/adr/0025.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from fedml_infra.aws.kms import kms_key
from fedml_infra.engine.backend import bucket_of
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.regions import partition_of

RUNNER = "ubuntu-24.04"
STATE_RUNNER = "[self-hosted, fedml-state]"
"""The one machine that has the state, where it lies in its files."""
LOCAL_STATE = "file://~"
CLOUD = "https://api.pulumi.com"
PASSPHRASE = "passphrase"  # noqa: S105

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_URL = re.compile(r"[A-Za-z0-9:/?&=%._~+@-]+")
_PLACE = re.compile(r"<<(\w+)>>")
_ONLY = re.compile(r"^(.*?)[ \t]*%%(\w+)$")


class Ci(StrEnum):
    """Who runs the pipelines."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


@dataclass(frozen=True)
class Settings:
    """What a repository is made for. Everything is checked by `settings`."""

    ci: Ci
    backend: str
    """URL of the state backend, as Pulumi.yaml has it."""
    secrets: str
    """`passphrase`, or the URL of a KMS key: `awskms://…`."""
    region: str
    branch: str
    """The default branch, which the pipelines run on."""

    @property
    def flags(self) -> frozenset[str]:
        """What lines and paragraphs of a template depend on."""
        backend = {"file": "file", "s3": "bucket"}.get(urlsplit(self.backend).scheme, "cloud")
        secrets = "passphrase" if self.secrets == PASSPHRASE else "kms"
        # A secret that the code host keeps.
        kept = ("secret",) if secrets == "passphrase" or backend == "cloud" else ()
        return frozenset({str(self.ci), backend, secrets, *kept})


def settings(*, ci: str, backend: str, secrets: str, region: str, branch: str) -> Settings:
    """What was asked for, checked: `backend` is `file`, `cloud` or `s3://…`. ConfigurationError for what is wrong."""
    try:
        partition_of(region)
    except MistakeError as error:
        raise ConfigurationError(f"{error.what}.", fix=error.fix) from None
    if not _BRANCH.fullmatch(branch) or branch.endswith(("/", ".", ".lock")) or ".." in branch or "//" in branch:
        raise ConfigurationError(f"{branch!r} is no name for a branch.", fix="Use letters, digits, -, _, . and /.")
    if secrets != PASSPHRASE:
        _check_url(secrets)
        kms_key(secrets)
    return Settings(Ci(ci), _backend(backend, region), secrets, region, branch)


def _backend(given: str, region: str) -> str:
    if given == "file":
        return LOCAL_STATE
    if given == "cloud":
        return CLOUD
    if bucket_of(given) is None:
        raise ConfigurationError(
            f"{given!r} is no state backend.", fix="It is file, cloud, or s3://BUCKET or s3://BUCKET/FOLDER."
        )
    _check_url(given)
    if "region" in parse_qs(urlsplit(given).query):
        return given
    # The bucket's own, which is not always that of whoever runs the engine.
    return f"{given}{'&' if '?' in given else '?'}region={region}"


def _check_url(url: str) -> None:
    if not _URL.fullmatch(url):
        raise ConfigurationError(f"{url!r} has characters that a URL does not.", fix="Write them as %XX.")


def pipeline_files(wanted: Settings) -> dict[str, str]:
    """The pipelines by path; none without a CI."""
    if wanted.ci is Ci.GITLAB:
        return {".gitlab-ci.yml": render("gitlab-ci.yml", _words(wanted), wanted.flags)}
    if wanted.ci is Ci.NONE:
        return {}
    kinds = {"pull-request": "if: steps.take.outcome == 'success'", "apply": "", "drift": ""}
    files = {
        f".github/workflows/fedml-{kind}.yml": _workflow(kind, condition, wanted) for kind, condition in kinds.items()
    }
    return {**files, ".github/dependabot.yml": render("dependabot.yml", {}, wanted.flags)}


def _workflow(kind: str, condition: str, wanted: Settings) -> str:
    words = _words(wanted)
    # What a pull request's run leaves in the cache nobody gets: only the others write it.
    part = {"cache_part": "/restore" if kind == "pull-request" else ""}
    session = {"session": {"pull-request": "fedml-preview"}.get(kind, f"fedml-{kind}"), "only_if": condition}
    words["install"] = render("github-install.yml", words, wanted.flags)
    words["engine"] = render("github-engine.yml", {**words, **part, **session}, wanted.flags)
    words["fetch"] = render("github-fetch.yml", words, wanted.flags)
    return render(f"github-{kind}.yml", words, wanted.flags)


def _words(wanted: Settings) -> dict[str, str]:
    return {
        "branch": wanted.branch,
        "region": wanted.region,
        "runner": STATE_RUNNER if "file" in wanted.flags else RUNNER,
    }


@cache
def _template(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def render(name: str, words: Mapping[str, str], flags: Collection[str]) -> str:
    """A template with `<<word>>` replaced. A line that is one word alone takes its lines, indented as it is itself.

    A line that ends in `%%flag` is left out without the flag; so are the lines from `%% flag` (or `%% flag other`:
    any of them) to the next `%%`.
    """
    lines: list[str] = []
    wanted = True
    for line in _template(name).splitlines():
        if line.startswith("%%"):
            asked = line.removeprefix("%%").split()
            wanted = not asked or any(flag in flags for flag in asked)
            continue
        only = _ONLY.match(line)
        if not wanted or (only is not None and only[2] not in flags):
            continue
        lines += _put_in(only[1] if only is not None else line, words)
    return "\n".join(lines) + "\n"


def _put_in(line: str, words: Mapping[str, str]) -> list[str]:
    whole = _PLACE.fullmatch(line.strip())
    if whole is None:
        return [_PLACE.sub(lambda found: words[found[1]], line)]
    indent = line[: len(line) - len(line.lstrip())]
    return [indent + each if each else "" for each in words[whole[1]].splitlines()]

"""A GitOps repository to begin with: written whole, or not at all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from fedml_infra.engine.project import PROJECT_FILE, template, write_project
from fedml_infra.errors import ConfigurationError, ConflictError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.git_process import git
from fedml_infra.gitops.pipelines import PASSPHRASE, Ci, Settings, pipeline_files, render
from fedml_infra.model import schema

LOCK = "runtime.txt"
PACKAGE = "fedml-infra"


@dataclass(frozen=True)
class Made:
    """What `make` wrote, and what there is to say about it."""

    directory: Path
    files: tuple[Path, ...]
    """Below the directory, sorted."""
    warnings: tuple[str, ...]
    next_steps: tuple[str, ...]


def files_of(wanted: Settings, *, locked: str, own: str) -> dict[str, str]:
    """Every file of the repository by path.

    `locked`: the requirements with their hashes; `own`: the requirement that is this package.
    """
    words = {
        "branch": wanted.branch,
        "backend": wanted.backend,
        "secrets": wanted.secrets,
        "region": wanted.region,
        "owner": "your-organisation",
        "version": distribution(PACKAGE).version,
        "create": _create(wanted),
    }
    plain = {
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".gitattributes": "gitattributes",
        "CODEOWNERS": "CODEOWNERS",
        ".pre-commit-config.yaml": "pre-commit-config.yaml",
    }
    return {
        **template(),
        PROJECT_FILE: template()[PROJECT_FILE] + f"backend:\n  url: {wanted.backend}\n",
        "stacks/schema.json": schema.render(),
        "requirements.in": own,
        "requirements.txt": locked,
        **{path: render(name, words, wanted.flags) for path, name in plain.items()},
        **pipeline_files(wanted),
    }


def make(directory: Path, wanted: Settings) -> Made:
    """Write the repository into `directory`, which is made where it is not there.

    It is a git repository of its own unless it lies in one. ConflictError, and nothing written, where a file is there
    already and is another; ConfigurationError where it cannot be written or the pipelines would not be found.
    """
    directory = directory.absolute()
    inside = _repository(directory)
    if inside is not None and wanted.ci is not Ci.NONE and inside.resolve() != directory.resolve():
        raise ConfigurationError(
            f"{directory} lies in the repository {inside}, and pipelines are only found at its root.",
            fix=f"Run this in {inside}, take a folder outside of it, or leave the pipelines out: --ci none.",
        )
    files = files_of(wanted, locked=locked_requirements(), own=own_requirement())
    missing = _missing(directory, files)
    written = _write(directory, missing)
    try:
        written += write_project(directory)
        if inside is None:
            asked = ["init", "--quiet", f"--initial-branch={wanted.branch}"]
            git(directory, asked, what=f"{directory} did not become a git repository")
    except BaseException:
        _take_back(written)
        raise
    paths = tuple(sorted(path.relative_to(directory) for path in written if path.is_file()))
    return Made(directory, paths, _warnings(wanted), _next(wanted))


def locked_requirements() -> str:
    """What this package needs, each pinned with its hashes: the lock that it was tested with."""
    package = Path(__file__).parents[1]
    for folder in (package.parent / "requirements", package / "_requirements"):
        if (folder / LOCK).is_file():
            lines = (folder / LOCK).read_text(encoding="utf-8").splitlines()
            head = f"# What {PACKAGE} {distribution(PACKAGE).version} needs, pinned by hash."
            return "\n".join([head, *(line for line in lines if not line.startswith("#"))]) + "\n"
    raise ConfigurationError("The list of pinned requirements is missing from this installation.", fix="Install again.")


def own_requirement() -> str:
    """This package, pinned; by hash where it was installed from a wheel whose hash is known (PEP 610)."""
    found = distribution(PACKAGE)
    told = json.loads(found.read_text("direct_url.json") or "{}")
    known = told.get("archive_info", {}).get("hashes", {}).get("sha256")
    return f"{PACKAGE}=={found.version}" + (f" --hash=sha256:{known}" if known else "") + "\n"


def _create(wanted: Settings) -> str:
    # Quoted for a shell, as the key's URL has a ? in it.
    key = "" if wanted.secrets == PASSPHRASE else f" \\\n  --secrets-provider {shlex.quote(wanted.secrets)}"
    return (
        f"fedml-infra create cardio --region {wanted.region} --sync-sched m30 \\\n"
        f"  --pid charite --s3-bucket cardio-charite{key} --no-apply"
    )


def _repository(directory: Path) -> Path | None:
    there = next(folder for folder in (directory, *directory.parents) if folder.is_dir())
    try:
        return Repository.find(there).root
    except ConfigurationError:
        return None


def _missing(directory: Path, files: Mapping[str, str]) -> dict[Path, str]:
    """The files that are not there yet; ConflictError with all that are there and say something else."""
    missing, others = {}, []
    for name, text in files.items():
        path = directory / name
        if not (path.exists() or path.is_symlink()):
            missing[path] = text
        elif not path.is_file() or path.read_bytes() != text.encode():
            others.append(name)
    if others:
        raise ConflictError(
            f"{directory} has files of these names already: {', '.join(sorted(others))}. Nothing was written.",
            fix="Take an empty folder, or move them away.",
        )
    return missing


def _write(directory: Path, files: Mapping[Path, str]) -> list[Path]:
    """Writes all, or takes back what was written. Returns files and new folders, in the order they were made."""
    made: list[Path] = []
    try:
        for path, text in files.items():
            made += _make_folders(path.parent)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        _take_back(made)
        raise ConfigurationError(
            f"{directory} cannot be written: {error.strerror}. Nothing was left there.", fix="Choose another folder."
        ) from error
    return made


def _make_folders(folder: Path) -> Iterator[Path]:
    for each in reversed([folder, *folder.parents]):
        if not each.exists():
            each.mkdir()
            yield each


def _take_back(made: list[Path]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()


def _warnings(wanted: Settings) -> tuple[str, ...]:
    if "file" in wanted.flags and wanted.ci is not Ci.NONE:
        return (
            "The states lie in files of one machine, so the pipelines' jobs that need them wait for a runner of your "
            "own with the label fedml-state: on a runner that is thrown away they would be lost. "
            "--backend s3://BUCKET or cloud needs no such runner.",
        )
    return ()


def _next(wanted: Settings) -> tuple[str, ...]:
    steps = ["Read README.md: what to set up, once."]
    if wanted.ci is not Ci.NONE:
        steps.append("Commit and push it before it has stacks.")
        steps.append("`fedml-infra gitops role` prints the roles that the pipelines need.")
    steps.append("`fedml-infra create NAME --pid PID --s3-bucket BUCKET --sync-sched m30` begins a federation.")
    return tuple(steps)

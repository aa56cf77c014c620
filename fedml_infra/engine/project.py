"""The project: the folder with Pulumi.yaml, found or written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fedml_infra.errors import ConfigurationError

PROJECT_FILE = "Pulumi.yaml"
TEMPLATE_FILES = ("Pulumi.yaml", "__main__.py")


def find_project(start: Path | None = None) -> Path:
    """The nearest folder at `start` (default: the current one) or above it that holds Pulumi.yaml.

    Raises ConfigurationError where there is none.
    """
    first = (start or Path.cwd()).absolute()
    for folder in (first, *first.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ConfigurationError(
        f"There is no {PROJECT_FILE} in {first} or above it",
        fix="Go to the folder that holds it, name it with -C DIR, or start one with `fedml-infra create`.",
    )


def stack_dir(project: Path) -> Path:
    """Where the project's stack files lie: its `stackConfigDir`, or the project folder itself."""
    text = (project / PROJECT_FILE).read_text(encoding="utf-8")
    found = re.search(r"^stackConfigDir:[ \t]*[\"']?([^\s\"'#]+)", text, re.MULTILINE)
    return project / found[1] if found else project


def stack_path(project: Path, stack: str) -> Path:
    """The file of a stack, whether it is there or not."""
    return stack_dir(project) / f"Pulumi.{stack}.yaml"


def template() -> dict[str, str]:
    """The files of a new project by name: the same Pulumi.yaml and __main__.py as this project's own."""
    folder = Path(__file__).parent / "template"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATE_FILES}


def write_project(directory: Path) -> tuple[Path, ...]:
    """Writes what a plain `pulumi up` needs into `directory`; what is there already stays as it is.

    Besides the template's files: the folder for stack files, and `.venv` as a link to the environment this runs in,
    since Pulumi.yaml says that the program's requirements are in `.venv`. Returns what was written.
    Raises ConfigurationError where the folder belongs to another project or cannot be written.
    """
    project_file = directory / PROJECT_FILE
    if project_file.exists() and not re.search(r"^name:\s*[\"']?fedml-infra\b", project_file.read_text("utf-8"), re.M):
        raise ConfigurationError(
            f"{project_file} belongs to another project", fix="Choose an empty folder with -C DIR."
        )
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in template().items():
            path = directory / name
            if not path.exists():
                path.write_text(text, encoding="utf-8")
                written.append(path)
        stack_dir(directory).mkdir(exist_ok=True)
        environment = directory / ".venv"
        if not environment.exists() and not environment.is_symlink() and sys.prefix != sys.base_prefix:
            environment.symlink_to(sys.prefix, target_is_directory=True)
            written.append(environment)
    except OSError as error:
        raise ConfigurationError(
            f"The project cannot be written into {directory}: {error.strerror}",
            fix="Choose another folder with -C DIR.",
        ) from error
    return tuple(written)

"""Where the sandbox keeps what it has, and how its own Python processes are started."""

from __future__ import annotations

import os
from pathlib import Path

import fedml_infra

DIRECTORY_VARIABLE = "FEDML_INFRA_SANDBOX_DIR"


def sandbox_directory() -> Path:
    """The sandbox's folder: `FEDML_INFRA_SANDBOX_DIR`, or `sandbox` in the user's data folder of this project."""
    override = os.environ.get(DIRECTORY_VARIABLE)
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("fedml-infra"), "sandbox")


def package_root() -> str:
    """What a child must have on its path to import this very package, wherever this process found it."""
    return str(Path(fedml_infra.__file__).resolve().parents[1])


def package_path() -> str:
    """PYTHONPATH of a child: this package first, then what this process was given."""
    return os.pathsep.join(part for part in (package_root(), os.environ.get("PYTHONPATH")) if part)

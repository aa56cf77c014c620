"""`python -m fedml_infra.cli`."""

from __future__ import annotations

from . import run

run()

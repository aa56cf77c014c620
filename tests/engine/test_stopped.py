"""An engine that is asked to stop and then ends as if it had done all: a shell script in its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.install import EngineBinary
from fedml_infra.errors import CancelledError

STOPS = "#!/bin/sh\ntrap 'echo {}; exit 0' INT\nkill -INT $PPID\nwhile :; do sleep 0.02; done\n"
"""Has Ctrl-C come to whoever started it, and ends with 0 once it is asked to stop."""


@pytest.fixture
def engine(tmp_path: Path) -> PulumiEngine:
    script = tmp_path / "pulumi"
    script.write_text(STOPS)
    script.chmod(0o755)
    return PulumiEngine(tmp_path, environment=os.environ, binary=EngineBinary(script, "3.259.0", "path"))


@pytest.mark.parametrize("act", [PulumiEngine.destroy, PulumiEngine.up, PulumiEngine.state])
def test_what_was_asked_to_stop_is_never_taken_for_done(engine: PulumiEngine, act: Callable[..., object]) -> None:
    with pytest.raises(CancelledError, match="of stack cardio was stopped"):
        act(engine, "cardio")

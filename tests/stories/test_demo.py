"""The demo, as a newcomer runs it: a fact of its report each, and that a fault is told."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.operations.demo.report import Drift, Messages, Outsider, Report

pytestmark = pytest.mark.story
COMMAND = Path(sys.executable).with_name("fedml-infra")


@pytest.mark.parametrize("kind", ["ministack", "moto"])
def test_the_demo_runs_whole_and_counts_what_happened(kind: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [COMMAND, "demo", "--aws", kind, "--json"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told.pop("seconds").keys() >= {"hub", "join", "messages", "drift", "destroy", "total"}
    tried = told["outsider"].pop("tried")
    denied = told["outsider"].pop("denied")
    if kind == "ministack":
        assert tried == denied == 17
    else:
        assert denied is None
    assert told == {
        "engine": ENGINE_VERSION,
        "organisations": 3,
        "accounts": 3,
        "regions": 2,
        "resources": told["resources"],
        "messages": {"sent": 3, "received": 6, "echoes": 0},
        "payloads_read": 6,
        "outsider": {"enforced": kind == "ministack"},
        "drift": {"made": 1, "found": 1},
        "left_behind": 0,
    }
    assert told["resources"] > 50
    assert list(tmp_path.iterdir()) == []


GOOD = Report(
    engine=ENGINE_VERSION,
    organisations=3,
    accounts=3,
    regions=2,
    resources=69,
    messages=Messages(sent=3, received=6, echoes=0),
    payloads_read=6,
    outsider=Outsider(enforced=True, tried=17, denied=17),
    drift=Drift(made=1, found=1),
    left_behind=0,
    seconds={},
    nodes=3,
)


def test_a_good_report_has_no_fault() -> None:
    assert GOOD.faults() == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"messages": Messages(sent=3, received=5, echoes=0), "payloads_read": 5}, "received"),
        ({"messages": Messages(sent=0, received=0, echoes=0), "payloads_read": 0}, "received"),
        ({"messages": Messages(sent=3, received=6, echoes=1)}, "sender"),
        ({"payloads_read": 5}, "payloads"),
        ({"outsider": Outsider(enforced=True, tried=17, denied=16)}, "denied"),
        ({"drift": Drift(made=1, found=0)}, "drifts"),
        ({"left_behind": 1, "leftovers": ("queue cardio_insel",)}, "queue cardio_insel"),
    ],
)
def test_anything_not_as_it_should_be_is_a_fault(change: dict[str, Any], word: str) -> None:
    (fault,) = replace(GOOD, **change).faults()
    assert word in fault


def test_that_nothing_is_enforced_is_no_fault() -> None:
    assert replace(GOOD, outsider=Outsider(enforced=False, tried=0, denied=None)).faults() == ()

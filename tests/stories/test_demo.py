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
from fedml_infra.operations.demo.report import Drift, Messages, Outsider, Removed, Report
from fedml_infra.sandbox.outsider import Attempt

pytestmark = pytest.mark.story
COMMAND = Path(sys.executable).with_name("fedml-infra")


@pytest.mark.story(seconds=35)
@pytest.mark.parametrize("kind", ["ministack", pytest.param("moto", marks=pytest.mark.soak)])
def test_the_demo_runs_whole_and_counts_what_happened(kind: str, tmp_path: Path) -> None:
    enforces = kind == "ministack"
    picture = ["--picture", "cardio.svg"] if enforces else []
    ended = subprocess.run(
        [COMMAND, "demo", "--aws", kind, "--json", *picture],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told.pop("seconds").keys() >= {"hub", "join", "messages", "remove", "drift", "destroy", "total"}
    tried = told["outsider"].pop("tried")
    denied = told["outsider"].pop("denied")
    if enforces:
        assert tried == denied == 17
    else:
        assert denied is None
    assert told == {
        "engine": ENGINE_VERSION,
        "organisations": 3,
        "accounts": 3,
        "regions": 2,
        "resources": told["resources"],
        "invites": 2,
        "joins": 2,
        "messages": {"sent": 3, "received": 6, "echoes": 0},
        "payloads_read": 6,
        "outsider": {"enforced": enforces},
        "removed": {"denied": 2 if enforces else None, "received_after": 0},
        "rotations": 1,
        "drift": {"made": 1, "found": 1},
        "left_behind": 0,
    }
    assert told["resources"] > 50
    assert [path.name for path in tmp_path.iterdir()] == picture[1:]
    if picture:
        drawn = (tmp_path / "cardio.svg").read_text(encoding="utf-8")
        assert all(word in drawn for word in ("<svg", "charite", "insel", "ucsf"))
        assert f"The picture of the federation: {tmp_path / 'cardio.svg'}" in ended.stderr


GOOD = Report(
    engine=ENGINE_VERSION,
    organisations=3,
    accounts=3,
    regions=2,
    resources=69,
    invites=2,
    joins=2,
    messages=Messages(sent=3, received=6, echoes=0),
    payloads_read=6,
    outsider=Outsider(enforced=True, tried=17, denied=17),
    removed=Removed(denied=2, received_after=0),
    rotations=1,
    drift=Drift(made=1, found=1),
    left_behind=0,
    seconds={},
    nodes=3,
    after=Messages(sent=2, received=2, echoes=0),
)
ALLOWED = Attempt("publish", "topic cardio", denied=False, outcome="allowed")


def test_a_good_report_has_no_fault() -> None:
    assert GOOD.faults() == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"messages": Messages(sent=3, received=5, echoes=0), "payloads_read": 5}, "received"),
        ({"messages": Messages(sent=0, received=0, echoes=0), "payloads_read": 0}, "received"),
        ({"messages": Messages(sent=3, received=6, echoes=1)}, "sender"),
        ({"payloads_read": 5}, "payloads"),
        ({"attempts": (ALLOWED,)}, "publish topic cardio: allowed"),
        ({"outsider": Outsider(enforced=True, tried=0, denied=0)}, "nothing was tried"),
        ({"removed": Removed(denied=0, received_after=0)}, "nothing was tried"),
        ({"removed": Removed(denied=2, received_after=1)}, "the member that was removed"),
        ({"joins": 1}, "2 were invited, 1 joined"),
        ({"rotations": 0}, "rotated once"),
        ({"rotations": 2}, "rotated once"),
        ({"after": Messages(sent=2, received=1, echoes=0)}, "by 2 nodes, 1 were"),
        ({"drift": Drift(made=1, found=0)}, "drifts"),
        ({"left_behind": 1, "leftovers": ("queue cardio_insel",)}, "queue cardio_insel"),
    ],
)
def test_anything_not_as_it_should_be_is_a_fault(change: dict[str, Any], word: str) -> None:
    (fault,) = replace(GOOD, **change).faults()
    assert word in fault


def test_that_nothing_is_enforced_is_no_fault() -> None:
    nothing = replace(GOOD, outsider=Outsider(enforced=False, tried=0, denied=None), removed=Removed(None, 0))
    assert nothing.faults() == ()

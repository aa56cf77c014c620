"""A saved plan and the real engine: applied where it fits, refused where it does not, and no secret told by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.protocol import PlanRefusedError, RunOptions
from fedml_infra.gitops import plans
from fedml_infra.model.validation import FED_KEY
from tests.engine.worlds import RealWorld
from tests.gitops.repositories import IDENTITY, Checkout, new_checkout
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import KEY, Organisation
from tests.stories.test_commands import Done, fedml_infra

pytestmark = pytest.mark.story
MEMBERS = '{aws_id: "222222222222", nodes: [insel]}'
NODES = "{pid: charite, s3_bucket: plan-charite}"


def previewed(hub: Organisation, folder: Path) -> Path:
    """As `gitops preview --save-plans` does, in an environment that asks for secrets to be shown."""
    environment: Mapping[str, str] = {**hub.env, "PULUMI_OPTION_SHOW_SECRETS": "true"}
    engine = PulumiEngine(hub.folder, environment=environment)

    def preview(plan: Path) -> object:
        return engine.preview("plan", RunOptions(save_plan=plan))

    plans.save(folder, "plan", hub.stack_file, engine.version, "base", preview)
    return plans.path_of(folder, "plan")


def apply(hub: Organisation, base: str, *more: str) -> Done:
    return fedml_infra(hub, "gitops", "apply", "--base", base, "--json", *more)


def test_what_was_previewed_is_what_is_applied(organisation: MakeOrganisation, tmp_path: Path) -> None:
    hub = organisation("charite", "plan")
    hub.env |= IDENTITY
    hub.hub(members=MEMBERS, nodes=NODES)
    hub.init()
    checkout: Checkout = new_checkout(hub.folder)
    checkout.write(".gitignore", "state/\n.venv\nplans/\n")
    checkout.commit("reviewed")
    folder = tmp_path / "plans"

    saved = previewed(hub, folder)
    assert KEY not in saved.read_text() and saved.stat().st_mode & 0o777 == 0o600
    done = apply(hub, "0" * 40, "--plan", str(folder))
    assert done.code == 0, done.err
    assert json.loads(done.out)["stacks"][0]["summary"]["create"] > 10

    base = checkout.git("rev-parse", "HEAD")
    hub.stack_file.unlink()
    checkout.commit("gone")
    removed = json.loads(apply(hub, base).out)["stacks"][0]
    assert removed["status"] == "removed" and removed["error"] is None and "stay" in removed["notes"][0]


SECRETIVE = (
    "import pulumi\nfrom pulumi.stash import Stash\n"
    "Stash('secretive', input=pulumi.Config().get_secret('fed_secret_key'))\n"
)


def test_what_is_not_as_planned_is_refused_and_neither_key_is_told(tmp_path: Path) -> None:
    """The engine itself writes both values of what differs, and a plan's secret in the clear."""
    world = RealWorld(tmp_path, SECRETIVE)
    world.stack_file("cardio")
    engine, plan = world.engine, tmp_path / "plan.json"
    engine.init("cardio")
    engine.set_secret("cardio", FED_KEY, SecretStr("planned\nkey[1]"))
    engine.preview("cardio", RunOptions(save_plan=plan))
    engine.set_secret("cardio", FED_KEY, SecretStr("another\nkey[2]"))
    told: list[str] = []
    with pytest.raises(PlanRefusedError, match="secretive: violates plan: properties changed") as refused:
        engine.up("cardio", RunOptions(plan=plan, on_event=lambda event: told.append(event.text)))
    said = [plan.read_text(), str(refused.value), *told]
    assert any("violates plan" in text for text in told)
    for secret in ("planned", "another", "key[1]", "key[2]"):
        assert not any(secret in text for text in said)

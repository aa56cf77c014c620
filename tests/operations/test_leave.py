"""A member leaves: what goes, what stays with its data, and that it needs nothing of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.fields import Sharing
from fedml_infra.operations.leave import keeps_policy, leave, letting_go, plan_leave
from tests.operations.federations import Party, hub, joiner
from tests.operations.worlds import MEMBER


@pytest.fixture
def insel(tmp_path: Path) -> Party:
    return joiner(hub(tmp_path / "hub"), tmp_path / "insel")


def row(kind: str, bucket: str, name: str = "insel-fed") -> dict[str, Any]:
    return {
        "urn": f"urn::{kind}::{name}",
        "type": f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        "inputs": {"bucket": bucket},
    }


KINDS = (
    "Bucket",
    "BucketOwnershipControls",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketLifecycleConfiguration",
    "BucketPolicy",
)


@pytest.mark.parametrize(("with_policy", "goes"), [(True, {"BucketLifecycleConfiguration"}), (False, {*KINDS[-2:]})])
def test_a_bucket_that_stays_keeps_what_protects_it_and_not_what_expires_it(with_policy: bool, goes: set[str]) -> None:
    state = {"version": 3, "deployment": {"resources": [row(kind, "insel-fed") for kind in KINDS]}}
    after = letting_go(state, ["insel-fed"], with_policy=with_policy)
    assert {
        each["type"].rpartition(":")[2] for each in after["deployment"]["resources"] if "retainOnDelete" not in each
    } == goes
    assert after["version"] == 3
    assert all("retainOnDelete" not in each for each in state["deployment"]["resources"])  # type: ignore[index]


def test_another_bucket_is_not_let_go() -> None:
    state = {"deployment": {"resources": [row("Bucket", "usz-fed"), {"urn": "urn::x", "type": "pulumi:pulumi:Stack"}]}}
    assert letting_go(state, ["insel-fed"], with_policy=True) == state


def test_a_policy_that_lets_others_read_does_not_stay(insel: Party) -> None:
    assert keeps_policy(insel.config)
    assert not keeps_policy(insel.config.model_copy(update={"sharing": Sharing.BUCKET_POLICY}))


def test_payloads_are_kept_unless_they_are_said_to_go(insel: Party) -> None:
    insel.world.aws.put_object("insel-fed", "updates/1", b"x")
    assert plan_leave(insel.recovery(), delete_data=False).kept == ("insel-fed",)
    assert plan_leave(insel.recovery(), delete_data=True).kept == ()


def test_a_bucket_without_payloads_goes(insel: Party) -> None:
    plan = plan_leave(insel.recovery(), delete_data=False)
    assert (plan.kept, plan.accounts) == ((), (MEMBER,))


def test_leaving_deletes_no_payload_of_a_bucket_that_stays(insel: Party) -> None:
    insel.world.aws.put_object("insel-fed", "updates/1", b"x")
    recovery = insel.recovery()
    leave(plan_leave(recovery, delete_data=False), recovery, RunOptions())
    assert insel.world.aws._buckets["insel-fed"].objects == {"updates/1": b"x"}
    assert not insel.world.engine.exists("cardio")


def test_leaving_with_the_data_deletes_it(insel: Party) -> None:
    insel.world.aws.put_object("insel-fed", "updates/1", b"x")
    recovery = insel.recovery()
    leave(plan_leave(recovery, delete_data=True), recovery, RunOptions())
    assert insel.world.aws._buckets["insel-fed"].objects == {}


def test_a_hub_does_not_leave(tmp_path: Path) -> None:
    the_hub = hub(tmp_path / "hub")
    with pytest.raises(ConfigurationError, match="a hub does not leave") as refused:
        plan_leave(the_hub.recovery(), delete_data=False)
    assert "fedml-infra destroy cardio" in (refused.value.fix or "")

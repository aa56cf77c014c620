"""A merged change is brought up, and a rotation that it makes due is kept in git before it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fedml_infra.engine.protocol import PlanRefusedError, RunOptions
from fedml_infra.errors import AuthenticationError, CancelledError, ConfigurationError, NetworkError, ResourceError
from fedml_infra.gitops import plans
from fedml_infra.gitops.hosting.double import InMemoryHost
from fedml_infra.gitops.keeping import Keeper
from fedml_infra.model.validation import FED_KEY
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.rotate import rotate_if_removed
from fedml_infra.operations.state import BUCKET
from tests.gitops.applying import Pipeline, pipeline
from tests.operations.federations import ENTRY
from tests.operations.worlds import OTHER

EPOCH = "fedml-infra:fed_epoch"
JOINER = (
    "config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: {name}\n  fedml-infra:sync_sched: m30\n"
    "  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:222222222222:{name}\n"
    "  fedml-infra:fed_secret_key: {{secure: v1:x}}\n"
    "  fedml-infra:nodes:\n    - {{pid: p-{name}, s3_bucket: {name}-fed}}\n"
)


@pytest.fixture
def ci(tmp_path: Path) -> Pipeline:
    return pipeline(tmp_path)


def stack(ci: Pipeline, name: str, text: str) -> None:
    ci.party.world.write(text, name)
    ci.party.world.engine.init(name)


def admit(ci: Pipeline) -> None:
    ci.party.edit(f"    - {ENTRY}\n", f'    - {ENTRY}\n    - aws_id: "{OTHER}"\n')


def test_only_what_changed_is_brought_up(ci: Pipeline):
    stack(ci, "onco", JOINER.format(name="onco"))
    base = ci.pushed()
    admit(ci)
    ci.pushed()
    outcomes = ci.apply(base)
    assert list(outcomes) == ["cardio"] and outcomes["cardio"].error is None
    assert [member["aws_id"] for member in ci.party.outputs["federation"]["members"]][-1] == OTHER


def test_hubs_come_first_and_then_by_name(ci: Pipeline):
    for name in ("beta", "alpha"):
        stack(ci, name, JOINER.format(name=name))
    admit(ci)
    ci.pushed()
    assert [one.name for one in ci.applying().touched(ci.base)] == ["cardio", "alpha", "beta"]


def test_one_that_fails_keeps_no_other_from_being_applied(ci: Pipeline):
    stack(ci, "broken", "config:\n  fedml-infra:fed_name: broken\n")
    admit(ci)
    ci.pushed()
    outcomes = ci.apply()
    assert isinstance(outcomes["broken"].error, ConfigurationError)
    assert outcomes["cardio"].error is None and outcomes["cardio"].run is not None


def test_a_stopped_run_goes_no_further(ci: Pipeline):
    stack(ci, "onco", JOINER.format(name="onco"))
    admit(ci)
    ci.pushed()
    ci.party.world.engine.faults["cardio"] = CancelledError("stopped")
    applying = ci.applying()
    outcomes, left = applying.all(applying.touched(ci.base))
    assert [one.stack for one in outcomes] == ["cardio"] and left == ("onco",)


def test_applied_again_nothing_has_to_change(ci: Pipeline):
    admit(ci)
    ci.pushed()
    ci.apply()
    again = ci.apply()["cardio"]
    assert again.run is not None and again.run.result.changed == () and again.kept is None


def test_a_new_branch_has_every_stack(ci: Pipeline):
    assert [(one.name, one.status) for one in ci.applying().touched("0" * 40)] == [("cardio", "added")]


def test_a_base_that_is_no_commit_is_told(ci: Pipeline):
    with pytest.raises(ConfigurationError, match="is no commit"):
        ci.applying().touched("nowhere")


def test_a_removed_stack_file_destroys_nothing_and_says_how_to(ci: Pipeline):
    ci.party.path.unlink()
    ci.pushed("Take cardio out")
    outcome = ci.apply()["cardio"]
    assert outcome.status == "removed" and outcome.run is None and outcome.error is None
    told = " ".join(outcome.notes)
    assert "resources in AWS stay" in told and "fedml-infra destroy cardio" in told
    assert ci.party.outputs["federation"]["members"]


def test_what_is_not_committed_was_not_reviewed(ci: Pipeline):
    admit(ci)
    ci.pushed()
    ci.party.edit("m30", "h1")
    with pytest.raises(ConfigurationError, match=r"Not as committed.*stacks/Pulumi\.cardio\.yaml"):
        ci.apply()
    assert ci.apply(commits=False)["cardio"].error is None


def test_what_git_converted_on_checkout_was_not_reviewed(ci: Pipeline):
    path = "stacks/Pulumi.cardio.yaml"
    ci.checkout.write(".gitattributes", f"{path} ident\n")
    ci.party.edit("config:", "# $Id$\nconfig:")
    ci.pushed()
    ci.party.path.unlink()
    ci.checkout.git("checkout", "--quiet", "--", path)
    assert "$Id: " in ci.party.path.read_text() and ci.checkout.git("status", "--porcelain") == ""
    with pytest.raises(ConfigurationError, match=r"Not as committed.*stacks/Pulumi\.cardio\.yaml"):
        ci.apply()


def test_a_removal_rotates_and_the_new_key_is_on_the_branch(ci: Pipeline):
    ci.remove_member()
    outcome = ci.apply()["cardio"]
    there = ci.on_remote()
    assert outcome.error is None and ci.epoch == 2 and there is not None and there[EPOCH] == 2
    assert there == _values(ci)
    assert outcome.kept is not None and outcome.kept.branch == "main" and not outcome.kept.waits
    assert ci.log()[0] == "Rotate the key of cardio to epoch 2 [skip ci]"
    assert ci.checkout.git("status", "--porcelain") == ""


def _values(ci: Pipeline) -> dict[str, object]:
    return dict(load_stack(ci.party.world.project, "cardio").values)


def test_the_commit_says_who_had_the_key_and_holds_the_stack_file_alone(ci: Pipeline):
    ci.remove_member()
    ci.apply()
    ci.on_remote()
    assert "222222222222 had the one before" in ci.checkout.git("log", "-1", "--format=%b", "origin/main")
    assert ci.checkout.git("show", "--format=", "--name-only", "origin/main") == "stacks/Pulumi.cardio.yaml"


def test_the_new_key_is_pushed_before_it_is_brought_up(ci: Pipeline):
    ci.remove_member()
    ci.party.world.engine.faults["cardio"] = NetworkError("gone")
    assert isinstance(ci.apply()["cardio"].error, NetworkError)
    there = ci.on_remote()
    assert there is not None and there[EPOCH] == 2 and ci.epoch == 1


def test_a_run_that_is_cut_off_after_the_push_goes_on_with_that_key_from_a_fresh_checkout(ci: Pipeline):
    ci.remove_member()
    ci.party.world.engine.faults["cardio"] = NetworkError("gone")
    ci.apply()
    key = ci.party.key()
    ci.party.world.engine.faults.clear()
    ci.checkout.git("fetch", "--quiet", "origin")
    ci.checkout.git("reset", "--quiet", "--hard", "origin/main")
    assert ci.apply()["cardio"].error is None
    assert ci.epoch == 2 and ci.party.key() == key and len(ci.log()) == 3


def test_a_run_that_is_cut_off_before_the_push_goes_on_with_that_key(ci: Pipeline):
    reviewed = ci.remove_member()
    _write_rotation_and_stop(ci)
    assert ci.checkout.git("rev-parse", "HEAD") == reviewed and ci.party.config.fed_epoch == 2
    key = ci.party.key()
    assert ci.apply()["cardio"].error is None
    there = ci.on_remote()
    assert there is not None and there[EPOCH] == 2 and ci.epoch == 2 and ci.party.key() == key


def _write_rotation_and_stop(ci: Pipeline) -> None:
    """As a kill after the write leaves it."""
    assert rotate_if_removed(ci.party.recovery(), ci.party.outputs)


def test_others_who_pushed_meanwhile_lose_nothing(ci: Pipeline):
    ci.remove_member()
    ci.somebody_pushes("", "hello", "README.txt")
    ci.somebody_pushes("m30", "m45")
    assert ci.apply()["cardio"].error is None
    there = ci.on_remote()
    assert there is not None and there[EPOCH] == 2 and there["fedml-infra:sync_sched"] == "m45"
    assert ci.party.config.fed_epoch == 2 and str(ci.party.config.sync_sched) != "m45"
    assert ci.log()[1:3] == ["theirs", "theirs"]


def test_a_branch_that_moves_between_look_and_push_is_looked_at_again(ci: Pipeline):
    ci.remove_member()
    # Once, in the middle of the push: somebody else's commit comes first.
    hook = ci.remote / "hooks" / "update"
    hook.write_text(
        "#!/bin/sh\n[ -e moved ] && exit 0\ntouch moved\nunset GIT_QUARANTINE_PATH\n"
        'new=$(git -c user.name=x -c user.email=x@y commit-tree -p "$2" -m theirs "$2^{tree}")\n'
        'git update-ref "$1" "$new"\n'
    )
    hook.chmod(0o755)
    assert ci.apply()["cardio"].error is None
    there = ci.on_remote()
    assert there is not None and there[EPOCH] == 2 and ci.log()[1] == "theirs"


def test_a_protected_branch_gets_the_key_by_a_branch_of_its_own_and_a_pull_request(ci: Pipeline):
    ci.remove_member()
    ci.protect()
    outcome = ci.apply()["cardio"]
    assert outcome.error is None and ci.epoch == 2
    there, main = ci.on_remote("fedml-infra/cardio-epoch-2"), ci.on_remote()
    assert there is not None and there[EPOCH] == 2 and main is not None and EPOCH not in main
    assert outcome.kept is not None and outcome.kept.waits
    assert ("fedml-infra/cardio-epoch-2", "main") in ci.host.pull_requests
    assert "[skip ci]" not in ci.log("fedml-infra/cardio-epoch-2")[0]
    assert any("merge it by https://host.example/pulls/" in line for line in ci.said)


def test_until_it_is_merged_the_earlier_key_does_not_come_back(ci: Pipeline):
    ci.remove_member()
    ci.protect()
    ci.apply()
    ci.checkout.git("reset", "--quiet", "--hard", "origin/main")
    error = ci.apply()["cardio"].error
    assert isinstance(error, ConfigurationError) and "fedml-infra/cardio-epoch-2" in str(error)
    assert ci.epoch == 2


def test_a_branch_of_a_rotation_that_never_came_up_is_replaced(ci: Pipeline):
    reviewed = ci.remove_member()
    ci.protect()
    ci.party.world.engine.faults["cardio"] = NetworkError("gone")
    ci.apply()
    first = ci.on_remote("fedml-infra/cardio-epoch-2")
    ci.party.world.engine.faults.clear()
    ci.checkout.git("reset", "--quiet", "--hard", reviewed)
    assert ci.apply()["cardio"].error is None
    there = ci.on_remote("fedml-infra/cardio-epoch-2")
    assert there is not None and there != first and ci.epoch == 2
    assert there[FED_KEY] == _values(ci)[FED_KEY]


@pytest.mark.parametrize("remote", ["protected", "gone"])
def test_where_nothing_takes_the_key_nothing_is_brought_up_with_it(ci: Pipeline, remote: str):
    ci.remove_member()
    before = ci.party.path.read_bytes()
    if remote == "gone":
        shutil.rmtree(ci.remote)
    else:
        ci.protect("*")
    error = ci.apply()["cardio"].error
    assert isinstance(error, ResourceError) and "cannot be kept in git" in str(error)
    assert ci.party.path.read_bytes() == before and ci.epoch == 1
    assert ci.checkout.git("status", "--porcelain") == ""


def test_a_rotation_of_somebody_else_meanwhile_is_not_overwritten(ci: Pipeline):
    ci.remove_member()
    before = ci.party.path.read_bytes()
    ci.somebody_pushes("fedml-infra:sync_sched: m30", "fedml-infra:sync_sched: m30\n  fedml-infra:fed_epoch: 2")
    error = ci.apply()["cardio"].error
    assert isinstance(error, ResourceError) and "changed meanwhile" in str(error)
    assert ci.party.path.read_bytes() == before and ci.epoch == 1


def test_without_a_remote_the_key_is_committed_here(ci: Pipeline):
    ci.remove_member()
    ci.checkout.git("remote", "remove", "origin")
    outcome = ci.apply(branch=None)["cardio"]
    assert outcome.error is None and ci.epoch == 2
    assert outcome.kept is not None and outcome.kept.branch is None
    assert ci.checkout.git("log", "-1", "--format=%s") == "Rotate the key of cardio to epoch 2 [skip ci]"


def test_without_commits_the_key_stays_in_the_working_tree_and_that_is_said(ci: Pipeline):
    reviewed = ci.remove_member()
    assert ci.apply(commits=False)["cardio"].error is None
    assert ci.checkout.git("rev-parse", "HEAD") == reviewed and ci.epoch == 2
    assert any("commit it" in line for line in ci.said)


def test_a_pipeline_where_git_knows_nobody_commits_all_the_same(ci: Pipeline, monkeypatch: pytest.MonkeyPatch):
    ci.remove_member()
    for name in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{part}")
    ci.checkout.git("config", "user.useConfigOnly", "true")
    assert ci.apply()["cardio"].error is None
    assert ci.checkout.git("log", "-1", "--format=%an", "origin/main") == "fedml-infra"


def test_a_checkout_without_a_branch_pushes_to_the_one_that_it_is_of(ci: Pipeline):
    ci.remove_member()
    ci.checkout.git("checkout", "--quiet", "--detach")
    assert ci.apply()["cardio"].error is None
    there = ci.on_remote()
    assert there is not None and there[EPOCH] == 2


def planned(ci: Pipeline) -> Path:
    folder = ci.checkout.root.parent / "plans"
    engine, path = ci.party.world.engine, ci.party.path

    def preview(plan: Path) -> object:
        return engine.preview("cardio", RunOptions(save_plan=plan))

    plans.save(folder, "cardio", path, engine.version, ci.base, preview)
    return folder


def test_a_reviewed_plan_is_what_is_applied(ci: Pipeline):
    admit(ci)
    ci.pushed()
    assert ci.apply(plans=planned(ci))["cardio"].error is None
    assert len(ci.party.outputs["federation"]["members"]) == 2


def test_a_plan_of_another_file_is_refused_before_anything_is_done(ci: Pipeline):
    folder = planned(ci)
    admit(ci)
    ci.pushed()
    error = ci.apply(plans=folder)["cardio"].error
    assert isinstance(error, plans.PlanUnfitError) and len(ci.party.outputs["federation"]["members"]) == 1


def test_a_plan_of_another_state_is_refused_by_the_engine(ci: Pipeline):
    admit(ci)
    ci.pushed()
    folder = planned(ci)
    moved = ci.party.world.engine.state("cardio")
    next(row for row in moved["deployment"]["resources"] if row["type"] == BUCKET)["inputs"]["bucket"] = "another"
    ci.party.world.engine.set_state("cardio", moved)
    assert isinstance(ci.apply(plans=folder)["cardio"].error, PlanRefusedError)


def test_a_rotation_follows_the_reviewed_plan(ci: Pipeline):
    ci.remove_member()
    outcome = ci.apply(plans=planned(ci))["cardio"]
    assert outcome.error is None and ci.epoch == 2 and outcome.kept is not None


def test_a_rotation_that_was_cut_off_after_its_plan_goes_on(ci: Pipeline):
    ci.remove_member()
    folder = planned(ci)
    engine = ci.party.world.engine
    engine.up("cardio", RunOptions(plan=plans.path_of(folder, "cardio")))
    # The roster still says who had the key, as the run that knew of the removal was cut off.
    assert ci.apply(plans=folder)["cardio"].error is None
    assert ci.epoch == 2
    assert ci.apply(plans=folder)["cardio"].error is not None, (
        "brought up since: a plan of the file before fits no more"
    )


def test_a_rotation_that_was_pushed_and_cut_off_goes_on_from_a_fresh_checkout_with_its_plan(ci: Pipeline):
    ci.remove_member()
    folder = planned(ci)
    rotate_and_push(ci)
    outcome = ci.apply(plans=folder)["cardio"]
    assert outcome.error is None and ci.epoch == 2 and outcome.kept is None


def rotate_and_push(ci: Pipeline) -> None:
    """As a kill between the push and the second run leaves it."""
    _write_rotation_and_stop(ci)
    ci.pushed("Rotate the key of cardio to epoch 2 [skip ci]")


def test_what_is_kept_twice_is_pushed_once(ci: Pipeline):
    ci.remove_member()
    committed = ci.party.path.read_bytes()
    _write_rotation_and_stop(ci)
    for _ in range(2):
        keeper = Keeper(ci.checkout.repository, "cardio", ci.party.path, committed, "main", ci.said.append)
        keeper.keep()
    assert len(ci.log()) == 3


def test_a_host_that_opens_no_pull_request_stops_nothing(ci: Pipeline):
    ci.remove_member()
    ci.protect()
    outcome = ci.apply(host=InMemoryHost(refusing=AuthenticationError("no right")))["cardio"]
    assert outcome.error is None and outcome.kept is not None and outcome.kept.pull_request is None
    assert any("no right" in line for line in ci.said)

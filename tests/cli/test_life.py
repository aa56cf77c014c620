"""preview, up, destroy, drift, outputs, info, stacks, policies, check: what each prints, and each refusal."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from fedml_infra.aws.buckets import Gap
from fedml_infra.engine.double import Declared
from fedml_infra.engine.locks import LockHolder
from fedml_infra.errors import NetworkError
from fedml_infra.operations.state import QUEUE, TOPIC
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World

JOINER_FILE = f"""\
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:{OTHER}:cardio
  fedml-infra:fed_secret_key: {{secure: v1:xyz}}
  fedml-infra:nodes:
    - {{pid: insel, s3_bucket: insel-fed}}
"""
TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"
PROTECTED = "  fedml-infra:protect: true\n"


@pytest.fixture
def up(here: World, run: Run) -> World:
    """A federation that is up, with what it made standing in AWS."""
    here.write()
    assert run("up", "--yes").code == 0
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    here.aws.add_bucket(OWN, "us-east-1", f"fedml-cardio-{OWN}-us-east-1")
    here.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    return here


# preview and up


def test_a_preview_says_who_gains_which_right_and_changes_nothing(here: World, run: Run) -> None:
    here.write()
    done = run("preview")
    assert done.code == 0
    assert f"Account {MEMBER} becomes a member: it may publish and receive." in done.out
    assert "create aws:sns:Topic cardio" in done.out
    assert not here.engine.outputs("cardio")


def test_a_removed_member_is_said_to_lose_its_rights_and_subscriptions(up: World, run: Run) -> None:
    up.write(HUB_FILE.replace(f'  fedml-infra:members:\n    - aws_id: "{MEMBER}"\n', ""))
    done = run("preview", "--json")
    (change,) = done.json["rights"]
    assert (change["who"], change["loses"], change["gains"]) == (MEMBER, ["publish", "receive"], [])
    assert "Its subscriptions are removed." in change["text"]


def test_a_preview_in_json_has_every_policy_in_full(here: World, run: Run) -> None:
    here.write()
    topic = next(each for each in run("preview", "--json").json["changes"] if each["type"] == TOPIC)
    assert topic["op"] == "create"


def test_expected_changes_end_with_7_and_are_shown(here: World, run: Run) -> None:
    here.write()
    done = run("preview", "--expect-no-changes", "--json")
    assert done.code == 7
    assert done.json["changes"]


def test_no_changes_where_none_are_expected_end_with_0(up: World, run: Run) -> None:
    assert run("preview", "--expect-no-changes").code == 0
    assert run("up", "--expect-no-changes", "--yes").code == 0


def test_up_does_nothing_where_changes_were_not_expected(up: World, run: Run) -> None:
    up.write(HUB_FILE + "    - {pid: usz, s3_bucket: cardio-usz}\n")
    done = run("up", "--expect-no-changes", "--yes")
    assert done.code == 7
    assert "usz" not in up.engine.outputs("cardio")["nodes"]


def test_up_never_asks_without_a_terminal(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("up")
    assert done.code == 2
    assert "Give --yes" in done.err
    assert not here.engine.outputs("cardio")


def test_up_asks_for_nothing_where_nothing_changes(up: World, run: Run) -> None:
    assert run("up").code == 0


def test_up_with_preview_stops_there(here: World, run: Run) -> None:
    here.write()
    done = run("up", "--preview", "--yes")
    assert done.code == 0
    assert "create aws:sns:Topic cardio" in done.out
    assert not here.engine.outputs("cardio")


def test_up_prints_one_json_document_and_progress_elsewhere(here: World, run: Run) -> None:
    here.write()
    done = run("up", "--yes", "--json")
    assert done.json["outputs"]["federation"]["topic_arn"] == TOPIC_ARN
    assert done.json["summary"]["create"] == 5
    assert "+ created aws:sns:Topic cardio" in done.err


def test_a_stack_file_with_mistakes_touches_nothing(here: World, run: Run) -> None:
    here.write(HUB_FILE.replace("sync_sched", "sync_shed"))
    done = run("up", "--yes", "--json")
    assert done.code == 2
    assert any(each["line"] == 4 and "sync_sched" in each["fix"] for each in done.json["error"]["problems"])
    assert not here.engine.stacks()


def test_credentials_of_another_account_than_allowed_are_refused(here: World, run: Run) -> None:
    here.write(HUB_FILE.replace("config:\n", f'config:\n  aws:allowedAccountIds: ["{OTHER}"]\n'))
    done = run("up", "--yes")
    assert done.code == 3
    assert f"belong to account {OWN}" in done.err
    assert f"account {OTHER}" in done.err


def test_credentials_of_another_account_than_the_stack_s_are_refused(up: World, run: Run) -> None:
    up.aws._accounts = dict.fromkeys(up.aws._accounts, OTHER)
    done = run("up", "--yes")
    assert done.code == 3
    assert f"the topic says account {OWN}" in done.err


def test_a_bucket_to_be_made_that_is_there_is_refused(here: World, run: Run) -> None:
    here.write()
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    done = run("up", "--yes")
    assert done.code == 2
    assert "Set adopt_bucket: true" in done.err
    assert not here.engine.stacks()


def test_what_stands_of_the_stack_itself_is_no_surprise(up: World, run: Run) -> None:
    assert run("up", "--yes").code == 0


def test_a_timeout_ends_with_9(here: World, run: Run) -> None:
    here.write()
    real = here.engine.up
    here.engine.up = lambda stack, options: real(stack, replace(options, timeout=0.0))  # type: ignore[method-assign]
    assert run("up", "--yes", "--timeout", "1").code == 9


def test_a_failure_of_aws_ends_with_4_and_says_what(here: World, run: Run) -> None:
    here.write()
    here.engine.faults["cardio_charite"] = NetworkError("AWS could not be reached", fix="Look at the network.")
    done = run("up", "--yes")
    assert done.code == 4
    assert "✗ failed aws:sqs:Queue cardio_charite" in done.err
    assert "Look at the network." in done.err


def test_a_lock_ends_with_4(up: World, run: Run) -> None:
    up.engine.lock("cardio", LockHolder("ada", "laptop", 4711, "2026-01-01"))
    done = run("up", "--yes")
    assert done.code == 4


# outputs, info, stacks, check


def test_outputs_in_json_are_the_engine_s(up: World, run: Run) -> None:
    assert run("outputs", "--json").json == up.engine.outputs("cardio")


def test_outputs_of_a_stack_that_never_came_up_end_with_6(here: World, run: Run) -> None:
    here.write()
    assert run("outputs").code == 6


def test_info_has_federation_info_without_the_key(up: World, run: Run) -> None:
    (node,) = run("info", "--json").json["nodes"]
    assert node["fed_secret_key"] == "[secret]"
    assert {*node} == {
        "aws_id", "aws_queue_url", "aws_topic_arn", "fed_local_id", "fed_name", "fed_secret_key", "sync_sched",
        "fed_type", "local_uuid", "s3_bucket",
    }  # fmt: skip
    assert (node["aws_id"], node["aws_topic_arn"]) == (OWN, TOPIC_ARN)


def test_info_of_a_stack_that_is_not_up_says_so(here: World, run: Run) -> None:
    here.write()
    done = run("info")
    assert done.code == 0
    assert "is not up" in done.err


def test_stacks_are_listed_with_role_and_state(up: World, run: Run) -> None:
    up.write(JOINER_FILE.replace("cardio", "neuro"), "neuro")
    up.write("config: {fedml-infra:fed_name: wrong}\n", "wrong")
    rows = {each["name"]: each for each in run("stacks", "list", "--json").json["stacks"]}
    assert (rows["cardio"]["role"], rows["cardio"]["in_backend"], rows["cardio"]["members"]) == ("hub", True, 1)
    assert (rows["neuro"]["role"], rows["neuro"]["in_backend"]) == ("joiner", False)
    assert rows["wrong"]["mistakes"] > 0
    assert "cardio  hub" in run("stacks", "list").out


def test_a_backend_that_cannot_be_asked_hides_no_file(here: World, run: Run) -> None:
    here.write()

    def unreachable() -> tuple[()]:
        raise NetworkError("The backend is away")

    here.engine.stacks = unreachable  # type: ignore[method-assign]
    done = run("stacks", "list", "--json")
    assert done.code == 0
    assert done.json["stacks"][0]["in_backend"] is None
    assert "The backend is away" in done.err


def test_check_tells_every_file(here: World, run: Run) -> None:
    here.write()
    here.write(HUB_FILE.replace("us-east-1", "us-east-9"), "neuro")
    done = run("check", "--json")
    assert done.code == 2
    assert [each["ok"] for each in done.json["files"]] == [True, False]
    assert {each["key"] for each in done.json["files"][1]["problems"]} == {"aws:region", "fed_name"}


# policies


def test_every_document_is_shown_with_size_and_limit(here: World, run: Run) -> None:
    here.write()
    found = run("policies", "show", "--json").json["documents"]
    assert {"topic policy", "queue policy", "bucket policy", "node policy"} <= {each["kind"] for each in found}
    assert all(0 < each["bytes"] <= each["limit"] for each in found)


def test_an_unknown_kind_names_the_known(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "show", "--kind", "topic")
    assert done.code == 2
    assert "topic policy" in done.err


def test_who_can_takes_names_as_well_as_arns(here: World, run: Run) -> None:
    here.write()
    by_name = run("policies", "who-can", "cardio", "sns:Publish", "cardio", "--json").json
    assert by_name == run("policies", "who-can", "cardio", "sns:Publish", TOPIC_ARN, "--json").json
    assert {each["name"] for each in by_name["grantees"] if each["who"] == "account"} == {OWN, MEMBER}


def test_who_can_on_something_else_names_what_there_is(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "who-can", "cardio", "sns:Publish", "nothing")
    assert done.code == 2
    assert "cardio_charite" in done.err


def test_the_verifier_s_rights_are_by_account(here: World, run: Run) -> None:
    here.write()
    said = run("policies", "operator", "--verify", "--json").json
    assert said["verify"]
    assert "sqs:ReceiveMessage" in json.dumps(said["accounts"][OWN])
    assert "sns:CreateTopic" not in json.dumps(said["accounts"][OWN])


def test_the_verifier_s_and_the_reader_s_rights_are_two_things(here: World, run: Run) -> None:
    here.write()
    done = run("policies", "operator", "--verify", "--read-only")
    assert done.code == 2
    assert "exclude each other" in done.err


def test_the_operator_s_rights_are_by_account(here: World, run: Run) -> None:
    here.write()
    everything = json.dumps(run("policies", "operator", "--json").json["accounts"][OWN])
    reading = json.dumps(run("policies", "operator", "--read-only", "--json").json["accounts"][OWN])
    assert "sqs:CreateQueue" in everything
    assert "sqs:CreateQueue" not in reading


def test_without_credentials_the_account_can_be_said(here: World, run: Run) -> None:
    here.write()
    here.aws._accounts.clear()
    refused = run("policies", "show")
    assert refused.code == 3
    assert "--account" in refused.err
    said = run("policies", "show", "--account", OTHER, "--json")
    assert said.json["documents"][0]["account"] == OTHER


# destroy


def test_destroy_takes_all_and_keeps_the_file_unless_told(up: World, run: Run) -> None:
    done = run("destroy", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["destroyed"]
    assert not up.engine.stacks()
    assert (up.project / "stacks" / "Pulumi.cardio.yaml").exists()
    assert "is kept" in done.err


def test_destroy_removes_the_file_where_told(up: World, run: Run) -> None:
    assert run("destroy", "--yes", "--remove-file").code == 0
    assert not (up.project / "stacks" / "Pulumi.cardio.yaml").exists()


def test_payloads_are_refused_before_anything_is_touched(up: World, run: Run) -> None:
    up.aws.put_object("cardio-charite", "updates/model", b"x")
    done = run("destroy", "--yes")
    assert done.code == 4
    assert "cardio-charite" in done.err
    assert "--delete-data" in done.err
    assert up.engine.outputs("cardio")


def test_payloads_go_where_that_was_said(up: World, run: Run) -> None:
    up.aws.put_object("cardio-charite", "updates/model", b"x")
    done = run("destroy", "--yes", "--delete-data")
    assert done.code == 0, done.err
    assert "Deleted 1 object" in done.err
    assert not up.engine.stacks()


def test_what_is_in_the_roster_bucket_is_no_payload(up: World, run: Run) -> None:
    up.aws.put_object(f"fedml-cardio-{OWN}-us-east-1", "roster.json", b"{}")
    assert run("destroy", "--yes").code == 0


def test_protection_is_lifted_by_yes(here: World, run: Run) -> None:
    here.write(HUB_FILE + PROTECTED)
    run("up", "--yes")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    done = run("destroy", "--yes")
    assert done.code == 0, done.err
    assert not here.engine.stacks()


def test_destroy_never_asks_without_a_terminal(up: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("destroy", "--delete-data")
    assert done.code == 2
    assert up.engine.outputs("cardio")


def test_destroy_with_preview_says_what_goes_and_stops(up: World, run: Run) -> None:
    done = run("destroy", "--preview", "--json")
    assert {each["type"] for each in done.json["resources"]} >= {TOPIC, QUEUE}
    assert f"the subscriptions of the members {MEMBER}:" in done.json["warnings"][0]
    assert up.engine.outputs("cardio")


def test_a_stack_that_is_not_there_cannot_be_destroyed(here: World, run: Run) -> None:
    here.write()
    done = run("destroy", "--yes")
    assert done.code == 6


def test_credentials_of_another_account_destroy_nothing(up: World, run: Run) -> None:
    up.aws._accounts = dict.fromkeys(up.aws._accounts, OTHER)
    assert run("destroy", "--yes").code == 3
    assert up.engine.outputs("cardio")


# drift


def by_hand(up: World, kind: str, name: str, **inputs: object) -> None:
    """Somebody changes a resource in a console."""
    up.engine.reality["cardio"][up.engine.urn("cardio", Declared(kind, name))] = Declared(kind, name, inputs)


def delete_by_hand(up: World, kind: str, name: str) -> None:
    del up.engine.reality["cardio"][up.engine.urn("cardio", Declared(kind, name))]


def test_no_drift_ends_with_0(up: World, run: Run) -> None:
    done = run("drift")
    assert done.code == 0
    assert "No drift" in done.out


def test_a_property_that_was_changed_is_told_in_words_and_as_made_and_now(up: World, run: Run) -> None:
    by_hand(up, TOPIC, "cardio", policy="open to all")
    done = run("drift", "--json")
    assert done.code == 7
    (found,) = done.json["findings"]
    assert {*found} == {"resource", "type", "urn", "kind", "property", "made", "now", "words", "severity"}
    assert (found["resource"], found["kind"], found["property"]) == ("cardio", "changed", "policy")
    assert (found["now"], found["made"]["Id"]) == ("open to all", "fedml-cardio")
    assert found["severity"] == "exposed"


def test_a_widened_policy_is_told_by_what_it_allows(up: World, run: Run) -> None:
    urn = up.engine.urn("cardio", Declared(TOPIC, "cardio"))
    made = up.engine.reality["cardio"][urn].inputs["policy"]
    by_hand(up, TOPIC, "cardio", policy=json.loads(json.dumps(made).replace(MEMBER, OTHER)))
    done = run("drift")
    assert done.code == 7
    assert f"account {OTHER} may now publish and subscribe to topic cardio" in done.out
    assert f"account {MEMBER} may no longer publish and subscribe to topic cardio" in done.out


def test_the_values_are_shown_where_asked_for(up: World, run: Run) -> None:
    by_hand(up, QUEUE, "cardio_charite", arn="another")
    assert "now  another" in run("drift", "--diff").out
    assert "now  another" not in run("drift").out


def test_a_resource_that_is_gone_is_missing(up: World, run: Run) -> None:
    delete_by_hand(up, QUEUE, "cardio_charite")
    done = run("drift")
    assert done.code == 7
    assert "queue cardio_charite is gone, with the messages in it" in done.out


def test_a_topic_that_is_gone_is_missing_and_has_no_subscriptions_to_look_at(up: World, run: Run) -> None:
    delete_by_hand(up, TOPIC, "cardio")
    up.aws._topics.clear()
    done = run("drift", "--json")
    assert done.code == 7, done.err
    assert [(each["resource"], each["kind"]) for each in done.json["findings"]] == [("cardio", "missing")]


def test_a_change_of_the_stack_file_is_no_drift(up: World, run: Run) -> None:
    up.write(HUB_FILE + "    - {pid: usz, s3_bucket: cardio-usz}\n")
    done = run("drift", "--json")
    assert done.code == 0
    assert done.json["findings"] == []
    assert done.json["unapplied"] == 2
    assert "preview cardio" in done.err


def test_a_stranger_s_subscription_is_drift(up: World, run: Run) -> None:
    up.aws.add_subscription(TOPIC_ARN, f"arn:aws:sqs:us-east-1:{MEMBER}:cardio_insel")
    assert run("drift").code == 0
    up.aws.add_subscription(TOPIC_ARN, f"arn:aws:sqs:us-east-1:{OTHER}:cardio_spy")
    done = run("drift", "--json")
    assert done.code == 7
    (found,) = done.json["findings"]
    assert (found["kind"], found["severity"], found["now"]["owner"]) == ("stranger", "exposed", OTHER)


def test_what_an_adopted_bucket_lacks_is_a_warning_and_no_drift(up: World, run: Run) -> None:
    up.aws.add_bucket(OWN, "us-east-1", "own-bucket", gaps=(Gap("ownership", "bucket own-bucket: ACLs are in force"),))
    up.write(HUB_FILE + "    - {pid: usz, s3_bucket: own-bucket, adopt_bucket: true}\n")
    assert run("up", "--yes").code == 0
    done = run("drift", "--json")
    assert done.code == 0
    (found,) = done.json["warnings"]
    assert (found["kind"], found["severity"], found["resource"]) == ("lacks", "warning", "own-bucket")
    assert "ACLs are in force" in run("drift").out


def test_drift_changes_nothing(up: World, run: Run) -> None:
    before = up.engine.state("cardio")
    up.aws.add_subscription(TOPIC_ARN, f"arn:aws:sqs:us-east-1:{OTHER}:cardio_spy")
    run("drift")
    assert up.engine.state("cardio") == before
    assert len(up.aws.subscriptions(next(iter(up.aws._accounts)), "us-east-1", TOPIC_ARN)) == 1


def test_what_never_came_up_cannot_drift(here: World, run: Run) -> None:
    here.write()
    assert run("drift").code == 6


def test_fix_shows_it_puts_it_right_and_says_what_was_done(up: World, run: Run) -> None:
    by_hand(up, QUEUE, "cardio_charite", arn="another")
    delete_by_hand(up, TOPIC, "cardio")
    up.aws._topics.clear()
    done = run("drift", "--fix", "--yes")
    assert done.code == 0, done.err
    assert "topic cardio is gone" in done.out
    assert "✓ put right: topic cardio is gone" in done.err
    assert "2 of 2 put right" in done.err
    assert (
        up.engine.reality["cardio"][up.engine.urn("cardio", Declared(QUEUE, "cardio_charite"))].inputs["arn"]
        != "another"
    )


def test_fix_in_json_is_one_document(up: World, run: Run) -> None:
    by_hand(up, QUEUE, "cardio_charite", arn="another")
    done = run("drift", "--fix", "--yes", "--json")
    assert done.code == 0
    assert [each["resource"] for each in done.json["fixed"]] == ["cardio_charite"]
    assert done.json["left"] == []


def test_fix_with_nothing_to_fix_does_nothing(up: World, run: Run) -> None:
    assert run("drift", "--fix").code == 0


def test_fix_never_asks_without_a_terminal(up: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(up, QUEUE, "cardio_charite", arn="another")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("drift", "--fix")
    assert done.code == 2
    assert run("drift").code == 7


def test_fix_does_not_bring_up_what_the_stack_file_says_anew(up: World, run: Run) -> None:
    by_hand(up, QUEUE, "cardio_charite", arn="another")
    up.write(HUB_FILE + "    - {pid: usz, s3_bucket: cardio-usz}\n")
    done = run("drift", "--fix", "--yes")
    assert done.code == 2
    assert "fedml-infra up cardio --refresh" in done.err
    assert "usz" not in up.engine.outputs("cardio")["nodes"]


def test_a_stranger_that_stays_is_said_to_be_left(up: World, run: Run) -> None:
    """The engine's double runs no program, so nothing takes it off."""
    up.aws.add_subscription(TOPIC_ARN, f"arn:aws:sqs:us-east-1:{OTHER}:cardio_spy")
    done = run("drift", "--fix", "--yes")
    assert done.code == 7
    assert "✗ not put right" in done.err

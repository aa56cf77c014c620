"""drift: what was changed by hand is told in words, and put right."""

from __future__ import annotations

import io
import json

import pytest

from fedml_infra.aws.buckets import Gap
from fedml_infra.engine.double import Declared
from fedml_infra.operations.state import QUEUE, TOPIC
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World

TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


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

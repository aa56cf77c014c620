"""The whole report: what is looked at, that nothing stops it, and its exit code."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.events import STACK_TYPE
from fedml_infra.errors import AuthenticationError, NetworkError, StackNotFoundError
from fedml_infra.operations.checks.finding import Finding, Status
from fedml_infra.operations.doctor import Report, examine, examine_machine, unloadable
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.tools import Tools
from tests.operations.checks.machines import healthy
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World, world

JOINER = f"""\
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:aws_topic_arn: arn:aws:sns:eu-west-1:{OTHER}:cardio
  fedml-infra:fed_secret_key: {{secure: v1:xyz}}
  fedml-infra:nodes:
    - {{pid: insel, s3_bucket: insel-fed, account: {{profile: insel}}}}
    - {{pid: usz, s3_bucket: usz-fed, account: {{profile: usz}}}}
"""
ALL = {
    "stack file", "engine", "language host", "aws plugin", "sdk", "cache", "lock", "backend", "secrets", "pending",
    "credentials", "clock", "region", "accounts", "rights", "names", "policy sizes", "filter policies",
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write()
    return made


def tools(here: World, **environment: str) -> Tools:
    machine = healthy(here.project, PULUMI_CONFIG_PASSPHRASE="x", **environment)
    return replace(here.tools, machine=lambda: machine)


def report(here: World, given: Tools | None = None) -> Report:
    return examine(here.project, load_stack(here.project, "cardio"), given or tools(here))


def of(found: Report, check: str) -> list[Finding]:
    return [one for one in found.findings if one.check == check]


def test_everything_is_looked_at(here: World) -> None:
    found = report(here)
    assert {one.check for one in found.findings} == ALL
    assert found.exit_code == 0, found.findings


def test_a_stack_that_is_up_is_healthy(here: World) -> None:
    here.engine.up("cardio")
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    found = report(here)
    assert not [one for one in found.findings if one.status is not Status.OK]
    assert of(found, "filter policies")[0].told == "0 of 200 of the topic's, subscribed"


def test_nothing_is_changed(here: World) -> None:
    before = {path: path.stat().st_mtime_ns for path in (here.project / "stacks").iterdir()}
    report(here)
    assert before == {path: path.stat().st_mtime_ns for path in (here.project / "stacks").iterdir()}
    assert not here.engine.stacks()


def test_no_failure_stops_the_others_and_the_highest_code_is_that_of_all(here: World) -> None:
    here.aws.ahead = 1000
    here.aws.regions_off.add("us-east-1")
    here.aws.denied = frozenset({"sqs:CreateQueue"})
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    found = report(here)
    failed = {one.check: one.exit_code for one in found.findings if one.status is Status.FAIL}
    assert failed == {"clock": 3, "region": 4, "rights": 5, "names": 2}
    assert found.exit_code == 5
    assert all(one.fix for one in found.findings if one.status is Status.FAIL)


def test_without_credentials_the_machine_and_the_state_are_looked_at(here: World) -> None:
    here.aws._accounts.clear()
    found = report(here)
    assert found.exit_code == 3
    assert {"engine", "backend", "secrets", "pending", "lock"} <= {one.check for one in found.findings}
    assert [one.status for one in of(found, "rights")] == [Status.WARN]
    assert "the hub, node charite" in of(found, "names")[0].told


def test_without_an_engine_nothing_of_it_is_started_and_aws_is_looked_at(here: World) -> None:
    def no_engine(_: Path) -> None:
        raise AssertionError("there is none to start")

    bare = replace(healthy(here.project), engine=None)
    found = report(here, replace(here.tools, machine=lambda: bare, engine=no_engine))  # type: ignore[arg-type]
    assert found.exit_code == 4
    assert [of(found, check)[0].status for check in ("backend", "secrets", "pending")] == [Status.WARN] * 3
    assert of(found, "rights")[0].status is Status.OK


def test_where_the_state_cannot_be_read_no_name_is_called_taken(here: World) -> None:
    here.engine.up("cardio")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")

    def away(_: str) -> dict[str, object]:
        raise NetworkError("The backend is away")

    here.engine.state = away  # type: ignore[method-assign]
    found = report(here)
    assert [one.status for one in of(found, "names")] == [Status.WARN]
    assert of(found, "pending")[0].exit_code == 4


def test_credentials_of_another_account_than_the_stack_s_fail(here: World) -> None:
    here.engine.up("cardio")
    here.aws._accounts[Access()] = OTHER
    (found,) = of(report(here), "accounts")
    assert (found.status, found.exit_code) == (Status.FAIL, 3)


def test_one_node_without_credentials_does_not_hide_the_others(here: World) -> None:
    here.write(JOINER)
    here.aws._accounts = {Access(profile="insel"): OWN}
    found = report(here)
    assert [one.status for one in of(found, "credentials")] == [Status.OK, Status.FAIL]
    assert "Not looked at for node usz" in of(found, "names")[0].told
    assert "queue cardio_insel can be used" in [one.told for one in of(found, "names")]
    assert found.exit_code == 3


def test_a_joiner_needs_the_topic_s_region_too_and_no_other_credentials(here: World) -> None:
    here.write(JOINER)
    here.aws._accounts = {Access(profile="insel"): OWN, Access(profile="usz"): MEMBER}
    found = report(here)
    assert [one.told for one in of(found, "region")] == [
        f"{region} is enabled in account {account}"
        for account in (OWN, MEMBER)
        for region in ("us-east-1", "eu-west-1")
    ]
    assert {one.told.split(":")[0] for one in of(found, "rights")} == {f"account {OWN}", f"account {MEMBER}"}
    assert not of(found, "filter policies")
    assert found.exit_code == 0


def test_whoever_assumes_a_node_s_role_is_looked_at_too(here: World) -> None:
    here.write(HUB_FILE + f"      account: {{assume_role: 'arn:aws:iam::{MEMBER}:role/deploy'}}\n")
    (role,) = [way for way in _ways(here) if way.roles]
    here.aws._accounts[role] = MEMBER
    told = [one.told for one in of(report(here), "credentials")]
    assert [each.split(":")[0] for each in told] == ["the hub", "node charite"]


def _ways(here: World) -> set[Access]:
    stack = load_stack(here.project, "cardio")
    return {Access.of(node.account, stack.settings) for node in stack.config.nodes}


def test_notes_of_the_stack_file_are_warnings(here: World) -> None:
    here.write(HUB_FILE.replace("m30", "h2"))
    assert [one.status for one in of(report(here), "stack file")] == [Status.OK, Status.WARN]


def test_what_can_be_done_at_the_same_time_is(here: World) -> None:
    both = threading.Barrier(2, timeout=60)
    here.engine.init("cardio")
    exported = {"version": 3, "deployment": {"resources": [{"urn": "u", "type": STACK_TYPE}]}}

    def state(_: str) -> dict[str, object]:
        both.wait()
        return exported

    def caller(*_: object) -> str:
        both.wait()
        return f"arn:aws:iam::{OWN}:root"

    here.engine.state = state  # type: ignore[method-assign]
    here.aws.caller_arn = caller  # type: ignore[method-assign]
    found = report(here)
    assert of(found, "pending")[0].status is of(found, "credentials")[0].status is Status.OK


def test_a_defect_in_one_check_is_one_failure(here: World) -> None:
    def broken(*_: object) -> float:
        raise ZeroDivisionError

    here.aws.clock_ahead = broken  # type: ignore[method-assign]
    found = report(here)
    assert found.exit_code == 1
    assert "ZeroDivisionError" in of(found, "clock")[0].told


def test_without_a_stack_the_machine_and_the_credentials_are_looked_at(here: World) -> None:
    found = examine_machine(tools(here))
    assert {one.check for one in found.findings} == {
        "engine", "language host", "aws plugin", "sdk", "cache", "credentials", "clock",
    }  # fmt: skip
    assert (found.stack, found.exit_code) == (None, 0)


def test_without_a_stack_missing_credentials_fail_and_the_clock_is_said_to_be_unknown(here: World) -> None:
    here.aws._accounts.clear()
    found = examine_machine(tools(here))
    assert found.exit_code == 3
    assert of(found, "clock")[0].status is Status.WARN


def test_a_clock_that_spoils_the_credentials_is_told_as_the_cause(here: World) -> None:
    def refused(*_: object) -> str:
        raise AuthenticationError("AWS does not accept the signature")

    here.aws.caller_arn = refused  # type: ignore[method-assign]
    here.aws.ahead = 3600
    found = report(here)
    assert of(found, "credentials")[0].status is of(found, "clock")[0].status is Status.FAIL
    assert "3600 s ahead" in of(found, "clock")[0].told


def test_a_stack_that_cannot_be_loaded_is_a_failure_among_others(here: World) -> None:
    found = unloadable("neuro", StackNotFoundError("There is no stack 'neuro'."), tools(here))
    assert (found.stack, found.exit_code, found.findings[0].check) == ("neuro", 6, "stack file")
    assert of(found, "engine")


def test_the_report_for_machines_counts(here: World) -> None:
    here.aws.caller_arn = lambda *_: (_ for _ in ()).throw(AuthenticationError("no"))  # type: ignore[method-assign]
    document = report(here).as_json()
    assert document["stack"] == "cardio"
    assert document["exit_code"] == 3
    assert sum(document["counts"].values()) == len(document["findings"])
    assert {*document["findings"][0]} == {"check", "status", "told", "fix", "exit_code"}

"""What is known to go wrong before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.sessions import Access, Role
from fedml_infra.errors import AuthenticationError, ConfigurationError, ResourceError
from fedml_infra.model.tags import ownership_tags
from fedml_infra.operations.accounts import Accounts, check_accounts
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.preflight import foresee, preflight
from fedml_infra.operations.state import State
from tests.operations.worlds import HUB_FILE, OTHER, OWN, World, world

ROLE = f"arn:aws:iam::{OTHER}:role/deploy"
TWO_ACCOUNTS = HUB_FILE + f"    - {{pid: insel, s3_bucket: insel-fed, account: {{assume_role: '{ROLE}'}}}}\n"
AS_ROLE = Access(roles=(Role(ROLE),))


@pytest.fixture
def two(tmp_path: Path) -> World:
    made = world(tmp_path, {Access(): OWN, AS_ROLE: OTHER})
    made.write(TWO_ACCOUNTS)
    return made


def stack_of(made: World) -> Stack:
    return load_stack(made.project, None)


def check(made: World, outputs: dict[str, Any] | None = None, state: State | None = None) -> Accounts:
    stack = stack_of(made)
    return preflight(stack.config, stack.settings, aws=made.aws, outputs=outputs or {}, state=state or State())


def test_each_node_s_account_is_found(two: World) -> None:
    assert check(two) == Accounts(OWN, {"charite": OWN, "insel": OTHER})


def test_a_node_whose_account_is_gone_is_named_with_its_account_and_the_cure(tmp_path: Path) -> None:
    made = world(tmp_path, {Access(): OWN})
    made.write(TWO_ACCOUNTS)
    with pytest.raises(AuthenticationError) as refused:
        check(made, {"nodes": {"insel": {"account": OTHER}}})
    assert refused.value.what.startswith(f"Node insel (account {OTHER}): AWS does not know these credentials")
    assert "Where the account was closed" in (refused.value.fix or "")


def test_a_new_node_whose_credentials_are_unknown_is_named(tmp_path: Path) -> None:
    made = world(tmp_path, {Access(): OWN})
    made.write(TWO_ACCOUNTS)
    with pytest.raises(AuthenticationError) as refused:
        check(made)
    assert refused.value.what.startswith("Node insel: AWS does not know these credentials")
    assert "closed" not in (refused.value.fix or "")


def test_a_role_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    made = world(tmp_path, {Access(): OWN, AS_ROLE: OWN})
    made.write(TWO_ACCOUNTS)
    with pytest.raises(AuthenticationError, match=f"the role of node insel says account {OTHER}"):
        check(made)


def test_a_node_that_stood_elsewhere_is_refused(two: World) -> None:
    with pytest.raises(AuthenticationError, match="node charite says account"):
        check(two, {"nodes": {"charite": {"account": OTHER}}})


def test_a_joiner_s_topic_is_of_another_account_and_that_is_right(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.write(HUB_FILE.split("  fedml-infra:members")[0] + (
        f"  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:{OTHER}:cardio\n"
        "  fedml-infra:nodes: [{pid: insel, s3_bucket: insel-fed}]\n"
    ))  # fmt: skip
    topic = f"arn:aws:sns:us-east-1:{OTHER}:cardio"
    assert check(made, {"federation": {"topic_arn": topic}}).own == OWN


def test_a_queue_without_the_federation_s_tags_is_refused(two: World) -> None:
    two.aws.add_queue(OTHER, "us-east-1", "cardio_insel")
    with pytest.raises(ResourceError, match="Node insel: account 333333333333 has a queue cardio_insel"):
        check(two)


def test_a_queue_of_another_node_is_refused(two: World) -> None:
    two.aws.add_queue(OTHER, "us-east-1", "cardio_insel", ownership_tags("cardio", "charite"))
    with pytest.raises(ResourceError, match="cardio_insel"):
        check(two)


def test_a_queue_that_a_run_cut_off_left_is_ours(two: World) -> None:
    two.aws.add_queue(OTHER, "us-east-1", "cardio_insel", ownership_tags("cardio", "insel"))
    check(two)


def test_a_queue_in_another_account_or_region_is_nobody_s_business(two: World) -> None:
    two.aws.add_queue(OWN, "us-east-1", "cardio_insel")
    two.aws.add_queue(OTHER, "eu-west-1", "cardio_insel")
    check(two)


def test_a_bucket_to_be_made_that_somebody_else_has_is_refused(two: World) -> None:
    two.aws.add_bucket(OWN, "us-east-1", "insel-fed")
    with pytest.raises(ResourceError, match="bucket insel-fed belongs to somebody else"):
        check(two)


def test_a_roster_bucket_that_is_there_is_refused(two: World) -> None:
    two.aws.add_bucket(OWN, "us-east-1", f"fedml-cardio-{OWN}-us-east-1")
    with pytest.raises(ConfigurationError, match="The roster bucket"):
        check(two)


def test_of_several_all_are_named(two: World) -> None:
    two.aws.add_queue(OTHER, "us-east-1", "cardio_insel")
    two.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    two.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    with pytest.raises(ResourceError) as refused:
        check(two)
    assert all(name in str(refused.value) for name in ("cardio_insel", "cardio_charite", "bucket cardio-charite"))


def test_what_the_state_has_is_not_looked_for(two: World) -> None:
    two.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    two.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    exported = {
        "deployment": {
            "resources": [
                {"urn": "a::aws:s3/bucket:Bucket::charite", "type": "aws:s3/bucket:Bucket", "id": "cardio-charite"},
                {
                    "urn": "a::aws:sqs/queue:Queue::q",
                    "type": "aws:sqs/queue:Queue",
                    "outputs": {"arn": f"arn:aws:sqs:us-east-1:{OWN}:cardio_charite"},
                },
            ]
        }
    }
    check(two, state=State.of(exported))


def test_a_bucket_that_the_stack_made_is_not_adopted_as_the_run_would_delete_it(two: World) -> None:
    two.write(TWO_ACCOUNTS.replace("cardio-charite/updates\n", "cardio-charite/updates\n      adopt_bucket: true\n"))
    two.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    row = {"urn": "a::aws:s3/bucket:Bucket::charite", "type": "aws:s3/bucket:Bucket", "id": "cardio-charite"}
    with pytest.raises(ConfigurationError, match="this stack made bucket cardio-charite"):
        check(two, state=State.of({"deployment": {"resources": [row]}}))
    check(two)


def test_what_waits_to_be_deleted_is_not_the_stack_s() -> None:
    row = {"urn": "a::aws:s3/bucket:Bucket::x", "type": "aws:s3/bucket:Bucket", "id": "x", "delete": True}
    assert State.of({"deployment": {"resources": [row]}}).bucket_names == frozenset()


def test_account_ids_written_as_numbers_are_allowed(two: World) -> None:
    stack = stack_of(two)
    accounts = Accounts(OWN, {"charite": OWN, "insel": OTHER})
    check_accounts(stack.config, {"allowed_account_ids": [int(OWN)]}, accounts, {})
    with pytest.raises(AuthenticationError):
        check_accounts(stack.config, {"allowed_account_ids": [int(OTHER)]}, accounts, {})


def test_of_a_new_stack_what_cannot_be_seen_is_told_and_stops_nobody(two: World) -> None:
    stack = stack_of(two)
    two.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    accounts, problems = foresee(stack.config, stack.settings, aws=two.aws)
    assert accounts == Accounts(OWN, {"charite": OWN, "insel": OTHER})
    assert ["cardio_charite" in problem.what for problem in problems] == [True]


def test_of_a_new_stack_a_bucket_of_ones_own_is_still_an_error(two: World) -> None:
    stack = stack_of(two)
    two.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    with pytest.raises(ConfigurationError):
        foresee(stack.config, stack.settings, aws=two.aws)

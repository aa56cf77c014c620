"""What IAM's simulator is asked, and how its answer is read."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from fedml_infra.aws.sessions import Access, client
from fedml_infra.aws.simulation import RESOURCES_AT_ONCE, Refusal, Wanted, refused, wanted_by
from fedml_infra.errors import PolicyError, ResourceError
from fedml_infra.policies.document import allow, document

from .conftest import ACCOUNT, REGION

ME = Access()
USER = f"arn:aws:iam::{ACCOUNT}:user/ops/ada"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:cardio"
READ = Wanted(("sns:GetTopicAttributes",), (TOPIC,))


def row(action: str = "sns:GetTopicAttributes", decision: str = "allowed", **more: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalResourceName": TOPIC, "EvalDecision": decision, **more}


def answering(*rows: dict[str, Any], source: str = USER) -> Stubber:
    stub = Stubber(client("iam", ME, REGION))
    stub.add_response(
        "simulate_principal_policy",
        {"EvaluationResults": list(rows), "IsTruncated": False},
        {"PolicySourceArn": source, "ActionNames": ANY, "ResourceArns": ANY, "ContextEntries": ANY},
    )
    return stub


def test_what_is_allowed_is_not_refused(credentials: None) -> None:
    with answering(row()):
        assert refused(ME, REGION, USER, [READ]) == ()


@pytest.mark.parametrize(("decision", "explicit"), [("implicitDeny", False), ("explicitDeny", True)])
def test_what_is_denied_is_refused(credentials: None, decision: str, explicit: bool) -> None:
    with answering(row(decision=decision)):
        assert refused(ME, REGION, USER, [READ]) == (Refusal("sns:GetTopicAttributes", TOPIC, explicit),)


def test_each_resource_has_a_decision_of_its_own(credentials: None) -> None:
    of_each = [
        {"EvalResourceName": "arn:aws:sqs:::a", "EvalResourceDecision": "allowed"},
        {"EvalResourceName": "arn:aws:sqs:::b", "EvalResourceDecision": "implicitDeny"},
    ]
    with answering(row("sqs:CreateQueue", "implicitDeny", ResourceSpecificResults=of_each)):
        found = refused(ME, REGION, USER, [Wanted(("sqs:CreateQueue",), ("arn:aws:sqs:::a", "arn:aws:sqs:::b"))])
    assert [refusal.resource for refusal in found] == ["arn:aws:sqs:::b"]


def test_all_pages_are_read(credentials: None) -> None:
    stub = Stubber(client("iam", ME, REGION))
    for number, marker in ((1, "more"), (2, None)):
        page = {"EvaluationResults": [row(f"sns:Action{number}", "implicitDeny")], "IsTruncated": marker is not None}
        stub.add_response("simulate_principal_policy", {**page, "Marker": marker} if marker else page)
    with stub:
        assert len(refused(ME, REGION, USER, [READ])) == 2


def test_a_session_is_simulated_as_its_role_with_the_role_s_path(credentials: None) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/teams/deploy"
    stub = Stubber(client("iam", ME, REGION))
    role = {
        "Path": "/teams/", "RoleName": "deploy", "RoleId": "AROA000000000000", "Arn": arn,
        "CreateDate": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    stub.add_response("get_role", {"Role": role}, {"RoleName": "deploy"})
    stub.add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [row()]},
        {"PolicySourceArn": arn, "ActionNames": ANY, "ResourceArns": ANY, "ContextEntries": ANY},
    )
    with stub:
        assert refused(ME, REGION, SESSION, [READ]) == ()


def test_a_role_that_may_not_look_at_itself_is_taken_to_have_no_path(credentials: None) -> None:
    stub = Stubber(client("iam", ME, REGION))
    stub.add_client_error("get_role", "AccessDenied", http_status_code=403)
    stub.add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [row()]},
        {
            "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/deploy",
            "ActionNames": ANY,
            "ResourceArns": ANY,
            "ContextEntries": ANY,
        },
    )
    with stub:
        assert refused(ME, REGION, SESSION, [READ]) == ()


def test_the_root_user_has_every_right_and_is_not_simulated(credentials: None) -> None:
    with Stubber(client("iam", ME, REGION)):
        assert refused(ME, REGION, f"arn:aws:iam::{ACCOUNT}:root", [READ]) == ()


def test_who_may_not_simulate_is_told(credentials: None) -> None:
    with Stubber(client("iam", ME, REGION)) as stub:
        stub.add_client_error("simulate_principal_policy", "AccessDenied", http_status_code=403)
        with pytest.raises(PolicyError, match="could not simulate"):
            refused(ME, REGION, USER, [READ])


def test_who_the_simulator_does_not_know_is_told(credentials: None) -> None:
    with pytest.raises(ResourceError, match="federated-user"):
        refused(ME, REGION, f"arn:aws:sts::{ACCOUNT}:federated-user/ada", [READ])


def test_many_resources_are_asked_for_in_parts(credentials: None) -> None:
    many = tuple(f"arn:aws:sqs:::{number}" for number in range(RESOURCES_AT_ONCE + 1))
    stub = Stubber(client("iam", ME, REGION))
    for _ in range(2):
        stub.add_response("simulate_principal_policy", {"EvaluationResults": []})
    with stub:
        refused(ME, REGION, USER, [Wanted(("sqs:CreateQueue",), many)])
        stub.assert_no_pending_responses()


def test_actions_that_cannot_be_simulated_together_are_asked_for_apart(credentials: None) -> None:
    stub = Stubber(client("iam", ME, REGION))
    stub.add_client_error("simulate_principal_policy", "InvalidInput", "require different authorization information")
    stub.add_response("simulate_principal_policy", {"EvaluationResults": [row("s3:A", "implicitDeny")]})
    stub.add_response("simulate_principal_policy", {"EvaluationResults": [row("s3:B")]})
    with stub:
        assert [one.action for one in refused(ME, REGION, USER, [Wanted(("s3:A", "s3:B"), (TOPIC,))])] == ["s3:A"]
        stub.assert_no_pending_responses()


def test_one_action_that_the_simulator_does_not_take_is_an_error(credentials: None) -> None:
    with Stubber(client("iam", ME, REGION)) as stub:
        stub.add_client_error("simulate_principal_policy", "InvalidInput", "Invalid Entity Arn")
        with pytest.raises(ResourceError, match="Invalid Entity"):
            refused(ME, REGION, USER, [READ])


def test_the_conditions_of_a_statement_become_keys_of_the_call() -> None:
    only = {"ArnEquals": {"iam:PolicyARN": "arn:x"}, "StringEquals": {"kms:ViaService": ["s3", "ssm"]}}
    found = wanted_by(
        document(allow("A", ["iam:AttachRolePolicy"], "arn:y", condition=only), allow("B", ["a:B"], ["*"]))
    )
    assert found == (
        Wanted(("iam:AttachRolePolicy",), ("arn:y",), (("iam:PolicyARN", "arn:x"), ("kms:ViaService", "s3"))),
        Wanted(("a:B",), ("*",)),
    )

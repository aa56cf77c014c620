"""A call that was carried out and whose answer was lost makes nothing twice, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.local_aws.faults import Fault, Faults, Plan, Rule
from fedml_infra.sandbox.provider.kinds import KINDS
from tests.sandbox.provider.cases import CASES, may, trust
from tests.sandbox.provider.conftest import Lab
from tests.sandbox.provider.driver import RefusedError

ROLE, POLICY, BUCKET, PARAMETER = (
    "aws:iam/role:Role",
    "aws:iam/policy:Policy",
    "aws:s3/bucket:Bucket",
    "aws:ssm/parameter:Parameter",
)

CREATE = {
    ROLE: "CreateRole",
    POLICY: "CreatePolicy",
    BUCKET: "CreateBucket",
    PARAMETER: "PutParameter",
    "aws:sqs/queue:Queue": "CreateQueue",
    "aws:sns/topic:Topic": "CreateTopic",
    "aws:sns/topicSubscription:TopicSubscription": "Subscribe",
}
CHANGES = ("Add*", "Attach*", "Create*", "Delete*", "Detach*", "Put*", "Remove*", "Set*", "Subscribe", "Tag*", "Un*")


@pytest.fixture
def faults(ministack: LocalAws) -> Iterator[Faults]:
    control = Faults(ministack)
    yield control
    control.clear()


def lose(operation: str, *calls: int, fault: Fault = Fault.LOST_ANSWER) -> Rule:
    return Rule(fault=fault, operation=operation, account=Lab.account, calls=calls or (1,))


@pytest.mark.parametrize("type_", KINDS)
def test_every_type_lives_and_dies_with_the_first_answer_of_each_sort_lost(
    lab: Lab, faults: Faults, type_: str
) -> None:
    case = CASES[type_](lab)
    plan = Plan(rules=tuple(lose(operation) for operation in CHANGES))
    faults.set(plan)
    resource = lab.driver.create(type_, case.inputs)
    assert any(call.outcome == "lost_answer" for call in faults.calls())
    now = lab.driver.refresh(resource)
    assert now is not None
    assert not list(lab.driver.diff(now, case.inputs).diffs)
    faults.set(plan)
    lab.driver.delete(resource)
    if type_ not in NEVER_GONE:
        assert lab.driver.refresh(resource) is None


NEVER_GONE = {
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
}
"""S3 has no such thing as a bucket without them."""


@pytest.mark.parametrize("type_", CREATE)
def test_a_creation_that_fails_on_aws_s_side_is_repeated(lab: Lab, faults: Faults, type_: str) -> None:
    case = CASES[type_](lab)
    faults.set(Plan(rules=(lose(CREATE[type_], 1, fault=Fault.INTERNAL_ERROR),)))
    assert lab.driver.create(type_, case.inputs).id
    assert [call.outcome for call in faults.calls() if call.operation == CREATE[type_]] == [
        "internal_error",
        "answered",
    ]


@pytest.mark.parametrize("type_", [ROLE, POLICY, BUCKET, PARAMETER])
def test_what_was_there_before_is_refused_although_an_answer_was_lost(lab: Lab, faults: Faults, type_: str) -> None:
    case = CASES[type_](lab)
    lab.driver.create(type_, case.inputs)
    if type_ != BUCKET:
        _let_a_second_pass(lab)
    faults.set(Plan(rules=(lose(CREATE[type_]),)))
    with pytest.raises(RefusedError, match=r"AlreadyExists|AlreadyOwnedByYou"):
        lab.driver.create(type_, case.inputs)


def _let_a_second_pass(lab: Lab) -> None:
    """By the clock of the things themselves: AWS tells in whole seconds when they were made."""
    iam = lab.boto("iam")
    first = second = None
    number = 0
    while first is None or second is None or (second - first).total_seconds() <= 2:
        name = f"{lab.name}-clock{number}"
        second = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(lab.account))["Role"]["CreateDate"]
        iam.delete_role(RoleName=name)
        first, number = first or second, number + 1


@pytest.mark.parametrize("type_", [ROLE, POLICY, PARAMETER])
def test_what_somebody_else_made_meanwhile_is_not_taken_for_ours(lab: Lab, faults: Faults, type_: str) -> None:
    case = CASES[type_](lab)
    lab.driver.create(type_, {**case.inputs, "tags": {"of": "somebody else"}})
    faults.set(Plan(rules=(lose(CREATE[type_]),)))
    with pytest.raises(RefusedError, match="AlreadyExists"):
        lab.driver.create(type_, case.inputs)


def test_a_policy_changed_with_a_lost_answer_has_one_new_version(lab: Lab, faults: Faults) -> None:
    case = CASES[POLICY](lab)
    resource = lab.driver.create(POLICY, case.inputs)
    faults.set(Plan(rules=(lose("CreatePolicyVersion"),)))
    lab.driver.update(resource, {**case.inputs, "policy": may("s3:PutObject")})
    versions = lab.boto("iam").list_policy_versions(PolicyArn=resource.id)["Versions"]
    assert len(versions) == 2


def test_a_policy_with_all_its_versions_is_changed_with_a_lost_answer(lab: Lab, faults: Faults) -> None:
    case = CASES[POLICY](lab)
    resource = lab.driver.create(POLICY, case.inputs)
    for action in ("s3:A", "s3:B", "s3:C", "s3:D"):
        lab.boto("iam").create_policy_version(PolicyArn=resource.id, PolicyDocument=may(action), SetAsDefault=True)
    faults.set(Plan(rules=(lose("CreatePolicyVersion"), lose("DeletePolicyVersion"))))
    after = lab.driver.update(resource, {**case.inputs, "policy": may("s3:PutObject")})
    assert json.loads(after.outputs["policy"]) == json.loads(may("s3:PutObject"))


def test_a_policy_whose_versions_deletion_is_not_answered_is_deleted(lab: Lab, faults: Faults) -> None:
    case = CASES[POLICY](lab)
    resource = lab.driver.create(POLICY, case.inputs)
    lab.boto("iam").create_policy_version(PolicyArn=resource.id, PolicyDocument=may("s3:*"), SetAsDefault=True)
    faults.set(Plan(rules=(lose("DeletePolicyVersion"), lose("DeletePolicy"))))
    lab.driver.delete(resource)
    assert lab.driver.refresh(resource) is None

"""Callers, regions, the clock and rights."""

from __future__ import annotations

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError, NetworkError
from fedml_infra.operations.checks import accounts as checks
from fedml_infra.operations.checks.accounts import Caller
from fedml_infra.operations.checks.finding import Status
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.policies.document import allow, document

OWN = "111111111111"
ME = Access()
ARN = f"arn:aws:iam::{OWN}:user/someone"
CALLER = Caller(ME, ("the hub",), ARN)


@pytest.fixture
def aws() -> InMemoryCloud:
    return InMemoryCloud({ME: OWN})


def test_credentials_that_hold(aws: InMemoryCloud) -> None:
    found = checks.credentials(checks.caller(aws, ME, ["the hub", "node charite"], "us-east-1"))
    assert found.status is Status.OK
    assert found.told.startswith(f"the hub, node charite: account {OWN}, the environment's credentials, as {ARN}")


def test_credentials_that_do_not_hold(aws: InMemoryCloud) -> None:
    found = checks.credentials(checks.caller(aws, Access(profile="gone"), ["node insel"], "us-east-1"))
    assert (found.status, found.exit_code) == (Status.FAIL, 3)
    assert found.told.startswith("node insel: AWS does not know these credentials (profile gone)")


class OptedOut(InMemoryCloud):
    """Credentials that hold everywhere but in eu-south-2."""

    def caller_arn(self, access: Access, region: str) -> str:
        if region == "eu-south-2":
            raise AuthenticationError("AWS does not know these credentials")
        return super().caller_arn(access, region)


def test_credentials_that_a_region_does_not_know_are_asked_for_at_home() -> None:
    aws = OptedOut({ME: OWN})
    assert checks.caller(aws, ME, ["the hub"], "eu-south-2").account == OWN
    nobody = OptedOut({})
    assert isinstance(checks.caller(nobody, ME, ["the hub"], "eu-south-2").error, AuthenticationError)


def test_without_a_network_nobody_knows_who_it_is(aws: InMemoryCloud) -> None:
    def away(*_: object) -> str:
        raise NetworkError("AWS is away")

    aws.caller_arn = away  # type: ignore[method-assign]
    assert checks.credentials(checks.caller(aws, ME, ["the hub"], "us-east-1")).exit_code == 4


def test_a_region_that_is_enabled_and_one_that_is_not(aws: InMemoryCloud) -> None:
    assert checks.region(aws, CALLER, "eu-south-2").status is Status.OK
    aws.regions_off.add("eu-south-2")
    found = checks.region(aws, CALLER, "eu-south-2")
    assert (found.status, found.exit_code) == (Status.FAIL, 4)
    assert "enable-region --region-name eu-south-2" in (found.fix or "")


@pytest.mark.parametrize(
    ("ahead", "status", "code"),
    [(0.7, Status.OK, 0), (-30, Status.OK, 0), (60, Status.WARN, 0), (-299, Status.WARN, 0), (300, Status.FAIL, 3)],
)
def test_the_clock(aws: InMemoryCloud, ahead: float, status: Status, code: int) -> None:
    aws.ahead = ahead
    found = checks.clock(aws, ME, "us-east-1")
    assert (found.status, found.exit_code) == (status, code)


def test_a_clock_that_cannot_be_compared_is_no_failure(aws: InMemoryCloud) -> None:
    found = checks.clock(aws, Access(profile="gone"), "us-east-1")
    assert found.status is Status.WARN
    assert "profile gone" in found.told


def test_the_clock_s_direction_is_told(aws: InMemoryCloud) -> None:
    aws.ahead = -90
    assert "90 s behind AWS's" in checks.clock(aws, ME, "us-east-1").told


NEEDED = [document(allow("Queues", ["sqs:CreateQueue", "sqs:DeleteQueue"], [f"arn:aws:sqs:::{n}" for n in range(6)]))]


def test_rights_that_are_there(aws: InMemoryCloud) -> None:
    assert checks.rights(aws, CALLER, "us-east-1", NEEDED, "cardio").status is Status.OK


def test_rights_that_are_missing_are_named(aws: InMemoryCloud) -> None:
    aws.denied = frozenset({"sqs:CreateQueue"})
    found = checks.rights(aws, CALLER, "us-east-1", NEEDED, "cardio")
    assert (found.status, found.exit_code) == (Status.FAIL, 5)
    assert "sqs:CreateQueue on arn:aws:sqs:::0" in found.told
    assert "and 1 more" in found.told
    assert ARN in (found.fix or "")


def test_rights_that_may_not_be_simulated_are_said_to_be_unknown(aws: InMemoryCloud) -> None:
    aws.denied = None
    found = checks.rights(aws, CALLER, "us-east-1", NEEDED, "cardio")
    assert found.status is Status.WARN
    assert "iam:SimulatePrincipalPolicy" in (found.fix or "")


def test_each_region_is_asked_for_once() -> None:
    assert [*checks.regions_of({ME: ["a", "b", "a"]})] == [(ME, "a"), (ME, "b")]

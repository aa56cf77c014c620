"""The same life of every type on the other local AWS, so that nothing is tuned to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.provider.emulators import LocalAws as NoHelp
from fedml_infra.sandbox.provider.emulators import Moto, which
from fedml_infra.sandbox.provider.kinds import KINDS
from tests.sandbox.provider import test_every_kind as life
from tests.sandbox.provider.conftest import Lab, served
from tests.sandbox.provider.driver import Driver

NOT_THERE = {
    ("aws:sns/topic:Topic", "tracingConfig"),
    ("aws:sns/topic:Topic", "signatureVersion"),
    ("aws:ssm/parameter:Parameter", "allowedPattern"),
    # Stored and never told: neither a drift nor a deletion can be seen.
    ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "test_each_drift_is_seen_and_mended"),
    ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "test_what_is_deleted_is_gone_and_may_be_deleted_again"),
}
"""What moto does not do: a property, or a whole fact."""


@pytest.fixture(scope="module")
def on_moto(moto: LocalAws, environment: dict[str, str]) -> Iterator[Callable[[], Driver]]:
    there = {**environment, "AWS_ENDPOINT_URL": moto.url, "AWS_CA_BUNDLE": str(moto.ca_bundle)}
    with served(there) as (_, opener):
        yield opener


@pytest.fixture
def lab(moto: LocalAws, on_moto: Callable[[], Driver]) -> Lab:
    return Lab(moto, on_moto, missing=NOT_THERE)


@pytest.mark.parametrize(
    "fact",
    [
        life.test_what_was_made_is_as_asked_for,
        life.test_a_refresh_of_what_was_made_finds_nothing,
        life.test_each_property_that_may_change_is_updated_in_place,
        life.test_each_drift_is_seen_and_mended,
        life.test_what_is_deleted_is_gone_and_may_be_deleted_again,
    ],
)
@pytest.mark.parametrize("type_", KINDS)
def test_the_same_on_moto(lab: Lab, type_: str, fact: Callable[[Lab, str], None]) -> None:
    if (type_, fact.__name__) in NOT_THERE:
        pytest.skip("moto does not tell it")
    fact(lab, type_)


def test_each_local_aws_is_known(moto: LocalAws, ministack: LocalAws) -> None:
    assert type(which(moto.url, str(moto.ca_bundle))) is Moto
    assert type(which(ministack.url, str(ministack.ca_bundle))) is NoHelp


def test_where_nobody_answers_no_help_is_given() -> None:
    assert type(which("http://127.0.0.1:1", None)) is NoHelp

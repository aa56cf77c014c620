"""What came as a secret goes back as one, and is in no message."""

from __future__ import annotations

import pytest

from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.secrets import redact, secret_names, texts
from fedml_infra.sandbox.provider.wire import UNKNOWN
from tests.sandbox.provider import cases
from tests.sandbox.provider.conftest import REGION, Lab
from tests.sandbox.provider.driver import Driver, RefusedError, clear_text

PARAMETER, QUEUE = "aws:ssm/parameter:Parameter", "aws:sqs/queue:Queue"


@pytest.mark.parametrize("as_secret", [True, False])
def test_a_parameter_s_value_is_never_in_the_clear(lab: Lab, as_secret: bool) -> None:
    inputs = {"name": f"/{lab.name}", "type": "SecureString", "value": "hush-hush"}
    resource = lab.driver.create(PARAMETER, inputs, secret={"value"} if as_secret else ())
    assert resource.outputs["value"] == "hush-hush"
    for state in (resource, lab.driver.refresh(resource), lab.driver.import_(PARAMETER, resource.id)):
        assert state is not None
        assert "hush-hush" not in clear_text(state.raw)
        assert "value" in state.secret
    found = lab.driver.import_(PARAMETER, resource.id)
    assert found is not None
    assert found.inputs["value"] == "hush-hush"
    assert "value" in found.input_secret


def test_a_parameter_s_value_changed_by_hand_is_a_secret_too(lab: Lab) -> None:
    inputs = {"name": f"/{lab.name}", "type": "SecureString", "value": "hush-hush"}
    resource = lab.driver.create(PARAMETER, inputs)
    lab.boto("ssm").put_parameter(Name=resource.id, Value="by-hand", Type="SecureString", Overwrite=True)
    now = lab.driver.refresh(resource)
    assert now is not None
    assert now.inputs["value"] == "by-hand"
    assert "by-hand" not in clear_text(now.raw)
    assert "value" in now.input_secret


def test_an_insecure_value_is_shown(lab: Lab) -> None:
    inputs = {"name": f"/{lab.name}", "type": "String", "insecureValue": "plain"}
    resource = lab.driver.create(PARAMETER, inputs)
    now = lab.driver.refresh(resource)
    assert now is not None
    assert now.inputs["insecureValue"] == "plain"
    assert "value" not in now.outputs
    assert not lab.driver.diff(now, inputs).diffs


@pytest.mark.parametrize("type_", [t for t, kind in KINDS.items() if "tags" in kind.inputs])
def test_secret_tags_are_not_shown_as_all_tags(lab: Lab, type_: str) -> None:
    case = cases.CASES[type_](lab)
    tags = {"k": "hush-hush"}
    resource = lab.driver.create(type_, {**case.inputs, "tags": tags}, secret={"tags"})
    now = lab.driver.refresh(resource)
    assert now is not None
    for state in (resource, now):
        assert state.outputs["tagsAll"] == tags
        assert state.secret >= {"tags", "tagsAll"}
        assert "hush-hush" not in clear_text(state.raw)


def test_the_provider_s_secret_tags_are_not_shown_as_all_tags(lab: Lab) -> None:
    driver = lab.open().configure(
        secret={"defaultTags"},
        region=REGION,
        accessKey=lab.account,
        secretKey="sandbox",
        defaultTags={"tags": {"k": "hush-hush"}},
    )
    resource = driver.create(QUEUE, {"name": lab.name})
    assert resource.outputs["tagsAll"] == {"k": "hush-hush"}
    assert "hush-hush" not in clear_text(resource.raw)


def test_what_is_made_of_a_secret_name_is_a_secret(lab: Lab) -> None:
    resource = lab.driver.create(QUEUE, {"name": lab.name}, secret={"name"})
    assert resource.secret >= {"name", "arn", "url"}
    assert lab.name not in clear_text(resource.raw)


def test_what_has_nothing_to_do_with_a_secret_stays_readable(lab: Lab) -> None:
    """A value that only looks like the secret is not wrapped."""
    resource = lab.driver.create(QUEUE, {"name": lab.name, "tags": {"k": lab.name}}, secret={"tags"})
    assert "name" not in resource.secret
    assert resource.secret == {"tags", "tagsAll"}


def test_a_preview_wraps_secrets_too(lab: Lab) -> None:
    from pulumi.runtime.proto import provider_pb2

    from fedml_infra.sandbox.provider.wire import dump

    request = provider_pb2.CreateRequest(
        urn=f"urn:pulumi:dev::test::{QUEUE}::r",
        properties=dump({"name": lab.name, "tags": {"k": "hush-hush"}}, {"tags"}),
        preview=True,
    )
    assert "hush-hush" not in clear_text(lab.driver.call("Create", request).properties)


def taken_bucket(lab: Lab, driver: Driver, secret: set[str]) -> str:
    """The refusal of a bucket that is there; it names the bucket."""
    lab.boto("s3", region="us-east-1").create_bucket(Bucket=f"hush-{lab.name}")
    with pytest.raises(RefusedError, match="BucketAlreadyOwnedByYou") as caught:
        driver.create("aws:s3/bucket:Bucket", {"bucket": f"hush-{lab.name}"}, secret=secret)
    return str(caught.value)


def test_a_secret_that_a_refusal_repeats_is_taken_out_of_it(lab: Lab) -> None:
    assert "hush" not in taken_bucket(lab, lab.driver, {"bucket"})


def test_what_is_no_secret_stays_in_a_refusal(lab: Lab) -> None:
    assert f"hush-{lab.name}" in taken_bucket(lab, lab.driver, set())


def test_a_provider_s_secret_key_is_in_no_refusal(lab: Lab) -> None:
    driver = lab.open().configure(region=REGION, accessKey=lab.account, secretKey=f"hush-{lab.name}")
    assert "hush" not in taken_bucket(lab, driver, set())


def test_a_secret_is_found_as_it_looks_inside_json() -> None:
    found = texts({"policy": '{"a": "hush"}'}, {"policy"})
    assert redact('before {"a": "hush"} after {\\"a\\": \\"hush\\"}', found) == "before [secret] after [secret]"


def test_the_longest_secret_is_taken_out_first() -> None:
    assert redact("x hush-hush y hush", {"hush", "hush-hush"}) == "x [secret] y [secret]"


def test_texts_are_found_at_any_depth() -> None:
    properties = {"a": {"b": ["deep", {"c": 12345}]}, "d": "open", "e": UNKNOWN, "f": True}
    assert texts(properties, {"a", "e", "f", "missing"}) == {"deep", "12345"}


def test_derived_secrets_are_declared_for_every_kind_with_tags() -> None:
    for kind in KINDS.values():
        if "tags" in kind.inputs:
            assert "tagsAll" in secret_names(kind, {"tags"}), kind.type

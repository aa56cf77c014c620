"""A stack's `aws:*` keys, as its file has them and as the engine hands them on."""

from __future__ import annotations

import pytest

from fedml_infra.aws.provider_settings import provider_settings


@pytest.mark.parametrize("accounts", [["111111111111"], '["111111111111"]'])
def test_keys_of_the_aws_namespace_become_arguments_without_region_and_version(accounts: object) -> None:
    values = {
        "aws:region": "us-east-1",
        "aws:version": "7",
        "aws:allowedAccountIds": accounts,
        "aws:profile": "p",
        "fedml-infra:fed_name": "cardio",
    }
    assert provider_settings(values) == {"allowed_account_ids": ["111111111111"], "profile": "p"}


@pytest.mark.parametrize("given", [True, "true"])
def test_what_is_true_is_no_text(given: object) -> None:
    assert provider_settings({"aws:skipMetadataApiCheck": given}) == {"skip_metadata_api_check": True}

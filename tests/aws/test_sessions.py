"""Whose credentials a call is made with."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws import sessions
from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import (
    Access,
    Keys,
    Role,
    Sessions,
    account_of,
    client,
    client_config,
    expect_account,
    is_loopback,
    still_valid,
)
from fedml_infra.errors import AuthenticationError, ConfigurationError, NetworkError
from fedml_infra.model.stack import AccountAccess

from .conftest import ACCOUNT, REGION, FakeSts

ROLE = "arn:aws:iam::222222222222:role/deploy"
KEYS = Keys("AKIAGIVENGIVENGIVEN1", "given-secret", "given-token")


def at(sts: FakeSts, **rest: Any) -> Access:
    return Access(endpoints=(("", sts.url),), **rest)


def test_the_program_pays_for_boto3_only_when_it_calls() -> None:
    code = "import sys, fedml_infra.aws.sessions, fedml_infra.aws.live; print('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_account_in_the_stack_file_is_a_profile() -> None:
    assert Access.of(AccountAccess(profile="insel-prod")) == Access(profile="insel-prod")


def test_an_account_in_the_stack_file_is_a_role_with_its_external_id() -> None:
    assert Access.of(AccountAccess(assume_role=ROLE, external_id="e-1")) == Access(roles=(Role(ROLE, "e-1"),))


def test_no_account_in_the_stack_file_is_the_environment() -> None:
    assert Access.of(None) == Access.ambient() == Access()


def test_a_providers_settings_are_honoured() -> None:
    access = Access.ambient(
        {
            "access_key": KEYS.access_key_id,
            "secret_key": KEYS.secret_access_key,
            "token": KEYS.session_token,
            "endpoints": [{"sns": "http://127.0.0.1:1", "sqs": ""}],
            "assume_roles": [{"roleArn": ROLE, "externalId": "e-1"}],
            "custom_ca_bundle": "/ca.pem",
            "shared_config_files": ["/c"],
            "shared_credentials_files": ["/s"],
            "skip_metadata_api_check": True,
        }
    )
    assert access == Access(
        keys=KEYS,
        endpoints=(("sns", "http://127.0.0.1:1"),),
        roles=(Role(ROLE, "e-1"),),
        ca_bundle="/ca.pem",
        config_file="/c",
        credentials_file="/s",
    )


def test_a_nodes_profile_stands_instead_of_the_stacks_keys_and_roles() -> None:
    settings = {"access_key": "a", "secret_key": "b", "assume_roles": [{"role_arn": ROLE}]}
    assert Access.of(AccountAccess(profile="p"), settings) == Access(profile="p")


def test_a_nodes_role_is_assumed_from_the_stacks_credentials() -> None:
    access = Access.of(AccountAccess(assume_role=ROLE), {"profile": "p"})
    assert access == Access(profile="p", roles=(Role(ROLE),))


def test_two_configuration_files_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="shared_config_files names 2 files"):
        Access.ambient({"shared_config_files": ["/a", "/b"]})


def test_credentials_that_the_provider_alone_could_get_are_refused() -> None:
    settings = {"assume_role_with_web_identity": {"roleArn": "arn:aws:iam::222222222222:role/ci"}}
    with pytest.raises(ConfigurationError, match="AWS_WEB_IDENTITY_TOKEN_FILE"):
        Access.ambient(settings)


def test_an_access_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Access().profile = "x"  # type: ignore[misc]


def test_no_secret_is_printed() -> None:
    access = Access(keys=KEYS, roles=(Role(ROLE, "external-secret"),))
    text = f"{access!r} {access} {access.keys!r}"
    assert not any(secret in text for secret in ("GIVEN", "given-secret", "given-token", "external-secret"))


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (Access(), "the environment's credentials"),
        (Access(profile="p"), "profile p"),
        (Access(keys=KEYS), "the given keys"),
        (Access(profile="p", roles=(Role(ROLE),)), f"role {ROLE}"),
    ],
)
def test_an_access_says_what_it_is(access: Access, said: str) -> None:
    assert str(access) == said


def test_account_of_the_environment(moto: None) -> None:
    assert account_of(Access(), REGION) == ACCOUNT


def test_the_account_is_asked_once(sts: FakeSts) -> None:
    access = at(sts, keys=KEYS)
    assert [account_of(access, REGION) for _ in range(3)] == ["222222222222"] * 3
    assert sts.actions() == ["GetCallerIdentity"]


def test_whether_credentials_still_hold_is_asked_anew(sts: FakeSts) -> None:
    access = at(sts, keys=KEYS)
    account_of(access, REGION)
    sts.refuse = (403, "ExpiredToken", "expired")
    with pytest.raises(AuthenticationError, match="have expired"):
        still_valid(access, REGION)


def test_given_keys_are_used_and_no_others(sts: FakeSts, credentials: None) -> None:
    account_of(at(sts, keys=KEYS), REGION)
    assert sts.keys == [KEYS.access_key_id]


def test_the_accounts_own_credentials_pass(moto: None) -> None:
    expect_account(Access(), REGION, ACCOUNT, where="node insel")


def test_another_accounts_credentials_are_refused(moto: None) -> None:
    with pytest.raises(AuthenticationError) as caught:
        expect_account(Access(), REGION, "333333333333", where="node insel")
    assert f"belong to account {ACCOUNT}, but node insel is in account 333333333333" in caught.value.what
    assert "Log in to account 333333333333" in (caught.value.fix or "")


def test_no_credentials() -> None:
    with pytest.raises(AuthenticationError, match="no AWS credentials"):
        account_of(Access(), REGION)


def test_no_credentials_to_assume_a_role_with() -> None:
    with pytest.raises(AuthenticationError, match="no AWS credentials"):
        account_of(Access(roles=(Role(ROLE),)), REGION)


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(AuthenticationError, match="insel-prod"):
        client("sns", Access(profile="insel-prod"), REGION)


def test_a_profile_whose_keys_are_used(sts: FakeSts, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[p]\naws_access_key_id=AKIAPROFILE\naws_secret_access_key=x\n")
    account_of(at(sts, profile="p"), REGION)
    assert sts.keys == ["AKIAPROFILE"]


def test_credentials_file_of_the_settings_is_read(sts: FakeSts, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("[p]\naws_access_key_id=AKIAMINE\naws_secret_access_key=x\n")
    account_of(at(sts, profile="p", credentials_file=str(tmp_path / "mine")), REGION)
    assert sts.keys == ["AKIAMINE"]


def test_credentials_that_aws_does_not_know(sts: FakeSts) -> None:
    sts.refuse = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    with pytest.raises(AuthenticationError, match="InvalidClientTokenId"):
        account_of(at(sts, keys=KEYS), REGION)


def test_no_network() -> None:
    with pytest.raises(NetworkError, match="cannot be reached"):
        account_of(Access(keys=KEYS, endpoints=(("", "http://127.0.0.1:1"),)), REGION)


def test_a_server_that_speaks_no_tls(sts: FakeSts) -> None:
    with pytest.raises(NetworkError, match="TLS failed"):
        account_of(Access(keys=KEYS, endpoints=(("sts", sts.url.replace("http:", "https:")),)), REGION)


def test_the_endpoint_of_the_environment_is_honoured(
    sts: FakeSts, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.url)
    assert account_of(Access(), REGION) == "222222222222"


def test_a_local_endpoint_is_never_asked_through_a_proxy(
    sts: FakeSts, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert account_of(Access(), REGION) == "222222222222"


def test_a_role_is_assumed_with_its_external_id_at_the_first_call(sts: FakeSts) -> None:
    access = at(sts, keys=KEYS, roles=(Role(ROLE, "e-1"),))
    client("sts", access, REGION)
    assert sts.calls == []
    account_of(access, REGION)
    assert sts.actions() == ["AssumeRole", "GetCallerIdentity"]
    assert sts.calls[0]["RoleArn"] == ROLE
    assert sts.calls[0]["ExternalId"] == "e-1"
    assert sts.calls[0]["DurationSeconds"] == "3600"
    assert sts.keys == [KEYS.access_key_id, "ASIAROLE000000000001"]


def test_a_role_without_external_id_sends_none(sts: FakeSts) -> None:
    account_of(at(sts, keys=KEYS, roles=(Role(ROLE),)), REGION)
    assert "ExternalId" not in sts.calls[0]


def test_roles_are_assumed_one_from_the_other(sts: FakeSts) -> None:
    second = ROLE.replace("deploy", "second")
    account_of(at(sts, keys=KEYS, roles=(Role(ROLE), Role(second))), REGION)
    assert [call.get("RoleArn") for call in sts.calls] == [ROLE, second, None]
    assert sts.keys == [KEYS.access_key_id, "ASIAROLE000000000001", "ASIAROLE000000000002"]


def test_a_roles_credentials_are_kept_while_they_live_in_every_region(sts: FakeSts) -> None:
    access = at(sts, keys=KEYS, roles=(Role(ROLE),))
    for region in (REGION, "us-east-1"):
        still_valid(access, region)
    assert sts.actions() == ["AssumeRole", "GetCallerIdentity", "GetCallerIdentity"]


def test_a_roles_credentials_are_renewed_before_they_expire(sts: FakeSts) -> None:
    access = at(sts, keys=KEYS, roles=(Role(ROLE),))
    sts.role_lives = timedelta(minutes=12)
    still_valid(access, REGION)
    sts.role_lives = timedelta(hours=1)
    still_valid(access, REGION)
    assert sts.actions().count("AssumeRole") == 2
    assert sts.keys[-1] == "ASIAROLE000000000003"


def test_a_role_that_may_not_be_assumed_is_told(sts: FakeSts) -> None:
    from fedml_infra.errors import PolicyError

    sts.refuse = (403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
    with pytest.raises(PolicyError, match=ROLE):
        account_of(at(sts, keys=KEYS, roles=(Role(ROLE),)), REGION)


def test_a_client_is_made_once(credentials: None) -> None:
    assert client("sns", Access(), REGION) is client("sns", Access(), REGION)
    assert client("sns", Access(), "us-east-1") is not client("sns", Access(), REGION)


def test_regions_and_short_lived_keys_share_one_session(credentials: None) -> None:
    shared = Sessions()
    shared.client("sns", Access(), REGION)
    shared.client("sns", Access(), "us-east-1")
    shared.client("sns", Access(keys=KEYS), REGION)
    assert len(shared._sessions) == 1


def test_forgetting_reads_the_environment_anew(
    sts: FakeSts, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_valid(at(sts), REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    sessions.forget()
    still_valid(at(sts), REGION)
    assert sts.keys == ["AKIATESTTESTTESTTEST", "AKIARENEWED"]


def test_the_client_used_longest_ago_goes_first(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CLIENTS_KEPT", 2)
    shared = Sessions()
    first, second = shared.client("sns", Access(), REGION), shared.client("sqs", Access(), REGION)
    assert shared.client("sns", Access(), REGION) is first
    shared.client("sts", Access(), REGION)
    assert shared.client("sns", Access(), REGION) is first
    assert shared.client("sqs", Access(), REGION) is not second


def test_threads_that_start_together_get_the_same_client(credentials: None) -> None:
    start, shared = threading.Barrier(8), Sessions()

    def get(_: int) -> Any:
        start.wait(60)
        return shared.client("sns", Access(), REGION)

    assert len({id(outcome.unwrap()) for outcome in each(get, range(8), at_once=8)}) == 1


def test_sts_is_asked_in_the_region(credentials: None) -> None:
    assert client("sts", Access(), "us-east-1").meta.endpoint_url == "https://sts.us-east-1.amazonaws.com"
    assert client("sts", Access(), "af-south-1").meta.endpoint_url == "https://sts.af-south-1.amazonaws.com"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4566", "https://localhost:1", "http://[::1]:1", "http://a.localhost"]
)
def test_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", [None, "", "https://sns.eu-west-1.amazonaws.com", "http://127.0.0.1.example.com", "http://10.0.0.1"]
)
def test_not_loopback(url: str | None) -> None:
    assert is_loopback(url) is False


def test_aws_is_given_more_time_and_tries_than_a_local_one() -> None:
    aws, local = client_config(None), client_config("https://127.0.0.1:1")
    assert aws.connect_timeout > local.connect_timeout
    assert aws.retries == {"mode": "standard", "total_max_attempts": 5}
    assert local.retries == {"mode": "standard", "total_max_attempts": 4}


def test_a_read_outlasts_a_long_poll() -> None:
    assert client_config("https://127.0.0.1:1").read_timeout > 20

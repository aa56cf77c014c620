"""A provider's settings: whose credentials, which region, which tags, which account."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.provider.kinds import KINDS
from tests.sandbox.provider.cases import CASES, document, may
from tests.sandbox.provider.conftest import REGION, Lab, served
from tests.sandbox.provider.driver import Driver, RefusedError

QUEUE = "aws:sqs/queue:Queue"
WHO = "aws:index/getCallerIdentity:getCallerIdentity"


@contextlib.contextmanager
def provider_process(environment: dict[str, str], **more: str) -> Iterator[Callable[[], Driver]]:
    with served({**environment, **more}) as (_, open_driver):
        yield open_driver


def account(driver: Driver) -> str:
    return str(driver.invoke(WHO)["accountId"])


# -- credentials


def test_the_arguments_keys_come_first(environment: dict[str, str], ministack: LocalAws) -> None:
    with provider_process(environment, AWS_ACCESS_KEY_ID="111111111111", AWS_SECRET_ACCESS_KEY="sandbox") as opened:
        driver = opened().configure(region=REGION, accessKey="222222222222", secretKey="sandbox")
        assert account(driver) == "222222222222"


def test_without_arguments_the_environment_s_keys_are_taken(environment: dict[str, str]) -> None:
    with provider_process(
        environment, AWS_ACCESS_KEY_ID="111111111111", AWS_SECRET_ACCESS_KEY="sandbox", AWS_REGION="us-west-2"
    ) as opened:
        driver = opened().configure()
        assert account(driver) == "111111111111"
        assert driver.invoke("aws:index/getRegion:getRegion")["region"] == "us-west-2"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Shared files of a person with many kinds of profiles."""
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-west-1\n"
        "[profile sandbox-444444444444]\nregion = us-west-1\n"
        "[profile chained]\nrole_arn = arn:aws:iam::555555555555:role/deployer\nsource_profile = sandbox-444444444444\n"
        "external_id = ext\nregion = us-west-1\n"
        "[profile sso]\nsso_start_url = https://example.awsapps.com/start\nregion = us-west-1\n"
        "[profile process]\ncredential_process = /bin/false\nregion = us-west-1\n"
        "[profile machine]\nrole_arn = arn:aws:iam::555555555555:role/r\ncredential_source = Ec2InstanceMetadata\n"
        "region = us-west-1\n"
        "[profile web]\nrole_arn = arn:aws:iam::555555555555:role/r\nweb_identity_token_file = /t\nregion = us-west-1\n"
        "[profile one]\nrole_arn = arn:aws:iam::555555555555:role/r\nsource_profile = two\nregion = us-west-1\n"
        "[profile two]\nrole_arn = arn:aws:iam::555555555555:role/r\nsource_profile = one\nregion = us-west-1\n"
        "[profile empty]\nregion = us-west-1\n"
    )
    (tmp_path / "credentials").write_text(
        "[sandbox-444444444444]\naws_access_key_id = 444444444444\naws_secret_access_key = sandbox\n"
    )
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def test_a_profile_of_both_files_gives_keys_and_region(environment: dict[str, str], files: dict[str, str]) -> None:
    with provider_process(environment, **files) as opened:
        driver = opened().configure(profile="sandbox-444444444444")
        assert account(driver) == "444444444444"
        assert driver.invoke("aws:index/getRegion:getRegion")["region"] == "us-west-1"


def test_a_profile_asked_for_wins_over_the_environment_s_keys(
    environment: dict[str, str], files: dict[str, str]
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "111111111111", "AWS_SECRET_ACCESS_KEY": "sandbox"}
    with provider_process(environment, **files, **keys) as opened:
        assert account(opened().configure(profile="sandbox-444444444444")) == "444444444444"


def test_the_environment_s_profile_is_taken_when_nothing_else_is_said(
    environment: dict[str, str], files: dict[str, str]
) -> None:
    with provider_process(environment, **files, AWS_PROFILE="sandbox-444444444444") as opened:
        assert account(opened().configure()) == "444444444444"


def deployer(lab: Lab, owner: str, trusted: str, external_id: str) -> str:
    """A role of `owner` that `trusted` may assume with this external id, and that may do everything."""
    iam = lab.boto("iam", owner)
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{trusted}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )
    name = "deployer" if external_id == "ext" else lab.name
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=may("*"))
    return f"arn:aws:iam::{owner}:role/{name}"


def test_a_profile_s_role_is_assumed_from_its_source(
    lab: Lab, environment: dict[str, str], files: dict[str, str]
) -> None:
    deployer(lab, "555555555555", "444444444444", "ext")
    with provider_process(environment, **files) as opened:
        driver = opened().configure(profile="chained")
        assert driver.invoke(WHO)["arn"].startswith("arn:aws:sts::555555555555:assumed-role/deployer/")


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("sso", "by sso_start_url, which leads away from this machine"),
        ("process", "by credential_process, which leads away"),
        ("machine", "by credential_source, which leads away"),
        ("web", "by web_identity_token_file, which leads away"),
        ("one", "name each other as source_profile"),
        ("empty", "has no access key"),
        ("nobody", "there is no AWS profile nobody"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(
    environment: dict[str, str], files: dict[str, str], profile: str, message: str
) -> None:
    with provider_process(environment, **files) as opened, pytest.raises(RefusedError, match=message):
        opened().configure(profile=profile, region=REGION).invoke(WHO)


def test_without_credentials_there_is_help(environment: dict[str, str]) -> None:
    with provider_process(environment) as opened, pytest.raises(RefusedError, match="no AWS credentials: set"):
        opened().configure(region=REGION).invoke(WHO)


def test_without_a_region_there_is_help(environment: dict[str, str]) -> None:
    with provider_process(environment) as opened, pytest.raises(RefusedError, match="no AWS region: set aws:region"):
        opened().configure(accessKey="a", secretKey="bbb")


def test_half_an_access_key_is_refused(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="accessKey and secretKey together"):
        lab.open().configure(region=REGION, accessKey="a")


# -- roles


def test_roles_are_assumed_in_turn(lab: Lab) -> None:
    one = deployer(lab, lab.neighbour, lab.account, f"{lab.name}-1")
    two = deployer(lab, "666666666666", lab.neighbour, f"{lab.name}-2")
    roles = [
        {"roleArn": one, "externalId": f"{lab.name}-1", "sessionName": "first"},
        {"roleArn": two, "externalId": f"{lab.name}-2", "sessionName": "second", "duration": "15m"},
    ]
    driver = lab.provider(lab.account, assumeRoles=roles)
    assert driver.invoke(WHO)["arn"] == f"arn:aws:sts::666666666666:assumed-role/{lab.name}/second"
    assert driver.create(QUEUE, {"name": lab.name}).outputs["arn"].split(":")[4] == "666666666666"


def test_a_role_with_a_wrong_external_id_is_refused_in_aws_s_words(lab: Lab) -> None:
    role = deployer(lab, lab.neighbour, lab.account, lab.name)
    driver = lab.provider(lab.account, assumeRoles=[{"roleArn": role, "externalId": "wrong"}])
    with pytest.raises(RefusedError, match="AssumeRole: AccessDenied"):
        driver.create(QUEUE, {"name": lab.name})


def test_a_role_s_session_policy_limits_it(lab: Lab) -> None:
    role = {"roleArn": deployer(lab, lab.neighbour, lab.account, lab.name), "externalId": lab.name}
    driver = lab.provider(lab.account, assumeRoles=[{**role, "policy": may("sns:*")}])
    with pytest.raises(RefusedError, match="AccessDenied"):
        driver.create(QUEUE, {"name": lab.name})


# -- accounts


def test_an_allowed_account_is_taken(lab: Lab) -> None:
    assert account(lab.provider(lab.account, allowedAccountIds=[lab.account])) == lab.account


def test_an_account_that_is_not_allowed_is_refused_at_once_and_both_are_named(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="AWS account ID not allowed") as caught:
        lab.provider(lab.account, allowedAccountIds=["777777777777"])
    assert lab.account in str(caught.value)
    assert "777777777777" in str(caught.value)


def test_a_forbidden_account_is_refused_at_once(lab: Lab) -> None:
    with pytest.raises(RefusedError, match=f"AWS account ID not allowed: {lab.account}"):
        lab.provider(lab.account, forbiddenAccountIds=[lab.account])


def test_without_a_limit_no_account_is_asked_for(environment: dict[str, str]) -> None:
    # Nobody listens on port 1: a call at Configure would fail.
    with provider_process(environment, AWS_ENDPOINT_URL="https://127.0.0.1:1") as opened:
        opened().configure(region=REGION, accessKey="222222222222", secretKey="sandbox")


def test_allowed_and_forbidden_accounts_exclude_each_other(lab: Lab) -> None:
    found = lab.open().check_config({"allowedAccountIds": ["1"], "forbiddenAccountIds": ["2"]})
    assert found == {"forbiddenAccountIds": "conflicts with allowedAccountIds"}


# -- tags


@pytest.mark.parametrize("type_", [t for t, kind in KINDS.items() if "tags" in kind.inputs])
def test_the_provider_s_tags_are_on_everything_and_are_kept_in_step(lab: Lab, type_: str) -> None:
    case = CASES[type_](lab)
    one = lab.provider(lab.account, defaultTags={"tags": {"d": "1", "a": "default"}})
    resource = one.create(type_, case.inputs)
    assert resource.outputs["tags"] == case.inputs["tags"]
    assert resource.outputs["tagsAll"] == {"d": "1", **case.inputs["tags"]}
    now = one.refresh(resource)
    assert now is not None
    assert now.inputs["tags"] == case.inputs["tags"]
    two = lab.provider(lab.account, defaultTags={"tags": {"d": "2"}})
    assert list(two.diff(resource, case.inputs).diffs) == ["tagsAll"]
    after = two.update(resource, case.inputs)
    assert after.outputs["tagsAll"] == {"d": "2", **case.inputs["tags"]}
    assert list(two.diff(after, case.inputs).diffs) == []


# -- settings as such


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"nonsense": 1}, {"nonsense": "the aws provider has no setting nonsense"}),
        (
            {"httpProxy": "http://proxy"},
            {"httpProxy": "the sandbox's aws provider does not have the setting httpProxy"},
        ),
        ({"skipRegionValidation": False, "region": "mars-1"}, {"region": "AWS has no region mars-1"}),
        ({"skipRegionValidation": True, "region": "mars-1"}, {}),
        ({"skipCredentialsValidation": True, "skipMetadataApiCheck": True, "skipRequestingAccountId": True}, {}),
        ({"s3UsePathStyle": True, "maxRetries": 3, "region": REGION}, {}),
    ],
)
def test_settings_are_checked(lab: Lab, settings: dict[str, Any], wrong: dict[str, str]) -> None:
    assert lab.open().check_config(settings) == wrong


def test_another_region_is_another_provider_and_other_tags_are_not(lab: Lab) -> None:
    from pulumi.runtime.proto import provider_pb2

    from fedml_infra.sandbox.provider.wire import dump

    def diff(new: dict[str, Any]) -> tuple[list[str], list[str]]:
        old = {"region": REGION, "defaultTags": json.dumps({"tags": {}})}
        answer = lab.open().call(
            "DiffConfig", provider_pb2.DiffRequest(old_inputs=dump(old), news=dump({**old, **new}))
        )
        return list(answer.diffs), list(answer.replaces)

    assert diff({"region": "us-west-2"}) == (["region"], ["region"])
    assert diff({"defaultTags": "{}"}) == (["defaultTags"], [])
    assert diff({"version": "9"}) == ([], [])


def test_a_service_s_own_endpoint_wins(lab: Lab, environment: dict[str, str]) -> None:
    with provider_process(environment, AWS_ENDPOINT_URL="https://127.0.0.1:1") as opened:
        endpoints = [{"sts": environment["AWS_ENDPOINT_URL"]}]
        driver = opened().configure(region=REGION, accessKey=lab.account, secretKey="sandbox", endpoints=endpoints)
        assert account(driver) == lab.account


def test_the_functions_answer(lab: Lab) -> None:
    assert lab.driver.invoke("aws:index/getRegion:getRegion")["name"] == REGION
    assert lab.driver.invoke("aws:index/getRegion:getRegion", region="us-west-2")["region"] == "us-west-2"
    assert lab.driver.invoke("aws:index/getPartition:getPartition") == {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }
    lab.driver.create("aws:s3/bucket:Bucket", {"bucket": lab.name})
    bucket = lab.driver.invoke("aws:s3/getBucket:getBucket", bucket=lab.name)
    assert (bucket["arn"], bucket["bucketRegion"]) == (f"arn:aws:s3:::{lab.name}", REGION)
    with pytest.raises(RefusedError, match="HeadBucket: 404"):
        lab.driver.invoke("aws:s3/getBucket:getBucket", bucket=lab.name + "x")


def test_a_provider_that_was_not_configured_says_so(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="before it was configured"):
        lab.open().invoke(WHO)

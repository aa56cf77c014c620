"""The role of a pipeline: who can assume it and who cannot, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy

import pytest

from fedml_infra.errors import ConfigurationError, PolicyError
from fedml_infra.policies import operator
from fedml_infra.policies.document import Document, Kind
from fedml_infra.policies.evaluation import Caller, Request, evaluate
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.pipeline import (
    ASSUME,
    Identity,
    Purpose,
    SecretsKey,
    StateBucket,
    github_identity,
    gitlab_identity,
    pipeline_policies,
    provider_arn,
    trust_policy,
    whole,
)
from fedml_infra.policies.stack_policies import stack_operator_policies
from tests.policies.examples import HUB, STRANGER, config

ROLE = f"arn:aws:iam::{HUB}:role/fedml-preview"
REPOSITORY = "charite/federations"
WRITES = re.compile(
    r":(Put|Create|Delete|Set|Update|Tag|Untag|Add|Remove|Attach|Detach|Subscribe|Unsubscribe|Encrypt|Gen)"
)
STATE = StateBucket("charite-states", "fed/")
KEY = SecretsKey("alias/federations", "us-east-1")


def token(identity: Identity, **said: str) -> Request:
    """AssumeRoleWithWebIdentity with a token of the identity's host; `said` are claims that differ."""
    claims = {"aud": identity.audience, "sub": identity.subject, **said}
    context = tuple((f"{identity.host}:{name}", value) for name, value in claims.items())
    caller = Caller(federated=provider_arn(identity, account=HUB))
    return Request(caller, ASSUME, ROLE, HUB, context)


def may_assume(trust: Document, request: Request) -> bool:
    return bool(evaluate(request, resource_policy=trust))


PREVIEW = github_identity(REPOSITORY, Purpose.PREVIEW)
TRUST = trust_policy(PREVIEW, account=HUB)
REFUSED = {
    "another environment": "repo:charite/federations:environment:fedml-apply",
    "no environment, the default branch": "repo:charite/federations:ref:refs/heads/main",
    "another branch": "repo:charite/federations:ref:refs/heads/evil",
    "the pull request's own workflow": "repo:charite/federations:pull_request",
    "another repository": "repo:charite/other:environment:fedml-preview",
    "a fork": "repo:mallory/federations:environment:fedml-preview",
    "a repository whose name goes on": "repo:charite/federations-2:environment:fedml-preview",
    "an environment whose name goes on": "repo:charite/federations:environment:fedml-preview-2",
    "another case": "repo:Charite/federations:environment:fedml-preview",
}


def test_the_job_of_the_environment_can_assume_the_role() -> None:
    assert may_assume(TRUST, token(PREVIEW))


@pytest.mark.parametrize("who", REFUSED)
def test_no_other_job_can(who: str) -> None:
    assert not may_assume(TRUST, token(PREVIEW, sub=REFUSED[who]))


def test_a_token_for_somebody_else_than_aws_is_none() -> None:
    assert not may_assume(TRUST, token(PREVIEW, aud="https://github.com/charite"))


def test_a_token_without_a_subject_is_none() -> None:
    request = token(PREVIEW)
    bare = Request(request.caller, request.action, request.resource, HUB, request.context[:1])
    assert not may_assume(TRUST, bare)


@pytest.mark.parametrize(
    "caller",
    [
        Caller(account=HUB),
        Caller(account=STRANGER),
        Caller(service="ec2.amazonaws.com"),
        Caller(),
        Caller(federated=f"arn:aws:iam::{HUB}:oidc-provider/gitlab.com"),
        Caller(federated=f"arn:aws:iam::{STRANGER}:oidc-provider/token.actions.githubusercontent.com"),
    ],
    ids=str,
)
def test_nobody_else_than_the_code_host_vouches(caller: Caller) -> None:
    request = token(PREVIEW)
    assert not may_assume(TRUST, Request(caller, ASSUME, ROLE, HUB, request.context))


def test_the_role_is_assumed_with_a_token_and_in_no_other_way() -> None:
    request = token(PREVIEW)
    for action in ("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:TagSession"):
        assert not may_assume(TRUST, Request(request.caller, action, ROLE, HUB, request.context))


def _pattern(trust: Document) -> None:
    condition = trust["Statement"][0]["Condition"]
    found = condition.pop("StringEquals")
    found[f"{PREVIEW.host}:sub"] = "repo:charite/*:environment:fedml-preview"
    condition["StringLike"] = found


def _no_subject(trust: Document) -> None:
    del trust["Statement"][0]["Condition"]["StringEquals"][f"{PREVIEW.host}:sub"]


def _prefix_only(trust: Document) -> None:
    _pattern(trust)
    trust["Statement"][0]["Condition"]["StringLike"][f"{PREVIEW.host}:sub"] = "repo:charite/federations*"


def _unless_absent(trust: Document) -> None:
    condition = trust["Statement"][0]["Condition"]
    condition["StringEqualsIfExists"] = condition.pop("StringEquals")


@pytest.mark.parametrize("mutation", [_pattern, _no_subject, _prefix_only, _unless_absent])
def test_every_weaker_trust_would_be_seen(mutation: Callable[[Document], None]) -> None:
    """Each of these lets someone in whom the tests above refuse."""
    weaker = deepcopy(TRUST)
    mutation(weaker)
    request = token(PREVIEW)
    bare = Request(request.caller, request.action, request.resource, HUB, request.context[:1])
    tries = [token(PREVIEW, sub=subject) for subject in (*REFUSED.values(), "repo:charite/x:environment:fedml-preview")]
    assert any(may_assume(weaker, each) for each in (*tries, bare))


def test_each_purpose_has_a_trust_of_its_own() -> None:
    for one in Purpose:
        trust = trust_policy(github_identity(REPOSITORY, one), account=HUB)
        let_in = [each for each in Purpose if may_assume(trust, token(github_identity(REPOSITORY, each)))]
        assert let_in == [one]


def test_numbers_of_a_newer_repository_are_part_of_the_subject() -> None:
    found = github_identity(REPOSITORY, Purpose.APPLY, subject_prefix="repo:charite-12/federations-34")
    assert found.subject == "repo:charite-12/federations-34:environment:fedml-apply"


GITLAB = gitlab_identity("charite/fl/federations", Purpose.APPLY)


def test_on_gitlab_a_job_of_the_protected_branch_can() -> None:
    assert may_assume(trust_policy(GITLAB, account=HUB), token(GITLAB))


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("sub", "project_path:charite/fl/federations:ref_type:branch:ref:evil"),
        ("sub", "project_path:charite/fl/federations:ref_type:tag:ref:main"),
        ("sub", "project_path:mallory/federations:ref_type:branch:ref:main"),
        ("sub", "project_path:charite/fl/federations:ref_type:branch:ref:main2"),
        ("aud", "fedml-preview"),
        ("aud", "https://gitlab.com"),
    ],
)
def test_on_gitlab_no_other_can(claim: str, said: str) -> None:
    assert not may_assume(trust_policy(GITLAB, account=HUB), token(GITLAB, **{claim: said}))


@pytest.mark.parametrize("repository", ["charite", "charite/*", "*/federations", "charite/fed erations", "a/b/c", ""])
def test_what_is_no_repository_of_github_is_refused(repository: str) -> None:
    with pytest.raises(ConfigurationError, match="ORG/REPO"):
        github_identity(repository, Purpose.PREVIEW)


@pytest.mark.parametrize("prefix", ["repo:charite/*", "repo:charite/fed?", "repo:${x}"])
def test_a_pattern_is_no_start_of_a_subject(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="without a pattern"):
        github_identity(REPOSITORY, Purpose.PREVIEW, subject_prefix=prefix)


@pytest.mark.parametrize(
    ("project", "branch", "host"),
    [
        ("charite", "main", "gitlab.com"),
        ("charite/*", "main", "gitlab.com"),
        ("charite/fed", "*", "gitlab.com"),
        ("charite/fed", "main", "https://gitlab.com"),
        ("charite/fed", "main", "gitlab.com:8443"),
    ],
)
def test_what_is_no_project_branch_or_host_of_gitlab_is_refused(project: str, branch: str, host: str) -> None:
    with pytest.raises(ConfigurationError):
        gitlab_identity(project, Purpose.PREVIEW, branch=branch, host=host)


def policies(purpose: Purpose, nodes: int = 1, **changes: object) -> tuple[Document, ...]:
    entries = [{"pid": f"site-{n}", "s3_bucket": f"cardio-site-{n}/updates"} for n in range(nodes)]
    stack = config(nodes=entries, **changes)
    accounts = {entry["pid"]: HUB for entry in entries}
    found = stack_operator_policies(stack, account=HUB, node_accounts=accounts, read_only=purpose.only_reads)
    return pipeline_policies(purpose, found[HUB], account=HUB, state=STATE, keys=[KEY])


def actions(found: tuple[Document, ...]) -> set[str]:
    return {action for each in whole(found)["Statement"] for action in each["Action"]}


@pytest.mark.parametrize("purpose", [Purpose.PREVIEW, Purpose.DRIFT])
def test_who_previews_or_looks_for_drift_may_write_nothing(purpose: Purpose) -> None:
    assert [action for action in actions(policies(purpose)) if WRITES.search(action)] == []


def test_that_would_be_seen() -> None:
    assert [action for action in actions(policies(Purpose.APPLY)) if WRITES.search(action)]


def test_no_action_of_any_role_is_a_pattern() -> None:
    assert not [action for purpose in Purpose for action in actions(policies(purpose)) if "*" in action]


def can(found: tuple[Document, ...], action: str, resource: str, *context: tuple[str, str]) -> bool:
    request = Request(Caller(HUB, f"{ROLE}"), action, resource, HUB, context)
    return bool(evaluate(request, identity_policies=list(found)))


@pytest.mark.parametrize(
    ("purpose", "action", "expected"),
    [
        (Purpose.PREVIEW, "s3:GetObject", True),
        (Purpose.PREVIEW, "s3:PutObject", False),
        (Purpose.PREVIEW, "s3:DeleteObject", False),
        (Purpose.DRIFT, "s3:PutObject", False),
        (Purpose.APPLY, "s3:PutObject", True),
        (Purpose.APPLY, "s3:DeleteObject", True),
    ],
)
def test_states_are_read_by_all_and_written_by_the_one_that_applies(
    purpose: Purpose, action: str, expected: bool
) -> None:
    state = "arn:aws:s3:::charite-states/fed/.pulumi/stacks/fedml-infra/cardio.json"
    assert can(policies(purpose), action, state) is expected


def test_nothing_else_of_the_state_s_bucket_is_touched() -> None:
    for key in ("other/file", "fed/other", ".pulumi/stacks/x.json"):
        assert not can(policies(Purpose.APPLY), "s3:GetObject", f"arn:aws:s3:::charite-states/{key}")


KEY_ARN = f"arn:aws:kms:us-east-1:{HUB}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def key_policy(purpose: Purpose, key_id: str) -> tuple[Document, ...]:
    return pipeline_policies(purpose, [], account=HUB, keys=[SecretsKey(key_id, "us-east-1")])


def on_key(found: tuple[Document, ...], action: str, key: str = KEY_ARN, alias: str = "alias/federations") -> bool:
    """Whether the identity's side allows it: a key's own policy, which AWS asks as well, is given as allowing all."""
    own = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "kms:*", "Resource": "*"}],
    }
    request = Request(Caller(HUB, ROLE), action, key, HUB, (("kms:ResourceAliases", alias),))
    return bool(evaluate(request, resource_policy=own, identity_policies=list(found)))


@pytest.mark.parametrize("key_id", ["alias/federations", KEY_ARN, KEY_ARN.rsplit("/")[1]])
def test_secrets_are_opened_by_all_and_made_by_the_one_that_applies(key_id: str) -> None:
    preview, apply = key_policy(Purpose.PREVIEW, key_id), key_policy(Purpose.APPLY, key_id)
    assert (on_key(preview, "kms:Decrypt"), on_key(preview, "kms:Encrypt")) == (True, False)
    assert (on_key(apply, "kms:Decrypt"), on_key(apply, "kms:Encrypt")) == (True, True)


def test_another_key_opens_nothing() -> None:
    assert not on_key(key_policy(Purpose.APPLY, "alias/federations"), "kms:Decrypt", alias="alias/other")
    other = f"arn:aws:kms:us-east-1:{HUB}:key/ffffffff-12ab-34cd-56ef-1234567890ab"
    assert not on_key(key_policy(Purpose.APPLY, KEY_ARN), "kms:Decrypt", other)


def test_a_key_of_which_nothing_is_known_has_no_alias() -> None:
    found = key_policy(Purpose.APPLY, "alias/federations")
    own = {"Version": "2012-10-17", "Statement": []}
    request = Request(Caller(HUB, ROLE), "kms:Decrypt", KEY_ARN, HUB)
    assert not evaluate(request, resource_policy=own, identity_policies=list(found))


def test_the_one_that_applies_can_do_what_whoever_runs_the_stack_can() -> None:
    assert set(operator.TOPIC_WRITE) | set(operator.QUEUE_WRITE) | set(operator.BUCKET_WRITE) <= actions(
        policies(Purpose.APPLY)
    )


@pytest.mark.parametrize("nodes", [1, 30])
def test_every_document_fits_and_every_sid_comes_once(nodes: int) -> None:
    for found in policies(Purpose.APPLY, nodes):
        check_size(Kind.OPERATOR, found)
        sids = [each["Sid"] for each in found["Statement"]]
        assert len(set(sids)) == len(sids)
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)


def test_stacks_that_need_the_same_share_a_statement() -> None:
    one, other = config(), config(fed_name="onco", nodes=[{"pid": "charite", "s3_bucket": "onco-charite"}])
    documents = [
        document
        for stack in (one, other)
        for document in stack_operator_policies(stack, account=HUB, node_accounts={"charite": HUB})[HUB]
    ]
    found = pipeline_policies(Purpose.APPLY, documents, account=HUB)
    topics = [each for each in whole(found)["Statement"] if "sns:CreateTopic" in each["Action"]]
    assert [each["Resource"] for each in topics] == [
        [f"arn:aws:sns:us-east-1:{HUB}:cardio", f"arn:aws:sns:us-east-1:{HUB}:onco"]
    ]


def test_more_than_a_role_carries_is_an_error_with_figures() -> None:
    with pytest.raises(PolicyError, match=r"would need \d+ managed policies, and AWS attaches 10"):
        policies(Purpose.APPLY, 200, message_filter="none")

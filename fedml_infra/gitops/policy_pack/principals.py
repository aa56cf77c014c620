"""Who is let in: by a resource's own policy, by a role's trust, and by identity policies that allow everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fedml_infra.gitops.policy_pack.seen import ROLE, UNKNOWN, Finding, Resource
from fedml_infra.gitops.policy_pack.statements import Statement, UnreadableDocumentError, covers, statements

CARRYING: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "policy",
    "aws:s3/bucketV2:BucketV2": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:s3/accessPoint:AccessPoint": "policy",
    "aws:s3control/accessPointPolicy:AccessPointPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
}
"""By kind: the property that holds the policy which the resource carries."""

IDENTITY: Mapping[str, str] = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
}
_ATTACHED: Mapping[str, str] = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    ROLE: "managedPolicyArns",
}
_EVERYTHING = frozenset({"AdministratorAccess"})
_APPLICATIONS = frozenset({"cognito-identity.amazonaws.com:aud", "accounts.google.com:aud", "www.amazon.com:app_id"})
_NAME_ACCOUNTS = (
    "Name the principals, or add a condition such as "
    '{"StringEquals": {"aws:PrincipalAccount": ["111111111111"]}} (StringEquals, ArnEquals or ArnLike with the account)'
)
_FOR_WHOM = (
    'Add {"ArnEquals": {"aws:SourceArn": "<ARN with its account>"}} or '
    '{"StringEquals": {"aws:SourceAccount": "111111111111"}}: else the service acts for whoever asks it to'
)


def open_principals(resource: Resource) -> Iterator[Finding]:
    """What a resource's own policy gives to everyone, or to a service whoever it acts for (a confused deputy)."""
    for statement in _of(resource, CARRYING.get(resource.kind)):
        if isinstance(statement, Finding):
            yield statement
        elif statement.allows and not statement.of_accounts:
            if statement.for_everyone:
                what = f"lets everyone do {', '.join(statement.actions)}: {statement.label} of its policy names nobody"
                yield resource.wrong(f"{what} and has no account condition", _NAME_ACCOUNTS)
            elif services := statement.principals.get("Service"):
                what = f"lets {', '.join(services)} do {', '.join(statement.actions)} for anyone at all"
                yield resource.wrong(f"{what} ({statement.label} of its policy)", _FOR_WHOM)


def open_roles(resource: Resource) -> Iterator[Finding]:
    """Roles that everybody can assume: anybody's account, or anybody's token of an OpenID provider."""
    for statement in _of(resource, "assumeRolePolicy" if resource.kind == ROLE else None):
        if isinstance(statement, Finding):
            yield statement
        elif not statement.allows:
            continue
        elif statement.for_everyone and not statement.of_accounts:
            yield resource.wrong(f"can be assumed by everybody ({statement.label} of its trust)", _NAME_ACCOUNTS)
        elif issuers := _trusted_for_anyone(statement):
            yield resource.wrong(
                f"can be assumed with anybody's token of {', '.join(issuers)} ({statement.label} of its trust)",
                'Add a condition on its subject, as {"StringEquals": {"token.actions.githubusercontent.com:sub": '
                '"repo:ORGANISATION/REPOSITORY:environment:NAME"}}',
            )


def everything_on_everything(resource: Resource) -> Iterator[Finding]:
    """Identity policies that allow every action on every resource."""
    fix = "List the actions and the ARNs that are needed; `fedml-infra policies operator` prints ours"
    for statement in _identity(resource):
        if isinstance(statement, Finding):
            yield statement
        elif statement.allows and _all_actions(statement) and _all_resources(statement):
            yield resource.wrong(f"allows everything on everything ({statement.label} of its policy)", fix)
    attached = resource.get(_ATTACHED.get(resource.kind, ""))
    for arn in attached if isinstance(attached, list | tuple) else [attached]:
        if arn is UNKNOWN:
            yield resource.unsure("which policy it attaches")
        elif isinstance(arn, str) and arn.rpartition("/")[2] in _EVERYTHING and ":iam::aws:" in arn:
            yield resource.wrong(f"attaches {arn.rpartition('/')[2]}, which allows everything on everything", fix)


def _identity(resource: Resource) -> Iterator[Statement | Finding]:
    yield from _of(resource, IDENTITY.get(resource.kind))
    inline = resource.get("inlinePolicies") if resource.kind == ROLE else None
    if inline is UNKNOWN:
        yield resource.unsure("its inlinePolicies")
    elif isinstance(inline, list | tuple):
        for each in inline:
            document = each.get("policy") if isinstance(each, Mapping) else each
            if document is not None:
                yield from _read(resource, "inlinePolicies", document)


def _all_actions(statement: Statement) -> bool:
    return "NotAction" in statement.inverted or any(set(action) <= {"*", ":"} for action in statement.actions)


def _all_resources(statement: Statement) -> bool:
    return "NotResource" in statement.inverted or any(
        not resource.replace("*", "").replace("arn:", "", 1).strip(":") for resource in statement.resources
    )


def _trusted_for_anyone(statement: Statement) -> tuple[str, ...]:
    """The issuers of tokens of which any will do."""
    if not covers(statement.actions, "sts:AssumeRoleWithWebIdentity") or _of_subjects(statement):
        return ()
    return statement.principals.get("Federated", ())


def _of_subjects(statement: Statement) -> bool:
    """Whether a condition says whose token: its subject, or the application where the issuer registers those itself.

    Of an issuer that puts any audience into a token on demand, as code forges do, the audience says nothing.
    """
    return any(
        operator in {"stringequals", "stringlike"}
        and (key.endswith(":sub") or key in _APPLICATIONS)
        and all(value.removeprefix("repo:").removeprefix("project_path:")[:1] not in {"", "*", "?"} for value in values)
        for operator, key, values in statement.conditions
    )


def _of(resource: Resource, name: str | None) -> Iterator[Statement | Finding]:
    document = resource.get(name) if name else None
    if name is not None and document not in (None, ""):
        yield from _read(resource, name, document)


def _read(resource: Resource, name: str, document: Any) -> Iterator[Statement | Finding]:
    if _has_unknown(document):
        yield resource.unsure(f"its {name}")
        return
    try:
        yield from statements(document)
    except UnreadableDocumentError as error:
        yield resource.wrong(
            f"has a {name} that {error}", "Write it as AWS's policy language has it: `json.dumps` of a dict"
        )


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_unknown(each) for each in value.values())
    if isinstance(value, list | tuple):
        return any(_has_unknown(each) for each in value)
    return value is UNKNOWN

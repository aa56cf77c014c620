"""IAM: Role, RolePolicy, Policy, RolePolicyAttachment. IAM is of the account: these have no region."""

from __future__ import annotations

import json
import urllib.parse
from datetime import datetime
from typing import Any

from fedml_infra.sandbox.provider import documents
from fedml_infra.sandbox.provider.comparing import same_document
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind, OneOf
from fedml_infra.sandbox.provider.kinds.shared import TAGS_ARE, retag, tag_dict, tag_list
from fedml_infra.sandbox.provider.lost_answers import made_once, unless_gone, was_repeated
from fedml_infra.sandbox.provider.refusals import is_gone
from fedml_infra.sandbox.provider.wire import Props

MOST_VERSIONS = 5
"""A managed policy keeps five versions, the default one among them."""

HOUR = 3600


def text_of(document: Any) -> str:
    """A policy as text: IAM answers it URL-encoded, boto as a dictionary."""
    if not isinstance(document, str):
        return json.dumps(document)
    return document if document.lstrip().startswith("{") else urllib.parse.unquote(document)


# -- Role


def create_role(context: Context, inputs: Props) -> str:
    """Make the role."""
    documents.check(inputs["assumeRolePolicy"], documents.TRUST)
    optional = {
        "Path": "path",
        "Description": "description",
        "MaxSessionDuration": "maxSessionDuration",
        "PermissionsBoundary": "permissionsBoundary",
    }
    given = {argument: inputs[name] for argument, name in optional.items() if inputs.get(name)}
    name, tags = str(inputs["name"]), context.all_tags(inputs)

    def create() -> str:
        context.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=inputs["assumeRolePolicy"], Tags=tag_list(tags), **given
        )
        return name

    def ours(began: datetime) -> str | None:
        there = read_role(context, name, {})
        asked = {**{key: inputs[key] for key in optional.values() if inputs.get(key)}, "tagsAll": tags}
        return name if there and _made_since(there, began, asked, "assumeRolePolicy", inputs) else None

    return made_once(create, "EntityAlreadyExists", ours)


def _made_since(there: Props, began: datetime, asked: Props, document: str, inputs: Props) -> bool:
    """Whether what is there was made since then, and is what was asked for."""
    return (
        datetime.fromisoformat(there["createDate"]) >= began
        and all(there.get(key) == value for key, value in asked.items())
        and same_document(there[document], inputs[document])
    )


def read_role(context: Context, name: str, last: Props) -> Props | None:
    """The role as it is."""
    del last
    iam = context.client("iam")
    try:
        role = iam.get_role(RoleName=name)["Role"]
        tags = tag_dict(iam.list_role_tags(RoleName=name)["Tags"])
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return {
        "arn": role["Arn"],
        "name": name,
        "path": role.get("Path", "/"),
        "description": role.get("Description", ""),
        "uniqueId": role["RoleId"],
        "maxSessionDuration": role.get("MaxSessionDuration", HOUR),
        "assumeRolePolicy": text_of(role["AssumeRolePolicyDocument"]),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "createDate": role["CreateDate"].isoformat(),
        "tagsAll": tags,
    }


def update_role(context: Context, name: str, change: Change) -> None:
    """Change what differs."""
    iam, new = context.client("iam"), change.new
    if "assumeRolePolicy" in change.names:
        documents.check(new["assumeRolePolicy"], documents.TRUST)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=new["assumeRolePolicy"])
    if change.names & {"description", "maxSessionDuration"}:
        description, duration = new.get("description", ""), new.get("maxSessionDuration", HOUR)
        iam.update_role(RoleName=name, Description=description, MaxSessionDuration=duration)
    if "permissionsBoundary" in change.names:
        if boundary := new.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        else:
            unless_gone(lambda role: iam.delete_role_permissions_boundary(RoleName=role), name)
    retag(
        context,
        change,
        lambda tags: iam.tag_role(RoleName=name, Tags=tag_list(tags)),
        lambda keys: iam.untag_role(RoleName=name, TagKeys=keys),
    )


def delete_role(context: Context, name: str, state: Props) -> None:
    """Delete it; what is attached to it only if `forceDetachPolicies` says so."""
    iam = context.client("iam")
    if state.get("forceDetachPolicies"):
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            unless_gone(lambda arn: iam.detach_role_policy(RoleName=name, PolicyArn=arn), policy["PolicyArn"])
        for inline in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            unless_gone(lambda policy: iam.delete_role_policy(RoleName=name, PolicyName=policy), inline)
    iam.delete_role(RoleName=name)


# -- RolePolicy


def put_role_policy(context: Context, inputs: Props) -> str:
    """Write the policy into the role. Its id is `role:name`."""
    documents.check(inputs["policy"], documents.INLINE)
    context.client("iam").put_role_policy(
        RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
    )
    return f"{inputs['role']}:{inputs['name']}"


def read_role_policy(context: Context, identity: str, last: Props) -> Props | None:
    """The policy as it is."""
    del last
    role, _, name = identity.partition(":")
    try:
        answer = context.client("iam").get_role_policy(RoleName=role, PolicyName=name)
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return {"role": role, "name": name, "policy": text_of(answer["PolicyDocument"])}


def update_role_policy(context: Context, identity: str, change: Change) -> None:
    """Write it again."""
    del identity
    put_role_policy(context, change.new)


def delete_role_policy(context: Context, identity: str, state: Props) -> None:
    """Take it off the role."""
    del state
    role, _, name = identity.partition(":")
    context.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


# -- Policy


def create_policy(context: Context, inputs: Props) -> str:
    """Make the managed policy. Its id is its ARN."""
    documents.check(inputs["policy"], documents.MANAGED)
    given = {argument: inputs[argument.lower()] for argument in ("Path", "Description") if inputs.get(argument.lower())}
    name, tags = inputs["name"], context.all_tags(inputs)

    def create() -> str:
        answer = context.client("iam").create_policy(
            PolicyName=name, PolicyDocument=inputs["policy"], Tags=tag_list(tags), **given
        )
        return str(answer["Policy"]["Arn"])

    def ours(began: datetime) -> str | None:
        arn = f"arn:{context.partition}:iam::{context.account}:policy{inputs.get('path') or '/'}{name}"
        there = read_policy(context, arn, {})
        if there is None:
            return None
        made = context.client("iam").get_policy(PolicyArn=arn)["Policy"]["CreateDate"].isoformat()
        asked = {"path": inputs.get("path") or "/", "description": inputs.get("description") or "", "tagsAll": tags}
        return arn if _made_since({**there, "createDate": made}, began, asked, "policy", inputs) else None

    return made_once(create, "EntityAlreadyExists", ours)


def read_policy(context: Context, arn: str, last: Props) -> Props | None:
    """The policy as it is, with the document of its default version."""
    del last
    iam = context.client("iam")
    try:
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        tags = tag_dict(iam.list_policy_tags(PolicyArn=arn)["Tags"])
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return {
        "arn": arn,
        "name": policy["PolicyName"],
        "path": policy.get("Path", "/"),
        "description": policy.get("Description", ""),
        "policyId": policy["PolicyId"],
        "policy": text_of(version["Document"]),
        "attachmentCount": policy.get("AttachmentCount", 0),
        "tagsAll": tags,
    }


def update_policy(context: Context, arn: str, change: Change) -> None:
    """A new default version; the oldest goes when there are five."""
    iam = context.client("iam")
    if "policy" in change.names:
        documents.check(change.new["policy"], documents.MANAGED)
        _put_version(context, arn, change.new["policy"])
    retag(
        context,
        change,
        lambda tags: iam.tag_policy(PolicyArn=arn, Tags=tag_list(tags)),
        lambda keys: iam.untag_policy(PolicyArn=arn, TagKeys=keys),
    )


def _put_version(context: Context, arn: str, text: str) -> None:
    """Make the text the default version; the oldest goes when there are five.

    Where an answer was lost no second version of it stays, and one that found no room for itself has done its work.
    """
    iam, spare = context.client("iam"), _spare_versions(context, arn)
    if len(spare) >= MOST_VERSIONS - 1:
        _drop_version(context, arn, min(spare, key=lambda version: int(version[1:])))
    before = {*spare, _default_version(context, arn)}

    def create() -> bool:
        return was_repeated(iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True))

    def ours(_: datetime) -> bool | None:
        return True if _default_version(context, arn) not in before else None

    if made_once(create, "LimitExceeded", ours):
        for version in set(_spare_versions(context, arn)) - before:
            _drop_version(context, arn, version)


def _default_version(context: Context, arn: str) -> str:
    return str(context.client("iam").get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"])


def _drop_version(context: Context, arn: str, version: str) -> None:
    iam = context.client("iam")
    unless_gone(lambda gone: iam.delete_policy_version(PolicyArn=arn, VersionId=gone), version)


def delete_policy(context: Context, arn: str, state: Props) -> None:
    """Delete it with its versions."""
    del state
    for version in _spare_versions(context, arn):
        _drop_version(context, arn, version)
    context.client("iam").delete_policy(PolicyArn=arn)


def _spare_versions(context: Context, arn: str) -> list[str]:
    versions = context.client("iam").list_policy_versions(PolicyArn=arn)["Versions"]
    return [version["VersionId"] for version in versions if not version["IsDefaultVersion"]]


# -- RolePolicyAttachment


def attach(context: Context, inputs: Props) -> str:
    """Attach the policy. Its id is `role/arn`."""
    context.client("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    return f"{inputs['role']}/{inputs['policyArn']}"


def read_attachment(context: Context, identity: str, last: Props) -> Props | None:
    """Whether it is attached."""
    del last
    role, _, arn = identity.partition("/")
    pages = context.client("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
    try:
        attached = any(policy["PolicyArn"] == arn for page in pages for policy in page["AttachedPolicies"])
    except Exception as error:
        if is_gone(error):
            return None
        raise
    return {"role": role, "policyArn": arn} if attached else None


def detach(context: Context, identity: str, state: Props) -> None:
    """Detach it."""
    del state
    role, _, arn = identity.partition("/")
    context.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


KINDS = (
    Kind(
        type="aws:iam/role:Role",
        regional=False,
        inputs=frozenset(
            {
                "name",
                "namePrefix",
                "path",
                "description",
                "maxSessionDuration",
                "permissionsBoundary",
                "assumeRolePolicy",
                "forceDetachPolicies",
                "tags",
            }
        ),
        create=create_role,
        read=read_role,
        update=update_role,
        delete=delete_role,
        replaces=frozenset({"name", "namePrefix", "path"}),
        documents=frozenset({"assumeRolePolicy"}),
        name="name",
        prefix="namePrefix",
        name_limit=64,
        local={"forceDetachPolicies": False},
        defaults={"path": "/", "description": "", "maxSessionDuration": HOUR, "permissionsBoundary": ""},
        derived={**TAGS_ARE, "arn": ("name", "namePrefix", "path")},
    ),
    Kind(
        type="aws:iam/rolePolicy:RolePolicy",
        regional=False,
        inputs=frozenset({"name", "namePrefix", "role", "policy"}),
        create=put_role_policy,
        read=read_role_policy,
        update=update_role_policy,
        delete=delete_role_policy,
        replaces=frozenset({"role", "name", "namePrefix"}),
        documents=frozenset({"policy"}),
        name="name",
        prefix="namePrefix",
        name_limit=128,
    ),
    Kind(
        type="aws:iam/policy:Policy",
        regional=False,
        inputs=frozenset({"name", "namePrefix", "path", "description", "policy", "tags"}),
        create=create_policy,
        read=read_policy,
        update=update_policy,
        delete=delete_policy,
        replaces=frozenset({"name", "namePrefix", "path", "description"}),
        documents=frozenset({"policy"}),
        name="name",
        prefix="namePrefix",
        name_limit=128,
        defaults={"path": "/", "description": OneOf(("", "Managed by Pulumi"))},
        derived={**TAGS_ARE, "arn": ("name", "namePrefix", "path")},
    ),
    Kind(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        regional=False,
        inputs=frozenset({"role", "policyArn"}),
        create=attach,
        read=read_attachment,
        delete=detach,
        replaces=frozenset({"role", "policyArn"}),
    ),
)

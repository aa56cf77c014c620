"""The role that a node's process runs under: it exists before a federation does, and here the sandbox makes it."""

from __future__ import annotations

from fedml_infra.aws.sessions import Access, client
from fedml_infra.model.arns import Arn, root_arn
from fedml_infra.policies.document import render


def make_node_role(access: Access, region: str, arn: str) -> None:
    """Make a role without any rights, which the account's own identities may assume."""
    role = Arn.parse(arn)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": root_arn(role.partition, role.account)},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    client("iam", access, region).create_role(RoleName=_name(role), AssumeRolePolicyDocument=render(trust))


def remove_node_role(access: Access, region: str, arn: str) -> None:
    """Remove it again; policies that are still attached make AWS refuse."""
    client("iam", access, region).delete_role(RoleName=_name(Arn.parse(arn)))


def _name(role: Arn) -> str:
    return role.resource.rpartition("/")[2]

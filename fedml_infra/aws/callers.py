"""Who is asking: a user's own keys, or a role's, whose sessions are shorter."""

from __future__ import annotations

from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import Access, client


def caller_arn(access: Access, region: str) -> str:
    """The ARN of whoever holds these credentials (STS GetCallerIdentity).

    A role's is `arn:aws:sts::<account>:assumed-role/<role>/<session>`. Raises as `sessions.account_of`.
    """
    with translating("ask AWS whose credentials these are:", str(access)):
        return str(client("sts", access, region).get_caller_identity()["Arn"])

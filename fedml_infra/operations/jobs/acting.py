"""Whose AWS credentials a job acts with: the request's keys, the project's, or the customer's role."""

from __future__ import annotations

from pydantic import SecretStr

from fedml_infra.aws.sessions import Access, Role
from fedml_infra.errors import AuthenticationError, NotAllowedError
from fedml_infra.operations.acting_as import with_keys
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.requests import credentials_of, read_credentials
from fedml_infra.operations.jobs.workspace import CREDENTIALS
from fedml_infra.operations.tools import Tools


def acting(context: JobContext, region: str, *, aws_id: str | None = None) -> Tools:
    """Tools that act as the job's customer. `aws_id`: the account that the request names.

    Keys that the request brought count first, then those it was made with, then the customer's role, whose session of
    an hour is enough for a run. Raises AuthenticationError where there are none, or they are of another account than
    the request says; NotAllowedError for an account that the customer may not use, or keys that it may not bring.
    """
    customer = context.customer
    if customer.disabled_at is not None:
        raise NotAllowedError(f"Customer [{customer.cid}] is disabled.")
    keys = _given(context)
    if keys is not None and customer.refuse_keys:
        raise NotAllowedError("AWS keys are refused here: the service assumes the customer's role.")
    if keys is not None:
        tools = with_keys(context.tools, *keys)
    elif customer.role_arn is not None:
        role = Access(roles=(Role(customer.role_arn, customer.external_id),))
        found = context.tools.aws.keys_of(role)
        token = SecretStr(found.session_token) if found.session_token is not None else None
        tools = with_keys(context.tools, SecretStr(found.access_key_id), SecretStr(found.secret_access_key), token)
    else:
        raise AuthenticationError(f"Customer {customer.cid} has no role, and the request no AWS keys.")
    account = tools.aws.account_of(Access(), region)
    if customer.accounts and account not in customer.accounts:
        raise NotAllowedError(f"Customer [{customer.cid}] may not use account {account}.")
    if aws_id is not None and aws_id != account:
        raise NotAllowedError(f"The AWS keys belong to account {account}, and aws_id says account {aws_id}.")
    return tools


def _given(context: JobContext) -> tuple[SecretStr, SecretStr] | None:
    """The request's keys, else the project's own."""
    opened = credentials_of(context.asked)
    pid = context.task.pid
    if opened is None and pid is not None:
        row = context.store.workspaces.get(context.task.cid, pid)
        if row is not None and row.credentials is not None:
            opened = context.sealer.open(row.credentials, CREDENTIALS, row.cid, row.pid)
    if opened is None:
        return None
    keys = read_credentials(opened)
    return keys.access_key, keys.secret_key

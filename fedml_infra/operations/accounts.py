"""Which accounts a stack leads to: by its own credentials, its nodes' profiles and roles, and what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedml_infra.aws.failures import UnknownCredentialsError
from fedml_infra.aws.parallel import each
from fedml_infra.aws.protocol import Aws
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.credential_failures import CLOSED_ACCOUNT
from fedml_infra.errors import AuthenticationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.stack import AccountAccess, StackConfig
from fedml_infra.sandbox import profiles as sandbox_profiles


@dataclass(frozen=True)
class Accounts:
    """The account of the stack's own credentials, and that of each of its nodes by pid."""

    own: str
    nodes: Mapping[str, str] = field(default_factory=dict)


def find_accounts(
    config: StackConfig, settings: Mapping[str, Any], aws: Aws, outputs: Mapping[str, Any] | None = None
) -> Accounts:
    """Ask STS whose all the stack's credentials are, each once and all at the same moment.

    Raises AuthenticationError (none, unknown, expired) or NetworkError, the first in the order of the file; one that
    concerns nodes names them, with the accounts that they had by the outputs of the last run.
    """
    distinct = ways_of(config)

    def ask(way: AccountAccess | None) -> str:
        return aws.account_of(Access.of(way, settings), config.region)

    found = {}
    for outcome in each(ask, distinct):
        try:
            found[outcome.item] = outcome.unwrap()
        except AuthenticationError as error:
            raise _of_nodes(error, config, outcome.item, outputs or {}) from None
    return Accounts(found[None], {node.pid: found[node.account] for node in config.nodes})


def _of_nodes(
    error: AuthenticationError, config: StackConfig, way: AccountAccess | None, outputs: Mapping[str, Any]
) -> AuthenticationError:
    """The error with the nodes that it concerns; where credentials are unknown, what to do if the account is gone."""
    before = outputs.get("nodes") or {}
    named = []
    for node in config.nodes:
        if node.account == way:
            account = (before.get(node.pid) or {}).get("account")
            named.append(f"{node.pid} (account {account})" if account else node.pid)
    if not named:
        return error
    advice = [error.fix, CLOSED_ACCOUNT if isinstance(error, UnknownCredentialsError) and before else None]
    what = f"Node{'s' if len(named) > 1 else ''} {', '.join(named)}: {error.what}"
    return type(error)(what, fix=" ".join(filter(None, advice)) or None)


def ways_of(config: StackConfig) -> tuple[AccountAccess | None, ...]:
    """Each way to an account that the stack names, once; None is the stack's own credentials, and comes first."""
    distinct = tuple(dict.fromkeys([None, *(node.account for node in config.nodes)]))
    # In the sandbox any account has a profile, which a stack file just written may be the first to name.
    profiles = (way.profile for way in distinct if way is not None and way.profile is not None)
    sandbox_profiles.ensure(filter(None, map(sandbox_profiles.account_of, profiles)))
    return distinct


def check_accounts(
    config: StackConfig, settings: Mapping[str, Any], accounts: Accounts, outputs: Mapping[str, Any]
) -> None:
    """Make sure that the credentials lead where the stack says they do. Pure.

    Three things may say so: `aws:allowedAccountIds`, the ARN of a role to assume, and the outputs of the last run.
    Raises AuthenticationError that names both accounts; nothing has been changed by then.
    """
    allowed = [str(account) for account in settings.get("allowed_account_ids") or ()]
    if allowed and accounts.own not in allowed:
        raise _elsewhere("the environment's credentials", accounts.own, " or ".join(allowed), "aws:allowedAccountIds")
    topic_arn = (outputs.get("federation") or {}).get("topic_arn")
    if config.is_hub and topic_arn and Arn.parse(topic_arn).account != accounts.own:
        raise _elsewhere("the environment's credentials", accounts.own, Arn.parse(topic_arn).account, "the topic")
    before = outputs.get("nodes") or {}
    for node in config.nodes:
        found = accounts.nodes[node.pid]
        access = str(Access.of(node.account, settings))
        role = node.account.assume_role if node.account else None
        if role is not None and Arn.parse(role).account != found:
            raise _elsewhere(access, found, Arn.parse(role).account, f"the role of node {node.pid}")
        stood = (before.get(node.pid) or {}).get("account")
        if stood is not None and stood != found:
            raise _elsewhere(access, found, stood, f"node {node.pid}")


def _elsewhere(access: str, found: str, said: str, what: str) -> AuthenticationError:
    return AuthenticationError(
        f"The credentials ({access}) belong to account {found}, but {what} says account {said}.",
        fix=f"Log in to account {said}, or name its profile or role; nothing was changed.",
    )

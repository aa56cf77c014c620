"""Every policy document of a stack, who can do what by them, and what whoever runs the stack needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fedml_infra.aws.protocol import Identities
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError, ConfigurationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.accounts import Accounts
from fedml_infra.policies.document import Document, NamedDocument
from fedml_infra.policies.stack_policies import stack_operator_policies, stack_policies, stack_verifier_policies
from fedml_infra.policies.who_can import WhoCan, who_can


def accounts_for_policies(
    config: StackConfig, settings: Mapping[str, Any], said: str | None, aws: Identities
) -> Accounts:
    """The accounts of the stack, AWS being asked only for those that nothing else tells.

    `said`: the stack's own account, where a person gives it. A node's is told by its role's ARN too, the stack's own
    by a single `aws:allowedAccountIds`. Raises AuthenticationError that says how to do without credentials.
    """
    allowed: Sequence[Any] = settings.get("allowed_account_ids") or ()
    own = said or (str(allowed[0]) if len(allowed) == 1 else None)
    try:
        if own is None and (config.is_hub or any(node.account is None for node in config.nodes)):
            own = aws.account_of(Access.of(None, settings), config.region)
        nodes = {}
        for node in config.nodes:
            if node.account is None:
                told = own
            elif node.account.assume_role is not None:
                told = Arn.parse(node.account.assume_role).account
            else:
                told = None
            nodes[node.pid] = told or aws.account_of(Access.of(node.account, settings), config.region)
    except AuthenticationError as error:
        raise AuthenticationError(error.what, fix="Log in, or say which account it is: --account ID.") from None
    # A joiner whose nodes all name an account of their own needs no other.
    return Accounts(own or next(iter(nodes.values())), nodes)


def documents(config: StackConfig, accounts: Accounts) -> tuple[NamedDocument, ...]:
    """Every policy document of the stack. Raises PolicyError where AWS would refuse one for its size."""
    return stack_policies(config, account=accounts.own, node_accounts=accounts.nodes)


def operator_documents(config: StackConfig, accounts: Accounts, *, read_only: bool) -> dict[str, tuple[Document, ...]]:
    """By account, the least rights of whoever runs the stack there."""
    return stack_operator_policies(config, account=accounts.own, node_accounts=accounts.nodes, read_only=read_only)


def verifier_documents(config: StackConfig, accounts: Accounts) -> dict[str, tuple[Document, ...]]:
    """By account, the least rights of whoever verifies the stack."""
    return stack_verifier_policies(config, account=accounts.own, node_accounts=accounts.nodes)


def resolve_resource(text: str, found: tuple[NamedDocument, ...]) -> str:
    """The ARN that a person means: an ARN, or the name of a topic, queue, bucket, role or policy of the stack.

    `bucket/key` is an object. Raises ConfigurationError that lists the names where it is none of them.
    """
    if text.startswith("arn:"):
        return text
    name, slash, rest = text.partition("/")
    for document in found:
        if text in (document.name, document.attached_to):
            return document.attached_to
    for document in found:
        if slash and name == document.name:
            return f"{document.attached_to}/{rest}"
    names = ", ".join(sorted({document.name for document in found}))
    raise ConfigurationError(f"{text!r} is no resource of this stack.", fix=f"Give an ARN or one of {names}.")


def who(action: str, resource: str, found: tuple[NamedDocument, ...]) -> WhoCan:
    """Who can do `action` on `resource` (an ARN or a name) by the stack's documents."""
    return who_can(action, resolve_resource(resource, found), found)

"""Bring a hub up with whom it admitted, and read back the roster that says so."""

from __future__ import annotations

from pathlib import Path

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import FedmlError, ResourceError
from fedml_infra.model.resources import hub_resources
from fedml_infra.operations.hub_runs import Standing
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.roster import require_hub_key
from fedml_infra.operations.rotate import rights_in_force
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.shared_up import shared_up
from fedml_infra.operations.up import Run, exported_or_empty, outputs_of


def bring_up_hub(project: Path, recovery: Recovery, options: RunOptions) -> tuple[Run | None, Standing]:
    """One run for all whom the file has by now (None where another did it), and the roster that it published.

    Errors as `shared_up`; one of an account that AWS does not know names those that came since the last run.
    """
    engine, aws, name = recovery.engine, recovery.aws, recovery.stack.name
    if not recovery.stack.config.has_secret("hub_key"):
        require_hub_key(project, name, engine)
    known = rights_in_force(outputs_of(exported_or_empty(engine, name)))
    try:
        run = shared_up(project, recovery, options)
    except FedmlError as error:
        new = [each.aws_id for each in load_stack(project, name).config.members if each.aws_id not in known]
        raise _of_dead_account(error, name, new) or error from None
    stack = recovery.stack
    access = Access.of(None, stack.settings)
    account = aws.account_of(access, stack.config.region)
    hub = hub_resources(stack.config, account)
    stored = aws.get_roster(access, hub.region, hub.roster_bucket, owner=account)
    if stored is None:
        raise ResourceError(
            f"The roster of {name} is not where it was published, in bucket {hub.roster_bucket}.",
            fix=f"`fedml-infra up {name}` publishes it.",
        )
    return run, Standing(stack.config, stored.body)


def _of_dead_account(error: FedmlError, stack: str, new: list[str]) -> FedmlError | None:
    """The error of a policy with a principal that AWS does not know, with whose it may be; None for any other error."""
    if "MalformedPolicy:" not in error.what or not new:
        return None
    whose = f"account {new[0]} is the one that" if len(new) == 1 else f"accounts {', '.join(new)} are those that"
    out = " and ".join(f"`fedml-infra members remove {account} -s {stack}`" for account in new)
    return type(error)(
        f"{error.what}\n  Of the members, {whose} came since the last run.",
        fix=f"If AWS knows such an account no more, take it out: {out}. Rights on the topic are in force already.",
    )

"""`fedml-infra create` with --branch or --no-apply: the stack file is made, and neither AWS nor a state is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fedml_infra.operations.create import CreatePlan, CreateRequest, Existing
    from fedml_infra.operations.tools import Tools

    from .branch_options import Way


def create_written(
    ctx: click.Context, given: Mapping[str, Any], request: CreateRequest, tools: Tools, way: Way, notes: tuple[str, ...]
) -> None:
    """Write the stack file, here or on the branch; what AWS would have decided is said where it is not seen."""
    from fedml_infra.gitops.file_secrets import for_new_file
    from fedml_infra.gitops.propose import listed
    from fedml_infra.operations.compare_rights import compare_rights
    from fedml_infra.operations.create import check_key, existing, write_stack
    from fedml_infra.operations.load import Stack

    from .ask import require
    from .create import make_project, project_there, show_plan, stack_path_in
    from .output import beside, print_json, say
    from .recorded import recorded
    from .target import Target, start_of
    from .written import desk_of, propose_and_tell, say_written, warn_of_own

    desk = desk_of(ctx, way.branch) if way.branch is not None else None
    project, is_there = (desk.project, True) if desk is not None else project_there(start_of(ctx))
    path = stack_path_in(project, is_there, str(request.values.get("fedml-infra:fed_name", "")))
    if desk is not None:
        warn_of_own(desk, path)
    before = existing(path)
    plan = planned(request, tools, before)
    for note in (*notes, *plan.notes):
        say(note)
    if not given["yes"]:
        with beside(given["as_json"]):
            show_plan(plan, path, as_json=False)
    require(f"Write {path.name}?", yes=given["yes"])
    if not is_there:
        make_project(project)
    engine, told = tools.engine(project), {"applied": "no", **({"branch": desk.branch} if desk is not None else {})}
    with (
        recorded(Target(project, Stack(plan.stack, path, plan.config, plan.values), engine, tools), **told),
        for_new_file(engine, project, given["secrets_provider"]) as apart,
    ):
        write_stack(plan, path, apart, secrets_provider=given["secrets_provider"])
        check_key(request, plan, apart)
    rights = compare_rights({}, plan.config)
    document: dict[str, Any] = {
        "stack": plan.stack,
        "file": path.name if desk is not None else str(path),
        "applied": False,
        "resumes": plan.resumes,
        "rights": [change.as_json() for change in rights],
        "notes": list(plan.notes),
    }
    if desk is None:
        say_written(path, plan.stack)
    else:
        title = f"Create {plan.stack}" if plan.config.is_hub else f"Join {plan.stack}"
        document["branch"] = propose_and_tell(desk, path, title, listed(rights, plan.notes), as_json=given["as_json"])
    if given["as_json"]:
        print_json(document)


def planned(request: CreateRequest, tools: Tools, before: Existing | None) -> CreatePlan:
    """The plan, by what is in AWS; without it where nobody is logged in."""
    from fedml_infra.errors import AuthenticationError, NetworkError
    from fedml_infra.operations.create import plan_create

    from .output import warn

    try:
        return plan_create(request, tools.aws, before)
    except (AuthenticationError, NetworkError) as error:
        warn(f"AWS cannot be asked from here, so what is there already is not seen. {error.what}")
        return plan_create(request, None, before)

"""The jobs about what is there already: an account looked at, a schedule changed, who proved its account let in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from fedml_infra.aws.sessions import Access
from fedml_infra.model.regions import normalise_region
from fedml_infra.operations.admission import admit_redeemed
from fedml_infra.operations.admitting import bring_up_hub
from fedml_infra.operations.awsinfo import all_regions, aws_info
from fedml_infra.operations.customers import key_of
from fedml_infra.operations.hub_change import apply_hub_change, require_hub
from fedml_infra.operations.jobs.acting import acting
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.workspace import OpenProject, opened
from fedml_infra.operations.schedule import parse_schedule, set_schedule
from fedml_infra.operations.up import exported_or_empty, outputs_of
from fedml_infra.store.jobs import ADMIT
from fedml_infra.store.service_values import Customer, Ending, JobState
from fedml_infra.wire import v1
from fedml_infra.wire.v2.request import encrypt_value

HOME = "us-east-1"
AWS_INFO_VALUE = "awsInfoEncrypted"
LATELY = timedelta(hours=1)
"""Where no earlier run of an admission is known, tokens redeemed longer ago were served by one."""


def awsinfo(context: JobContext) -> Ending:
    """`POST /fedml/awsinfo`: AwsInfo, encrypted for the customer."""
    given = context.asked.get("aws_region")
    regions = (normalise_region(given),) if given else all_regions(HOME)
    tools = acting(context, regions[0] if given else HOME, aws_id=context.asked.get("aws_id") or None)
    found = aws_info(tools.aws, Access(), regions)
    for each in found.seen.unseen:
        context.say(str(each))
    text = json.dumps(found.aws_info())
    return Ending(JobState.FINISHED, 200, "Job is finished", {AWS_INFO_VALUE: _encrypted(context, text)})


def new_schedule(context: JobContext) -> Ending:
    """`POST /fedml/{pid}/newSchedule`."""
    wanted = parse_schedule(str(context.asked["sync_sched"]))
    with opened(context, acting(context, _region(context))) as project:
        stack = project.stack()
        require_hub(stack.config, "The schedule")
        outputs = outputs_of(exported_or_empty(project.engine, stack.name))
        apply_hub_change(project.folder, project.recovery(), outputs, set_schedule(wanted), project.options())
        _came_up(project)
    return Ending(JobState.FINISHED, 200, "Job is finished")


def admit(context: JobContext) -> Ending:
    """Let in everybody who has redeemed a token of the hub by now, with one run, and keep the roster for them."""
    store = context.store
    with opened(context, acting(context, _region(context))) as project:
        topic_arn = str(project.row.topic_arn)
        before = {member.aws_id for member in project.stack().config.members}
        admit_redeemed(
            project.folder, project.name, project.engine, store, topic_arn, new_since=_last_admission(context)
        )
        _, standing = bring_up_hub(project.folder, project.recovery(), project.options())
        _came_up(project, roster=standing.roster)
        for member in standing.config.members:
            if member.aws_id not in before:
                store.members.admitted(topic_arn, member.aws_id, standing.config.fed_epoch)
    return Ending(JobState.FINISHED, 200, "Job is finished")


def _last_admission(context: JobContext) -> datetime:
    """When the last run began that let in whoever had redeemed a token by then."""
    store, task = context.store, context.task
    jobs = store.jobs.list(task.cid, pid=task.pid, limit=200)
    began = (job.started_at for job in jobs if job.kind == ADMIT and job.state is JobState.FINISHED)
    return max(filter(None, began), default=store.now() - LATELY)


def _came_up(project: OpenProject, *, roster: bytes | None = None) -> None:
    project.came_up(outputs_of(exported_or_empty(project.engine, project.name)), roster=roster)


def _region(context: JobContext) -> str:
    """Of the project's stack; any will do to ask whose the credentials are."""
    assert context.task.pid is not None, "a job of a project"
    row = context.store.workspaces.get(context.task.cid, context.task.pid)
    topic = row.topic_arn.split(":")[3] if row is not None and row.topic_arn else ""
    return topic or HOME


def _encrypted(context: JobContext, text: str) -> str:
    customer: Customer = context.customer
    key = key_of(context.sealer, customer)
    if customer.version == "v1":
        return v1.encrypt_text(text, key)
    return encrypt_value(text, key, cid=customer.cid, name=AWS_INFO_VALUE)

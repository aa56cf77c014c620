"""The jobs that make a project: a federation of one's own, or a part in another's. Done again, they go on."""

from __future__ import annotations

from fedml_infra.aws.sessions import Access, is_loopback
from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    FedmlError,
    NetworkError,
    ResourceError,
    TimedOutError,
    TokenRefusedError,
)
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.validation import HUB_KEY, NAMESPACE, REGION_KEY
from fedml_infra.operations.create import (
    CreatePlan,
    CreateRequest,
    check_key,
    ephemeral,
    existing,
    plan_create,
    take_back,
    write_stack,
)
from fedml_infra.operations.hand_in import hand_in
from fedml_infra.operations.jobs.acting import acting
from fedml_infra.operations.jobs.answers import PeerError
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.messages import Waits
from fedml_infra.operations.jobs.requests import invite_in, join_keys, own_values
from fedml_infra.operations.jobs.workspace import OpenProject, opened
from fedml_infra.operations.join import JoinRequested, plan_join
from fedml_infra.operations.load import Stack
from fedml_infra.operations.state import State
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import exported_or_empty, look_new, recovered_before, up
from fedml_infra.store.service_values import Ending, JobState
from fedml_infra.wire.request_map import CREATE_KEYS, from_map

AGAIN_SECONDS = (1.0, 10.0)
"""After which a join asks again whether its hub is up, at least and at most; less often the longer it has waited."""
OF_INVITE = frozenset(
    NAMESPACE + name
    for name in ("fed_name", "sync_sched", "aws_topic_arn", "topology", "hub_public_key", "roster_bucket")
)
"""What a joiner's stack has from its invite, and later from the roster."""


def create(context: JobContext) -> Ending:
    """`POST /fedml/create`."""
    request = from_map(context.asked, CREATE_KEYS, pid=context.task.pid)
    tools = acting(context, str(request.values[REGION_KEY]), aws_id=request.aws_id)
    with opened(context, tools) as project:
        values = dict(request.values) if context.persist else ephemeral(request.values)
        wanted = CreateRequest(
            values, request.fed_secret_key, protect=None if context.persist else False, local=_local(context)
        )
        plan = _planned(wanted, project, tools.aws)
        _claim_topic(context, plan, tools.aws)
        _write(plan, project, tools.aws)
        check_key(wanted, plan, project.engine)
        _bring_up(project)
    return Ending(JobState.FINISHED, 201, f"Project Created with id:{context.task.pid}")


def create_join(context: JobContext) -> Ending | Waits:
    """`POST /fedml/createJoin`: waits, without holding a place, while the hub's stack comes up."""
    # Not for every job: it takes a quarter of a second.
    from fedml_infra.operations.outgoing import OutgoingTransport

    invite = invite_in(context.asked)
    request = from_map(context.asked, join_keys(context.asked), pid=context.task.pid)
    tools = acting(context, str(request.values[REGION_KEY]), aws_id=request.aws_id)
    with opened(context, tools) as project:
        own = {key: value for key, value in own_values(request).items() if key not in OF_INVITE}
        requested = JoinRequested(
            own if context.persist else ephemeral(own), None if context.persist else False, _local(context)
        )
        plan = plan_join(invite, requested, tools.aws, existing(project.path), now=context.store.now())
        _write(plan.created, project, tools.aws)
        if plan.created.resumes and _has_resources(project):
            # It was admitted: nothing is made before that.
            _bring_up(project)
            return _joined(context)
        try:
            hand_in(
                plan,
                project.path,
                project.engine,
                tools.aws,
                is_new=False,
                say=context.say,
                patience=0.0,
                transport=OutgoingTransport(context.task.settings.peers),
            )
        except TimedOutError:
            return Waits(_again(context))
        except (ConfigurationError, TokenRefusedError):
            # Nothing was made yet: another invite may be used for the same project.
            take_back(plan.stack, project.path, project.engine)
            raise
        except (NetworkError, ResourceError, AuthenticationError) as error:
            raise _of_peer(error) from error
        _bring_up(project)
    return _joined(context)


def _again(context: JobContext) -> float:
    job = context.store.jobs.get(context.task.job_id)
    waited = (context.store.now() - job.created_at).total_seconds() if job is not None else 0.0
    return min(max(waited / 4, AGAIN_SECONDS[0]), AGAIN_SECONDS[1])


def _of_peer(error: FedmlError) -> FedmlError:
    """What a caller is told: the words of somebody else's server, and of AWS, are for the log alone."""
    if isinstance(error, NetworkError):
        return PeerError("The invite's server gave no answer.")
    if type(error) is ResourceError:
        return PeerError("The invite's server cannot let the account in now.")
    return PeerError("The invite's server refused.") if type(error) is AuthenticationError else error


def _joined(context: JobContext) -> Ending:
    return Ending(JobState.FINISHED, 201, "Fed Project created with join", {"pid": str(context.task.pid)})


def _claim_topic(context: JobContext, plan: CreatePlan, aws: Cloud) -> None:
    """Raise ConflictError where another project has the hub of that name in that account and region."""
    task = context.task
    assert task.pid is not None, "a job of a project"
    account = aws.account_of(Access(), plan.config.region)
    topic_arn = hub_resources(plan.config, account).topic_arn
    if not context.store.workspaces.claim_topic(task.cid, task.pid, topic_arn):
        raise ConflictError(f"Account {account} has the hub of a federation {plan.stack} already.")


def _planned(wanted: CreateRequest, project: OpenProject, aws: Cloud) -> CreatePlan:
    """The plan; where an earlier request came to nothing, and said something else, it is begun anew."""
    try:
        return plan_create(wanted, aws, existing(project.path))
    except ConfigurationError:
        if not project.path.exists() or _has_resources(project):
            raise
    take_back(project.name, project.path, project.engine)
    return plan_create(wanted, aws, None)


def _has_resources(project: OpenProject) -> bool:
    return bool(State.of(exported_or_empty(project.engine, project.name)).resources)


def _write(plan: CreatePlan, project: OpenProject, aws: Cloud) -> None:
    """Write the stack file, once it is known that its run can work, and bring it back: its keys exist once."""
    stack = Stack(plan.stack, project.path, plan.config, plan.values)
    whole = plan.key is None and plan.member_key is None and (not plan.config.is_hub or HUB_KEY in plan.values)
    if plan.resumes and whole:
        return
    if plan.resumes:
        # A run that was killed has left its lock.
        project.recovery(stack).unlocked(lambda: write_stack(plan, project.path, project.engine))
    else:
        look_new(stack, aws)
        write_stack(plan, project.path, project.engine)
    project.keep()


def _bring_up(project: OpenProject) -> None:
    recovery = project.recovery()
    before = recovered_before(recovery)
    run = up(recovery, before, project.options())
    project.came_up(run.result.outputs)


def _local(context: JobContext) -> bool:
    return is_loopback(context.environ.get("AWS_ENDPOINT_URL"))

"""What each kind of job does: a body can be killed at any point, and done again goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fedml_infra.operations.jobs.context import JobContext as JobContext
from fedml_infra.operations.jobs.making import create, create_join
from fedml_infra.operations.jobs.messages import Waits
from fedml_infra.operations.jobs.requests import ADMIT, AWS_INFO, CREATE, CREATE_JOIN, NEW_SCHEDULE
from fedml_infra.operations.jobs.serving import admit, awsinfo, new_schedule
from fedml_infra.store.service_values import Ending

BODIES: Mapping[str, Callable[[JobContext], Ending | Waits]] = {
    CREATE: create,
    CREATE_JOIN: create_join,
    AWS_INFO: awsinfo,
    NEW_SCHEDULE: new_schedule,
    ADMIT: admit,
}

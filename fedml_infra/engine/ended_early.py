"""A process of the run that ended in the middle of it: the provider, the program or the engine itself.

The engine speaks to its plugins over gRPC on loopback; of one that is gone it says no more than gRPC does, which reads
like a network that is down (https://grpc.io/docs/guides/status-codes/, UNAVAILABLE).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fedml_infra.engine.credential_failures import how_far
from fedml_infra.errors import EngineError, FedmlError

if TYPE_CHECKING:
    from fedml_infra.engine.failures import Failure

PLUGIN_GONE = (
    r"error reading from server: |error reading server preface: |transport is closing"
    r"|transport: Error while dialing: dial tcp (?:127\.0\.0\.1|\[::1\]):\d+: "
    r"|/pulumi-resource-[\w.-]+ exited prematurely"
    r"|Program exited with non-zero exit code: -\d"
)
GO_ON = (
    "Run the same command again: it goes on from there. Where it ends like that every time, "
    "`fedml-infra doctor` looks at engine, language host and plugin."
)


def plugin_gone(_: re.Match[str], failure: Failure) -> FedmlError:
    """A provider works on resources; what ends without one is the program, or the language host that runs it."""
    of_provider = any(
        (found.urn and "pulumi:pulumi:Stack" not in found.urn) or "exited prematurely" in found.message
        for found in failure.errors
    )
    if of_provider:
        middle = how_far(failure) or f" during the {failure.operation}"
        return EngineError(f"The provider's process ended{middle}", fix=GO_ON)
    return EngineError(
        f"The program's process ended during the {failure.operation}: {_settled(failure.done)}", fix=GO_ON
    )


def engine_killed(failure: Failure) -> FedmlError:
    """The engine ended by a signal (its status is minus the signal's number), and so could say nothing."""
    return EngineError(
        f"The engine's process was ended by signal {-failure.status} during the {failure.operation}: "
        f"{_settled(failure.done)}",
        fix=GO_ON,
    )


def _settled(done: int) -> str:
    return "1 resource is settled" if done == 1 else f"{done} resources are settled"

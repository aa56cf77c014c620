"""Where the two local AWSs differ from AWS in what a resource's calls have to look like: the only place that knows."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Mapping
from typing import Any

from fedml_infra.sandbox.provider.loopback import connect


class LocalAws:
    """A local AWS that needs no help: MiniStack."""

    def queue_attributes(self, wanted: Mapping[str, str], current: Callable[[], Mapping[str, str]]) -> dict[str, str]:
        """What to send so that `wanted` changes and nothing else does."""
        del current
        return dict(wanted)

    def redrive_allow_policy(self, answered: str | None, last_known: str | None) -> str | None:
        """The queue's redrive allow policy, as far as it can be known."""
        del last_known
        return answered

    def subscribing(self) -> contextlib.AbstractContextManager[Any]:
        """Held while a subscription is made or removed."""
        return contextlib.nullcontext()


class Moto(LocalAws):
    """moto 5.2: SetQueueAttributes without Policy erases the policy, RedriveAllowPolicy is stored and never told,
    and subscriptions made at the same moment disturb each other (a dictionary changes while it is read)."""

    _subscriptions = threading.Lock()

    def queue_attributes(self, wanted: Mapping[str, str], current: Callable[[], Mapping[str, str]]) -> dict[str, str]:
        policy = {} if "Policy" in wanted else {k: v for k, v in current().items() if k == "Policy" and v}
        return {**policy, **wanted}

    def redrive_allow_policy(self, answered: str | None, last_known: str | None) -> str | None:
        return answered or last_known

    def subscribing(self) -> contextlib.AbstractContextManager[Any]:
        return self._subscriptions


def which(endpoint: str, ca_bundle: str | None) -> LocalAws:
    """The local AWS behind a loopback URL."""
    connection = connect(endpoint, ca_bundle)
    try:
        connection.request("GET", "/moto-api/data.json")
        return Moto() if connection.getresponse().status == 200 else LocalAws()
    except (OSError, http.client.HTTPException):
        return LocalAws()
    finally:
        connection.close()

"""Giving a running local AWS a plan of faults, and asking it what calls it had."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from fedml_infra.errors import ConfigurationError, NetworkError
from fedml_infra.sandbox.local_aws.certificates import authority_of
from fedml_infra.sandbox.local_aws.faults.layer import CONTROL, TOKEN
from fedml_infra.sandbox.local_aws.faults.plan import Plan
from fedml_infra.sandbox.local_aws.handle import LocalAws

SECONDS = 10.0


@dataclass(frozen=True)
class SeenCall:
    """One call that the local AWS had since its plan was set."""

    index: int
    """From 1, over all calls."""
    service: str
    operation: str
    account: str
    outcome: str
    """`answered`, or the fault that it met."""


class Faults:
    """The faults of one running local AWS. Each call raises NetworkError where it does not answer."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def set(self, plan: Plan) -> None:
        """Have these faults from now on, and count calls anew; an empty plan only counts."""
        self._ask("PUT", plan.model_dump_json().encode())

    def clear(self) -> None:
        """Have none, and count nothing."""
        self._ask("DELETE")

    def plan(self) -> Plan | None:
        """The plan that is in force."""
        plan = self._ask("GET")["plan"]
        return None if plan is None else Plan.model_validate(plan)

    def calls(self) -> tuple[SeenCall, ...]:
        """The calls since the plan was set, the last hundred thousand of them."""
        return tuple(SeenCall(*row) for row in self._ask("GET")["calls"])

    def _ask(self, method: str, body: bytes | None = None) -> Any:
        home = self._aws.ca_bundle.parent
        try:
            token = (home / TOKEN).read_text(encoding="ascii")
        except OSError as error:
            raise ConfigurationError(
                f"The local AWS's token {home / TOKEN} cannot be read: {error.strerror}",
                fix="Start the sandbox anew: fedml-infra sandbox down, then fedml-infra sandbox up",
            ) from error
        request = urllib.request.Request(  # noqa: S310
            self._aws.url + CONTROL, method=method, data=body, headers={"Authorization": f"Bearer {token}"}
        )
        context = ssl.create_default_context(cafile=str(authority_of(self._aws.ca_bundle)))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ConfigurationError(
                f"The local AWS refuses this ({error.code}): {error.read().decode('utf-8', 'replace')}"
            ) from error
        except OSError as error:
            raise NetworkError(
                f"The local AWS does not answer at {self._aws.url}: {error}", fix=f"Its log: {self._aws.log}"
            ) from error

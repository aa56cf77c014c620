"""Declares a federation against Pulumi's own test monitor and hands back every resource with its inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pulumi
import pulumi.runtime
import pytest

from fedml_infra.model.validation import validate

KEY = "AAECAwQFBgcICQoLDA0ODw=="
ACCOUNT = "111111111111"


@dataclass(frozen=True)
class Declared:
    """One resource as the program asked for it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str


class Refused(grpc.RpcError):
    """What the engine answers an invoke that a provider could not do."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


@dataclass
class Monitor(pulumi.runtime.Mocks):
    """Answers as an AWS would to which nothing can go wrong; `accounts` are those of profiles and roles."""

    accounts: Mapping[str, str]
    refusals: Mapping[str, str] = field(default_factory=dict)
    """What a provider answers that cannot say whose its credentials are, by profile or role; "" is the stack's own."""
    declared: list[Declared] = field(default_factory=list)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.declared.append(Declared(args.typ, args.name, args.inputs, args.provider or ""))
        made = {"arn": f"arn:of:{args.name}", "url": f"https://sqs/{args.name}", **args.inputs}
        return f"{args.name}-id", made

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        assert args.token == "aws:index/getCallerIdentity:getCallerIdentity"
        # The reference is <urn, which ends with the name>::<name>-id, and a name may hold "::" itself.
        name = args.provider.partition("providers:aws::")[2].removesuffix("-id")
        way = name[: (len(name) - len("::")) // 2].partition("-aws")[2].removeprefix("-")
        if way in self.refusals:
            raise Refused(self.refusals[way])
        return {"accountId": self.accounts.get(way, ACCOUNT), "arn": "", "userId": "", "id": ""}


@dataclass(frozen=True)
class World:
    """All that one declaration of a federation asked for, and what it would export."""

    resources: tuple[Declared, ...]
    outputs: Mapping[str, Any]

    def all(self, type_: str) -> list[Declared]:
        """The resources of a type, given as `sqs/queue:Queue`."""
        return [each for each in self.resources if each.type == f"aws:{type_}"]

    def one(self, type_: str, name: str | None = None) -> Mapping[str, Any]:
        """The inputs of the only resource of a type, or of the one of that name."""
        (found,) = [each for each in self.all(type_) if name in (None, each.name)]
        return found.inputs


Declare = Callable[..., World]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop of this test's own, closed after it: Pulumi's runtime takes the thread's current one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def declare(loop: asyncio.AbstractEventLoop) -> Declare:
    """`declare(config, accounts={profile: account}, settings={…})`; config has full keys, without the usual ones.

    As a preview, in which the program makes no call of its own, unless told otherwise. `refusals` are as
    Monitor's; `declared` takes what was asked for where the program fails.
    """

    def run(
        config: Mapping[str, Any],
        accounts: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        preview: bool = True,
        refusals: Mapping[str, str] | None = None,
        declared: list[Declared] | None = None,
    ) -> World:
        from fedml_infra.program import Federation, FederationArgs

        monitor = Monitor(accounts or {}, refusals or {}, [] if declared is None else declared)
        pulumi.runtime.set_mocks(monitor, project="fedml-infra", stack="cardio", preview=preview)
        values = {
            "aws:region": "us-east-1",
            "fedml-infra:fed_name": "cardio",
            "fedml-infra:sync_sched": "m30",
            "fedml-infra:fed_secret_key": KEY,
            **config,
        }
        outputs: dict[str, Any] = {}

        @pulumi.runtime.test
        def program() -> pulumi.Output[None]:
            federation = Federation("cardio", FederationArgs(validate(values, stack="cardio"), settings or {}))
            both = pulumi.Output.all(federation=federation.federation, nodes=federation.nodes)
            return both.apply(outputs.update)

        program()
        return World(tuple(monitor.declared), outputs)

    return run

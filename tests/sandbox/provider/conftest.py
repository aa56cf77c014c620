"""The provider served in this process, over real gRPC, against a local AWS over TLS."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any

import grpc
import pytest

from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.provider.connections import Connections
from fedml_infra.sandbox.provider.server import serve
from tests.sandbox.provider.driver import Driver

REGION = "eu-central-1"


class Lab:
    """A provider, and plain AWS clients beside it; tests keep apart by names of their own.

    All share one account and one neighbour's, whose clients are made once.
    """

    account = "222222222222"
    neighbour = "333333333333"

    def __init__(
        self,
        aws: LocalAws,
        open_driver: Callable[[], Driver],
        missing: Collection[tuple[str, str]] = (),
    ) -> None:
        """`missing` are the properties, by type, that this local AWS does not have."""
        self.aws = aws
        self.missing = missing
        self.open = open_driver
        self.name = f"t{uuid.uuid4().hex[:12]}"

    @functools.cached_property
    def driver(self) -> Driver:
        return self.provider(self.account)

    def provider(self, account: str, region: str = REGION, **settings: Any) -> Driver:
        key, secret = self.aws.credentials(account)
        return self.open().configure(accessKey=key, secretKey=secret, region=region, **settings)

    def boto(self, service: str, account: str | None = None, region: str = REGION) -> Any:
        return _boto(self.aws, service, account or self.account, region)


@functools.lru_cache(maxsize=64)
def _boto(aws: LocalAws, service: str, account: str, region: str) -> Any:
    return aws.session(account, region).client(service)


@pytest.fixture(scope="session")
def environment(ministack: LocalAws) -> dict[str, str]:
    """What the served provider sees; short waits."""
    return {
        "AWS_ENDPOINT_URL": ministack.url,
        "AWS_CA_BUNDLE": str(ministack.ca_bundle),
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "FEDML_INFRA_SANDBOX_SUBSCRIBE_SECONDS": "0.5",
        "FEDML_INFRA_SANDBOX_QUEUE_NAME_SECONDS": "5",
    }


@contextlib.contextmanager
def served(environment: dict[str, str]) -> Iterator[tuple[Connections, Callable[[], Driver]]]:
    """A provider process's insides, and a way to connect as one more provider."""
    connections = Connections(environment)
    server, port = serve(connections)
    with contextlib.ExitStack() as channels:

        def open_driver() -> Driver:
            channel = grpc.insecure_channel(
                f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
            )
            return Driver(channels.enter_context(channel))

        yield connections, open_driver
    server.stop(0).wait(5)


@pytest.fixture(scope="session")
def open_driver(environment: dict[str, str]) -> Iterator[Callable[[], Driver]]:
    with served(environment) as (_, opener):
        yield opener


@pytest.fixture
def lab(ministack: LocalAws, open_driver: Callable[[], Driver]) -> Lab:
    return Lab(ministack, open_driver)

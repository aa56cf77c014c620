"""The providers of one process: each has a connection of its own, by which the engine's calls are told apart."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fedml_infra.sandbox.provider.caller import caller
from fedml_infra.sandbox.provider.clients import Clients
from fedml_infra.sandbox.provider.configuration import Settings
from fedml_infra.sandbox.provider.credentials import Keys, Role
from fedml_infra.sandbox.provider.emulators import LocalAws, which
from fedml_infra.sandbox.provider.engine_log import EngineLog
from fedml_infra.sandbox.provider.loopback import require_loopback
from fedml_infra.sandbox.provider.refusals import CancelledError, ProviderError
from fedml_infra.sandbox.provider.secrets import SHORTEST

CANCEL_WAITS_SECONDS = 5.0
"""The engine kills a plugin that long after it asked it to end."""

IDLE_SECONDS = 1800.0
"""An engine that was killed never says goodbye: its providers are forgotten after that long without a call."""

RENEW_BEFORE = timedelta(minutes=5)


class Connection:
    """One provider: its settings, its keys, and how many of its calls are under way."""

    def __init__(
        self, clients: Clients, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.environment = environment
        self._clock = clock
        self.engine: EngineLog | None = None
        self.cancelled = threading.Event()
        self.last_call = self._clock()
        self._clients = clients
        self._settings: Settings | None = None
        self._keys: tuple[Keys, datetime | None] | None = None
        self._account: str | None = None
        self._local_aws: LocalAws | None = None
        self._lock = threading.RLock()
        self._calls = 0
        self._idle = threading.Condition()

    # -- settings and what follows from them

    @property
    def settings(self) -> Settings:
        """The settings. Raises ProviderError before Configure."""
        if self._settings is None:
            raise ProviderError("the aws provider was called before it was configured")
        return self._settings

    def configure(self, settings: Settings) -> None:
        """Take the settings; where they limit the accounts, ask STS whose the credentials are."""
        with self._lock:
            self._settings, self._keys, self._account, self._local_aws = settings, None, None, None
        if settings.limits_accounts:
            settings.check_account(self.account)

    @property
    def hidden(self) -> frozenset[str]:
        """What must not be in a message: the secret parts of this provider's keys."""
        with self._lock:
            given = self._settings.keys if self._settings else None
            current = self._keys[0] if self._keys else None
        keys = [key for key in (given, current) if key is not None]
        # A local AWS takes any word for a secret key: one as short as "x" is in every message.
        return frozenset(t for key in keys for t in (key.secret_key, key.token) if t and len(t) >= SHORTEST)

    def client(self, service: str, region: str) -> Any:
        """The boto client of a service in a region, with this provider's keys."""
        settings = self.settings
        return self._clients.get(service, settings.endpoint(service), region, self._current_keys(), settings.ca_bundle)

    @property
    def account(self) -> str:
        """The account of this provider's keys, asked of STS once."""
        with self._lock:
            if self._account is None:
                self._account = self.caller(self.settings.sts_region)["Account"]
            return self._account

    def caller(self, region: str) -> Mapping[str, str]:
        """Account, Arn and UserId of this provider's keys, asked of STS now."""
        settings = self.settings
        url = require_loopback(settings.endpoint("sts"), "sts")
        told = caller(url, region, self._current_keys(), settings.ca_bundle)
        answer: Mapping[str, str] = told or self.client("sts", region).get_caller_identity()
        return answer

    @property
    def local_aws(self) -> LocalAws:
        """Which local AWS this is, asked once."""
        with self._lock:
            if self._local_aws is None:
                settings = self.settings
                self._local_aws = which(require_loopback(settings.endpoint("sqs"), "sqs"), settings.ca_bundle)
            return self._local_aws

    def _current_keys(self) -> Keys:
        with self._lock:
            if self._keys is None or (self._keys[1] and self._keys[1] - datetime.now(UTC) < RENEW_BEFORE):
                credentials = self.settings.credentials()
                keys, until = credentials.keys, None
                for role in credentials.roles:
                    keys, until = self._assume(role, keys)
                self._keys = keys, until
            return self._keys[0]

    def _assume(self, role: Role, keys: Keys) -> tuple[Keys, datetime]:
        settings = self.settings
        sts = self._clients.get("sts", settings.endpoint("sts"), settings.sts_region, keys, settings.ca_bundle)
        optional = {
            "ExternalId": role.external_id,
            "Policy": role.policy,
            "PolicyArns": [{"arn": arn} for arn in role.policy_arns],
            "DurationSeconds": role.duration_seconds,
            "SourceIdentity": role.source_identity,
        }
        given = {name: value for name, value in optional.items() if value}
        answer = sts.assume_role(RoleArn=role.arn, RoleSessionName=role.session_name, **given)["Credentials"]
        return Keys(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]), answer["Expiration"]

    # -- calls

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """One call of the engine, from its start to its answer."""
        with self._idle:
            self._calls += 1
        try:
            yield
        finally:
            self.last_call = self._clock()
            with self._idle:
                self._calls -= 1
                self._idle.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._calls > 0

    def pause(self, seconds: float) -> None:
        """Wait. Raises CancelledError as soon as the engine gives the run up."""
        if self.cancelled.wait(seconds):
            raise CancelledError("given up: the run was cancelled")

    def cancel(self, timeout: float = CANCEL_WAITS_SECONDS) -> bool:
        """Wake what waits, and wait for the calls under way; whether all have ended."""
        self.cancelled.set()
        with self._idle:
            ended = self._idle.wait_for(lambda: self._calls == 0, timeout)
        if self.engine is not None:
            self.engine.close()
        return ended


class Connections:
    """The process's providers by the engine's end of their connection.

    `environment` is where they look for AWS_* variables.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        engine_address: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.clients = Clients()
        self._environment = environment
        self._engine_address = engine_address
        self._by_peer: dict[str, Connection] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_peer)

    def of(self, peer: str, engine_address: str | None = None) -> Connection:
        """The provider at the other end; a new one at its first call."""
        with self._lock:
            if (connection := self._by_peer.get(peer)) is None:
                self._forget_idle()
                connection = self._by_peer[peer] = Connection(self.clients, self._environment, self._clock)
            address = engine_address or self._engine_address
            if connection.engine is None and address:
                connection.engine = EngineLog(address)
            return connection

    def cancel(self, peer: str, timeout: float = CANCEL_WAITS_SECONDS) -> None:
        """End a provider: its waits at once, its calls as they come to their end."""
        with self._lock:
            connection = self._by_peer.get(peer)
        if connection is not None:
            connection.cancel(timeout)
            with self._lock:
                self._by_peer.pop(peer, None)

    def cancel_all(self) -> None:
        """Wake everything that waits."""
        for connection in self._all():
            connection.cancelled.set()

    @property
    def busy(self) -> bool:
        """Whether any call is under way."""
        return any(connection.busy for connection in self._all())

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._by_peer.values())

    def _forget_idle(self) -> None:
        now = self._clock()
        for peer, connection in list(self._by_peer.items()):
            if not connection.busy and now - connection.last_call > IDLE_SECONDS:
                del self._by_peer[peer]
                connection.cancel(timeout=0)

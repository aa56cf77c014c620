"""boto clients of the local AWS, shared by all providers of the process and bounded in number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from fedml_infra.aws.retries import heed_throttling
from fedml_infra.sandbox.provider.credentials import Keys
from fedml_infra.sandbox.provider.loopback import guard_request, require_loopback

ATTEMPTS = 6
"""How often a call is made that is throttled, fails on AWS's side or is not answered."""
MOST_CLIENTS = 256
"""About 2 MB each: those of 40 accounts and regions stay warm, and a long-lived process does not grow."""


class Clients:
    """A cache of botocore clients by service, endpoint, region, keys and certificates; the least used go first."""

    def __init__(self, limit: int = MOST_CLIENTS) -> None:
        self._limit = limit
        self._clients: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._session: Any = None
        # botocore's session is not thread-safe while it makes a client.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, service: str, endpoint: str | None, region: str, keys: Keys, ca_bundle: str | None) -> Any:
        """The client. Raises ProviderError for an endpoint that is not of this machine."""
        url = require_loopback(endpoint, service)
        key = service, url, region, keys, ca_bundle
        with self._lock:
            if (client := self._clients.get(key)) is None:
                client = self._clients[key] = self._make(service, url, region, keys, ca_bundle)
            self._clients.move_to_end(key)
            while len(self._clients) > self._limit:
                self._clients.popitem(last=False)
        return client

    def _make(self, service: str, url: str, region: str, keys: Keys, ca_bundle: str | None) -> Any:
        import botocore.config
        import botocore.session

        if self._session is None:
            self._session = botocore.session.Session()
        config = botocore.config.Config(
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path"},
            proxies={},
            max_pool_connections=64,
            connect_timeout=5,
            read_timeout=30,
        )
        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            verify=ca_bundle if url.startswith("https:") else None,
            config=config,
        )
        heed_throttling(client, ATTEMPTS)
        client.meta.events.register_first("before-send.*", guard_request)
        if url.startswith("http:"):
            # Policies deny what does not come by TLS; a loopback without it stands for it by this header.
            client.meta.events.register("before-sign.*", _claim_tls)
        return client


def _claim_tls(request: Any, **_: Any) -> None:
    request.headers["X-Forwarded-Proto"] = "https"

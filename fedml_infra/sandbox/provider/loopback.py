"""The one gate between the sandbox and the world: an address of this machine, or nothing."""

from __future__ import annotations

import http.client
import ipaddress
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

from fedml_infra.sandbox.provider.refusals import ProviderError

# Written in full and matched whole, so that no two URL parsers can disagree about the host: no user part, no other
# spelling of a number (0x7f000001, 127.1, 2130706433), no mapped or zoned IPv6, no name but "localhost".
_LOOPBACK = re.compile(
    r"https?://(?:localhost|(?P<ipv4>127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})|\[::1\])(?::(?P<port>[0-9]{1,5}))?/?"
)


def is_loopback(url: str) -> bool:
    """Whether the URL is plainly one of this machine: http or https, 127.x.y.z, [::1] or localhost, and a port."""
    match = _LOOPBACK.fullmatch(url)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        return False
    try:
        return match["ipv4"] is None or ipaddress.IPv4Address(match["ipv4"]).is_loopback
    except ValueError:
        return False


def require_loopback(url: str | None, service: str) -> str:
    """The URL itself; ProviderError for any that is missing or leads elsewhere."""
    if url and is_loopback(url):
        return url
    raise ProviderError(
        f"the sandbox's aws provider talks to a local AWS only; the endpoint of {service} is "
        f"{without_user(url) if url else 'not set'}: set AWS_ENDPOINT_URL (`fedml-infra sandbox env` does)"
    )


def connect(url: str, ca_bundle: str | None) -> http.client.HTTPConnection:
    """A connection to a loopback URL, dialled at its first request; redirects are not followed.

    Raises ProviderError for any other URL; at most 5 s pass without an answer.
    """
    parts = urlsplit(require_loopback(url, "the local AWS"))
    host, port = parts.hostname or "localhost", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=5)
    return http.client.HTTPSConnection(host, port, timeout=5, context=ssl.create_default_context(cafile=ca_bundle))


def without_user(url: str) -> str:
    """The URL without what may be a password."""
    return re.sub(r"//[^/]*@", "//…@", url)


def guard_request(request: Any, **_: Any) -> None:
    """botocore's `before-send`: whatever resolved the URL (a redirect, a region's rule set), it has to be loopback.

    `request.url` is the prepared request's, with path and query.
    """
    origin = re.match(r"https?://[^/?#]*", str(request.url))
    if origin is None or not is_loopback(origin[0]):
        raise ProviderError(f"the sandbox's aws provider will not send a request to {without_user(str(request.url))}")

"""Hosts, as they stand in addresses."""

from __future__ import annotations

import ipaddress


def is_loopback_host(host: str) -> bool:
    """Whether nobody but this machine reaches that host: an address of the loopback network, or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Who runs a command, as logs and the audit name them."""

from __future__ import annotations

import getpass
import socket


def user() -> str:
    """The operating system's name for whoever runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def actor(account: str | None = None) -> str:
    """`user@host`, with the AWS account of the credentials in use where that is known."""
    who = f"{user()}@{socket.gethostname()}"
    return f"{who} ({account})" if account else who

"""The process of a local AWS: `python -m fedml_infra.sandbox.local_aws.serve KIND DIRECTORY FIRST_PORT LAST_PORT`.

It binds the first free port of the range on loopback (0 0: any), serves TLS with the certificate in DIRECTORY, and
says once on standard output, as a line of JSON, `{"port": …}` when it is ready or `{"error": …}` when it is not to be.
From then on standard output goes where standard error goes. It ends when standard input ends, unless that said "keep".
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from fedml_infra.sandbox.local_aws.capabilities import Kind
from fedml_infra.sandbox.local_aws.faults.layer import App, FaultyAws, new_token

LOOPBACK = "127.0.0.1"
THREADS = 64
"""Long polls for messages hold a thread each."""
LARGEST_BODY = 256 * 1024 * 1024
"""Bytes of one request to moto; MiniStack sets no limit."""
KEEP = b"keep\n"


def main(arguments: list[str]) -> int:
    """Serve until a signal, or until whoever started this is gone."""
    kind, directory = Kind(arguments[0]), Path(arguments[1])
    first, last = int(arguments[2]), int(arguments[3])
    # Nothing is kept on disk, so nothing has to be put in order: SIGTERM ends the process at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listening = bound(range(first, last + 1))
    if listening is None:
        tell({"error": "taken"})
        return 1
    threading.Thread(target=heed_starter, daemon=True).start()
    asyncio.run(serve(kind, directory, listening))
    return 0


def bound(ports: Iterable[int]) -> socket.socket | None:
    """A listening socket on the first of the ports that is free; None where all are taken."""
    for port in ports:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # again right after a restart
        try:
            candidate.bind((LOOPBACK, port))
            candidate.listen(256)
        except OSError as error:
            candidate.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        return candidate
    return None


def tell(said: dict[str, Any]) -> None:
    """Say it to whoever started this, then let go of the pipe."""
    os.write(1, json.dumps(said).encode() + b"\n")
    os.dup2(2, 1)


def heed_starter() -> None:
    """End with the process that started this one, unless it says to stay."""
    if os.read(0, len(KEEP)) != KEEP:
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


async def serve(kind: Kind, directory: Path, listening: socket.socket) -> None:
    """Serve the local AWS on the socket for ever."""
    from concurrent.futures import ThreadPoolExecutor

    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    from fedml_infra.sandbox.local_aws.certificates import certificates

    port = int(listening.getsockname()[1])
    made = certificates(directory)
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.certfile, config.keyfile = str(made.certificate), str(made.key)
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_timeout = 75
    config.errorlog = "-"
    config.loglevel = "WARNING"
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    app, account_of = application(kind, port)
    # The token is there before anybody is told that this is ready.
    faulty = FaultyAws(app, new_token(directory), account_of)

    async def ready() -> None:
        # hypercorn calls this once it accepts connections.
        tell({"port": port})
        await asyncio.Event().wait()

    await hypercorn(faulty, config, shutdown_trigger=ready, mode="asgi")  # type: ignore[arg-type]


def application(kind: Kind, port: int) -> tuple[App, Callable[[str], str]]:
    """The ASGI app of that kind, and what tells the account that an access key acts in."""
    if kind is Kind.MOTO:
        from fedml_infra.sandbox.local_aws import moto

        return asgi(moto.application()), moto.account_of
    from fedml_infra.sandbox.local_aws import ministack

    os.environ.update(ministack.environment(port))
    return ministack.application(), ministack.account_of


def asgi(app: Any) -> App:
    """A WSGI app as an ASGI app, as hypercorn itself would call it."""
    from hypercorn.app_wrappers import WSGIWrapper

    wrapped = WSGIWrapper(app, LARGEST_BODY)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()

        def call_soon(function: Any, *arguments: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(function(*arguments), loop).result()

        await wrapped(scope, receive, send, partial(loop.run_in_executor, None), call_soon)

    return call


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

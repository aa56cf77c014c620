"""The provider's process.

`python -m fedml_infra.sandbox.provider [ENGINE]` is a plugin: it prints a free port, and serves until the engine is
gone. With `--port N` it serves on that port until it is told to end, for `PULUMI_DEBUG_PROVIDERS=aws:N`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from importlib import import_module

from fedml_infra.sandbox.provider.protocol import without_sdk

if __name__ == "__main__":
    without_sdk()

from fedml_infra.sandbox.provider.connections import Connections
from fedml_infra.sandbox.provider.server import serve

POLL_SECONDS = 0.05


def main() -> None:
    """Serve until asked to end and no call is under way, or until the parent of a plugin is gone."""
    parser = argparse.ArgumentParser(prog="python -m fedml_infra.sandbox.provider")
    parser.add_argument("--port", type=int, help="serve on this port of 127.0.0.1 until told to end")
    arguments, rest = parser.parse_known_args()
    parent = os.getppid()
    connections = Connections(os.environ, engine_address=rest[0] if rest and not rest[0].startswith("-") else None)
    asked_to_end = threading.Event()

    def end(*_: object) -> None:
        asked_to_end.set()
        connections.cancel_all()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    _, port = serve(connections, arguments.port or 0)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # Imported while the engine is still shaking hands; the first call to AWS then finds it there.
    threading.Thread(target=import_module, args=("botocore.auth",), daemon=True).start()
    while not (asked_to_end.is_set() and not connections.busy):
        if arguments.port is None and os.getppid() != parent:
            break
        time.sleep(POLL_SECONDS)
    # Not sys.exit: the threads of gRPC would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()

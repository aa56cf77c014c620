"""A door on loopback, as joiners' services reach it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fedml_infra.operations.door import Reply

Answering = Callable[[str, bytes, str], Reply]
"""What is answered: the path, the body, and the whole address that it came to."""


@contextmanager
def door(answering: Answering) -> Iterator[str]:
    """Serves it; the address, without a path."""
    urls = [""]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = answering(self.path, body, urls[0] + self.path)
            written = reply.answer.write()
            self.send_response(reply.answer.http_status)
            if reply.retry_after is not None:
                self.send_header("Retry-After", str(reply.retry_after))
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        urls[0] = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield urls[0]
        finally:
            server.shutdown()
            thread.join()

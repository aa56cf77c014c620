"""A language host started as the engine starts it, and spoken to over gRPC."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
from pulumi.runtime.proto import language_pb2_grpc

HOST = Path(__file__).parents[2] / "fedml_infra/engine/language_host"


@contextlib.contextmanager
def host(**environment: str) -> Iterator[tuple[language_pb2_grpc.LanguageRuntimeStub, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        ["sh", str(HOST / "pulumi-language-python"), "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PULUMI_PYTHON": sys.executable, **environment},
    )
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield language_pb2_grpc.LanguageRuntimeStub(channel), process
    finally:
        process.kill()
        process.communicate()

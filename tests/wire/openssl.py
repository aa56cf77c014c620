"""The same ciphers and sums by another implementation: the `openssl` command."""

from __future__ import annotations

import base64
import subprocess


def run(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def cbc(content: bytes, key: bytes, *, decrypt: bool = False) -> bytes:
    iv = base64.b64decode("LzM5QUtXZXWHm7HJ4wAePg==").hex()
    return run("enc", "-aes-128-cbc", *(["-d"] if decrypt else []), "-K", key.hex(), "-iv", iv, given=content)


def ecb(content: bytes, key: bytes, *, decrypt: bool = False) -> bytes:
    return run("enc", "-aes-128-ecb", *(["-d"] if decrypt else []), "-K", key.hex(), given=content)


def hmac_sha256(content: bytes, key: bytes) -> bytes:
    return run("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary", given=content)


def md5(content: bytes) -> bytes:
    return run("dgst", "-md5", "-binary", given=content)

"""Secrets of a stack file under a passphrase, opened without starting an engine: for who only reads a few.

    encryptionsalt = "v1:" base64(salt) ":" encrypted "pulumi"
    encrypted      = "v1:" base64(nonce) ":" base64(AES-256-GCM(PBKDF2-HMAC-SHA256(passphrase, salt, 1,000,000), text))

As Pulumi's own (https://github.com/pulumi/pulumi, sdk/go/common/resource/config/crypt.go).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes, SecretStr

from fedml_infra.errors import AuthenticationError, ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext

ROUNDS = 1_000_000
"""Of PBKDF2: about 0.3 s, which is why derived keys are kept."""
KEPT = 256

_SALT = re.compile(r"^encryptionsalt:[ \t]*[\"']?v1:([A-Za-z0-9+/=]+):(v1:[^\s\"']+)", re.MULTILINE)


@dataclass
class PassphraseReader:
    """Opens secrets of any number of stack files; keeps the keys of the last ones. May be used by several threads."""

    _keys: OrderedDict[bytes, SecretBytes] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def open(self, file: str, secret: Ciphertext, passphrase: SecretStr) -> SecretStr:
        """The secret of a stack file, whose whole text is `file`.

        AuthenticationError for another passphrase; ConfigurationError where the file's secrets are under none.
        """
        found = _SALT.search(file)
        if found is None:
            raise ConfigurationError("The stack file's secrets are not under a passphrase.")
        key = self._key(base64.b64decode(found[1]), found[2], passphrase)
        return SecretStr(_decrypted(secret.text, key))

    def _key(self, salt: bytes, known: str, passphrase: SecretStr) -> bytes:
        raw = passphrase.get_secret_value().encode()
        name = hashlib.sha256(len(salt).to_bytes(4, "big") + salt + raw).digest()
        with self._lock:
            kept = self._keys.get(name)
            if kept is not None:
                self._keys.move_to_end(name)
                return kept.get_secret_value()
        key = hashlib.pbkdf2_hmac("sha256", raw, salt, ROUNDS)
        _decrypted(known, key)
        with self._lock:
            self._keys[name] = SecretBytes(key)
            while len(self._keys) > KEPT:
                self._keys.popitem(last=False)
        return key


def _decrypted(text: str, key: bytes) -> str:
    try:
        version, nonce, content = text.split(":")
        if version != "v1":
            raise ValueError("of another version")
        return AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(content), None).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise AuthenticationError("The passphrase does not open the stack file's secrets.") from None

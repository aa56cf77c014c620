"""A customer's key: what requests are encrypted and signed with."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretBytes, SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.wire.encoding import from_gson_base64, unwrapped

V1_BYTES = 16
V2_BYTES = 32


@dataclass(frozen=True)
class CustomerKey:
    """A key as its customer has it (base64), and as ciphers take it. Neither prints itself."""

    text: SecretStr
    raw: SecretBytes

    @classmethod
    def parse(cls, given: str | SecretStr) -> CustomerKey:
        """Base64 of 16 bytes (v1) or 32 bytes (v2). ConfigurationError, which does not repeat the key, otherwise."""
        text = unwrapped(given.get_secret_value() if isinstance(given, SecretStr) else given)
        try:
            raw = from_gson_base64(text)
        except ValueError:
            raw = b""
        if len(raw) not in (V1_BYTES, V2_BYTES):
            raise ConfigurationError(
                f"The key is not base64 of {V2_BYTES} bytes, nor of the {V1_BYTES} bytes of a v1 customer's.",
                fix="Take it as it was given to you, with its = at the end.",
            )
        return cls(SecretStr(text.replace("\\u003d", "=")), SecretBytes(raw))

    @property
    def size(self) -> int:
        """In bytes: 16 or 32."""
        return len(self.raw.get_secret_value())

    def require(self, size: int) -> bytes:
        """The bytes. ConfigurationError where the key is for the other version."""
        if self.size != size:
            version = {V1_BYTES: "v1", V2_BYTES: "v2"}
            raise ConfigurationError(
                f"{version[size]} needs a key of {size} bytes, and this one has {self.size}.",
                fix=f"Use the customer's {version[size]} key, or say {version[self.size]}.",
            )
        return self.raw.get_secret_value()

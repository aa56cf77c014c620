"""A secret that is there but cannot be read here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ciphertext:
    """What a stack file holds as `{secure: …}`: encrypted by the stack's secrets provider, opaque to the model."""

    text: str = field(repr=False)

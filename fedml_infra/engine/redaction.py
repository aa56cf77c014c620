"""Takes secrets out of text that is shown, logged or raised.

Two nets: values known to the run, in every form that text carries them in, and patterns of credentials that are known
by their look. A value shorter than six characters is not looked for: it would tear ordinary words apart.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

HIDDEN = "[secret]"
SHORTEST = 6

SECRET_VARIABLES = (
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_ACCESS_TOKEN",
    "FEDML_INFRA_KEY",
    "FEDML_INFRA_PASSPHRASE",
    "FEDML_INFRA_DATABASE_URL",
    "FEDML_INFRA_MASTER_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)
"""Environment variables whose values are secrets."""

NO_SECRETS = frozenset({"sandbox"})
"""The sandbox's passphrase: it protects nothing, and is a word that messages need."""

_PATTERNS = (
    # IAM, unique identifiers: long-term and temporary access keys.
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    # What follows the names that credential files, responses of STS and signed requests give to secrets.
    re.compile(
        r"(?i)((?:aws_?)?secret_?access_?key|(?:aws_?)?session_?token|security[_-]token|passphrase|fed_secret_key)"
        r"(\"?\s*[=:]\s*\"?)(?!\[secret\])[^\s\"',;&]+"
    ),
    re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token))(=)[^&\s\"']+"),
    re.compile(r"(?i)\b(Signature)(=)[0-9a-f]{64}\b"),
    re.compile(r"(?i)(authorization\"?)(\s*[:=]\s*\"?)(?:bearer|basic|token)\s+[^\s\"',]+"),
    # Pulumi Cloud's access tokens.
    re.compile(r"\bpul-[0-9a-f]{40}\b"),
    # What the engine says of a resource that is not as its plan has it: every property with its value, and secrets in
    # the clear. The first one's name is left.
    re.compile(r"(violates plan: properties changed: )((?:[+~=-]+\w+)?).*", re.DOTALL),
    # A password in an address.
    re.compile(r"(://[^/\s:@]+)(:)[^/\s@]+(?=@)"),
)


class Redactor:
    """Replaces secrets by `[secret]`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST and secret not in NO_SECRETS:
                forms |= _forms(secret)
        # Longest first: one secret may be a part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    @classmethod
    def of(cls, environment: Mapping[str, str], secrets: Iterable[str] = ()) -> Redactor:
        """A redactor that also knows the secrets in an environment."""
        known = [environment[name] for name in SECRET_VARIABLES if environment.get(name)]
        return cls([*known, *secrets])

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1\2{HIDDEN}" if pattern.groups else HIDDEN, text)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as JSON, addresses and base64 write it."""
    raw = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    }

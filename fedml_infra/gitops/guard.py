"""What a change of a stack file may not do before anybody agreed to it (docs/adr/0025). Pure.

A preview runs with the secrets of the base branch. So a proposed stack file may say what the federation is to be, and
nothing about how secrets are kept, whose credentials are used, or where they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.gitops.strict_yaml import Finding, Node, read
from fedml_infra.model.mistake import nearest
from fedml_infra.model.validation import KEYS, NAMESPACE, SECRETS

FOREIGN = frozenset({"aws:region", "aws:defaultTags", "aws:allowedAccountIds"})
"""Keys of other namespaces that a change may set. Others, as aws:endpoints, could send credentials elsewhere."""
ENCRYPTION = ("secretsprovider", "encryptionsalt", "encryptedkey")
_SALT = re.compile(r"v1:[A-Za-z0-9+/=:]+")
_SECURE = re.compile(r"secure[\"']?\s*:\s*[\"']?([^\s\"'}]+)")
_OPENS = re.compile(r"^(?:encryptionsalt|encryptedkey):\s*[\"']?([^\s\"']+)", re.MULTILINE)
PASSPHRASE = frozenset({None, "", "default", "passphrase"})
"""Secrets providers that are the passphrase."""
Place = tuple[str, str]
"""Stack and full key."""


@dataclass(frozen=True)
class Base:
    """What the base branch has."""

    providers: frozenset[str]
    """Secrets providers that its stack files name."""
    places: Mapping[str, frozenset[Place]]
    """Where each of its ciphertexts stands."""
    opened_by: frozenset[str] = frozenset()
    """Salts and data keys of its stacks, each of which opens what one of them ever had encrypted."""

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Base:
        """By its stack files, by name of the stack. One that cannot be read counts with every ciphertext in it."""
        providers: set[str] = set()
        opened_by: set[str] = set()
        places: dict[str, set[Place]] = {}
        for stack, content in files.items():
            document = read(content)[0]
            root = _mapping(document)
            if "secretsprovider" in root and isinstance(root["secretsprovider"].value, str):
                providers.add(root["secretsprovider"].value)
            for key, node in _mapping(root.get("config")).items():
                for ciphertext in _ciphertexts(node):
                    places.setdefault(ciphertext, set()).add((stack, key))
            text = content.decode("utf-8", "replace")
            opened_by.update(_OPENS.findall(text))
            for ciphertext in _SECURE.findall(text):
                places.setdefault(ciphertext, {(stack, "")} if document is None else set())
        at = {text: frozenset(where) for text, where in places.items()}
        return cls(frozenset(providers), at, frozenset(opened_by))


def mistakes(stack: str, before: bytes | None, after: bytes, base: Base) -> tuple[Finding, ...]:
    """Everything in `after` that is refused of a stack whose file was `before` (None: it is new)."""
    document, found = read(after)
    if document is None:
        return found or (Finding(None, "is empty", "a stack file begins with config:"),)
    if not isinstance(document.value, dict) or not isinstance(document.value.get("config", Node({}, 1)).value, dict):
        return (*found, Finding(document.line, "is no stack file", "it begins with config: and keys under it"))
    old = _mapping(read(before)[0]) if before is not None else None
    new = document.value
    where = _new_settings(new, base) if old is None else _kept_settings(old, new)
    was = _mapping((old or {}).get("config"))
    return (*found, *where, *_config(stack, was, _mapping(new.get("config")), base))


def _kept_settings(old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Finding]:
    for key in sorted({*old, *new} - {"config"}):
        if _plain(old.get(key)) != _plain(new.get(key)):
            what = "is taken out" if key not in new else "is changed" if key in old else "is added"
            yield Finding(
                new[key].line if key in new else None,
                f"{key} {what}: a proposed change may not say how secrets are kept, or more than config",
                "whoever may push to the base branch changes it there",
            )


def _new_settings(new: Mapping[str, Node], base: Base) -> Iterator[Finding]:
    provider = new["secretsprovider"].value if "secretsprovider" in new else None
    for key in sorted({*new} - {"config"}):
        line = new[key].line
        if key not in ENCRYPTION:
            yield Finding(line, f"{key} has no place in a proposed stack file", "take it out")
        elif not isinstance(new[key].value, str):
            yield Finding(line, f"{key} is no text")
        elif key == "secretsprovider" and provider not in PASSPHRASE | base.providers:
            fix = "use the one that the other stacks have; the first stack with it is committed to the base branch"
            yield Finding(line, "secretsprovider is one that no stack of the base branch has", fix)
        elif key == "encryptionsalt" and (provider not in PASSPHRASE or not _SALT.fullmatch(new[key].value)):
            yield Finding(line, "encryptionsalt is none that the engine makes for a passphrase (v1:…)")
        elif key == "encryptedkey" and provider in PASSPHRASE:
            yield Finding(line, "encryptedkey stands without the secretsprovider that it is of")
        elif new[key].value in base.opened_by:
            # With it, what the other had encrypted earlier, and git still has, could be brought up here.
            fix = "have `fedml-infra create` or `join` make the file: it gets one of its own"
            yield Finding(line, f"{key} is that of another stack", fix)


def _config(stack: str, old: Mapping[str, Node], new: Mapping[str, Node], base: Base) -> Iterator[Finding]:
    for key in old:
        if key not in new and not _is_ours(key) and key not in FOREIGN:
            fix = "whoever may push to the base branch changes it there"
            yield Finding(None, f"{key} is taken out: a proposed change may not say whose credentials are used", fix)
    for key, node in new.items():
        if _plain(old.get(key)) == node.plain:
            continue
        if key in FOREIGN or _is_ours(key):
            yield from _value(stack, key, node, base)
        elif key.startswith(NAMESPACE):
            near = nearest(key.removeprefix(NAMESPACE), KEYS)
            yield Finding(node.line, f"{key} is no key of ours", f"did you mean {' or '.join(near)}?" if near else None)
        else:
            yield Finding(
                node.line,
                f"{key} may not be set by a proposed change: it could send credentials elsewhere",
                f"of other namespaces {', '.join(sorted(FOREIGN))} may be; the rest is set on the base branch",
            )


def _value(stack: str, key: str, node: Node, base: Base) -> Iterator[Finding]:
    name = key.removeprefix(NAMESPACE)
    ciphertext = _ciphertext(node)
    if name in SECRETS and ciphertext is None:
        fix = f"set it with `pulumi config set --secret {key}`; if it was shared, replace it"
        yield Finding(node.line, f"{key} is a secret and stands in clear text", fix)
        return
    if name in SECRETS and (places := base.places.get(str(ciphertext))) is not None and (stack, key) not in places:
        yield Finding(
            node.line,
            f"{key} has a ciphertext that the base branch has in another place ({_told(places)})",
            "encrypt the value anew for this key",
        )
    if name in SECRETS:
        return
    for path, inner in node.walk(key):
        if isinstance(inner.value, dict) and "secure" in inner.value:
            yield Finding(inner.line, f"{path} is encrypted, and is no secret: it would be shown", "write it in plain")
        elif isinstance(inner.value, str) and any(text in inner.value for text in base.places):
            yield Finding(inner.line, f"{path} holds a ciphertext of the base branch", "take it out")


def _is_ours(key: str) -> bool:
    return key.startswith(NAMESPACE) and key.removeprefix(NAMESPACE) in KEYS


def _ciphertext(node: Node) -> str | None:
    """That of `{secure: …}` and nothing more."""
    if isinstance(node.value, dict) and set(node.value) == {"secure"} and isinstance(node.value["secure"].value, str):
        return str(node.value["secure"].value)
    return None


def _ciphertexts(node: Node) -> Iterator[str]:
    for _, inner in node.walk():
        if (text := _ciphertext(inner)) is not None:
            yield text


def _told(places: frozenset[Place]) -> str:
    return ", ".join(sorted(f"{stack}, {key}" if key else stack for stack, key in places)) or "in a comment"


def _mapping(node: Node | None) -> Mapping[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _plain(node: Node | None) -> Any:
    return node.plain if node is not None else None

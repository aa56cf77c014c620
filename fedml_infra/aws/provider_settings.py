"""The `aws:*` keys of a stack's configuration, as the arguments of Pulumi's `aws.Provider`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

NAMESPACE = "aws"
_NOT_SETTINGS = ("region", "version")


def provider_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those keys in snake case, without region and version; `values` maps full keys to values.

    The engine hands structured values to the program as JSON text, a stack file holds them as they are: both are read.
    """
    settings: dict[str, Any] = {}
    for key, value in values.items():
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE and name not in _NOT_SETTINGS:
            settings[_snake_case(name)] = _decoded(value)
    return settings


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _decoded(value: Any) -> Any:
    # `pulumi config set` writes true as text, and no setting of the provider is that text.
    structured = isinstance(value, str) and (value[:1] in ("[", "{") or value in ("true", "false"))
    return json.loads(value) if structured else value

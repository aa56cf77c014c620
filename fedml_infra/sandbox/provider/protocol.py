"""Pulumi's gRPC protocol, without the SDK around it.

`import pulumi.runtime.proto` runs the whole SDK (0.14 s, and each provider of an `up` waits for it), of which the
generated messages need nothing. In a process that has the SDK already, that one is used.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def _bare_package(name: str) -> None:
    """Put a package into `sys.modules` that finds its submodules, without running its `__init__`."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{name} is not installed beside the sandbox's aws provider")
    module = ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = module


def without_sdk() -> None:
    """Make the messages importable alone. Only for a process that never wants the SDK: the provider's own."""
    if "pulumi" not in sys.modules:
        _bare_package("pulumi")
        _bare_package("pulumi.runtime")

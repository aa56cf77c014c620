"""A local AWS: MiniStack, which enforces policies, or moto, over TLS and on loopback only."""

from __future__ import annotations

from fedml_infra.sandbox.local_aws.capabilities import CAPABILITIES, Capabilities, Kind
from fedml_infra.sandbox.local_aws.handle import LocalAws, running

__all__ = ["CAPABILITIES", "Capabilities", "Kind", "LocalAws", "running"]

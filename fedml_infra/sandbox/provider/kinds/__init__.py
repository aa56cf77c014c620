"""The resource types of the sandbox's aws provider, one file a service."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fedml_infra.sandbox.provider.kind import Kind
from fedml_infra.sandbox.provider.kinds import iam, s3, s3_settings, sns, sqs, ssm

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.type: kind for kind in (*sns.KINDS, *sqs.KINDS, *s3.KINDS, *s3_settings.KINDS, *iam.KINDS, *ssm.KINDS)}
)

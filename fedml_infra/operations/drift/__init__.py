"""Drift: what in AWS is no longer as the stack made it, in words, and put right again."""

from fedml_infra.operations.drift.find import Drift, find_drift
from fedml_infra.operations.drift.finding import Finding, Kind, Severity
from fedml_infra.operations.drift.fix import Fixed, fix, require_fixable

__all__ = ["Drift", "Finding", "Fixed", "Kind", "Severity", "find_drift", "fix", "require_fixable"]

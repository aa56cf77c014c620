"""Faults of AWS on demand: a layer in front of a local AWS that throttles, fails, forgets to answer, and so on."""

from __future__ import annotations

from fedml_infra.sandbox.local_aws.faults.client import Faults, SeenCall
from fedml_infra.sandbox.local_aws.faults.plan import Fault, Plan, Rule, read_plan

__all__ = ["Fault", "Faults", "Plan", "Rule", "SeenCall", "read_plan"]

"""Prove that a stack's nodes can publish, receive and share, link by link."""

from __future__ import annotations

from fedml_infra.operations.verify.link import Link as Link
from fedml_infra.operations.verify.link import NodeReport as NodeReport
from fedml_infra.operations.verify.link import Verdict as Verdict
from fedml_infra.operations.verify.link import Verification as Verification
from fedml_infra.operations.verify.verify import verify as verify

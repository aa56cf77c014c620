"""What is imported ahead is there when it has been waited for."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from fedml_infra.program.ahead import Imports
Imports(nodes={nodes}).wait()
print(*sorted(name for name in sys.modules if name.startswith("pulumi_aws.") and name.count(".") == 2))
"""


def imported(*, nodes: bool) -> set[str]:
    """The modules of services that a fresh process has imported."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(nodes=nodes)], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (False, {"s3.bucket", "s3.bucket_policy", "sns.topic", "sns.topic_policy"}),
        (True, {"s3.bucket", "sns.topic_subscription", "iam.role", "iam.policy", "sqs.queue", "ssm.parameter"}),
    ],
)
def test_the_services_that_are_declared_are_imported(nodes: bool, expected: set[str]) -> None:
    assert {f"pulumi_aws.{name}" for name in expected} <= imported(nodes=nodes)


def test_a_hub_does_not_wait_for_what_only_nodes_have() -> None:
    assert not {"pulumi_aws.iam.role", "pulumi_aws.sqs.queue", "pulumi_aws.ssm.parameter"} & imported(nodes=False)

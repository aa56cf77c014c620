"""The SDK's service modules, imported while the engine starts the provider: the program would only wait meanwhile.

They take 0.25 s, most of it for S3. Each is imported where something of it is first used, which no two threads may do
at once (https://github.com/python/cpython/issues/114763): nothing of a service may be touched before `wait`.
"""

from __future__ import annotations

import threading

import pulumi_aws as aws


class Imports:
    """The imports of what a hub declares and, with `nodes`, of what a node does; under way in a thread of their own."""

    def __init__(self, *, nodes: bool) -> None:
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(nodes,), name="imports ahead", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when all are there. Raises what an import raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self, nodes: bool) -> None:
        try:
            _ = aws.s3.Bucket, aws.sns.Topic
            if nodes:
                _ = aws.iam.Role, aws.sqs.Queue, aws.ssm.Parameter
        except Exception as error:
            self._failure = error

"""An AWS in memory that also keeps to `tools.Cloud`: for tests of operations and commands."""

from __future__ import annotations

from collections.abc import Mapping

from fedml_infra.aws.double import InMemoryAws
from fedml_infra.aws.sessions import Access


class InMemoryCloud(InMemoryAws):
    """AWS accounts in memory. `callers` gives an access's ARN, a user of its account where it says nothing."""

    def __init__(self, accounts: Mapping[Access, str], callers: Mapping[Access, str] | None = None) -> None:
        super().__init__(accounts)
        self.callers = dict(callers or {})
        self.dropped_locks: list[str] = []

    def caller_arn(self, access: Access, region: str) -> str:
        """The ARN said at the beginning."""
        account = self.account_of(access, region)
        return self.callers.get(access, f"arn:aws:iam::{account}:user/someone")

    def delete_state_object(self, url: str) -> None:
        """Remembers it in `dropped_locks`."""
        self.dropped_locks.append(url)

    def delete_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> int:
        """Deletes what lies under the prefix; PolicyError where the bucket is another account's."""
        objects = self._own_bucket(access, region, bucket, account).objects
        under = f"{prefix}/" if prefix else ""
        gone = [key for key in objects if key.startswith(under)]
        for key in gone:
            del objects[key]
        return len(gone)

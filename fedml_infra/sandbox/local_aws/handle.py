"""A running local AWS as its clients see it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedml_infra.sandbox.local_aws.capabilities import CAPABILITIES, Capabilities, Kind
from fedml_infra.sandbox.local_aws.certificates import authority_of

if TYPE_CHECKING:
    import boto3

SECRET = "sandbox"  # noqa: S105
"""The secret access key of every account: it opens nothing but the sandbox."""


@dataclass(frozen=True)
class LocalAws:
    """A local AWS: where it is, whom to trust, and how to act in an account of it."""

    kind: Kind
    url: str
    ca_bundle: Path
    """PEM: the system's roots and the sandbox's own authority."""
    log: Path

    @property
    def capabilities(self) -> Capabilities:
        """What of AWS it really does."""
        return CAPABILITIES[self.kind]

    @property
    def enforces_policies(self) -> bool:
        """Whether a policy that denies is heeded."""
        return self.capabilities.policies

    def credentials(self, account: str) -> tuple[str, str]:
        """Access key and secret of an account's root. Raises ValueError for what is no account id."""
        if not (len(account) == 12 and account.isascii() and account.isdecimal()):
            raise ValueError(f"{account!r} is no AWS account id: it has twelve digits")
        return account, SECRET

    def session(self, account: str, region: str = "us-east-1") -> boto3.Session:
        """A boto3 session as the root of an account, whose clients all go to this local AWS."""
        key, secret = self.credentials(account)
        return self.session_with(key, secret, region=region)

    def session_with(self, key: str, secret: str, token: str | None = None, *, region: str) -> boto3.Session:
        """A boto3 session with given credentials (a user's, a role's), whose clients all go to this local AWS."""
        from fedml_infra.sandbox.local_aws.session import LocalSession

        return LocalSession(
            self.url,
            authority_of(self.ca_bundle),
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=region,
        )

    def environment(self, account: str, region: str = "us-east-1") -> dict[str, str]:
        """The variables by which a child process acts as the root of an account."""
        key, secret = self.credentials(account)
        return {
            "AWS_ENDPOINT_URL": self.url,
            # Every client reads it: whoever has this environment speaks to no other AWS.
            "AWS_CA_BUNDLE": str(authority_of(self.ca_bundle)),
            "SSL_CERT_FILE": str(self.ca_bundle),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost,::1",
            "no_proxy": "127.0.0.1,localhost,::1",
        }


@contextlib.contextmanager
def running(kind: Kind | str, directory: Path) -> Iterator[LocalAws]:
    """A local AWS on any free port, for as long as the block lasts; it never outlives this process.

    `directory` takes its certificate and its log; two at a time need a directory each. Raises ResourceError,
    TimedOutError where it does not get ready.
    """
    from fedml_infra.sandbox.local_aws.process import start

    started = start(Kind(kind), directory.resolve())
    try:
        yield LocalAws(Kind(kind), started.url, started.certificates.bundle, started.log)
    finally:
        started.stop()

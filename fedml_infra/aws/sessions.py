"""The clients that calls are made with, from whatever `access.Access` says.

boto3 is imported where the first client is made, not with this module: it takes 0.2 s, and a preview may need none.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from fedml_infra.aws.access import Access as Access
from fedml_infra.aws.access import Keys as Keys
from fedml_infra.aws.access import Role as Role
from fedml_infra.aws.failures import translating
from fedml_infra.aws.retries import heed_throttling
from fedml_infra.errors import AuthenticationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.hosts import is_loopback_host
from fedml_infra.model.regions import home_region, partition_of

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.session import Session as BotocoreSession
    from types_boto3_iam.client import IAMClient
    from types_boto3_kms.client import KMSClient
    from types_boto3_s3.client import S3Client
    from types_boto3_sns.client import SNSClient
    from types_boto3_sqs.client import SQSClient
    from types_boto3_ssm.client import SSMClient
    from types_boto3_sts.client import STSClient


CLIENTS_KEPT = 256
"""Clients kept for reuse (about 1 MB each at most); the one used longest ago goes first."""
ATTEMPTS = 5
"""How often a call is made that is throttled, fails on AWS's side or is not answered."""
ROLE_SESSION = "fedml-infra"
ROLE_SECONDS = 3600
"""Length of an assumed role's session: AWS's limit where the caller is itself a role (STS, AssumeRole)."""


class Sessions:
    """One boto3 session an access, shared by its clients in every region (a session for each client costs 0.3 s)."""

    def __init__(self) -> None:
        # Making sessions and clients is not thread-safe in boto3; using a client is.
        self._lock = threading.RLock()
        self._sessions: dict[Access, tuple[Session, BotocoreSession]] = {}
        self._clients: OrderedDict[tuple[str, Access, str], Any] = OrderedDict()
        self._accounts: dict[Access, str] = {}

    def client(self, service: str, access: Access, region: str) -> Any:
        """The client of a service; credentials are looked up and roles assumed at its first call, not here."""
        key = (service, access, region)
        with self._lock:
            if key in self._clients:
                self._clients.move_to_end(key)
                return self._clients[key]
            with translating("use", str(access)):
                session, core, keys = self._session(access)
                where = _where(access, core, service)
                made = session.client(service, region_name=region, **where, **keys)
                heed_throttling(made, ATTEMPTS)
            self._clients[key] = made
            while len(self._clients) > CLIENTS_KEPT:
                self._clients.popitem(last=False)
            return made

    def _session(self, access: Access) -> tuple[Session, BotocoreSession, dict[str, Any]]:
        """The session of an access, and the keys to give its clients: short-lived keys need no session of their own."""
        keys: dict[str, Any] = {}
        if access.keys is not None and not access.roles:
            keys = {
                "aws_access_key_id": access.keys.access_key_id,
                "aws_secret_access_key": access.keys.secret_access_key,
                "aws_session_token": access.keys.session_token,
            }
            access = replace(access, keys=None)
        if access not in self._sessions:
            self._sessions[access] = _session(access)
        return (*self._sessions[access], keys)

    def account_of(self, access: Access, region: str) -> str:
        """The account id of these credentials, by STS; asked once."""
        with self._lock:
            known = self._accounts.get(access)
        return known if known is not None else self.ask_account(access, region)

    def ask_account(self, access: Access, region: str) -> str:
        """The account id of these credentials, asked now: fails where they have expired since."""
        with translating("ask AWS whose credentials these are:", str(access)):
            account = str(self.client("sts", access, region).get_caller_identity()["Account"])
        with self._lock:
            self._accounts[access] = account
        return account

    def keys_of(self, access: Access) -> Keys:
        """The keys of an access as they are now, roles assumed."""
        from botocore.exceptions import NoCredentialsError

        if access.keys is not None and not access.roles:
            return access.keys
        with translating("find credentials in", str(access)):
            with self._lock:
                core = self._session(access)[1]
            found = core.get_credentials()
            if found is None:
                raise NoCredentialsError()
            frozen = found.get_frozen_credentials()
            if not frozen.access_key or not frozen.secret_key:
                raise NoCredentialsError()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def forget(self) -> None:
        """Drops every session: the next call reads environment and profiles anew, as after a log-in."""
        with self._lock:
            self._sessions.clear()
            self._clients.clear()
            self._accounts.clear()


_shared = Sessions()


@overload
def client(service: Literal["sns"], access: Access, region: str) -> SNSClient: ...
@overload
def client(service: Literal["sqs"], access: Access, region: str) -> SQSClient: ...
@overload
def client(service: Literal["s3"], access: Access, region: str) -> S3Client: ...
@overload
def client(service: Literal["iam"], access: Access, region: str) -> IAMClient: ...
@overload
def client(service: Literal["ssm"], access: Access, region: str) -> SSMClient: ...
@overload
def client(service: Literal["kms"], access: Access, region: str) -> KMSClient: ...
@overload
def client(service: Literal["sts"], access: Access, region: str) -> STSClient: ...
def client(service: str, access: Access, region: str) -> Any:
    """The shared client of a service for an access in a region; thread-safe.

    Raises AuthenticationError where the profile is not there; credentials are first needed by the client's calls.
    """
    return _shared.client(service, access, region)


def account_of(access: Access, region: str) -> str:
    """The twelve-digit account id of these credentials (STS GetCallerIdentity, which no policy can deny).

    Raises AuthenticationError (none, unknown or expired credentials) or NetworkError.
    """
    return _shared.account_of(access, region)


def keys_of(access: Access) -> Keys:
    """The keys behind an access, for what is signed rather than called.

    Raises AuthenticationError where there are none, and what assuming its role raises.
    """
    return _shared.keys_of(access)


def still_valid(access: Access, region: str) -> None:
    """Asks STS now: raises AuthenticationError where these credentials do not hold, or no longer."""
    _shared.ask_account(access, region)


def expect_account(access: Access, region: str, expected: str, *, where: str) -> None:
    """Makes sure that the credentials belong to the account that the stack says.

    `where` names what says so, for instance "the role of node insel". Raises AuthenticationError where they do not.
    """
    check_account(account_of(access, region), expected, access, where)


def check_account(found: str, expected: str, access: Access, where: str) -> None:
    """Raises AuthenticationError where the account found is not the one expected. Pure."""
    if found != expected:
        raise AuthenticationError(
            f"the credentials ({access}) belong to account {found}, but {where} is in account {expected}",
            fix=f"Log in to account {expected}, or name its profile or role in the node's `account`; "
            "nothing was changed.",
        )


def forget() -> None:
    """Drops every shared session and client, so that the next call reads environment and profiles anew."""
    _shared.forget()


def is_loopback(endpoint: str | None) -> bool:
    """Whether an endpoint's URL is on this machine."""
    host = urlsplit(endpoint or "").hostname or ""
    return is_loopback_host(host) or host.endswith(".localhost")


def client_config(endpoint: str | None) -> Config:
    """How a client behaves: standard retries, patient with AWS, quick to tell that a local AWS is down.

    Attempts wait 0 to 1, 2, 4… s (botocore, "standard" retry mode). A read may take the 20 s of a long poll.
    """
    from botocore.config import Config

    local = is_loopback(endpoint)
    extra: dict[str, Any] = {"s3": {"addressing_style": "path"}} if endpoint else {}
    if local:
        extra["proxies"] = {}
    return Config(
        connect_timeout=2 if local else 10,
        read_timeout=30 if local else 60,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS - 1 if local else ATTEMPTS},
        max_pool_connections=32,
        user_agent_extra="fedml-infra",
        **extra,
    )


def _session(access: Access) -> tuple[Session, BotocoreSession]:
    import boto3

    core = _core(access)
    if access.keys is not None:
        core.set_credentials(access.keys.access_key_id, access.keys.secret_access_key, access.keys.session_token)
    for role in access.roles:
        core = _assuming(access, role, core)
    return boto3.Session(botocore_session=core), core


@cache
def _loader() -> Any:
    """Reads AWS's service descriptions once for all sessions; each would spend 0.1 s on them."""
    import botocore.loaders

    return botocore.loaders.create_loader(os.environ.get("AWS_DATA_PATH"))


def _core(access: Access) -> BotocoreSession:
    import botocore.session

    core = botocore.session.Session(profile=access.profile)
    core.register_component("data_loader", _loader())
    # The regional STS endpoints: tokens of the global one are not valid in regions that must be opted in to
    # (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html).
    core.set_config_variable("sts_regional_endpoints", "regional")
    if access.config_file is not None:
        core.set_config_variable("config_file", access.config_file)
    if access.credentials_file is not None:
        core.set_config_variable("credentials_file", access.credentials_file)
    return core


def _assuming(access: Access, role: Role, source: BotocoreSession) -> BotocoreSession:
    """A botocore session whose credentials are those of the role, assumed at first use and again before they expire."""
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        CredentialResolver,
        DeferredRefreshableCredentials,
    )
    from botocore.exceptions import NoCredentialsError

    partition = Arn.parse(role.arn).partition
    near = source.get_config_variable("region")
    region = near if near and partition_of(near) == partition else home_region(partition)

    def sts(service: str, **settings: Any) -> Any:
        return source.create_client(service, region_name=region, **_where(access, source, service), **settings)

    class AssumedRole(CredentialProvider):
        METHOD = "assume-role"

        def load(self) -> Any:
            credentials = source.get_credentials()
            if credentials is None:
                raise NoCredentialsError()
            asked = {"RoleSessionName": ROLE_SESSION, "DurationSeconds": ROLE_SECONDS}
            if role.external_id is not None:
                asked["ExternalId"] = role.external_id
            fetcher = AssumeRoleCredentialFetcher(sts, credentials, role.arn, extra_args=asked)
            return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)

    core = _core(access)
    core.register_component("credential_provider", CredentialResolver(providers=[AssumedRole()]))
    return core


def _where(access: Access, core: BotocoreSession, service: str) -> dict[str, Any]:
    """The arguments of a client that say where its calls go, and how."""
    profile = core.get_scoped_config() if core.profile else {}
    endpoint = access.endpoint(service)
    # The same order as botocore's own, which is left to read the environment and the profile by itself.
    in_effect = (
        endpoint
        or os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or os.environ.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    return {"endpoint_url": endpoint, "verify": access.ca_bundle, "config": client_config(in_effect)}

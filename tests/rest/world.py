"""The service behind a real socket, with customers, projects that are there, and jobs that end as a test says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes, SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.passphrase import ROUNDS
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.rights import Right, Topology
from fedml_infra.model.schedule import Schedule
from fedml_infra.operations.customers import CustomerWanted, add_customer
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.projects import Projects
from fedml_infra.rest.app import create_app
from fedml_infra.rest.service import PREFIX, Service
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Ending, Job, JobState, NewWorkspace, Progress
from fedml_infra.store.store import Store, open_store
from fedml_infra.wire import v1
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.blobs import encrypt_request
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import SignedRequest, sign, sym_date
from fedml_infra.wire.v2.keypairs import new_hub_key
from fedml_infra.wire.v2.request import RequestContext, decrypt_value
from fedml_infra.wire.v2.roster import RosterDraft, RosterMember, write_roster

LEASE = timedelta(seconds=30)
MASTER_KEY = SecretBytes(bytes(range(32)))
TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
FED_KEY = SecretStr("AAECAwQFBgcICQoLDA0ODw==")
HUB_KEY = new_hub_key()
INSEL, USZ = "222222222222", "333333333333"
AWS_KEYS = {"aws_access_key": "AKIAIOSFODNN7EXAMPLE", "aws_secret_key": "c4n4ry/secret"}
CREATE = {
    "fed_name": "cardio",
    "fed_local_type": "cpu",
    "aws_region": "US_EAST_1",
    "s3_bucket": "cardio-charite/updates",
    "sync_sched": "m30",
    **AWS_KEYS,
}
JOIN = {
    "sync_sched": "m30",
    "fed_secret_key": FED_KEY.get_secret_value(),
    "aws_topic_arn": TOPIC,
    "fed_name": "cardio",
    "topic_region": "us-east-1",
    "fed_rest_url": "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies",
    "fed_req_token": "FEDTOKEN" + "0" * 64,
    "aws_id": INSEL,
    "aws_region": "eu-west-1",
    "s3_bucket": "insel-fed",
    **AWS_KEYS,
}
_accounts = itertools.count(400_000_000_000)
CREATED = Ending(JobState.FINISHED, 201, "Project Created with id:charite")


@dataclass
class Hand:
    """A dispatcher that runs nothing: a job ends as `endings` says for its kind, else when the test says."""

    store: Store
    endings: dict[str, Ending] = field(default_factory=dict)
    told: list[Job] = field(default_factory=list)

    async def submitted(self, job: Job) -> None:
        self.told.append(job)
        if job.kind in self.endings:
            self.start(job.id)
            self.end(job.id, self.endings[job.kind])

    async def run_forever(self) -> None:
        await asyncio.Event().wait()

    def start(self, job_id: str, progress: Progress | None = None) -> None:
        assert self.store.jobs.start(job_id, "hand", LEASE) is not None
        if progress is not None:
            self.store.jobs.beat(job_id, "hand", LEASE, progress)

    def end(self, job_id: str, ending: Ending) -> None:
        assert self.store.jobs.end(job_id, "hand", ending)


@dataclass
class Client:
    """One customer's client, as wire-format says; `key` and `cid` may be another's."""

    url: str
    cid: str
    key: CustomerKey
    version: str
    signs: bool = True

    def headers(
        self, verb: str, path: str, query: str, body: bytes, at: datetime, cid: str | None = None
    ) -> dict[str, str]:
        """The signature's."""
        if not self.signs:
            return {"sym-date": sym_date(at)}
        signed = SignedRequest(verb, cid or self.cid, path, query, body)
        return sign(signed, self.key, at).as_mapping()

    def encrypted(self, given: Mapping[str, str], verb: str, path: str, at: datetime, cid: str | None = None) -> bytes:
        if self.version == "v1":
            return encrypt_request(given, self.key).encode()
        context = RequestContext(verb, path, cid or self.cid, sym_date(at))
        return encrypt_request(given, self.key, context).encode()

    def call(
        self,
        verb: str,
        path: str,
        given: Mapping[str, str] | bytes | None = None,
        *,
        cid: str | None = None,
        headers: Mapping[str, str] | None = None,
        at: datetime | None = None,
    ) -> httpx.Response:
        """A call under the customer's address: `path` as `/fedml/create?pid=charite`; `cid` is whose."""
        at = at or datetime.now(UTC)
        whole, _, query = f"{PREFIX}/{cid or self.cid}{path}".partition("?")
        body = given if isinstance(given, bytes) else b""
        if given is not None and not isinstance(given, bytes):
            body = self.encrypted(given, verb, whole, at, cid)
        sent = {**self.headers(verb, whole, query, body, at, cid), **(headers or {})}
        address = self.url + whole + (f"?{query}" if query else "")
        with httpx.Client(trust_env=False, timeout=60) as connection:
            return connection.request(verb, address, content=body, headers=sent)

    def post(self, path: str, given: Mapping[str, str] | bytes | None, **more: Any) -> httpx.Response:
        return self.call("POST", path, given, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.call("GET", path, **more)

    def decrypted(self, answer: httpx.Response, name: str) -> str:
        """An encrypted value of an answer."""
        value = said(answer).values[name]
        if self.version == "v1":
            return v1.decrypt_text(value, self.key)
        return decrypt_value(value, self.key, cid=self.cid, name=name)


@dataclass
class World:
    """The service, its store, and clients by cid."""

    url: str
    store: Store
    sealer: Sealer
    service: Service
    hand: Hand
    cloud: InMemoryCloud
    clients: dict[str, Client] = field(default_factory=dict)

    def add(self, cid: str, version: str = "v1", **more: Any) -> Client:
        """A customer."""
        made = add_customer(self.store, self.sealer, CustomerWanted(cid, version, **more))  # type: ignore[arg-type]
        client = Client(self.url, cid, made.key, version, signs=not more.get("unsigned"))
        self.clients[cid] = client
        return client

    def hub(self, cid: str, pid: str = "charite", *, topic: str | None = None) -> str:
        """A project of a customer that is a hub, as its last run left it; its topic, which is no other hub's."""
        topic = topic or f"arn:aws:sns:us-east-1:{next(_accounts):012d}:cardio"
        add_hub(self.store, self.sealer, cid, pid, topic)
        return topic


def said(answer: httpx.Response) -> Answer:
    """The envelope; that it is one, and the status its own."""
    assert answer.headers["content-type"] == "application/json", answer.text
    found = Answer.read(answer.content)
    assert found.http_status == answer.status_code
    assert set(json.loads(answer.content)) == {"statusCode", "statusString", "values"}
    return found


def refusal(answer: httpx.Response) -> tuple[int, str]:
    found = said(answer)
    return found.http_status, found.status_string


@contextmanager
def world(folder: Path, **service: Any) -> Iterator[World]:
    """The service on a free port."""
    with open_store(StorePlace(folder / "data")) as store, socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        sealer, hand = Sealer(MASTER_KEY), Hand(store)
        cloud = InMemoryCloud({Access(): "111111111111"})
        made = Service(store, sealer, hand, cloud, (url,), **{"sync_timeout": 30.0, "poll": 0.01, **service})
        with serving(made, bound):
            yield World(url, store, sealer, made, hand, cloud)


@contextmanager
def serving(service: Service, bound: socket.socket) -> Iterator[None]:
    """An app behind a socket, in a thread."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(uvicorn.Config(create_app(service), log_config=None, access_log=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        assert started.wait(30)
        yield
    finally:
        service.stopping.set()
        server.should_exit = True
        thread.join()


@cache
def _key_of_files() -> tuple[str, bytes]:
    """The passphrase of every stack file here, and its key: deriving it takes a while."""
    return "correct horse", hashlib.pbkdf2_hmac("sha256", b"correct horse", b"salt5678", ROUNDS)


def _secret(text: str) -> str:
    nonce = hashlib.sha256(text.encode()).digest()[:12]
    sealed = AESGCM(_key_of_files()[1]).encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def stack_file(pid: str, members: Mapping[str, tuple[str, str | None]] | None = None) -> str:
    """A hub's stack file, as the engine encrypts it. `members`: pid and public key by account."""
    listed = "".join(
        f'\n    - {{aws_id: "{account}", nodes: [{name}]{f", public_key: {key}" if key else ""}}}'
        for account, (name, key) in (members or {}).items()
    )
    return f"""encryptionsalt: v1:{base64.b64encode(b"salt5678").decode()}:{_secret("pulumi")}
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:fed_secret_key: {{secure: "{_secret(FED_KEY.get_secret_value())}"}}
  fedml-infra:hub_key: {{secure: "{_secret(HUB_KEY.get_secret_value())}"}}
  fedml-infra:members:{listed or " []"}
  fedml-infra:nodes:
    - {{pid: {pid}, s3_bucket: cardio-charite/updates}}
"""


def add_hub(store: Store, sealer: Sealer, cid: str, pid: str, topic: str) -> None:
    """A hub that is up."""
    account = topic.split(":")[4]
    passphrase = sealer.seal(_key_of_files()[0].encode(), "workspace passphrase", cid, pid)
    new = NewWorkspace(cid, pid, "cardio", True, True, passphrase, topic_arn=topic)
    assert store.workspaces.add(new) is not None
    assert store.workspaces.write(cid, pid, 0, stack_file(pid))
    store.workspaces.keep(cid, pid, outputs={"federation": {}})
    config = Projects(store, sealer).require(cid, pid).stack.config
    bucket = hub_resources(config, account).roster_bucket
    node = {"account": account, "queue_url": f"https://sqs.us-east-1.amazonaws.com/{account}/cardio_{pid}"}
    outputs = {"federation": {"topic_arn": topic, "roster_bucket": bucket}, "nodes": {pid: node}}
    store.workspaces.keep(cid, pid, outputs=outputs)


def publish(store: Store, cid: str, pid: str, members: Mapping[str, tuple[str, str | None]]) -> None:
    """What a job `admit` leaves: the members (account -> pid, public key) in the file and in the roster."""
    row = store.workspaces.get(cid, pid)
    assert row is not None and row.topic_arn is not None
    assert store.workspaces.write(cid, pid, row.version, stack_file(pid, members))
    draft = RosterDraft(
        "cardio",
        row.topic_arn,
        1,
        Schedule.parse("m30"),
        Topology.DECENTRALIZED,
        [RosterMember(each, frozenset(Right), (name,), key) for each, (name, key) in members.items()],
        FED_KEY,
    )
    store.workspaces.keep(cid, pid, roster=write_roster(draft, HUB_KEY))

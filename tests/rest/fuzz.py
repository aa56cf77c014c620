"""Requests as nobody should send them: every endpoint, with bodies, headers and addresses that are wrong somewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import strategies as st

from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.rest.service import PREFIX
from fedml_infra.store.service_values import NewJob
from fedml_infra.wire import v1
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.encoding import base64url, joined
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import SignedRequest, sign, sym_date
from fedml_infra.wire.v2.kdf import derive
from fedml_infra.wire.v2.keypairs import hub_public_key
from tests.rest.in_process import URL, Sent
from tests.rest.world import CREATE, HUB_KEY, JOIN, TOPIC, World

HUB, NODE = "charite", "insel"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
FAULTS = (
    *("who", "pid", "job", "word", "path", "cid", "verb", "query", "body", "form", "signature"),
    *("headers", "cut", "date"),
    *("content",) * 4,
)
faults = st.one_of(
    st.just(frozenset()), st.just(frozenset()), st.frozensets(st.sampled_from(FAULTS), min_size=1, max_size=2)
)
"""What is wrong with a request besides its map."""
CALLS = (
    ("POST", "/fedml/create?pid={pid}&persist={word}"),
    ("POST", "/fedml/createJoin?pid={pid}&persist={word}"),
    ("POST", "/fedml/createJoin"),
    ("POST", "/fedml/{pid}/getEncrypted"),
    ("POST", "/fedml/{pid}/getInvitation"),
    ("POST", "/fedml/{pid}/createPolicies"),
    ("POST", "/fedml/{pid}/awsinfo"),
    ("POST", "/fedml/awsinfo"),
    ("POST", "/fedml/{pid}/newSchedule"),
    ("GET", "/fedml/{pid}/info"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{job}"),
    ("GET", "/jobs/{job}/events"),
    ("DELETE", "/jobs/{job}"),
)
V2_JOIN = {key: value for key, value in JOIN.items() if key != "fed_secret_key"} | {
    "topology": "decentralized",
    "hub_public_key": hub_public_key(HUB_KEY),
    "roster_bucket": "fedml-cardio-111111111111-us-east-1-roster",
    "expires": "2099-01-01T00:00:00Z",
}
MAPS: tuple[Mapping[str, str], ...] = (
    CREATE,
    JOIN,
    V2_JOIN,
    {"passwd": "hello", "fed_rest_host": URL},
    {"fed_rest_host": URL, "aws_id": "222222222222", "rights": "publish,receive"},
    {"sync_sched": "h3"},
    {"aws_access_key": "AKIAIOSFODNN7EXAMPLE", "aws_secret_key": "c4n4ry/secret", "aws_region": "US_EAST_1"},
)
FITTING = {
    "/create": MAPS[:1],
    "/createJoin": MAPS[1:3],
    "/getEncrypted": MAPS[3:5],
    "/getInvitation": MAPS[3:5],
    "/newSchedule": MAPS[5:6],
    "/awsinfo": MAPS[6:7],
}
"""Maps by the end of the path that takes them."""
KEYS = sorted(
    {key for each in MAPS for key in each} | {"pid", "topology", "members", "nodes", "tags", "protect", "group_name"}
)

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "\ud800",
            "a\r\nX-Injected: 1",
            "../../etc/passwd",
            "${jndi:ldap://x}",
            "'; DROP TABLE jobs; --",
            "%00",
            "١٢٣٤",
            "A" * 5000,
            "http://169.254.169.254/latest/meta-data",
            "https://user:word@[::1]:99999/x",
            "https://[",
            "//",
            "arn:aws:sns:us-east-1:111111111111:cardio",
            "arn:aws:sns",
            "-1",
            "1e400",
            "m0",
            "m99999999999999999999",
            "d" + "9" * 5000,
            "null",
            "FEDTOKEN" + "0" * 64,
            "!!python/object",
            "&a [*a, *a]",
            "secure: v1:x",
        ]
    ),
)
"""Any code points, those that UTF-8 cannot write too."""
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.one_of(
    leaves,
    st.lists(leaves, max_size=3),
    st.dictionaries(texts, st.one_of(leaves, st.lists(leaves, max_size=2)), max_size=3),
)


def maps_like(bases: Sequence[Mapping[str, str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Maps of that kind, in which something is missing, is too much or is of another type."""
    return st.builds(
        lambda base, more, taken: {key: value for key, value in {**base, **more}.items() if key not in taken},
        st.sampled_from(bases),
        st.one_of(
            st.dictionaries(st.sampled_from(KEYS), texts, max_size=2),
            st.dictionaries(st.one_of(st.sampled_from(KEYS), texts), values, max_size=2),
        ),
        st.one_of(st.just(()), st.lists(st.sampled_from(KEYS), max_size=2)),
    )


maps = maps_like(MAPS)
contents = st.one_of(
    maps.map(lambda found: json.dumps(found).encode()),
    # Python writes lone surrogates as escapes; these come as bytes that are no UTF-8.
    maps.map(lambda found: json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    values.map(lambda found: json.dumps(found).encode()),
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"{",
            b"[" * 20_000,
            b'{"a":' * 5000 + b"1" + b"}" * 5000,
            b'{"pid": "a", "pid": "b"}',
            b'{"pid": ' + b"9" * 6000 + b"}",
            b'{"fed_name": NaN}',
            b"\xef\xbb\xbf{}",
            '{"fed_name": "cardio"}'.encode("utf-16"),
            b"{}" + b" " * 100_000,
        ]
    ),
)
"""What is inside a body."""
names = st.one_of(
    st.sampled_from([HUB, NODE, "new-one", "..", ".", "", "%2e%2e", "a%2Fb", "%00", "%ff", "%F0%9F%92%A9", "a" * 300]),
    st.text(max_size=12).map(lambda text: "".join(f"%{byte:02x}" for byte in text.encode())),
    st.binary(max_size=6).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw)),
)
"""What stands where a name is expected, in a path."""
queries = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=30)
odd_headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"Authorization",
                b"sym-date",
                b"Content-MD5",
                b"Content-Length",
                b"Content-Type",
                b"Host",
                b"Prefer",
                b"Idempotency-Key",
                b"Cookie",
                b"X-Forwarded-For",
                b"Accept-Encoding",
                b"Expect",
            ]
        ),
        st.one_of(
            st.binary(max_size=30).map(lambda raw: bytes(byte for byte in raw if byte not in b"\0\r\n")),
            st.sampled_from(
                [
                    b"",
                    b"respond-async",
                    b"999999999999999999999999",
                    b"-1",
                    b"1" * 5000,
                    "٣".encode(),
                    b"0000-00-00 00:00:00;0",
                    b"9999-12-31 23:59:59;999999999",
                    b"2026-02-30 10:00:00;1",
                    b"2026-06-30 23:59:60;1",
                    b"text/plain; charset=utf-16",
                ]
            ),
        ),
    ),
    max_size=3,
)


@dataclass(frozen=True)
class Customer:
    """Whose request it is; `key` signs and encrypts."""

    cid: str
    version: str
    key: CustomerKey


@dataclass(frozen=True)
class Asked:
    """A request before it is encrypted and signed: dates and nonces are those of when it is sent."""

    who: Customer
    cid: str
    verb: str
    path: str
    query: str
    content: bytes | None
    form: str
    """How the content becomes a body."""
    signature: str
    headers: tuple[tuple[bytes, bytes], ...]
    whole: bool
    seconds: int
    """How far the date is from now."""

    def sent(self) -> Sent:
        """As it goes over the wire."""
        at = datetime.now(UTC) + timedelta(seconds=self.seconds)
        path = PREFIX + "/" + self.cid + self.path
        body = self._body(path, at)
        headers = list(self.headers)
        taken = {name.lower() for name, _ in headers}
        if self.signature != "none":
            signed = SignedRequest(self.verb, self.who.cid, path, self.query, body)
            made = {
                name.encode(): value.encode() for name, value in sign(signed, self.who.key, at).as_mapping().items()
            }
            if self.signature == "wrong":
                made[b"Authorization"] = base64.b64encode(hashlib.sha256(body).digest())
            headers += [(name, value) for name, value in made.items() if name.lower() not in taken]
        elif self.seconds == 0:
            headers.append((b"sym-date", sym_date(at).encode()))
        target = (path + (f"?{self.query}" if self.query else "")).encode()
        return Sent(self.verb, target, headers, body, self.whole)

    def _body(self, path: str, at: datetime) -> bytes:
        if self.content is None:
            return b""
        if self.form == "huge":
            return self.content + b"A" * 300_000
        if self.form == "plain" or self.path.endswith("/createPolicies"):
            return self.content
        body = self._encrypted(path, at)
        if self.form == "truncated":
            return body[: len(body) * 2 // 3]
        if self.form == "flipped":
            middle = len(body) // 2
            return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        return body

    def _encrypted(self, path: str, at: datetime) -> bytes:
        """The customer's cipher around any bytes: our own functions take nothing but maps."""
        assert self.content is not None
        raw = self.who.key.raw.get_secret_value()
        if self.who.version == "v1":
            # As v1.encrypt_text, of what is no text.
            from cryptography.hazmat.primitives import padding
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

            padder = padding.PKCS7(128).padder()
            encryptor = Cipher(algorithms.AES128(raw), modes.CBC(v1.IV)).encryptor()
            padded = padder.update(self.content) + padder.finalize()
            return base64.b64encode(encryptor.update(padded) + encryptor.finalize())
        bound = joined(self.verb, path, self.cid, sym_date(at))
        nonce = secrets.token_bytes(12)
        sealed = AESGCM(derive(raw, "request")).encrypt(nonce, self.content, bound)
        return f"fedml2.{base64url(nonce + sealed)}".encode()


@dataclass
class Fuzz:
    """Customers of each kind on a service, with a hub that they have, and an invite to it."""

    world: World
    customers: tuple[Customer, ...] = field(init=False)
    jobs: tuple[str, ...] = field(init=False)
    token: str = field(init=False)

    def __post_init__(self) -> None:
        made = []
        for cid, version, more in (
            ("v1", "v1", {}),
            ("v2", "v2", {}),
            ("v1-unsigned", "v1", {"unsigned": True}),
            ("v2-unsigned", "v2", {"unsigned": True}),
        ):
            made.append(Customer(cid, version, self.world.add(cid, version, **more).key))
            self.world.hub(cid, HUB, topic=TOPIC.replace("1" * 12, str(len(made)) * 12))
            self.world.store.jobs.submit(NewJob(cid, "awsinfo"))
        stranger = CustomerKey.parse(base64.b64encode(bytes(16)).decode())
        self.customers = (*made, Customer("nobody", "v1", stranger), Customer("v1", "v1", stranger))
        self.jobs = tuple(each.id for each in self.world.store.jobs.list())
        invite = self.world.service.projects.invite("v2", HUB, InviteWanted(rest_url=f"{URL}/symetry/rest"))
        assert invite.passphrase is not None
        self.token = open_invite(invite.blob, invite.passphrase).fed_req_token.get_secret_value()

    @cached_property
    def requests(self) -> st.SearchStrategy[Asked]:
        """All of them: about half reach an operation."""
        return st.composite(self._asked)()

    def _asked(self, draw: st.DrawFn) -> Asked:
        wrong = draw(faults)
        who = draw(st.sampled_from(self.customers if "who" in wrong else self.customers[:4]))
        verb, target = draw(st.sampled_from(CALLS))
        pid = draw(names) if "pid" in wrong else NODE if "/create" in target and "{pid}&" in target else HUB
        job = draw(names) if "job" in wrong else draw(st.sampled_from(self.jobs))
        word = draw(st.sampled_from(["", "maybe", "%00", "True"])) if "word" in wrong else "true"
        path, _, query = target.format(pid=pid, job=job, word=word).partition("?")
        if "path" in wrong:
            path = draw(st.sampled_from(["", "/", "/fedml", "//", "/jobs/", "/../..", "/fedml/a/b/c"])) + path
            path += draw(st.sampled_from(["", "/", "//", "/.."]))
        content = self._content(draw, verb, path, wrong)
        return Asked(
            who,
            draw(names) if "cid" in wrong else who.cid,
            draw(st.sampled_from(VERBS)) if "verb" in wrong else verb,
            path,
            draw(queries) if "query" in wrong else query,
            content,
            draw(st.sampled_from(["plain", "truncated", "flipped", "huge"])) if "form" in wrong else "encrypted",
            self._signature(draw, who, wrong),
            tuple(draw(odd_headers)) if "headers" in wrong else (),
            "cut" not in wrong,
            draw(st.sampled_from([-301, 61, 10**7])) if "date" in wrong else 0,
        )

    @staticmethod
    def _signature(draw: st.DrawFn, who: Customer, wrong: frozenset[str]) -> str:
        if "signature" in wrong:
            return draw(st.sampled_from(["none", "wrong"]))
        return "none" if "unsigned" in who.cid else "right"

    def _content(self, draw: st.DrawFn, verb: str, path: str, wrong: frozenset[str]) -> bytes | None:
        if path.endswith("/createPolicies"):
            return draw(self._knocks)
        if (verb == "POST") is ("body" in wrong):
            return None
        fits = next((each for end, each in FITTING.items() if path.endswith(end)), MAPS)
        return draw(contents if "content" in wrong else maps_like(fits).map(lambda found: json.dumps(found).encode()))

    @cached_property
    def _knocks(self) -> st.SearchStrategy[bytes]:
        """Bodies of createPolicies; some with a token that is good."""
        base: Mapping[str, Any] = {
            "fed_req_token": self.token,
            "aws_id": "222222222222",
            "pid": NODE,
            "public_key": base64.b64encode(bytes(range(32))).decode(),
        }
        keys = st.sampled_from([*base, "proof", "x"])
        knocks = st.builds(
            lambda more, taken: json.dumps({k: v for k, v in {**base, **more}.items() if k not in taken}).encode(),
            st.dictionaries(keys, values, max_size=3),
            st.lists(keys, max_size=2),
        )
        return st.one_of(knocks, contents)


SECRETS = (
    b"Traceback",
    b'File "',
    b"sqlalchemy",
    b"pydantic",
    b"fedml_infra",
    b"c4n4ry",
    HUB_KEY.get_secret_value().encode(),
)
"""What no answer may hold."""

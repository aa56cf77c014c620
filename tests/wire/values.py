"""Values that the tests of wire formats share, and what property tests draw."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.model.rights import Right, Topology
from fedml_infra.model.schedule import Schedule
from fedml_infra.wire.invites import Invite, InviteV1
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.v2.envelope import Parameters

V1_KEY = CustomerKey.parse("EYpWjGPaoMoFUb/jfW95PQ==")
V2_KEY = CustomerKey.parse(base64.b64encode(bytes(range(32))).decode())
PASSPHRASE = SecretStr("abandon-ability-able-about-above-absent-absorb")
TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
TOKEN = "FEDTOKEN" + "0f" * 32
FED_KEY = base64.b64encode(bytes(16)).decode()
EXPIRES = datetime(2026, 1, 31, 12, tzinfo=UTC)


def fast(passphrase: bytes, salt: bytes, _parameters: Parameters) -> bytes:
    """Instead of Argon2id, where a test is about something else."""
    return hashlib.sha256(salt + passphrase).digest()


def invite(**changes: object) -> Invite:
    given: dict[str, object] = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "aws_topic_arn": TOPIC,
        "aws_topic_region": "us-east-1",
        "fed_req_token": TOKEN,
        "topology": "decentralized",
        "hub_public_key": base64.b64encode(bytes(range(32))).decode(),
        "roster_bucket": "fedml-cardio-111111111111-us-east-1",
        "expires": EXPIRES,
        "fed_rest_url": "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies",
    }
    return Invite.model_validate({key: value for key, value in (given | changes).items() if value is not None})


def invite_v1(**changes: object) -> InviteV1:
    given: dict[str, object] = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "aws_topic_arn": TOPIC,
        "aws_topic_region": "us-east-1",
        "fed_req_token": TOKEN,
        "fed_secret_key": FED_KEY,
        "fed_rest_url": "https://fed.example.org/symetry/rest",
    }
    return InviteV1.model_validate(given | changes)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
maps = st.dictionaries(texts, texts, max_size=6)
names = st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True)
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
keys16 = st.binary(min_size=16, max_size=16)
keys32 = st.binary(min_size=32, max_size=32)
regions = st.sampled_from(["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"])
schedules = st.builds(Schedule, st.sampled_from(["m", "h", "d"]), st.integers(1, 999))
rights = st.sets(st.sampled_from(list(Right)), min_size=1).map(frozenset)
buckets = st.from_regex(r"[a-z0-9]{3,20}", fullmatch=True)
tokens = keys32.map(lambda raw: SecretStr("FEDTOKEN" + raw.hex()))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
urls = st.sampled_from(["https://fed.example.org/a?b=c&d=e", "http://127.0.0.1:8080/x"])
PARTITION = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def topic(name: str, region: str, account: str) -> str:
    return f"arn:{PARTITION.get(region, 'aws')}:sns:{region}:{account}:{name}"


@st.composite
def invites(draw: st.DrawFn) -> Invite:
    name, region, account = draw(names), draw(regions), draw(accounts)
    url, bound = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    return invite(
        fed_name=name,
        sync_sched=draw(schedules),
        aws_topic_arn=topic(name, region, account),
        aws_topic_region=region,
        fed_req_token=draw(tokens),
        topology=draw(st.sampled_from(list(Topology))),
        hub_public_key=base64_of(draw(keys32)),
        roster_bucket=draw(buckets),
        expires=draw(moments) + timedelta(0),
        rights=draw(st.none() | rights),
        fed_rest_url=draw(urls) if url else None,
        aws_id=draw(accounts) if bound else None,
    )


@st.composite
def invites_v1(draw: st.DrawFn) -> InviteV1:
    name, region, account = draw(names), draw(regions), draw(accounts)
    return invite_v1(
        fed_name=name,
        sync_sched=draw(schedules),
        aws_topic_arn=topic(name, region, account),
        aws_topic_region=region,
        fed_req_token=draw(tokens),
        fed_secret_key=base64_of(draw(keys16)),
        fed_rest_url=draw(urls),
    )

"""Joiners at the door of a project."""

from __future__ import annotations

import httpx
from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.model.proof import claims
from fedml_infra.rest.service import PREFIX
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.create_policies import Asked
from fedml_infra.wire.v2.proof import Challenge, Proof
from tests.rest.world import World, said


def token_of(world: World, cid: str, pid: str) -> SecretStr:
    """Of a new invite to the customer's project."""
    client = world.clients[cid]
    given = {"fed_rest_host": world.url, **({"passwd": "secret"} if client.version == "v1" else {})}
    answer = client.post(f"/fedml/{pid}/getEncrypted", given)
    values = said(answer).values
    passphrase = "secret" if client.version == "v1" else client.decrypted(answer, "passphraseEncrypted")
    return open_invite(values["fedInfoEncrypted"], SecretStr(passphrase)).fed_req_token


def address(world: World, cid: str, pid: str) -> str:
    return f"{world.url}{PREFIX}/{cid}/fedml/{pid}/createPolicies"


def hand_in(world: World, cid: str, pid: str, asked: Asked | bytes, host: str | None = None) -> httpx.Response:
    body = asked if isinstance(asked, bytes) else asked.write()
    headers = {} if host is None else {"Host": host}
    return httpx.post(address(world, cid, pid), content=body, headers=headers, trust_env=False, timeout=60)


def proof_of(
    world: World, cid: str, pid: str, asked: Asked, *, signer: str | None = None, host: str | None = None
) -> Proof:
    """The answer to a challenge that is asked for now, with the credentials of `signer`; `host` of the request."""
    row = world.store.workspaces.get(cid, pid)
    assert row is not None and row.topic_arn is not None
    challenge = Challenge.from_map(
        said(hand_in(world, cid, pid, asked, host)).values["challenge"],
        topic_arn=row.topic_arn,
        verifier=address(world, cid, pid),
        token_id=token_id(digest(asked.token)),
        claims=claims(aws_id=asked.aws_id, pid=asked.pid, public_key=asked.public_key),
    )
    account = signer or asked.aws_id
    world.cloud._accounts[Access(profile=account)] = account
    return world.cloud.sign_proof(Access(profile=account), "us-east-1", challenge)


def proved(world: World, cid: str, pid: str, asked: Asked, **more: str) -> httpx.Response:
    """Both calls."""
    proof = proof_of(world, cid, pid, asked, **more)
    return hand_in(world, cid, pid, Asked(asked.token, asked.aws_id, asked.pid, asked.public_key, proof.to_map()))

"""How long the hub takes to let one more member in, by how many it has."""

from __future__ import annotations

from pathlib import Path

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.operations.invites import create_invite
from fedml_infra.operations.load import load_stack
from fedml_infra.sandbox.sandbox import Running
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from fedml_infra.wire.blobs import open_invite
from fedml_infra.wire.v2.join_request import JoinRequest
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tools.bench.stack import FEDERATION, Stack, hub_config
from tools.bench.table import Row, ratio

ACCOUNTS = {10: "888888888810", 100: "888888888100", 500: "888888888500"}
JOINER = "999999999111"


def rows(running: Running, folder: Path) -> list[Row]:
    """`fedml-infra admit` of a request file, with 10, 100 and 500 members: redeemed, written, brought up, published."""
    found: list[Row] = []
    for number, account in ACCOUNTS.items():
        stack = Stack(running, folder / f"join-{number}", account, hub_config(members=number))
        stack.up()
        data = folder / f"join-{number}" / "data"
        request = _request(stack, data)
        took = stack.command("admit", str(request), "--yes", "--data-dir", str(data))
        stack.destroy()
        first = found[0].seconds if found else took.seconds
        compared = ratio(took.seconds, first, "with 10") if found else ""
        found.append(Row(f"admit one more, hub with {number} members", took.seconds, None, compared))
    return found


def _request(stack: Stack, data: Path) -> Path:
    """The file of somebody who was invited."""
    engine = PulumiEngine(stack.folder, environment=stack.env)
    with open_store(StorePlace(data_dir=data)) as store:
        made = create_invite(
            stack.folder, load_stack(stack.folder, FEDERATION), engine, store, InviteWanted(account=JOINER)
        )
    if made.passphrase is None:  # it is made where none is brought
        raise AssertionError("an invite without its passphrase")
    invite = open_invite(made.blob, made.passphrase)
    request = JoinRequest.make(
        invite.fed_req_token,
        aws_topic_arn=invite.aws_topic_arn,
        aws_id=JOINER,
        pid="joiner",
        public_key=member_public_key(new_member_key()),
    )
    path = stack.folder / "request.json"
    path.write_bytes(request.write())
    return path

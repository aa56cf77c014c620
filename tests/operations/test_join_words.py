"""What a join is said to come to is what the program makes and its policies allow: change one, and the words change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import NAMESPACE, validate
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.catalogue import catalogue
from fedml_infra.operations.join_words import PARTS, JoinWords, able, documents_of, join_words, others
from fedml_infra.policies.document import Kind
from fedml_infra.policies.stack_policies import stack_resources

HUB, OWN, STRANGER = "111111111111", "222222222222", "999999999999"
TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
ACCOUNTS = Accounts(OWN, {"insel": OWN})


def config(node: dict[str, Any] | None = None, **more: Any) -> StackConfig:
    values = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": Ciphertext(""),
        "aws_topic_arn": TOPIC,
        "nodes": [{"pid": "insel", "s3_bucket": "insel-fed/up", **(node or {})}],
        **more,
    }
    return validate({"aws:region": "eu-west-1"} | {NAMESPACE + k: v for k, v in values.items()}, stack="cardio")


def words(wanted: StackConfig | None = None, granted: Rights = BOTH) -> JoinWords:
    return join_words(wanted or config(), ACCOUNTS, granted)


Change = Callable[[dict[str, Any]], None]


def changed(kind: Kind, name: str, change: Change, wanted: StackConfig | None = None) -> tuple[list[str], list[str]]:
    """What is said of account and others once a statement of one document is another."""
    wanted = wanted or config()
    documents = []
    for each in documents_of(wanted, ACCOUNTS, BOTH):
        if each.kind is kind and name in each.name:
            document = copy.deepcopy(each.document)
            change(document)
            documents.append(replace(each, document=document))
        else:
            documents.append(each)
    _, (node,) = stack_resources(wanted, account=OWN, node_accounts=ACCOUNTS.nodes)
    return list(able(node, documents)), list(others(node, documents))


def drop(sid: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        kept = [each for each in document["Statement"] if each["Sid"] != sid]
        assert len(kept) < len(document["Statement"])
        document["Statement"] = kept

    return change


def add(actions: list[str], principal: Any, resource: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {"Sid": "More", "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resource}
        )

    return change


def test_everything_in_the_catalogue_is_named() -> None:
    said = " ".join(words().creates)
    made = [each for each in catalogue(config(), {}, ACCOUNTS) if each.adoption.type not in PARTS]
    assert len(words().creates) == len(made) == 7
    assert all(each.sought.key.rpartition("/")[2] in said for each in made)
    assert "aws:" not in said.replace("arn:aws:", "")


def test_a_publish_only_node_has_no_queue_and_is_told_no_receiving() -> None:
    said = words(config(topology="centralized"), PUBLISH_ONLY)
    text = " ".join([*said.creates, *said.able, *said.others])
    assert "ueue" not in text and "subscri" not in text and "receive from" not in text


def test_an_adopted_bucket_is_not_made_and_its_own_policy_is_not_spoken_for() -> None:
    said = words(config({"adopt_bucket": True}))
    assert not any(line.startswith("Bucket") for line in said.creates)
    assert any("never changed" in line for line in said.creates)
    assert "What else others can do with bucket insel-fed its own policy says, which is not changed." in said.others
    assert not any(line.startswith("Nobody") and "bucket" in line for line in said.others)
    assert "for as long as you let it lie there" in said.costs[0]


def test_all_that_is_made_is_among_the_costs() -> None:
    assert words().costs == (
        "What lies in bucket insel-fed costs what S3 storage costs, until it expires.",
        "All the rest costs nothing while nothing happens; messages and requests cost as they are made.",
    )
    own_key = "arn:aws:kms:eu-west-1:222222222222:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert any("KMS" in line for line in words(config(kms_key_arn=own_key)).costs)


def test_what_the_hub_grants_is_what_the_account_may() -> None:
    receives = words(config({"rights": ["receive"]}), frozenset({Right.RECEIVE})).able
    assert not any("may publish to" in line for line in receives)
    assert any("may subscribe" in line for line in receives)
    assert any("may publish to" in line for line in words().able)


def test_without_the_statement_that_binds_endpoints_more_may_be_subscribed() -> None:
    assert any("and nothing else" in line for line in words().able)
    said, _ = changed(Kind.TOPIC, "cardio", drop("OnlyItsQueues"))
    assert any("not its queues alone" in line for line in said)


def test_without_its_grant_the_account_may_nothing_on_the_topic() -> None:
    said, _ = changed(Kind.TOPIC, "cardio", drop("Both"))
    assert not any(line.startswith(f"Account {OWN} may publish") or "subscribe" in line for line in said)


def test_without_its_grant_the_account_may_not_read_the_roster() -> None:
    def nobody(document: dict[str, Any]) -> None:
        document["Statement"] = [each for each in document["Statement"] if each["Effect"] == "Deny"]

    said, _ = changed(Kind.BUCKET, "fedml-cardio", nobody)
    assert not any("roster" in line for line in said)


def test_what_the_process_may_is_read_in_its_policy() -> None:
    said, _ = changed(Kind.NODE, "insel", drop("Publish"))
    assert "publish to the topic" not in said[-1]
    said, _ = changed(Kind.NODE, "insel", drop("FederationKey"))
    assert "read the federation's key" not in said[-1]


@pytest.mark.parametrize(
    ("action", "said"),
    [("sqs:ReceiveMessage", "receive from queue cardio_insel"), ("sqs:SendMessage", "put messages into queue")],
)
def test_another_account_in_the_queue_s_policy_is_told(action: str, said: str) -> None:
    queue = f"arn:aws:sqs:eu-west-1:{OWN}:cardio_insel"
    _, told = changed(Kind.QUEUE, "cardio_insel", add([action], {"AWS": f"arn:aws:iam::{STRANGER}:root"}, queue))
    assert any(line.startswith(f"Account {STRANGER} can {said}") for line in told)


def test_sns_in_the_queue_s_policy_without_its_topic_is_told() -> None:
    def unbound(document: dict[str, Any]) -> None:
        for each in document["Statement"]:
            if each["Effect"] == "Allow":
                del each["Condition"]

    assert any(TOPIC in line and "nothing else" in line for line in words().others)
    _, told = changed(Kind.QUEUE, "cardio_insel", unbound)
    assert any("whoever it acts for" in line for line in told)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"])
def test_everybody_in_the_bucket_s_policy_is_told(action: str) -> None:
    objects = "arn:aws:s3:::insel-fed/up/*"
    _, told = changed(Kind.BUCKET, "insel-fed", add([action], "*", objects))
    assert any(line.startswith("ANYONE AT ALL") for line in told)


def test_another_account_that_may_take_on_the_reader_role_is_told() -> None:
    def trusts(document: dict[str, Any]) -> None:
        document["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{STRANGER}:root"}

    _, told = changed(Kind.TRUST, "insel", trusts)
    assert any(line.startswith(f"Account {STRANGER} can take on role") for line in told)


def test_a_bucket_policy_s_readers_are_told() -> None:
    said = words(config(topology="centralized", sharing="bucket_policy"), PUBLISH_ONLY)
    assert f"Account {HUB} can read payloads in bucket insel-fed under up/." in said.others


def test_what_nobody_can_is_told_as_that() -> None:
    last = words().others[-1]
    assert last.startswith(f"Nobody outside of account {OWN} can receive from queue cardio_insel")
    assert "take on role" in last and "read parameter /fedml/cardio/insel" in last


def test_a_hub_s_stack_joins_nothing() -> None:
    values = {"fed_name": "cardio", "sync_sched": "m30", "fed_secret_key": Ciphertext("")}
    hub = validate({"aws:region": "us-east-1"} | {NAMESPACE + k: v for k, v in values.items()}, stack="cardio")
    with pytest.raises(ValueError, match="joins nothing"):
        join_words(hub, Accounts(HUB), BOTH)

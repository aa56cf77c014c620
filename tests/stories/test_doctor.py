"""`doctor` and `graph` of a federation that is up, in the sandbox: as it is, and after things have gone wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation
from tests.stories.test_commands import fedml_infra

pytestmark = pytest.mark.story


def doctor(where: Organisation) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and the findings by check."""
    done = fedml_infra(where, "doctor", "heart", "--json")
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.out)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return done.code, found


def user_with(where: Organisation, *actions: str) -> dict[str, str]:
    """The environment of a new IAM user who may do those actions and no others."""
    iam = where.aws("iam")
    iam.create_user(UserName="ada")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.put_user_policy(UserName="ada", PolicyName="some", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def test_a_federation_is_healthy_until_things_go_wrong(organisation: MakeOrganisation) -> None:
    """Healthy; seen as a graph; a user without rights and a wrong passphrase, all told at once, each with its fix."""
    hub = organisation("hub", "heart")
    created = fedml_infra(
        hub, "create", "heart", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", f"heart-{hub.account}",
        "--member", "222222222222", "--yes",
    )  # fmt: skip
    assert created.code == 0, created.err

    code, found = doctor(hub)
    assert code == 0, found
    assert {one["status"] for several in found.values() for one in several} == {"ok"}
    assert found["aws plugin"][0]["told"].startswith("emulated")
    assert hub.account in found["credentials"][0]["told"]
    assert found["filter policies"][0]["told"].endswith("subscribed")

    graph = fedml_infra(hub, "graph", "heart", "--json").json
    assert [(node["pid"], node["account"]) for node in graph["nodes"]] == [
        ("charite", hub.account),
        (None, "222222222222"),
    ]

    hub.env.update(user_with(hub, "sns:*", "iam:*", "ssm:*", "s3:*", "sqs:GetQueueAttributes"))
    hub.env["PULUMI_CONFIG_PASSPHRASE"] = "wrong"
    code, found = doctor(hub)
    assert code == 5
    (rights,) = found["rights"]
    assert (rights["status"], rights["exit_code"]) == ("fail", 5)
    assert "sqs:CreateQueue" in rights["told"]
    assert (found["secrets"][0]["status"], found["secrets"][0]["exit_code"]) == ("fail", 3)
    assert "user/ada" in found["credentials"][0]["told"]
    assert found["region"][0]["status"] == "ok"

"""The life of a federation by our commands alone, on the real engine, against a local AWS that enforces policies."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation

pytestmark = pytest.mark.story
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Done:
    """One command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


def fedml_infra(where: Organisation, *arguments: str, stdin: str = "") -> Done:
    """Runs our command as that organisation, without a terminal."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import cli; sys.exit(cli.main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=where.folder,
        env=where.env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def client(where: Organisation, service: str) -> Any:
    return boto3.client(
        service,
        region_name=where.region,
        endpoint_url=where.env["AWS_ENDPOINT_URL"],
        verify=where.env["AWS_CA_BUNDLE"],
        aws_access_key_id=where.account,
        aws_secret_access_key="sandbox",
    )


@pytest.mark.story(seconds=20)
def test_a_federation_is_created_looked_at_mended_and_destroyed(organisation: MakeOrganisation) -> None:
    """create, again, a wrong passphrase, a drift made by hand, found and mended, payloads refused, nothing left."""
    hub = organisation("hub", "heart")
    bucket = f"heart-{hub.account}"
    arguments = ("create", "heart", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", bucket, "--protect")

    created = fedml_infra(hub, *arguments, "--member", "222222222222", "--yes", "--json")
    assert created.code == 0, created.err
    assert created.json["outputs"] == fedml_infra(hub, "outputs", "--json").json
    key = hub.stack_file.read_text(encoding="utf-8").split("fed_secret_key:")[1].splitlines()[0]
    assert "secure" in key

    again = fedml_infra(hub, *arguments, "--member", "222222222222", "--yes", "--json")
    assert again.code == 0, again.err
    assert again.json["changes"] == []

    before = hub.stack_file.read_bytes()
    right, hub.env["PULUMI_CONFIG_PASSPHRASE"] = hub.env["PULUMI_CONFIG_PASSPHRASE"], "wrong"
    locked = fedml_infra(hub, "up", "--yes")
    assert locked.code == 3, locked.err
    assert "passphrase" in locked.err
    assert hub.stack_file.read_bytes() == before
    hub.env["PULUMI_CONFIG_PASSPHRASE"] = right

    queue = created.json["outputs"]["nodes"]["charite"]["queue_url"]
    client(hub, "sqs").set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "3600"})
    drifted = fedml_infra(hub, "drift", "--json")
    assert drifted.code == 7, drifted.err
    (found,) = drifted.json["findings"]
    assert found["words"] == "queue heart_charite now keeps messages for 1 hour, not 14 days"
    assert (found["property"], found["made"], found["now"]) == ("messageRetentionSeconds", 1_209_600, 3600)
    assert fedml_infra(hub, "up", "--refresh", "--yes").code == 0
    attributes = client(hub, "sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "1209600"

    client(hub, "s3").put_object(Bucket=bucket, Key="model", Body=b"x")
    refused = fedml_infra(hub, "destroy", "--yes")
    assert refused.code == 4
    assert bucket in refused.err
    assert client(hub, "sns").get_topic_attributes(TopicArn=hub.topic_arn)

    gone = fedml_infra(hub, "destroy", "--yes", "--delete-data", "--remove-file", "--json")
    assert gone.code == 0, gone.err
    assert gone.json["protected"]
    assert not hub.stack_file.exists()
    assert not client(hub, "sns").list_topics()["Topics"]
    assert not client(hub, "s3").list_buckets()["Buckets"]
    assert not client(hub, "sqs").list_queues().get("QueueUrls")
    assert fedml_infra(hub, "stacks", "list", "--json").json["stacks"] == []


def test_without_a_passphrase_nothing_is_left_of_a_create(organisation: MakeOrganisation) -> None:
    hub = organisation("hub", "heart")
    del hub.env["PULUMI_CONFIG_PASSPHRASE"]
    arguments = ("create", "heart", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", f"heart-{hub.account}")
    done = fedml_infra(hub, *arguments, "--yes")
    assert done.code == 3, done.err
    assert "PULUMI_CONFIG_PASSPHRASE" in done.err
    assert not hub.stack_file.exists()
    assert not client(hub, "s3").list_buckets()["Buckets"]

"""The engine's runs against a local AWS: what drift, refusals and a missing plugin are told as."""

from __future__ import annotations

import boto3
import pytest

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.protocol import RunOptions, UnexpectedChangesError
from fedml_infra.errors import EngineError, ResourceError
from fedml_infra.sandbox.environment import environment
from tests.engine.worlds import RealWorld
from tests.stories.federation import fresh_account

pytestmark = pytest.mark.story

PROGRAM = """\
import json, pathlib, pulumi, pulumi_aws as aws
declared = json.loads(pathlib.Path("declared.json").read_text())
for name, timeout in declared["resources"].items():
    aws.sqs.Queue(name, name=name, visibility_timeout_seconds=timeout["input"])
"""


@pytest.fixture
def account() -> str:
    return fresh_account()


@pytest.fixture
def world(sandbox, tmp_path, account) -> RealWorld:
    """A stack of queues. Its name is the federation's, as everywhere."""
    given = environment(sandbox, account=account, region="us-east-1", project=tmp_path / "given").applied({})
    kept = {name: value for name, value in given.items() if name.startswith(("AWS_", "SSL_", "PULUMI_HOME"))}
    made = RealWorld(tmp_path, PROGRAM, **kept)
    (made.project / "stacks/Pulumi.cardio.yaml").write_text("config: {aws:region: us-east-1}\n")
    return made


@pytest.fixture
def sqs(world):
    session = boto3.Session(
        aws_access_key_id=world.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=world.environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=world.environment.get("AWS_SESSION_TOKEN"),
        region_name="us-east-1",
    )
    client = session.client(
        "sqs", endpoint_url=world.environment["AWS_ENDPOINT_URL"], verify=world.environment["AWS_CA_BUNDLE"]
    )
    yield client
    client.close()


@pytest.mark.soak  # test_drift.py finds ten, and puts them right
def test_drift_is_found_named_and_put_right(world, sqs):
    engine = world.engine
    world.declare({"cardio_insel": 45, "cardio_charite": 45})
    assert engine.up("cardio").summary == {"create": 3}
    url = sqs.get_queue_url(QueueName="cardio_insel")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})

    with pytest.raises(UnexpectedChangesError) as found:
        engine.refresh("cardio", RunOptions(preview_only=True, expect_no_changes=True))
    [change] = found.value.result.changed
    assert (change.name, change.op) == ("cardio_insel", "update")
    assert PropertyChange("visibilityTimeoutSeconds", "update", 45, 77) in change.properties

    [change] = engine.preview("cardio", RunOptions(refresh=True)).changed
    assert (change.name, change.op) == ("cardio_insel", "update")
    assert [(one.path, one.before, one.after) for one in change.properties] == [("visibilityTimeoutSeconds", 77, 45)]

    assert engine.up("cardio", RunOptions(refresh=True)).summary == {"update": 1, "same": 2}
    assert engine.preview("cardio", RunOptions(refresh=True, expect_no_changes=True)).changed == ()

    sqs.delete_queue(QueueUrl=url)
    [gone] = engine.refresh("cardio", RunOptions(preview_only=True)).changed
    assert (gone.name, gone.op) == ("cardio_insel", "delete")
    [made] = engine.preview("cardio", RunOptions(refresh=True)).changed
    assert (made.name, made.op) == ("cardio_insel", "create")
    engine.destroy("cardio")


def test_what_aws_refuses_is_told_with_the_resource_and_the_code(world, sqs):
    sqs.create_queue(QueueName="cardio_insel", Attributes={"VisibilityTimeout": "1"})
    world.declare({"cardio_insel": 45})
    with pytest.raises(ResourceError) as refused:
        world.engine.up("cardio")
    assert type(refused.value) is ResourceError
    assert "aws:sqs:Queue cardio_insel: QueueNameExists" in str(refused.value)
    assert "choose another `pid`" in str(refused.value)
    world.engine.destroy("cardio")


def test_a_plugin_that_cannot_be_had_is_told_as_such(world, tmp_path):
    world.environment["PULUMI_HOME"] = str(tmp_path / "empty")
    world.declare({"cardio_insel": 45})
    engine = type(world.engine)(world.project, environment=world.environment)
    with pytest.raises(EngineError, match="no plugin for aws"):
        engine.preview("cardio")

"""A federation on the other local AWS, in short; `make soak` runs the whole demo there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedml_infra.sandbox.local_aws import Kind
from fedml_infra.sandbox.sandbox import Running, down, up
from tests.stories.federation import Organisation

pytestmark = pytest.mark.story


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Running]:
    yield up(tmp_path / "sandbox", Kind.MOTO).running
    down(tmp_path / "sandbox")


def test_a_hub_comes_up_hears_what_others_say_and_goes(moto: Running, tmp_path: Path) -> None:
    hub = Organisation(moto, tmp_path / "hub", "elsewhere")
    hub.hub(members='{aws_id: "222222222222"}', nodes="{pid: charite, s3_bucket: elsewhere-charite}")
    hub.init()
    hub.up()
    hub.must("preview", "-s", "elsewhere", "--expect-no-changes", "--refresh")
    hub.publish(hub.topic_arn, "charite", "an echo")
    hub.publish(hub.topic_arn, "insel", "from insel")
    assert hub.received("charite") == ["from insel"]
    hub.destroy()
    assert hub.aws("sns").list_topics()["Topics"] == []
    assert hub.aws("sqs").list_queues().get("QueueUrls", []) == []
    assert hub.aws("s3").list_buckets()["Buckets"] == []

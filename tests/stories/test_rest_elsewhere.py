"""The service on several machines: two servers and a worker share PostgreSQL, and a bucket for the states."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fedml_infra.engine.runner import dying_with_us
from fedml_infra.sandbox.sandbox import Running
from tests.stories.federation import Organisation
from tests.stories.servers import COMMAND, log_of, serving
from tests.stories.test_rest import PEER, key_of, run_client, settings

pytestmark = [pytest.mark.story, pytest.mark.soak, pytest.mark.postgresql]


@contextmanager
def working(data: Path, env: dict[str, str], *options: str) -> Iterator[None]:
    """A worker beside the servers, killed in the end."""
    with log_of(data).open("ab") as log:
        process = subprocess.Popen([*dying_with_us(), COMMAND, "worker", *options], env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_two_servers_and_a_worker_tell_the_whole_story(
    sandbox: Running, tmp_path: Path, new_schema: Callable[[], str]
) -> None:
    """One customer creates at the first server, another joins at the second; whoever is free runs what they ask for."""
    hub, node = Organisation(sandbox, tmp_path / "hub", "rest"), Organisation(sandbox, tmp_path / "node", "rest")
    hub.aws("s3").create_bucket(Bucket="rest-states")
    profile, url = tmp_path / "aws", tmp_path / "url"
    profile.write_text(
        f"[states]\naws_access_key_id={hub.account}\naws_secret_access_key={hub.env['AWS_SECRET_ACCESS_KEY']}\n"
    )
    url.write_text(new_schema())
    env = hub.env | {
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "FEDML_INFRA_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
    }
    query = f"region=us-east-1&endpoint={hub.env['AWS_ENDPOINT_URL']}&s3ForcePathStyle=true&profile=states"
    store = ("--database-url-file", str(url))
    shared = ("--state-backend", f"s3://rest-states/fed?{query}", "--slots", "1", *PEER)
    with (
        serving(tmp_path / "first", env, *shared, store=store) as first,
        serving(tmp_path / "second", env, *shared, store=store) as second,
        working(tmp_path / "worker", env, *store, *shared),
    ):
        sides = settings("HUB", first, hub, "charite", key_of(first, "charite"))
        sides += settings("NODE", second, node, "insel", key_of(first, "insel"))
        steps = run_client(tmp_path, sides, first, second)
    assert steps["info"] == "200 OK Federation info"
    node.publish(hub.topic_arn, "insel", "from insel")
    assert hub.received("charite") == ["from insel"]
    states = [each["Key"] for each in hub.aws("s3").list_objects_v2(Bucket="rest-states")["Contents"]]
    assert {key.split("/")[1] for key in states} >= {"charite", "insel"}

"""Bad input, by the command and by plain `pulumi`: what is said, how it ends, and that all stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedml_infra.sandbox.sandbox import Running
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation, fresh_account
from tests.stories.refusing_server import refusing

pytestmark = pytest.mark.story
COMMAND = Path(sys.executable).with_name("fedml-infra")
TOPIC = "arn:aws:sns:us-east-1:222222222222"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str


def run(where: Organisation, *arguments: str, **changes: str) -> Ended:
    """Our command in an organisation's folder; `changes` to its environment, "" takes a variable out."""
    env = {name: value for name, value in {**where.env, **changes}.items() if value}
    done = subprocess.run(
        [COMMAND, *arguments], cwd=where.folder, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def inventory(where: Organisation) -> list[str]:
    """What the account holds."""
    names = [row["Name"] for row in where.aws("s3").list_buckets()["Buckets"]]
    names += where.aws("sqs").list_queues().get("QueueUrls", [])
    names += [row["TopicArn"] for row in where.aws("sns").list_topics()["Topics"]]
    return sorted(names)


def set_up(made: Organisation) -> Organisation:
    made.hub(nodes=f"{{pid: charite, s3_bucket: lonely-{made.account}}}")
    made.init()
    return made


@pytest.fixture
def alone(organisation: MakeOrganisation) -> Organisation:
    """An administrator whose stack is set up and not yet up."""
    return set_up(organisation("alone", "lonely"))


@pytest.fixture(scope="module")
def one_for_all(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    return set_up(Organisation(sandbox, tmp_path_factory.mktemp("bad-input") / "alone", "lonely"))


@pytest.fixture
def idle(one_for_all: Organisation) -> Iterator[Organisation]:
    """The same, where nothing is made: its file and its environment are as they were for the next."""
    text, env = one_for_all.stack_file.read_bytes(), dict(one_for_all.env)
    yield one_for_all
    one_for_all.stack_file.write_bytes(text)
    one_for_all.env = env


MISTAKES = {
    "unknown key": ("  fedml-infra:shedule: m30\n", "shedule", "sync_sched"),
    "short account id": ("  fedml-infra:members: [{aws_id: 22222222222}]\n", "members[0].aws_id", "quote"),
    "topic of another name": (f"  fedml-infra:aws_topic_arn: {TOPIC}:other\n", "aws_topic_arn", "lonely"),
    "topic of another partition": (
        "  fedml-infra:aws_topic_arn: arn:aws-cn:sns:cn-north-1:222222222222:lonely\n",
        "aws_topic_arn",
        "partition",
    ),
    "two nodes of one pid": (
        "  fedml-infra:nodes: [{pid: a, s3_bucket: lonely-a}, {pid: a, s3_bucket: lonely-b}]\n",
        "nodes[1].pid",
        "a",
    ),
    "no such region": (
        "  fedml-infra:nodes: [{pid: a, s3_bucket: lonely-a, aws_region: eu-middle-1}]\n",
        "nodes[0].aws_region",
        "eu-",
    ),
    "opt-in to opt-in": (
        "  fedml-infra:aws_topic_arn: arn:aws:sns:af-south-1:222222222222:lonely\n"
        "  fedml-infra:nodes: [{pid: a, s3_bucket: lonely-a, aws_region: eu-south-1}]\n",
        "af-south-1",
        "eu-south-1",
    ),
}


SAMPLE = ("unknown key", "opt-in to opt-in")
"""Found by one look at the file, and by the sight of two regions together; `make soak` tries all."""


@pytest.mark.parametrize(
    "mistake", [pytest.param(each, marks=() if each in SAMPLE else pytest.mark.soak) for each in MISTAKES]
)
def test_a_mistake_in_the_file_is_told_with_key_and_cure_by_command_and_by_pulumi(idle, mistake):
    addition, key, cure = MISTAKES[mistake]
    text = idle.stack_file.read_text(encoding="utf-8")
    if "nodes" in addition:
        start = text.index("  fedml-infra:nodes:")
        text = text[:start] + text[text.index("  fedml-infra:fed_secret_key") :]
    idle.stack_file.write_text(text.replace("config:\n", f"config:\n{addition}"), encoding="utf-8")
    before = idle.stack_file.read_bytes()

    ended = run(idle, "up", "--yes")
    assert ended.code == 2, ended.said
    assert key in ended.said
    assert cure in ended.said
    assert "line " in ended.said
    said = idle.refused("up", "--yes", "--skip-preview")
    assert key in said
    assert cure in said
    assert "Traceback" not in said
    assert idle.stack_file.read_bytes() == before
    assert inventory(idle) == []


def test_a_bucket_that_someone_else_owns(alone, organisation):
    other = organisation("other", "lonely")
    bucket = f"lonely-{alone.account}"
    other.aws("s3").create_bucket(Bucket=bucket)
    ended = run(alone, "up", "--yes")
    assert ended.code == 4, ended.said
    assert bucket in ended.said
    assert "BucketAlreadyExists" in alone.refused("up", "--yes", "--skip-preview")
    assert [row["Name"] for row in other.aws("s3").list_buckets()["Buckets"]] == [bucket]


def test_a_name_taken_by_a_queue_that_is_not_ours(alone):
    url = alone.aws("sqs").create_queue(QueueName="lonely_charite", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    ended = run(alone, "up", "--yes")
    assert ended.code == 4, ended.said
    assert "lonely_charite" in ended.said
    assert inventory(alone) == [url]
    assert "QueueNameExists" in alone.refused("up", "--yes", "--skip-preview")
    kept = alone.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert kept["VisibilityTimeout"] == "7"
    assert "Policy" not in kept


@pytest.mark.parametrize(("passphrase", "word"), [("", "PULUMI_CONFIG_PASSPHRASE"), ("wrong", "passphrase")])
def test_a_missing_or_wrong_passphrase(idle, passphrase, word):
    before = idle.stack_file.read_bytes()
    ended = run(idle, "up", "--yes", PULUMI_CONFIG_PASSPHRASE=passphrase)
    assert ended.code == 3, ended.said
    assert word in ended.said
    assert idle.stack_file.read_bytes() == before
    assert inventory(idle) == []


NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": os.devnull}


def test_no_credentials(idle):
    ended = run(idle, "up", "--yes", **NO_CREDENTIALS)
    assert ended.code == 3, ended.said
    assert "credentials" in ended.said
    idle.env.update(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_CONFIG_FILE=os.devnull)
    said = idle.refused("up", "--yes", "--skip-preview")
    assert "credentials" in said
    assert "Traceback" not in said


def test_credentials_of_another_account_than_the_stack_came_up_in(alone):
    alone.up()
    before = inventory(alone)
    foreign = fresh_account()
    for command in (("up", "--yes"), ("destroy", "--yes"), ("preview",)):
        ended = run(alone, *command, AWS_ACCESS_KEY_ID=foreign)
        assert ended.code == 3, (command, ended.said)
        assert alone.account in ended.said
        assert foreign in ended.said
    assert inventory(alone) == before


def test_credentials_of_another_account_than_the_file_allows(idle):
    other = fresh_account()
    text = idle.stack_file.read_text(encoding="utf-8")
    allowed = f'config:\n  aws:allowedAccountIds: ["{other}"]\n'
    idle.stack_file.write_text(text.replace("config:\n", allowed), encoding="utf-8")
    ended = run(idle, "up", "--yes")
    assert ended.code == 3, ended.said
    assert other in ended.said
    said = idle.refused("up", "--yes", "--skip-preview")
    assert idle.account in said
    assert inventory(idle) == []


def test_expired_credentials(idle):
    with refusing("ExpiredToken", "The security token included in the request is expired") as url:
        ended = run(idle, "up", "--yes", AWS_ENDPOINT_URL=url)
        assert ended.code == 3, ended.said
        assert "expired" in ended.said
        idle.env["AWS_ENDPOINT_URL"] = url
        said = idle.refused("up", "--yes", "--skip-preview")
        assert "expired" in said
        assert "Traceback" not in said
    assert inventory(idle) == []


def test_no_network(idle):
    with refusing("none", "none") as url:
        pass  # its port is free again, and nobody answers
    ended = run(idle, "up", "--yes", AWS_ENDPOINT_URL=url)
    assert ended.code == 4, ended.said
    assert "reach" in ended.said or "connect" in ended.said.lower()
    assert inventory(idle) == []


def test_the_engines_folder_cannot_be_written(idle, tmp_path):
    (tmp_path / "a-file").touch()
    ended = run(idle, "up", "--yes", FEDML_INFRA_CACHE_DIR=str(tmp_path / "a-file" / "cache"), PATH="/usr/bin:/bin")
    assert ended.code == 2, ended.said
    assert "FEDML_INFRA_CACHE_DIR" in ended.said
    assert inventory(idle) == []

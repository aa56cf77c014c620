"""The sandbox's aws provider as a plugin of the real engine: names, replacing, import, half-made, secrets, stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.engine.install import install
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.sandbox import Running
from tests.stories.federation import fresh_account

pytestmark = pytest.mark.story

UP = ("up", "--yes", "--skip-preview")
HEAD = "import json, pulumi, pulumi_aws as aws\n"
REGION = "eu-central-1"


class Stack:
    """A program of its own in the sandbox, and the account that it runs in."""

    def __init__(self, running: Running, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.account, self.aws = folder, fresh_account(), running.local_aws
        given = environment(running, account=self.account, region=REGION, project=folder).applied(os.environ)
        state = folder / "state"
        state.mkdir()
        self.env = {
            **given,
            "PULUMI_BACKEND_URL": state.as_uri(),
            "NO_COLOR": "1",
            "FEDML_INFRA_SANDBOX_SUBSCRIBE_SECONDS": "60",
        }
        (folder / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
        self.write("")
        self.engine = str(install().path)
        self.must("stack", "init", "dev")

    def write(self, program: str) -> None:
        (self.folder / "__main__.py").write_text(HEAD + program)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.engine, *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        text, _ = process.communicate(timeout=600)
        return process.returncode, text

    def must(self, *arguments: str) -> str:
        code, text = self.run(*arguments)
        assert code == 0, text
        return text

    def refused(self, *arguments: str) -> str:
        code, text = self.run(*arguments)
        assert code != 0, text
        return text

    def boto(self, service: str) -> Any:
        return self.aws.session(self.account, REGION).client(service)

    def state(self) -> str:
        return self.must("stack", "export")

    def resource(self, type_: str) -> dict[str, Any]:
        resources = json.loads(self.state())["deployment"]["resources"]
        [found] = [entry for entry in resources if entry["type"] == type_]
        return found


@pytest.fixture
def stack(sandbox: Running, tmp_path: Path) -> Stack:
    return Stack(sandbox, tmp_path / "project")


NAMED = """
q = aws.sqs.Queue("auto", visibility_timeout_seconds=%d, fifo_queue=%s)
r = aws.iam.Role("role", name="fixed", path="%s",
                 assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [
                     {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
"""


def test_names_are_kept_over_updates_and_a_replacement_replaces_just_what_it_must(stack: Stack) -> None:
    stack.write(NAMED % (5, False, "/"))
    stack.must(*UP)
    name = stack.resource("aws:sqs/queue:Queue")["outputs"]["name"]
    assert name.startswith("auto-")
    stack.write(NAMED % (6, False, "/"))
    assert "1 updated" in stack.must(*UP)
    assert stack.resource("aws:sqs/queue:Queue")["outputs"]["name"] == name
    stack.write(NAMED % (6, True, "/x/"))
    assert "2 replaced" in stack.must(*UP)
    assert stack.resource("aws:sqs/queue:Queue")["outputs"]["name"].endswith(".fifo")
    stack.must("preview", "--expect-no-changes", "--refresh")
    assert name not in " ".join(stack.boto("sqs").list_queues()["QueueUrls"])


def test_what_exists_is_imported_in_another_region_too(stack: Stack) -> None:
    sqs = stack.aws.session(stack.account, "us-west-2").client("sqs")
    url = sqs.create_queue(
        QueueName="old", Attributes={"VisibilityTimeout": "9", "SqsManagedSseEnabled": "true"}, tags={"t": "1"}
    )["QueueUrl"]
    stack.boto("ssm").put_parameter(Name="/a", Value="hush-hush", Type="SecureString")
    body = """
aws.sqs.Queue("q", name="old", region="us-west-2", visibility_timeout_seconds=9, sqs_managed_sse_enabled=True,
              tags={"t": "1"}, opts=pulumi.ResourceOptions(%s))
aws.ssm.Parameter("p", name="/a", type="SecureString", value="hush-hush", opts=pulumi.ResourceOptions(%s))
"""
    stack.write(body % (f'import_="{url}@us-west-2"', 'import_="/a"'))
    text = stack.must(*UP)
    assert "2 imported" in text
    stack.write(body % ("", ""))
    stack.must("preview", "--expect-no-changes", "--refresh")
    assert stack.resource("aws:sqs/queue:Queue")["id"] == url
    assert "hush-hush" not in text + stack.state()


def test_secrets_are_in_neither_state_nor_output(stack: Stack) -> None:
    stack.write("""
aws.ssm.Parameter("p", name="/a", type="SecureString", value=pulumi.Output.secret("hush-hush"))
q = aws.sqs.Queue("q", tags={"k": pulumi.Output.secret("hush-hush")})
pulumi.export("tags", q.tags_all)
""")
    text = stack.must("preview", "--diff") + stack.must(*UP) + stack.must("refresh", "--yes", "--skip-preview")
    text += stack.must("preview", "--diff", "--expect-no-changes")
    stack.boto("ssm").put_parameter(Name="/a", Value="by-hand", Type="SecureString", Overwrite=True)
    text += stack.must("preview", "--diff", "--refresh") + stack.must(*UP, "--refresh") + stack.state()
    assert "hush-hush" not in text
    assert "by-hand" not in text
    assert stack.boto("ssm").get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Value"] == "hush-hush"


def test_a_half_made_bucket_is_finished_at_the_next_run(stack: Stack) -> None:
    iam = stack.boto("iam")
    iam.create_user(UserName="limited")
    key = iam.create_access_key(UserName="limited")["AccessKey"]

    def may(*actions: str) -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="limited", PolicyName="p", PolicyDocument=document)

    name = f"half-{stack.account}"
    stack.write(f"""
p = aws.Provider("p", region="{REGION}", access_key="{key["AccessKeyId"]}", secret_key="{key["SecretAccessKey"]}")
aws.s3.Bucket("b", bucket="{name}", tags={{"a": "b"}}, opts=pulumi.ResourceOptions(provider=p))
""")
    may("s3:CreateBucket", "s3:ListBucket", "s3:ListAllMyBuckets")
    text = stack.refused(*UP)
    assert f"{name} was made, but not all of it: PutBucketTagging: AccessDenied" in text
    assert stack.resource("aws:s3/bucket:Bucket")["initErrors"]
    may("s3:*")
    stack.must(*UP)
    whole = stack.resource("aws:s3/bucket:Bucket")
    assert whole["outputs"]["tagsAll"] == {"a": "b"}
    assert "initErrors" not in whole
    stack.must("preview", "--expect-no-changes", "--refresh")


def test_a_wrong_account_stops_the_run_before_anything_is_made(stack: Stack) -> None:
    stack.write(f"""
p = aws.Provider("p", region="{REGION}", allowed_account_ids=["999999999999"])
aws.sqs.Queue("q", name="q", opts=pulumi.ResourceOptions(provider=p))
""")
    text = stack.refused(*UP)
    assert f"these credentials are of account {stack.account}" in text
    assert "999999999999" in text
    assert not stack.boto("sqs").list_queues().get("QueueUrls")


def test_a_wait_is_shown_and_an_interrupt_ends_it_at_once(stack: Stack) -> None:
    topic = stack.aws.session(fresh_account(), REGION).client("sns").create_topic(Name="closed")["TopicArn"]
    stack.write(f"""
q = aws.sqs.Queue("q", name="q")
aws.sns.TopicSubscription("s", topic="{topic}", protocol="sqs", endpoint=q.arn)
""")
    process = stack.start(*UP)
    assert process.stdout is not None
    shown = next((line for line in process.stdout if "waiting for the topic's policy" in line), None)
    assert shown is not None, process.poll()
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=600)
    assert time.monotonic() - began < 30, text  # and not the 60 that it would wait
    assert process.returncode != 0
    assert not _processes_of(stack.folder)
    stack.write('q = aws.sqs.Queue("q", name="q")\n')
    stack.must(*UP)


def _processes_of(folder: Path) -> list[int]:
    """Processes whose environment names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found

"""A federation that changes by reviewed stack files alone: a repository that `init` made, its own workflows, one AWS.

Every step is the workflow's own, read from its YAML; git, the engine and the code host's API are real, on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from platformdirs import user_cache_path

from fedml_infra.sandbox.sandbox import Running
from tests.gitops.code_host import TOKEN, CodeHost, code_host
from tests.gitops.repositories import Checkout
from tests.stories.federation import Organisation, fresh_account
from tests.stories.workflow import COMMAND, Forge, Step

pytestmark = pytest.mark.story(seconds=60)

PASSPHRASE = "correct horse battery staple"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
NUMBER = 9


@dataclass
class Loop:
    """The repository, whoever reviews it, and what came of each turn."""

    hub: Organisation
    forge: Forge
    host: CodeHost
    person: Checkout
    member: str = field(default_factory=fresh_account)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def stack_file(self) -> Path:
        return self.person.root / "stacks" / "Pulumi.cardio.yaml"

    def command(self, *arguments: str) -> str:
        """What the command prints, in the person's checkout: with the passphrase, and no AWS credentials."""
        env = {**self.forge.network, "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
        ended = subprocess.run([COMMAND, *arguments], cwd=self.person.root, env=env, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def commit(self, message: str) -> str:
        """Everything that is there and not ignored."""
        self.person.git("add", "--all")
        self.person.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.person.git("rev-parse", "HEAD")

    def merge(self, message: str) -> list[Step]:
        """What is in the person's checkout is merged, and the workflow of a merge runs."""
        self.commit(message)
        self.person.git("push", "--quiet", "origin", "HEAD:main")
        return self.workflow("apply", "push", {})

    def propose(self, message: str, *, fork: bool = False) -> list[Step]:
        """What is in the person's checkout is a pull request, and its workflow runs; the checkout is main's again."""
        head = self.commit(message)
        self.person.git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{NUMBER}/head")
        self.person.git("checkout", "--quiet", "main")
        owner = "somebody/r" if fork else "o/r"
        request = {"number": NUMBER, "head": {"sha": head, "repo": {"full_name": owner}}}
        return self.workflow("pull-request", "pull_request_target", {"pull_request": request})

    def branch(self, name: str) -> None:
        self.person.git("checkout", "--quiet", "-B", name, "main")

    def workflow(self, name: str, event_name: str, event: dict[str, Any]) -> list[Step]:
        """A workflow of the default branch, as it is there."""
        folder = self.forge.folder / "workflows"
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.yml"
        text = subprocess.run(
            ["git", "-C", str(self.forge.origin), "show", f"main:.github/workflows/fedml-{name}.yml"],
            check=True,
            capture_output=True,
        )
        path.write_bytes(text.stdout)
        done = self.forge.run(path, event_name, event)
        if name == "apply":
            assert all(step.outcome == "success" for step in done), text_of(done)
            self.forge.applied = self.main()
        return done

    def main(self) -> str:
        ended = subprocess.run(
            ["git", "-C", str(self.forge.origin), "rev-parse", "main"], check=True, capture_output=True, text=True
        )
        return ended.stdout.strip()

    def publishers(self) -> str:
        """The topic's policy as it is in AWS."""
        attributes = self.hub.aws("sns").get_topic_attributes(TopicArn=self.hub.topic_arn)
        return str(attributes["Attributes"]["Policy"])


@pytest.fixture(scope="module")
def loop(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("gitops")
    hub = Organisation(sandbox, folder / "hub", "cardio")
    network = {name: value for name, value in hub.env.items() if name not in CREDENTIALS}
    # The engine is there, as out of the workflow's cache.
    network |= {
        "XDG_CACHE_HOME": str(user_cache_path()),
        "HOME": str(folder / "home"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    network.pop("PULUMI_CONFIG_PASSPHRASE", None)
    (folder / "home").mkdir()
    origin = folder / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(origin)], check=True)
    person = Checkout(folder / "person")
    with code_host() as host:
        forge = Forge(
            folder=folder,
            repository="o/r",
            origin=origin,
            network=network,
            credentials={"fedml-apply": {name: hub.env[name] for name in CREDENTIALS if name in hub.env}},
            secrets={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE},
            variables={"FEDML_AWS_ROLE": "arn:aws:iam::111111111111:role/fedml"},
            api=host.url,
            token=TOKEN,
        )
        made = Loop(hub, forge, host, person)
        turn(made, folder)
        yield made


def turn(loop: Loop, folder: Path) -> None:
    """The whole loop, once."""
    env = {**loop.forge.network}
    subprocess.run([COMMAND, "init", str(loop.person.root)], cwd=folder, env=env, check=True, capture_output=True)
    loop.seen["checked"] = loop.command("check")
    loop.person.git("symbolic-ref", "HEAD", "refs/heads/main")
    loop.person.git("remote", "add", "origin", str(loop.forge.origin))
    loop.commit("A repository for federations")
    loop.person.git("push", "--quiet", "origin", "HEAD:main")
    loop.forge.applied = loop.main()
    node = ("--pid", "charite", "--s3-bucket", f"cardio-{loop.hub.account}/updates")
    loop.command(
        "create", "cardio", "--region", "us-east-1", "--sync-sched", "m30", *node, "--no-apply", "--no-protect", "--yes"
    )
    loop.steps["created"] = loop.merge("The federation cardio")
    loop.seen["policy before"] = loop.publishers()
    for purpose in ("preview", "drift"):
        loop.forge.credentials[f"fedml-{purpose}"] = read_only(loop, purpose)

    loop.branch("another")
    node = ("--pid", "charite", "--s3-bucket", f"onco-{loop.hub.account}/updates")
    loop.command("create", "onco", "--region", "us-east-1", "--sync-sched", "m30", *node, "--no-apply", "--yes")
    loop.steps["new stack"] = loop.propose("Another federation")
    loop.seen["new stack comment"] = loop.host.comments[-1]["body"]
    loop.host.comments.clear()

    loop.branch("member")
    loop.stack_file.write_text(
        loop.stack_file.read_text(encoding="utf-8") + f'  fedml-infra:members:\n    - aws_id: "{loop.member}"\n',
        encoding="utf-8",
    )
    loop.steps["proposed"] = loop.propose("A member")
    loop.seen["comment"] = [dict(row) for row in loop.host.comments]
    loop.seen["policy proposed"] = loop.publishers()
    loop.branch("member-again")
    loop.person.git("merge", "--quiet", "--ff-only", "member")
    loop.steps["proposed again"] = loop.propose("The same, once more")
    loop.seen["comment again"] = [dict(row) for row in loop.host.comments]
    loop.person.git("merge", "--quiet", "--ff-only", "member")
    loop.steps["merged"] = loop.merge("merged")
    loop.seen["policy merged"] = loop.publishers()

    sqs = loop.hub.aws("sqs")
    queue = sqs.get_queue_url(QueueName="cardio_charite")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    loop.steps["drifted"] = loop.workflow("drift", "schedule", {})
    loop.seen["issue"] = [dict(row) for row in loop.host.issues]
    loop.steps["repaired"] = loop.workflow("apply", "workflow_dispatch", {})
    loop.seen["queue policy"] = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"][
        "Policy"
    ]
    loop.steps["no drift"] = loop.workflow("drift", "schedule", {})
    loop.seen["issue closed"] = [dict(row) for row in loop.host.issues]

    loop.person.git("pull", "--quiet", "--ff-only", "origin", "main")
    loop.branch("removal")
    text = loop.stack_file.read_text(encoding="utf-8")
    loop.stack_file.write_text(
        text.replace(f'  fedml-infra:members:\n    - aws_id: "{loop.member}"\n', ""), encoding="utf-8"
    )
    loop.steps["removal"] = loop.propose("The member leaves")
    loop.seen["removal comment"] = loop.host.comments[-1]["body"]
    loop.person.git("merge", "--quiet", "--ff-only", "removal")
    loop.steps["removed"] = loop.merge("merged")
    loop.seen["policy removed"] = loop.publishers()


def read_only(loop: Loop, purpose: str) -> dict[str, str]:
    """The credentials of the role that `gitops role` prints, made as it says but for who may assume it."""
    asked = ("--for", purpose, "--repository", "o/r", "--account", loop.hub.account, "--json")
    plan = json.JSONDecoder().raw_decode(loop.command("gitops", "role", *asked))[0]
    iam, name = loop.hub.aws("iam"), plan["role"].rpartition("/")[2]
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{loop.hub.account}:root"},
        },
    }
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    # What the local AWS asks for besides: it knows no resource of the first, and the provider here reads tags apart.
    ours = {"Effect": "Allow", "Action": ["sns:ListTagsForResource", "iam:ListRoleTags", "iam:ListPolicyTags"]}
    policies = [*plan["policies"], {"Version": "2012-10-17", "Statement": [{**ours, "Resource": "*"}]}]
    for number, policy in enumerate(policies):
        iam.put_role_policy(RoleName=name, PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(policy))
    given = loop.hub.aws("sts").assume_role(RoleArn=plan["role"], RoleSessionName="runner")["Credentials"]
    values = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return dict(zip(CREDENTIALS, values, strict=True))


def outcomes(steps: list[Step]) -> dict[str, set[str]]:
    """By job."""
    found: dict[str, set[str]] = {}
    for step in steps:
        found.setdefault(step.job, set()).add(step.outcome)
    return found


def text_of(steps: list[Step]) -> str:
    return "\n".join(f"{step.job}/{step.name}: {step.outcome}\n{step.text}" for step in steps)


@pytest.mark.parametrize(
    ("turn", "jobs"),
    [
        ("created", {"apply"}),
        ("new stack", {"check", "preview", "comment"}),
        ("proposed", {"check", "preview", "comment"}),
        ("merged", {"apply"}),
        ("repaired", {"apply"}),
        ("no drift", {"drift"}),
        ("removal", {"check", "preview", "comment"}),
        ("removed", {"apply"}),
    ],
)
def test_every_step_of_every_job_succeeds(loop: Loop, turn: str, jobs: set[str]) -> None:
    assert outcomes(loop.steps[turn]) == {job: {"success"} for job in jobs}, text_of(loop.steps[turn])


def test_the_fresh_repository_is_in_order(loop: Loop) -> None:
    assert "no stack" in loop.seen["checked"].lower()


def test_a_pull_request_changes_nothing_in_aws(loop: Loop) -> None:
    assert loop.seen["policy proposed"] == loop.seen["policy before"]
    assert loop.member not in loop.seen["policy before"]


def test_a_new_stack_is_previewed_with_rights_to_read_alone(loop: Loop) -> None:
    """Neither AWS nor the backend gets anything by it."""
    assert "onco" in loop.seen["new stack comment"] and "topic" in loop.seen["new stack comment"]
    state = Path(loop.hub.env["PULUMI_BACKEND_URL"].removeprefix("file://"))
    assert [path.name for path in state.rglob("onco*")] == []
    reader = boto3.Session(
        aws_access_key_id=loop.forge.credentials["fedml-preview"]["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=loop.forge.credentials["fedml-preview"]["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=loop.forge.credentials["fedml-preview"]["AWS_SESSION_TOKEN"],
        region_name="us-east-1",
    )
    where = {"endpoint_url": loop.hub.env["AWS_ENDPOINT_URL"], "verify": loop.hub.env["AWS_CA_BUNDLE"]}
    with pytest.raises(ClientError, match=r"AccessDenied|AuthorizationError"):
        reader.client("sns", **where).create_topic(Name="other")


def test_the_comment_says_who_gains_what_and_what_changes(loop: Loop) -> None:
    [comment] = loop.seen["comment"]
    body = comment["body"]
    said, _, folded = body.partition("<details>")
    assert loop.member in said and "publish" in said and "receive" in said
    assert "cardio" in said and "topic policy" in said.lower()
    assert "TopicPolicy" in folded


def test_the_same_comment_is_edited(loop: Loop) -> None:
    assert [row["id"] for row in loop.seen["comment again"]] == [row["id"] for row in loop.seen["comment"]]


def test_a_merge_brings_up_what_was_reviewed(loop: Loop) -> None:
    assert loop.member in loop.seen["policy merged"]


def test_drift_is_an_issue_until_the_next_apply_has_repaired_it(loop: Loop) -> None:
    [issue] = loop.seen["issue"]
    assert issue["state"] == "open" and "cardio" in issue["body"] and "no longer has its policy" in issue["body"]
    assert "sqs:SendMessage" in loop.seen["queue policy"]
    [closed] = loop.seen["issue closed"]
    assert closed["state"] == "closed"


def test_a_removal_is_told_enforced_and_its_rotation_kept(loop: Loop) -> None:
    assert loop.member in loop.seen["removal comment"] and "rotated" in loop.seen["removal comment"]
    assert loop.member not in loop.seen["policy removed"]
    written = subprocess.run(
        ["git", "-C", str(loop.forge.origin), "show", "main:stacks/Pulumi.cardio.yaml"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "fedml-infra:fed_epoch: 2" in written
    made = loop.hub.aws("ssm").get_parameter(Name="/fedml/cardio/charite", WithDecryption=True)["Parameter"]["Value"]
    assert json.loads(made)["epoch"] == 2


def test_nothing_says_a_secret(loop: Loop) -> None:
    said = "".join(text_of(steps) for steps in loop.steps.values())
    said += json.dumps(loop.host.comments) + json.dumps(loop.host.issues)
    made = loop.hub.aws("ssm").get_parameter(Name="/fedml/cardio/charite", WithDecryption=True)["Parameter"]["Value"]
    for secret in [PASSPHRASE, TOKEN, *json.loads(made)["keys"].values()]:
        assert str(secret) not in said


def test_a_fork_gets_the_check_alone(loop: Loop) -> None:
    loop.person.git("pull", "--quiet", "--ff-only", "origin", "main")
    loop.branch("fork")
    loop.stack_file.write_text(loop.stack_file.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    assert outcomes(loop.propose("A word", fork=True)) == {"check": {"success"}}


def test_a_malicious_pull_request_runs_nothing_and_takes_nothing(loop: Loop, tmp_path: Path) -> None:
    """Its program, requirements, workflow and attributes are its own; its stack file names another secrets provider."""
    loop.person.git("pull", "--quiet", "--ff-only", "origin", "main")
    loop.branch("malice")
    gone = tmp_path / "gone"
    steal = f"import os; open({str(gone)!r}, 'w').write(repr(os.environ))\n"
    loop.person.write("__main__.py", steal)
    loop.person.write("sitecustomize.py", steal)
    loop.person.write("fedml_infra/__init__.py", steal)
    loop.person.write("requirements.txt", f"evil @ file://{tmp_path}/evil\n")
    loop.person.write(".gitattributes", "*.yaml filter=evil merge=evil diff=evil\n")
    loop.person.write(".github/workflows/fedml-pull-request.yml", "on: pull_request\njobs: {}\n")
    text = loop.stack_file.read_text(encoding="utf-8")
    loop.stack_file.write_text(f"secretsprovider: awskms://evil?endpoint=127.0.0.1\n{text}", encoding="utf-8")
    before = len(loop.host.comments)
    steps = loop.propose("Nothing to see")
    told = {(step.job, step.name): step.outcome for step in steps}
    assert told["preview", "Take its stack files"] == "failure"
    assert told["preview", "Log in to AWS"] == "skipped"
    assert len(loop.host.comments) == before
    body = loop.host.comments[-1]["body"]
    assert "secretsprovider" in body and "__main__.py" in body
    assert not gone.exists()
    assert PASSPHRASE not in text_of(steps) + body

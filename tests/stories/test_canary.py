"""No secret of a run is found where it should not be; and what would find one finds each that is planted."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.install import install
from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.sandbox import Running
from fedml_infra.wire.blobs import encrypt_request, open_invite
from fedml_infra.wire.keys import CustomerKey
from tests.stories.canary import Leak, Of, Secret, Watch, in_files, in_text
from tests.stories.federation import fresh_account

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="arguments and environments are read in /proc"),
]
RUN_SECONDS = 600.0
NEEDED = {
    "AWS secret key": (Of.ENGINE, Of.COMMAND),
    "passphrase of the state": (Of.ENGINE, Of.COMMAND),
    "customer's key": (Of.COMMAND,),
    "passphrase of the invite": (Of.COMMAND,),
}
"""In whose environment a secret is rightly: what a person gave to the command, and what the engine needs of it."""


@dataclass
class Canaries:
    """One run with planted secrets: what it was given, wrote, said and started."""

    folder: Path
    watch: Watch
    environ: dict[str, str]
    secrets: list[Secret] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def plant(self, name: str, value: str) -> str:
        """One more secret to look for."""
        self.secrets.append(Secret(name, value))
        return value

    def run(self, *arguments: str, cwd: Path, stdin: str = "", code: int = 0, **variables: str) -> str:
        """`fedml-infra`, in a process of its own; what it said on standard output."""
        ended = subprocess.run(
            [sys.executable, "-m", "fedml_infra.cli", *arguments], cwd=cwd, env={**self.environ, **variables},
            input=stdin, text=True, capture_output=True, timeout=RUN_SECONDS,
        )  # fmt: skip
        self.said += [(f"output of {arguments[0]}", ended.stdout), (f"errors of {arguments[0]}", ended.stderr)]
        assert ended.returncode == code, ended.stderr
        return ended.stdout

    def leaks(self) -> list[Leak]:
        """Every place where a secret is and should not be.

        The engine needs AWS keys and the passphrase of its secrets, and hands its environment on to what it starts.
        """
        found = [*in_files(self.secrets, self.folder), *self.watch.leaks(self.secrets)]
        for where, text in self.said:
            found += in_text(self.secrets, text, where)
        return [leak for leak in found if leak.of not in NEEDED.get(leak.secret, ())]


@pytest.fixture
def canaries(sandbox: Running, tmp_path: Path) -> Canaries:
    folder, watch = tmp_path / "run", Watch(tmp_path / "watch")
    for name in ("hub", "joiner", "home", "tmp", "runs", "data", "state"):
        (folder / name).mkdir(parents=True)
    made = Canaries(folder, watch, {})
    applied = environment(sandbox, account=fresh_account(), project=folder / "hub").applied(os.environ)
    home = Path(applied["PULUMI_HOME"])
    shutil.copytree(home / "plugins", folder / "pulumi-home" / "plugins", symlinks=True)
    made.environ = watch.environment(
        {
            **applied,
            "PULUMI_HOME": str(folder / "pulumi-home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": made.plant("passphrase of the state", "correct horse/battery+staple"),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "FEDML_INFRA_RUNS_DIR": str(folder / "runs"),
            "FEDML_INFRA_DATA_DIR": str(folder / "data"),
            "FEDML_INFRA_TRACEBACK": "1",
            "FEDML_INFRA_CACHE_DIR": str(install().path.parents[2]),
        }
    )
    return made


def user_keys(sandbox: Running, account: str) -> tuple[str, str]:
    """Access key and secret of a user who may do everything in the account."""
    iam = sandbox.local_aws.session(account).client("iam")
    iam.create_user(UserName="admin")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": everything})
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=document)
    made = iam.create_access_key(UserName="admin")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


@pytest.mark.story(seconds=30)
def test_no_secret_of_a_whole_life_is_found_where_it_should_not_be(
    sandbox: Running, canaries: Canaries, tmp_path: Path
) -> None:
    """Create from an encrypted map, invite, join by a file, remove with a rotation, failures with their tracebacks,
    destroy: each organisation with a user's keys."""
    hub, joiner, given = canaries.folder / "hub", canaries.folder / "joiner", tmp_path / "given"
    given.mkdir()
    own, member = fresh_account(), fresh_account()
    # Its key is given by the map, and AWS keys with it: they are used for this one run.
    customer = canaries.plant("customer's key", base64.b64encode(os.urandom(16)).decode())
    access, secret = user_keys(sandbox, own)
    body = {
        "fed_name": "canary",
        "pid": "charite",
        "aws_region": "us-east-1",
        "s3_bucket": f"canary-charite-{own}",
        "sync_sched": "m30",
        "fed_secret_key": canaries.plant("federation's key", base64.b64encode(os.urandom(16)).decode()),
        "aws_id": own,
        "aws_access_key": access,
        "aws_secret_key": canaries.plant("AWS secret key", secret),
    }
    wrong = {**body, "aws_secret_key": canaries.plant("AWS secret key", "wrong/" + secret[6:])}
    canaries.run("create", "--from-map", "-", "--yes", cwd=hub, stdin=json.dumps(wrong), code=3)
    assert "Traceback" in canaries.said[-1][1]
    blob = encrypt_request(body, CustomerKey.parse(customer))
    create = ("create", "--from-encrypted-map", "-", "--yes", "--json")
    canaries.run(*create, cwd=hub, stdin=blob, FEDML_INFRA_KEY=customer)

    as_hub = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
    told = json.loads(canaries.run("invite", "create", "--account", member, "--json", cwd=hub, **as_hub))
    # That is what the command is for; its errors are looked at.
    canaries.said = [(where, text) for where, text in canaries.said if where != "output of invite"]
    passphrase = canaries.plant("passphrase of the invite", told["passphrase"])
    invite = open_invite(told["invite"], SecretStr(passphrase))
    canaries.plant("token", invite.fed_req_token.get_secret_value())
    (given / "invite").write_text(told["invite"], encoding="utf-8")

    other, its_secret = user_keys(sandbox, member)
    as_joiner = {
        "AWS_ACCESS_KEY_ID": other,
        "AWS_SECRET_ACCESS_KEY": canaries.plant("AWS secret key", its_secret),
        "PULUMI_BACKEND_URL": (canaries.folder / "state" / "joiner").as_uri(),
    }
    (canaries.folder / "state" / "joiner").mkdir()
    request = str(canaries.folder / "request.json")
    join = ("join", str(given / "invite"), "--pid", "insel", "--s3-bucket", f"canary-insel-{member}", "--yes")
    join = (*join, "--request-out", request)
    canaries.run(*join, cwd=joiner, code=2, FEDML_INFRA_PASSPHRASE="another-one", **as_joiner)
    canaries.run(*join, cwd=joiner, FEDML_INFRA_PASSPHRASE=passphrase, **as_joiner)
    canaries.run("admit", request, "--yes", cwd=hub, **as_hub)
    canaries.run("join", "--continue", "--no-verify", "--yes", cwd=joiner, **as_joiner)
    canaries.run("members", "remove", member, "--yes", cwd=hub, **as_hub)

    kept = {"federation's key": "fed_secret_key", "hub's key": "hub_key", "member's key": "member_key"}
    for folder, more in ((hub, as_hub), (joiner, as_joiner)):
        engine = PulumiEngine(folder, environment={**canaries.environ, **more})
        found = engine.get_secrets("canary", [f"fedml-infra:{name}" for name in kept.values()])
        for name, key in kept.items():
            if f"fedml-infra:{key}" in found:
                canaries.plant(name, found[f"fedml-infra:{key}"].get_secret_value())
    assert {planted.name for planted in canaries.secrets} >= {*kept, "token", "passphrase of the invite"}
    canaries.run("destroy", "--yes", cwd=hub, **as_hub)
    assert canaries.leaks() == []
    assert (canaries.folder / "data" / "store.sqlite3").exists()
    seen = [" ".join(process.argv) for process in canaries.watch.processes()]
    for one in ("fedml_infra.cli", "language_host", "sandbox.plugin"):
        assert any(one in line for line in seen), f"{one} was not seen"


# What would find a leak finds each that is planted


PLANTED = Secret("planted", 'c4nary/"+= §x')


@pytest.fixture
def quiet(tmp_path: Path) -> Canaries:
    """A run that left nothing, without a sandbox."""
    (tmp_path / "run").mkdir()
    watch = Watch(tmp_path / "watch")
    return Canaries(tmp_path / "run", watch, watch.environment(os.environ), [PLANTED])


def test_where_nothing_is_planted_nothing_is_found(quiet: Canaries) -> None:
    (quiet.folder / "log").write_text("all is well")
    subprocess.run([sys.executable, "-c", "pass"], env=quiet.environ, check=True)
    assert quiet.watch.processes()
    assert quiet.leaks() == []


@pytest.mark.parametrize(
    "name",
    ["runs/1.jsonl", "state/.pulumi/stacks/x.json", "state/.pulumi/stacks/x.json.bak", "tmp/scratch", "aws.log"],
)
def test_a_planted_file_is_found(name: str, quiet: Canaries) -> None:
    path = quiet.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"before {PLANTED.value} behind", encoding="utf-8")
    assert [leak.where for leak in quiet.leaks()] == [str(path)]


def test_a_planted_file_name_is_found(quiet: Canaries) -> None:
    quiet.secrets.append(Secret("token", "FEDTOKEN0123"))
    (quiet.folder / "FEDTOKEN0123.json").touch()
    assert [leak.secret for leak in quiet.leaks()] == ["token"]


def test_a_planted_row_of_a_database_is_found(quiet: Canaries) -> None:
    with contextlib.closing(sqlite3.connect(quiet.folder / "store.db")) as store, store:
        store.execute("CREATE TABLE tokens (digest TEXT)")
        store.execute("INSERT INTO tokens VALUES (?)", (PLANTED.value,))
    assert len(quiet.leaks()) == 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"key": PLANTED.value}),
        json.dumps({"key": PLANTED.value}, ensure_ascii=False),
        json.dumps({"key": PLANTED.value}).replace("=", "\\u003d"),
        quote(PLANTED.value, safe=""),
        PLANTED.value.encode().hex(),
        PLANTED.value.encode().hex().upper(),
        *(base64.b64encode(b"x" * before + PLANTED.value.encode() + b"yz").decode() for before in range(4)),
        *(base64.urlsafe_b64encode(b"x" * before + PLANTED.value.encode()).decode() for before in range(4)),
    ],
)
def test_a_secret_is_found_in_whatever_form_text_carries_it(text: str, quiet: Canaries) -> None:
    quiet.said.append(("errors of up", f"Traceback: {text}"))
    assert [leak.where for leak in quiet.leaks()] == ["errors of up"]


CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'{}], check=True{})"


def test_a_planted_argument_of_a_child_is_found(quiet: Canaries) -> None:
    command = CHILD.format(", sys.stdin.read()", "")
    subprocess.run([sys.executable, "-c", command], env=quiet.environ, input=PLANTED.value, text=True, check=True)
    assert {leak.where for leak in quiet.leaks()} == {"the arguments of python -c pass"}


def test_a_planted_variable_of_a_child_is_found(quiet: Canaries) -> None:
    command = "import os; " + CHILD.format("", ", env={**os.environ, 'EXTRA': sys.stdin.read()}")
    subprocess.run([sys.executable, "-c", command], env=quiet.environ, input=PLANTED.value, text=True, check=True)
    assert {leak.where for leak in quiet.leaks()} == {"EXTRA in the environment of python -c pass"}


def test_a_child_that_is_no_python_is_seen_too(quiet: Canaries) -> None:
    command = "import subprocess, sys; subprocess.run(['true', sys.stdin.read()], check=True)"
    subprocess.run([sys.executable, "-c", command], env=quiet.environ, input=PLANTED.value, text=True, check=True)
    assert [leak.where.split()[:4] for leak in quiet.leaks()] == [["the", "arguments", "of", "true"]]


def test_the_customer_s_key_is_not_the_engine_s(quiet: Canaries) -> None:
    """What the command may have in its environment, the engine may not."""
    quiet.secrets.append(Secret("customer's key", "0123456789abcdef=="))
    environ = {**quiet.environ, "FEDML_INFRA_KEY": "0123456789abcdef=="}
    subprocess.run([sys.executable, "-c", "pass", "/bin/pulumi"], env=environ, check=True)
    assert [(leak.secret, leak.of) for leak in quiet.leaks()] == [("customer's key", Of.ENGINE)]

"""What `sandbox env` exports: all that is needed for the sandbox, and nothing that could reach real AWS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.sandbox.environment import UNSET, Environment, engine_folder, environment
from fedml_infra.sandbox.sandbox import Running, down, up

pytestmark = pytest.mark.story

ROOT = Path(__file__).parents[2]
MEMBER, OTHER = "222222222222", "333333333333"
REAL_KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")

ASK = """
import json, boto3
def who(**given):
    session = boto3.Session(**given)
    return session.client("sts").get_caller_identity()["Account"], session.region_name
print(json.dumps(EXPRESSION))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # A blank and a quote, as folders of people have them.
    directory = tmp_path_factory.mktemp("sand box") / "o'hara"
    yield up(directory).running
    down(directory)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with stack files, and a home with what looks like someone's real AWS credentials."""
    (tmp_path / "Pulumi.yaml").write_text("name: fedml-infra\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "home/.aws").mkdir(parents=True)
    real = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY\n"
    (tmp_path / "home/.aws/credentials").write_text(f"[default]\n{real}\n[prod]\n{real}")
    (tmp_path / "home/.boto").write_text(f"[Credentials]\n{real}")
    (tmp_path / "home/.aws/config").write_text("[profile prod]\nregion = eu-west-1\n")
    return tmp_path


def outer(project: Path, **more: str) -> dict[str, str]:
    """The environment of someone who works with real AWS."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(project / "home"),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "token",
        "AWS_PROFILE": "prod",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.eu-west-1.amazonaws.com",
        "PULUMI_ACCESS_TOKEN": "pul-0123456789",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        **more,
    }


def make(running: Running, project: Path, **options: Any) -> Environment:
    return environment(running, project=project, current=outer(project), **options)


def ask(values: dict[str, str], expression: str) -> Any:
    """What a program that knows nothing of the sandbox finds."""
    code = ASK.replace("EXPRESSION", expression)
    done = subprocess.run(
        [sys.executable, "-c", code], env=values, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_shell(values: dict[str, str], lines: str, then: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-euc", f'eval "$LINES_OF_ENV"\n{then}'],
        env={**values, "LINES_OF_ENV": lines},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# what a program finds


def test_boto3_is_the_account_that_was_asked_for(running: Running, project: Path) -> None:
    values = make(running, project, account=MEMBER).applied(outer(project))
    assert ask(values, "who()") == [MEMBER, "us-east-1"]


def test_the_region_is_the_one_that_was_asked_for(running: Running, project: Path) -> None:
    values = make(running, project, region="eu-west-1").applied(outer(project))
    assert ask(values, "who()") == ["111111111111", "eu-west-1"]


def test_what_is_set_afterwards_wins(running: Running, project: Path) -> None:
    values = make(running, project, account=MEMBER).applied(outer(project))
    later = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": OTHER}
    assert ask({**values, **later}, "who()") == [OTHER, "eu-central-1"]


def test_an_account_has_a_profile(running: Running, project: Path) -> None:
    values = make(running, project, account=MEMBER).applied(outer(project))
    assert ask(values, f'who(profile_name="sandbox-{MEMBER}")[0]') == MEMBER


def test_a_further_account_has_a_profile_where_asked_for(running: Running, project: Path) -> None:
    values = make(running, project, account=MEMBER, profile_accounts=[OTHER]).applied(outer(project))
    assert ask(values, f'who(profile_name="sandbox-{OTHER}")[0]') == OTHER


def test_a_profile_that_a_stack_file_names_is_there(running: Running, project: Path) -> None:
    text = "config:\n  fedml-infra:nodes:\n    - {pid: a, s3_bucket: b, account: {profile: sandbox-555555555555}}\n"
    (project / "stacks/Pulumi.cardio.yaml").write_text(text)
    values = make(running, project, account=MEMBER).applied(outer(project))
    assert ask(values, 'who(profile_name="sandbox-555555555555")[0]') == "555555555555"


def test_a_profile_reaches_the_sandbox_by_itself(running: Running, project: Path) -> None:
    values = make(running, project, account=MEMBER).applied(outer(project))
    for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del values[name]
    assert ask(values, f'who(profile_name="sandbox-{MEMBER}")[0]') == MEMBER


def test_a_profile_that_is_asked_for_later_is_added(running: Running, project: Path) -> None:
    """As the emulated provider does when it starts, and when it is configured with a profile."""
    values = make(running, project, account=MEMBER).applied(outer(project))
    code = "from fedml_infra.sandbox.profiles import ensure; ensure(['666666666666'])"
    subprocess.run([sys.executable, "-c", code], env=values, cwd=ROOT, timeout=300, check=True)
    assert ask(values, 'who(profile_name="sandbox-666666666666")[0]') == "666666666666"


def test_a_stack_file_that_is_written_later_has_its_profiles_once_the_engine_asks(
    running: Running, project: Path
) -> None:
    """The engine starts the plugin in the project's folder, and the plugin's first line is its port."""
    values = make(running, project, account=MEMBER).applied(outer(project))
    (project / "stacks/Pulumi.late.yaml").write_text("account: {profile: sandbox-777777777777}\n")
    binary = Path(values["PULUMI_HOME"], "plugins/resource-aws-v7.51.1/pulumi-resource-aws")
    with subprocess.Popen([binary], cwd=project, env=values, stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdout is not None
        port = plugin.stdout.readline()
        plugin.kill()
    assert 0 < int(port) < 65536
    assert ask(values, 'who(profile_name="sandbox-777777777777")[0]') == "777777777777"


# nothing of real AWS


def test_no_credential_of_the_users_is_left(running: Running, project: Path) -> None:
    values = make(running, project).applied(outer(project))
    files = [Path(values[name]).read_text() for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")]
    said = "\n".join([*values.values(), *files])
    assert not REAL_KEY.search(said)
    assert "wJalrXUtn" not in said
    assert "pul-0123456789" not in said


def test_no_profile_of_the_users_is_seen(running: Running, project: Path) -> None:
    values = make(running, project).applied(outer(project))
    seen = ask(values, "boto3.Session().available_profiles")
    assert seen
    assert all(re.fullmatch(r"sandbox-\d{12}", name) for name in seen)


def test_without_the_exported_key_there_are_no_credentials(running: Running, project: Path) -> None:
    values = make(running, project).applied(outer(project))
    del values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]
    assert ask(values, "boto3.Session().get_credentials()") is None


@pytest.mark.parametrize("service", ["sns", "sqs", "s3", "iam", "sts", "ssm", "kms"])
def test_every_service_is_the_sandboxs(running: Running, project: Path, service: str) -> None:
    values = make(running, project).applied(outer(project))
    assert ask(values, f'boto3.client("{service}").meta.endpoint_url') == running.local_aws.url


def test_every_variable_that_leads_elsewhere_is_taken_away(running: Running, project: Path) -> None:
    elsewhere = {**dict.fromkeys(UNSET, "elsewhere"), "AWS_ENDPOINT_URL_S3": "https://elsewhere"}
    made = environment(running, project=project, current=outer(project, **elsewhere))
    left = made.applied(outer(project, **elsewhere))
    assert "elsewhere" not in " ".join(left.values())


def test_the_secret_is_a_word_that_aws_knows_nobody_by(running: Running, project: Path) -> None:
    export = make(running, project, account=MEMBER).export
    assert (export["AWS_ACCESS_KEY_ID"], export["AWS_SECRET_ACCESS_KEY"]) == (MEMBER, "sandbox")


# the shell


def test_the_lines_are_safe_for_eval_in_a_shell(running: Running, project: Path) -> None:
    made = make(running, project, account=MEMBER)
    told = in_shell(
        outer(project), made.lines(), f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    )
    found = json.loads(told)
    wanted = made.applied(outer(project))
    assert {name: found.get(name) for name in wanted} == wanted
    assert not set(found) & set(made.unset)


def test_the_engine_is_on_path_once_however_often_it_is_evaluated(running: Running, project: Path) -> None:
    lines = make(running, project).lines()
    told = in_shell(outer(project), f"{lines}\n{lines}", 'printf %s "$PATH"')
    assert told.split(os.pathsep)[0] == str(engine_folder())
    assert told.split(os.pathsep).count(str(engine_folder())) == 1


def test_a_path_of_the_shells_own_is_kept(running: Running, project: Path) -> None:
    told = in_shell(
        {**outer(project), "PATH": "/opt/mine:/usr/bin:/bin"}, make(running, project).lines(), 'printf %s "$PATH"'
    )
    assert told == f"{engine_folder()}:/opt/mine:/usr/bin:/bin"


def test_loopback_goes_past_a_proxy_and_the_users_exceptions_stay(running: Running, project: Path) -> None:
    made = environment(running, project=project, current=outer(project, NO_PROXY="intern.example, 10.0.0.0/8"))
    assert made.export["NO_PROXY"] == "intern.example,10.0.0.0/8,127.0.0.1,localhost,::1"
    assert made.export["no_proxy"] == made.export["NO_PROXY"]


# the engine


def test_each_account_has_a_state_backend_of_its_own(running: Running, project: Path) -> None:
    first, second = (
        make(running, project, account=account).export["PULUMI_BACKEND_URL"] for account in (MEMBER, OTHER)
    )
    assert first != second
    assert first.startswith("file:///")


def test_the_emulated_provider_is_where_the_engine_looks_for_the_official_one(running: Running, project: Path) -> None:
    export = make(running, project).export
    binary = Path(export["PULUMI_HOME"], "plugins/resource-aws-v7.51.1/pulumi-resource-aws")
    assert os.access(binary, os.X_OK)
    assert export["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_the_official_provider_is_left_to_the_engine(running: Running, project: Path) -> None:
    made = make(running, project, official_provider=True)
    assert not list(Path(made.export["PULUMI_HOME"]).rglob("pulumi-resource-aws"))
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" in made.unset
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in made.export


def test_official_after_emulated_and_back_again(running: Running, project: Path) -> None:
    emulated, official = make(running, project), make(running, project, official_provider=True)
    values = official.applied(emulated.applied(outer(project)))
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in values
    assert emulated.applied(values)["PULUMI_HOME"] == emulated.export["PULUMI_HOME"]


# the command


def command(running: Running, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    values = {**outer(project), "FEDML_INFRA_SANDBOX_DIR": str(running.directory)}
    return subprocess.run(
        [sys.executable, "-m", "cli", "sandbox", "env", *arguments],
        cwd=ROOT,
        env=values,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_command_prints_the_lines_alone(running: Running, project: Path) -> None:
    done = command(running, project, "--account", MEMBER, "--region", "EU_WEST_1", "-C", str(project))
    assert done.returncode == 0, done.stderr
    told = in_shell(
        outer(project), done.stdout, 'echo "$AWS_ACCESS_KEY_ID $AWS_REGION $AWS_DEFAULT_REGION ${AWS_PROFILE-none}"'
    )
    assert told == f"{MEMBER} eu-west-1 eu-west-1 none\n"


def test_the_command_prints_json(running: Running, project: Path) -> None:
    told = json.loads(command(running, project, "--json").stdout)
    assert told["export"]["AWS_ENDPOINT_URL"] == running.local_aws.url
    assert "AWS_PROFILE" in told["unset"]
    assert Path(told["path"]).name == "bin"


@pytest.mark.parametrize("account", ["12345", "1234567890123", "22222222222a", ""])
def test_what_is_no_account_id_is_refused(running: Running, project: Path, account: str) -> None:
    done = command(running, project, "--account", account)
    assert (done.returncode, done.stdout) == (2, "")
    assert "twelve digits" in done.stderr


def test_a_region_that_aws_does_not_have_is_refused(running: Running, project: Path) -> None:
    done = command(running, project, "--region", "eu-west-9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "eu-west-9" in done.stderr


def test_without_a_running_sandbox_it_says_how_to_start_one(tmp_path: Path, project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "sandbox", "env"],
        cwd=ROOT,
        env={**outer(project), "FEDML_INFRA_SANDBOX_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "fedml-infra sandbox up" in done.stderr

"""A whole repository, checked: every mistake with its file, line, reason and fix; nothing asked of anyone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.engine.project import write_project
from fedml_infra.errors import ConfigurationError, PolicyError, Problem, StackNotFoundError
from fedml_infra.operations.check import Checked, check_project_files
from tests.model.test_secret_text import SECRETS, made
from tests.operations.worlds import HUB_FILE

KMS = "AQICAHh" + "x1Y2z3" * 20


def crowded() -> str:
    """A file that is right in all its values; its bucket's policy names more readers than AWS takes."""
    members = "".join(f'    - aws_id: "{200_000_000_000 + at}"\n' for at in range(600))
    text = HUB_FILE.replace('    - aws_id: "222222222222"\n', members).replace("/updates", "/" + "x" * 500)
    return text + "  fedml-infra:message_filter: none\n  fedml-infra:sharing: bucket_policy\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


def wrote(project: Path, text: str, stack: str = "cardio") -> None:
    (project / "stacks" / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def only(project: Path) -> Checked:
    (found,) = check_project_files(project)
    return found


def problem(project: Path) -> Problem:
    (found,) = only(project).problems
    return found


def test_a_file_in_order(project: Path) -> None:
    wrote(project, HUB_FILE)
    assert only(project).error is None


def test_a_project_without_stacks_is_in_order(project: Path) -> None:
    assert check_project_files(project) == ()


def test_a_named_stack_must_be_there(project: Path) -> None:
    with pytest.raises(StackNotFoundError):
        check_project_files(project, only="cardio")


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ("fed_name: cardio", "fed_nam: cardio", 3, "is not a key of ours", "did you mean fed_name?"),
        ('"222222222222"', "22222222222", 7, "22222222222 is not an AWS account id, which has 12 digits", "in quotes"),
        ('"222222222222"', "012345678901", 7, "is not an AWS account id", "in quotes"),
        ("{secure: v1:xyz}", made(16), 5, "must not stand in the file in clear text", "config set --secret"),
        ("pid: charite", "pid: {secure: v1:abc}", 9, "is encrypted, and is no secret", "write it in plain"),
        ("fed_name: cardio", "fed_name: {secure: v1:abc}", 3, "is encrypted, and is no secret", "write it in plain"),
        ("pid: charite", f"pid: {'x' * 74}", 9, "SQS takes 80", "shorten"),
        ("  aws:region: us-east-1", "  aws:region: us-east-9", 2, "us-east-9", ""),
        ("config:", "config:\n  aws:secretKey: hunter2", 2, "is a credential", "environment"),
        ("config:", "encryptionsal: v1:x\nconfig:", 1, "is no key of a stack file", "did you mean encryptionsalt?"),
        ("config:", "aws:profile: x\nconfig:", 1, "stands beside config:", "move it"),
    ],
)
def test_a_mistake_has_its_line_reason_and_fix(
    project: Path, old: str, new: str, line: int, message: str, fix: str
) -> None:
    wrote(project, HUB_FILE.replace(old, new))
    found = [each for each in only(project).problems if message in each.message]
    assert [each.line for each in found] == [line]
    assert fix in (found[0].fix or "")


@pytest.mark.parametrize(
    "text", ["config:\n  aws:region: a\n  aws:region: b\n", HUB_FILE + "---\n" + HUB_FILE, "config: ["]
)
def test_what_is_no_single_document_is_refused(project: Path, text: str) -> None:
    wrote(project, text)
    assert isinstance(only(project).error, ConfigurationError)
    assert problem(project).key == "syntax"


@pytest.mark.parametrize("what", SECRETS)
def test_what_looks_like_a_secret_is_told_and_not_repeated(project: Path, what: str) -> None:
    wrote(project, f"{HUB_FILE}  other:thing: '{SECRETS[what]}'\n")
    found = problem(project)
    assert (found.line, what in found.message) == (11, True)
    assert SECRETS[what] not in str(only(project).error)


def test_a_secret_in_a_place_for_something_else_is_not_repeated(project: Path) -> None:
    secret = SECRETS["an AWS access key id"]
    wrote(project, HUB_FILE.replace("sync_sched: m30", f"sync_sched: '{secret}'"))
    assert secret not in str(only(project).as_json())


def test_clear_text_behind_secure_is_told(project: Path) -> None:
    wrote(project, HUB_FILE.replace("v1:xyz", made(16)))
    assert "a key of 16 bytes" in problem(project).message


@pytest.mark.parametrize("cipher", [f"v1:{made(12)}:{made(32)}", KMS, f"v1:{made(12)}:{made(16)}"])
def test_what_the_engine_encrypted_is_no_secret(project: Path, cipher: str) -> None:
    wrote(project, f"encryptionsalt: v1:{made(16)}:{cipher}\n{HUB_FILE.replace('v1:xyz', cipher)}")
    assert only(project).error is None


def test_a_public_key_is_no_secret(project: Path) -> None:
    wrote(project, HUB_FILE.replace("  fedml-infra:nodes:", f"      public_key: {made(32)}\n  fedml-infra:nodes:"))
    assert only(project).error is None


def test_two_stacks_that_claim_one_queue_are_both_told(project: Path) -> None:
    wrote(project, HUB_FILE.replace("pid: charite", "pid: a_b"))
    wrote(
        project, HUB_FILE.replace("cardio", "cardio_a").replace("charite", "b").replace("cardio_a-b", "x-b"), "cardio_a"
    )
    one, two = check_project_files(project)
    (first,), (second,) = one.problems, two.problems
    assert (first.line, second.line) == (9, 9)
    assert "the queue cardio_a_b in us-east-1 is nodes[0].pid of stack cardio_a too" in first.message
    assert "of stack cardio too" in second.message


def test_a_named_stack_is_compared_with_the_others(project: Path) -> None:
    wrote(project, HUB_FILE)
    wrote(project, HUB_FILE.replace("fed_name: cardio", "fed_name: neuro"), "neuro")
    (found,) = check_project_files(project, only="neuro")
    assert "would be made for nodes[0].s3_bucket of stack cardio too" in found.problems[0].message


def test_a_policy_that_aws_would_refuse_is_a_policy_error(project: Path) -> None:
    wrote(project, crowded())
    found = only(project)
    assert (found.problems, isinstance(found.error, PolicyError)) == ((), True)
    (refused,) = found.refused
    assert (refused.key, refused.line) == ("nodes[0].s3_bucket", 609)
    assert "AWS takes 20,480" in refused.message
    assert "would fit" in (refused.fix or "")
    assert found.as_json()["problems"][0]["kind"] == "policy"


def test_control_characters_do_not_reach_a_log(project: Path) -> None:
    wrote(project, HUB_FILE + '  "fedml-infra:x\\n::error::y\\e[2J": 1\n')
    assert "\\n::error::y\\x1b[2J" in problem(project).key


def test_a_project_of_another_name_is_told(project: Path) -> None:
    path = project / "Pulumi.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("name: fedml-infra", "name: other"), encoding="utf-8")
    (found,) = check_project_files(project)
    assert (found.path, found.problems[0].key) == (path, "name")


@pytest.mark.parametrize("name", ["Pulumi.cardio.yaml", "stacks/Pulumi.cardio.yml"])
def test_a_stack_file_that_the_engine_does_not_read_is_told(project: Path, name: str) -> None:
    (project / name).write_text(HUB_FILE, encoding="utf-8")
    (found,) = check_project_files(project)
    assert found.path == project / name
    assert "is not read" in found.problems[0].message

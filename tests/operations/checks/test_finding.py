"""How a check's answer, or its failure, becomes a line of the report."""

from __future__ import annotations

from fedml_infra.errors import ConfigurationError, NetworkError, Problem
from fedml_infra.operations.checks.finding import Check, Status, asked, fail, ok, warn


def raising(error: Exception) -> Check:
    def ask() -> None:
        raise error

    return Check("clock", ask)  # type: ignore[arg-type]


def test_one_answer_and_several_are_both_answers() -> None:
    assert asked(Check("a", lambda: ok("a", "fine"))) == (ok("a", "fine"),)
    assert asked(Check("a", lambda: [ok("a", "1"), warn("a", "2", "look")])) == (ok("a", "1"), warn("a", "2", "look"))


def test_an_error_of_ours_is_the_check_s_failure_with_its_exit_code() -> None:
    (found,) = asked(raising(NetworkError("AWS is away", fix="Wait.")))
    assert (found.check, found.status, found.told, found.fix, found.exit_code) == (
        "clock", Status.FAIL, "AWS is away", "Wait.", 4,
    )  # fmt: skip


def test_a_defect_is_named_without_its_text() -> None:
    (found,) = asked(raising(RuntimeError("the key is hunter2")))
    assert (found.status, found.exit_code) == (Status.FAIL, 1)
    assert "RuntimeError" in found.told
    assert "hunter2" not in found.told


def test_every_problem_of_a_stack_file_is_told() -> None:
    error = ConfigurationError("The file is wrong.", [Problem("a", "bad", line=3), Problem("b", "worse")])
    assert fail("stack file", error).told == "The file is wrong; line 3: a: bad; b: worse"


def test_only_a_failure_has_an_exit_code() -> None:
    assert (ok("a", "x").exit_code, warn("a", "x").exit_code) == (0, 0)
    assert fail("a", ConfigurationError("x")).as_json() == {
        "check": "a", "status": "fail", "told": "x", "fix": None, "exit_code": 2,
    }  # fmt: skip

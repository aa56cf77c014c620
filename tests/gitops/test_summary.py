"""What an apply says that it did."""

from __future__ import annotations

from fedml_infra.errors import ConfigurationError, FedmlError, Problem, ResourceError
from fedml_infra.gitops.apply import Outcome
from fedml_infra.gitops.keeping import Kept
from fedml_infra.gitops.summary import exit_code, summary_json, summary_markdown

BASE = "0123456789abcdef"


def failed(stack: str, error: FedmlError) -> Outcome:
    return Outcome(stack, "changed", error=error)


def test_nothing_to_do_is_one_line():
    assert summary_markdown(BASE, []) == "### fedml-infra apply\n\nNo stack file changed since `0123456789ab`.\n"
    assert exit_code([]) == 0


def test_the_worst_gives_the_exit_code():
    assert exit_code([failed("a", ResourceError("x")), failed("b", ConfigurationError("y"))]) == 4


def test_what_was_not_come_to_is_told():
    assert "| `onco` | | not applied: the run was stopped |" in summary_markdown(BASE, [], left=["onco"])
    assert summary_json(BASE, [], left=["onco"])["not_applied"] == ["onco"]


def test_every_mistake_of_a_file_is_told():
    error = ConfigurationError("It has mistakes:", [Problem("fed_name", "is no name", line=3)], fix="Mend them.")
    [row] = summary_json(BASE, [failed("cardio", error)])["stacks"]
    assert row["error"]["problems"] == [{"key": "fed_name", "line": 3, "message": "is no name", "fix": None}]
    page = summary_markdown(BASE, [failed("cardio", error)])
    assert "- line 3: fed\\_name: is no name" in page and "- Mend them\\." in page


def test_a_text_of_somebody_does_nothing_in_the_page():
    page = summary_markdown(BASE, [failed("cardio", ResourceError("no <script>\n| a | b |\n@everyone"))])
    assert "<script>" not in page and "| a |" not in page and "@everyone" not in page


def test_a_key_that_waits_to_be_merged_is_told_with_where():
    kept = Kept(2, "c" * 40, "fedml-infra/cardio-epoch-2", waits=True, pull_request="https://host.example/pulls/3")
    outcome = Outcome("cardio", "changed", kept=kept)
    assert "merge it by https" in summary_markdown(BASE, [outcome])
    assert summary_json(BASE, [outcome])["stacks"][0]["rotation"]["waits_for_merge"] is True

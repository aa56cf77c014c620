"""The comment of a pull request: what it says, and that nothing in it does anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.engine.redaction import Redactor
from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.comment import CUT, LIMIT, MARKER, comment

BASE, HEAD = "1" * 40, "2" * 40
TOPIC = {"urn": "u", "type": "aws:sns/topicPolicy:TopicPolicy", "name": "cardio", "op": "update",
         "properties": [{"path": "policy", "kind": "update", "before": "a", "after": "b"}]}  # fmt: skip
QUEUE = {"urn": "u", "type": "aws:sqs/queue:Queue", "name": "cardio_insel", "op": "create", "properties": []}
HUB = {"urn": "u", "type": "fedml-infra:index:Hub", "name": "cardio", "op": "update", "properties": []}
GONE = {
    "who": "222222222222",
    "kind": "member",
    "gains": [],
    "loses": ["publish"],
    "text": "Account 222222222222 goes.",
}
NEW = {
    "who": "333333333333",
    "kind": "member",
    "gains": ["publish"],
    "loses": [],
    "text": "Account 333333333333 is in.",
}


def row(**parts: Any) -> dict[str, Any]:
    """A stack of a document."""
    return {
        "stack": "cardio", "status": "changed", "error": None, "rights": [], "summary": {}, "changes": [], "diff": "",
        "rotates_to": None, "because_of": [], "cut_off": [], "notes": [], "plan": None, **parts,
    }  # fmt: skip


def document(*rows: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"base": BASE, "head": HEAD, "ignored": [], "refused": [], "stacks": list(rows), **parts}


def told(*rows: dict[str, Any], **parts: Any) -> str:
    return comment(document(*rows, **parts), Redactor())


def test_rights_first_then_resources_by_the_names_people_know() -> None:
    lines = told(row(rights=[GONE, NEW], changes=[HUB, QUEUE, TOPIC])).splitlines()
    assert lines == [
        MARKER, "", "### What this changes in 1 federation", "", "#### `cardio`", "",
        "**Rights**", "",
        "- **loses:** Account 222222222222 goes\\.",
        "- **gains:** Account 333333333333 is in\\.", "",
        "**Resources**", "",
        "- changed: topic policy `cardio` (`policy`)",
        "- made: queue `cardio_insel`", "",
        "<sub>Preview of `222222222222` on `111111111111`.</sub>",
    ]  # fmt: skip


def test_what_is_deleted_or_replaced_comes_first_and_strong() -> None:
    text = told(row(changes=[QUEUE, {**QUEUE, "op": "delete"}, {**QUEUE, "op": "replace"}]))
    assert re.findall(r"^- (.*): queue", text, re.M) == ["**deleted**", "**replaced**", "made"]


def test_a_rotation_is_told_with_whom_it_shuts_out() -> None:
    text = told(row(rotates_to=2, because_of=["222222222222"], cut_off=["333333333333"]))
    assert "**Key**\n\n- The federation's key will be rotated to epoch 2, as 222222222222 has it\\." in text
    assert "Account 333333333333 gave no public key" in text


def test_an_error_is_told_with_every_mistake() -> None:
    problem = {"key": "sync_sched", "line": 4, "message": "is no time", "fix": "write m30"}
    text = told(row(error={"what": "It has a mistake", "problems": [problem], "fix": "Mend it"}))
    assert "(1 cannot be previewed)" in text
    assert "**It cannot be previewed:** It has a mistake" in text
    assert "- line 4: `sync_sched`: is no time (write m30)" in text


def test_what_was_refused_is_told_with_file_and_line() -> None:
    one = {"file": "stacks/Pulumi.x.yaml", "line": 3, "message": "is bad", "fix": "mend it"}
    text = told(refused=[one, {"file": "a`b", "line": None, "message": "is worse", "fix": None}])
    assert "- `stacks/Pulumi.x.yaml`, line 3: is bad (mend it)\n- `` a`b ``: is worse" in text


def test_what_is_not_used_is_named() -> None:
    assert "not used by this preview: `__main__.py`, `a b`." in told(ignored=["__main__.py", "a\nb"])


def test_no_stack_and_no_change_are_said() -> None:
    assert "No stack file is touched." in told()
    assert "Nothing changes in AWS." in told(row())
    assert "Nothing changes in AWS." not in told(row(status="removed", notes=["stays"]))


def test_the_diff_is_folded_in_a_fence_that_it_cannot_end() -> None:
    text = told(row(diff="+ a\n```\n</details>\n@team\n````"))
    assert text.endswith(
        "<details><summary>The engine's own diff of cardio</summary>\n\n"
        "`````diff\n+ a\n```\n</details>\n@team\n````\n`````\n\n</details>"
    )


def test_a_preview_of_one_stack_is_taken_too() -> None:
    said = [{"severity": "warning", "message": "old"}]
    one = {"stack": "cardio", "rights": [NEW], "changes": [QUEUE], "diagnostics": said}
    text = comment(one, Redactor())
    assert "#### `cardio`" in text
    assert "warning: old" in text
    assert "<sub>" not in text


@pytest.mark.parametrize("what", [[], {}, 3, None, {"stacks": 1}, {"stacks": [1]}, {"stacks": [{"status": "x"}]}])
def test_what_is_no_preview_is_refused(what: Any) -> None:
    with pytest.raises(ConfigurationError, match="This is no preview"):
        comment(what, Redactor())


def test_known_secrets_and_ciphertexts_are_taken_out_wherever_they_stand() -> None:
    hidden = "v1:bm9uY2Vub25jZQ==:Y2lwaGVydGV4dA=="
    for place in ({"notes": [hidden + " hunter22"]}, {"diff": hidden + "\nhunter22"},
                  {"error": {"what": hidden, "problems": [{"key": hidden, "message": "hunter22"}]}},
                  {"changes": [{**QUEUE, "name": hidden + "hunter22"}]}):  # fmt: skip
        text = comment(document(row(**place)), Redactor(["hunter22"]))
        assert "[secret]" in text.replace("\\", "")
        assert "Y2lwaGVydGV4dA" not in text
        assert "hunter22" not in text


def test_a_long_diff_is_cut_and_says_so() -> None:
    text = told(row(diff="+ line\n" * 30_000), row(stack="onco", diff="`" * 90_000))
    assert len(text) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    assert "does not fit into a comment" in text


def test_many_diffs_share_the_room() -> None:
    text = told(*(row(stack=f"s{number}", diff="+ line\n" * 5000) for number in range(20)))
    assert len(text) <= LIMIT
    assert text.count("<details>") == text.count("</details>") == 20


def test_too_many_words_are_cut_at_the_end_of_a_line() -> None:
    text = told(*(row(stack=f"s{number}", notes=["x" * 900] * 10, diff="d") for number in range(20)))
    assert len(text) <= LIMIT
    assert text.endswith(CUT)
    assert "<details>" not in text


def test_what_is_many_is_counted() -> None:
    assert "- more (60 that are not listed)" in told(row(notes=[f"note {number}" for number in range(100)]))


EVIL = st.text("@#`<>!-[]()*_~|\\/:.& \n\r\t\u202ehtps:teamwww", max_size=60) | st.sampled_from(
    [
        MARKER,
        "@org/team",
        "[a](https://evil.example)",
        "</details>",
        "```",
        "<!-- x -->",
        "https://evil.example",
        "/merge",
    ]
)


@given(EVIL, EVIL)
def test_nothing_of_others_does_anything(one: str, other: str) -> None:
    """No mention, HTML, link, second marker, heading or quick action, wherever their text stands."""
    problem = {"key": one, "line": 1, "message": other, "fix": one}
    text = told(
        row(stack=one, notes=[one, other], rights=[{**NEW, "text": one}], changes=[{**TOPIC, "name": other}]),
        row(stack="onco", error={"what": one, "problems": [problem], "fix": other}),
        row(stack="derma", diff=one + "\n" + other),
        refused=[{"file": other, "line": 2, "message": one, "fix": other}],
        ignored=[one, other],
    )
    assert text.startswith(MARKER)
    outside = without_code(text)
    assert outside.count(MARKER) == 1
    assert set(re.findall(r"<[^>]*>", outside)) <= {
        MARKER, "<sub>", "</sub>", "<details>", "</details>", "<summary>", "</summary>",
    }  # fmt: skip
    assert "@" not in outside
    assert "://" not in outside
    assert not re.search(r"(?<!\\)\[", outside)
    assert not re.search(r"^\s*(?:/|#{1,6} (?!What|No|Refused|$))", re.sub(r"^#### $", "", outside, flags=re.M), re.M)


def without_code(text: str) -> str:
    """What is outside fences and code, as CommonMark parts them: by runs of the same number of ticks."""
    text = re.sub(r"^(`{3,})diff\n.*?\n\1$", "", text, flags=re.M | re.S)
    kept, at = "", 0
    while at < len(text):
        ticks = re.compile(r"`+").match(text, at)
        if ticks is None:
            step = 2 if text[at] == "\\" else 1
            kept, at = kept + text[at : at + step], at + step
            continue
        end = re.compile(rf"(?<!`){ticks[0]}(?!`)").search(text, ticks.end())
        assert end is not None, "code that is never ended"
        assert "\n\n" not in text[at : end.end()]
        at = end.end()
    return kept

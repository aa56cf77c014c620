"""What others wrote is shown in Markdown, and does nothing."""

from __future__ import annotations

import pytest

from fedml_infra.gitops.markdown import code, escaped, fenced


@pytest.mark.parametrize(
    "text",
    [
        "<!-- fedml-infra:preview -->",
        "<img src=x onerror=alert(1)>",
        "[here](https://evil.example)",
        "![](https://evil.example/pixel)",
        "**bold** `code` # heading | cell",
        "@everyone",
        "a\n\n# heading",
        "/approve",
    ],
)
def test_nothing_of_it_works(text: str):
    shown = escaped(text)
    assert "\n" not in shown and not shown.startswith("/") and "<" not in shown and "@" not in shown
    for special in "`*[]()!|#":
        assert special not in shown.replace(f"\\{special}", "").replace("&#", "")


def test_what_is_not_seen_is_seen():
    assert escaped("a\u202eb\x1b[0m") == "a\ufffdb\ufffd\\[0m"


def test_code_holds_ticks():
    assert code("a`b``c") == "``` a`b``c ```" and code("stacks/x.yaml") == "`stacks/x.yaml`"


def test_a_fence_is_longer_than_any_in_it():
    assert fenced("```\nout\n````", "diff") == "`````diff\n```\nout\n````\n`````"

"""Every relative link leads to a file of the repository, and every anchor to a heading."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import ROOT, pages, prose

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """GitHub's: lower case, punctuation out, a hyphen for each space."""
    headings = re.findall(r"^#+ +(.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_elsewhere_are_encrypted(page: Path) -> None:
    assert [link for link in links(page) if link.startswith("http:")] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    assert set(links(folder / "README.md")) == {path.name for path in folder.glob("0*.md")}


def test_every_how_to_is_reached_from_the_readme() -> None:
    named = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "how-to").glob("*.md")} <= named


def test_what_is_linked_is_tracked() -> None:
    """A link to a file that only this machine has would resolve here and nowhere else."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    tracked = {(ROOT / name).resolve() for name in listed}
    for page in pages():
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if not re.match(r"[a-z]+:", link) and target.is_file():
                assert target in tracked, f"{page}: {link}"

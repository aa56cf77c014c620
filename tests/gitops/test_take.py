"""A pull request's stack files are taken as data: all or none, and nothing else of it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.engine.project import template
from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.take import LARGEST, Taken, take
from tests.gitops.repositories import Checkout

CARDIO = """\
encryptionsalt: v1:abc:v1:def:ghi
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:fed_secret_key: {secure: v1:one}
"""
FILE = "stacks/Pulumi.cardio.yaml"


@pytest.fixture
def base(checkout: Checkout) -> Checkout:
    """A project with one stack on main; `proposed` branches are made from it."""
    for name, content in template().items():
        checkout.write(name, content)
    checkout.write(FILE, CARDIO)
    checkout.write("stacks/Pulumi.onco.yaml", CARDIO.replace("cardio", "onco").replace("v1:one", "v1:two"))
    checkout.commit("the beginning")
    checkout.git("switch", "--quiet", "--create", "proposed")
    return checkout


def proposed(base: Checkout) -> str:
    """What is there now, committed as the pull request; main is checked out again."""
    head = base.commit("proposed")
    base.git("switch", "--quiet", "main")
    return head


def taken(base: Checkout, head: str) -> Taken:
    return take(base.repository, base.root, "main", head)


def test_stack_files_are_written_and_removed_and_nothing_else(base: Checkout) -> None:
    base.write(FILE, CARDIO.replace("m30", "h1"))
    base.write(
        "stacks/Pulumi.derma.yaml",
        CARDIO.replace("cardio", "derma").replace("v1:abc", "v1:own").replace("v1:one", "v1:new"),
    )
    (base.root / "stacks/Pulumi.onco.yaml").unlink()
    base.write("README.md", "theirs")
    done = taken(base, proposed(base))
    assert [(one.name, one.status) for one in done.stacks] == [
        ("cardio", "changed"), ("derma", "added"), ("onco", "removed"),
    ]  # fmt: skip
    assert done.ignored == ("README.md",)
    assert sorted(path.name for path in (base.root / "stacks").iterdir()) == ["Pulumi.cardio.yaml", "Pulumi.derma.yaml"]
    assert "h1" in (base.root / FILE).read_text()
    assert not (base.root / "README.md").exists()
    assert base.repository.current_branch() == "main"


def test_it_is_the_merge_that_is_taken(base: Checkout) -> None:
    base.write(FILE, CARDIO + "# theirs\n")
    head = proposed(base)
    base.write(FILE, "# ours\n" + CARDIO)
    base.commit("main goes on")
    assert not taken(base, head).refused
    assert (base.root / FILE).read_text() == "# ours\n" + CARDIO + "# theirs\n"


def test_twice_is_as_once(base: Checkout) -> None:
    base.write(FILE, CARDIO.replace("m30", "h1"))
    head = proposed(base)
    assert taken(base, head) == taken(base, head)


def test_a_conflict_is_a_refusal(base: Checkout) -> None:
    base.write(FILE, CARDIO.replace("m30", "h1"))
    head = proposed(base)
    base.write(FILE, CARDIO.replace("m30", "d1"))
    base.commit("main goes on")
    assert [(one.file, one.message) for one in taken(base, head).refused] == [(FILE, "was changed on both sides")]


def test_where_one_file_is_refused_none_is_written(base: Checkout) -> None:
    base.write(FILE, CARDIO.replace("m30", "h1"))
    base.write("stacks/Pulumi.onco.yaml", CARDIO.replace("cardio", "onco"))
    done = taken(base, proposed(base))
    assert [(one.file, one.line) for one in done.refused] == [("stacks/Pulumi.onco.yaml", 6)]
    assert (base.root / FILE).read_text() == CARDIO


@pytest.mark.parametrize(
    "path",
    ["stacks/Pulumi.a b.yaml", "stacks/Pulumi..yaml", "stacks/Pulumi.x.yml", "stacks/pulumi.x.yaml"],
)  # fmt: skip
def test_a_name_that_no_stack_file_has_is_refused(base: Checkout, path: str) -> None:
    base.write(path, CARDIO)
    assert [one.file for one in taken(base, proposed(base)).refused] == [path]


def test_names_that_differ_by_case_alone_are_refused(base: Checkout) -> None:
    base.write("stacks/Pulumi.Cardio.yaml", CARDIO.replace("cardio", "Cardio").replace("v1:one", "v1:new"))
    assert "by case alone" in taken(base, proposed(base)).refused[0].message


def test_a_symbolic_link_is_refused(base: Checkout, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CARDIO)
    (base.root / FILE).unlink()
    (base.root / FILE).symlink_to(secret)
    assert "is a symbolic link" in taken(base, proposed(base)).refused[0].message
    assert not (base.root / FILE).is_symlink()


def test_an_executable_file_is_refused(base: Checkout) -> None:
    (base.root / FILE).chmod(0o755)
    assert "is executable" in taken(base, proposed(base)).refused[0].message


def test_a_submodule_is_refused(base: Checkout) -> None:
    base.git("rm", "--quiet", "--cached", FILE)
    base.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{FILE}")
    base.git("commit", "--quiet", "--message", "proposed")
    head = base.git("rev-parse", "HEAD")
    (base.root / FILE).unlink()
    base.git("switch", "--quiet", "--force", "main")
    assert "is a submodule" in taken(base, head).refused[0].message


def test_a_large_file_is_refused(base: Checkout) -> None:
    base.write(FILE, CARDIO + "#" * LARGEST + "\n")
    assert "bytes" in taken(base, proposed(base)).refused[0].message


def test_a_link_in_place_of_the_folder_is_refused(base: Checkout, tmp_path: Path) -> None:
    (base.root / "stacks").rename(base.root / "elsewhere")
    (base.root / "stacks").symlink_to("elsewhere")
    done = taken(base, proposed(base))
    assert [one.file for one in done.refused] == ["stacks"]
    assert (base.root / FILE).read_text() == CARDIO


def test_a_checkout_of_something_else_is_refused(base: Checkout) -> None:
    head = proposed(base)
    base.git("switch", "--quiet", "--detach", head)
    with pytest.raises(ConfigurationError, match="is not what is checked out"):
        take(base.repository, base.root, "main", head)


def test_an_edit_that_is_not_committed_is_not_written_over(base: Checkout) -> None:
    base.write(FILE, CARDIO.replace("m30", "h1"))
    head = proposed(base)
    base.write(FILE, CARDIO + "# mine\n")
    with pytest.raises(ConfigurationError, match="was edited"):
        taken(base, head)
    assert (base.root / FILE).read_text().endswith("# mine\n")


def test_a_malicious_pull_request_runs_nothing_and_changes_nothing(base: Checkout, tmp_path: Path) -> None:
    """Everything that could be run, driven or followed is in it; the checkout stays the base's."""
    canary = tmp_path / "canary"
    evil = f"#!/bin/sh\ntouch '{canary}'\n"
    files = {
        "__main__.py": f"open({str(canary)!r}, 'w')\n",
        "requirements.txt": f"evil @ file://{tmp_path}/evil\n",
        "sitecustomize.py": f"open({str(canary)!r}, 'w')\n",
        "Pulumi.yaml": "name: x\nruntime: {name: python, options: {virtualenv: evil}}\nstackConfigDir: evil\n",
        ".github/workflows/x.yml": "on: pull_request_target\n",
        ".gitlab-ci.yml": "x: {script: [evil]}\n",
        ".gitattributes": "* filter=evil merge=evil diff=evil text eol=crlf\n",
        ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {canary}\n\tupdate = !touch {canary}\n',
        ".git-hooks/post-checkout": evil,
        "stacks/schema.json": "{}",
    }
    for name, content in files.items():
        base.write(name, content).chmod(0o755)
    base.write(FILE, CARDIO.replace("m30", "h1"))
    head = proposed(base)
    base.write("evil.sh", evil).chmod(0o755)
    base.git("add", "--all")
    base.git("commit", "--quiet", "--message", "a program that the attributes could name")
    for name in (
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "merge.evil.driver",
        "diff.evil.command",
    ):
        base.git("config", name, str(base.root / "evil.sh"))
    before = {path: path.read_bytes() for path in base.root.rglob("*") if path.is_file() and ".git/" not in f"{path}/"}
    done = taken(base, head)
    after = {path: path.read_bytes() for path in base.root.rglob("*") if path.is_file() and ".git/" not in f"{path}/"}
    assert not done.refused
    assert set(done.ignored) == {*files}
    assert not canary.exists()
    assert {path for path in after if after[path] != before.get(path)} == {base.root / FILE}
    assert after.keys() == before.keys()

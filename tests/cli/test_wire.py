"""`fedml-infra wire`: standard input to standard output."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fedml_infra.errors import UnreadableError
from tests.cli.conftest import Done, Run
from tests.cli.terminal import in_terminal
from tests.wire import openssl

ROOT = Path(__file__).parents[2]
V1_KEY = "EYpWjGPaoMoFUb/jfW95PQ=="
V2_KEY = base64.b64encode(bytes(32)).decode()
MAP = {"fed_name": "cardio", "s3_bucket": "b/p", "ä": "="}
CONTEXT = (
    "--verb",
    "POST",
    "--path",
    "/symetry/rest/c1/fedml/create",
    "--cid",
    "c1",
    "--sym-date",
    "2026-01-31 12:00:00;0",
)

Feed = Callable[..., Done]


@pytest.fixture
def feed(run: Run, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Runs `wire` with something on standard input, and no secret in the environment."""
    for name in ("FEDML_INFRA_KEY", "FEDML_INFRA_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)

    def call(given: str | bytes, *arguments: str) -> Done:
        raw = given.encode() if isinstance(given, str) else given
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return run("wire", *arguments)

    return call


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], str]:
    """A file of a secret, with the line end that editors put behind it."""

    def write(text: str) -> str:
        path = tmp_path / "secret"
        path.write_text(text + "\n", encoding="utf-8")
        return str(path)

    return write


def test_a_v1_request_is_what_openssl_encrypts(feed: Feed, secret: Callable[[str], str]) -> None:
    done = feed(json.dumps(MAP), "encrypt", "--what", "request", "--v1", "--key-file", secret(V1_KEY))
    assert done.code == 0
    assert done.err == ""
    assert done.out.count("\n") == 1
    raw = openssl.cbc(base64.b64decode(done.out), base64.b64decode(V1_KEY), decrypt=True)
    assert json.loads(raw) == MAP


@pytest.mark.parametrize(
    ("key", "options"), [(V1_KEY, ("--v1",)), (V2_KEY, CONTEXT), (V2_KEY, ("--v2", *CONTEXT))], ids=["v1", "ours", "v2"]
)
def test_a_request_comes_back(feed: Feed, secret: Callable[[str], str], key: str, options: tuple[str, ...]) -> None:
    common = ("--what", "request", "--key-file", secret(key))
    blob = feed(json.dumps(MAP), "encrypt", *common, *options).out
    for more in (options, tuple(word for word in options if word not in ("--v1", "--v2"))):
        done = feed(blob, "decrypt", *common, *more)
        assert (done.code, done.json, done.err) == (0, MAP, "")


@pytest.mark.parametrize("version", [("--v1",), ("--v2",), ()])
def test_an_invite_comes_back_by_its_form(feed: Feed, secret: Callable[[str], str], version: tuple[str, ...]) -> None:
    common = ("--what", "invite", "--passphrase-file", secret("zoo zone zero"))
    blob = feed(json.dumps(MAP), "encrypt", *common, *version).out
    assert blob.startswith("fedml2-invite.") == (version != ("--v1",))
    done = feed(blob, "decrypt", *common)
    assert (done.code, done.json, done.err) == (0, MAP, "")


def test_the_environment_gives_secrets_too_and_a_file_comes_first(
    feed: Feed, secret: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "right")
    monkeypatch.setenv("FEDML_INFRA_KEY", V1_KEY)
    invite = feed(json.dumps(MAP), "encrypt", "--what", "invite", "--v1").out
    assert feed(invite, "decrypt", "--what", "invite").json == MAP
    assert feed(invite, "decrypt", "--what", "invite", "--passphrase-file", secret("wrong")).code == 2
    request = feed(json.dumps(MAP), "encrypt", "--what", "request", "--v1").out
    assert feed(request, "decrypt", "--what", "request").json == MAP


def test_every_way_to_fail_is_told_in_the_same_words(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "zoo zone zero zoo zone zero zoo")
    blob = feed(json.dumps(MAP), "encrypt", "--what", "invite").out.strip()
    broken: list[str | bytes] = [
        blob[:-1],
        blob[:100],
        blob[1:],
        blob[:20],
        blob[:-9] + ("A" if blob[-9] != "A" else "B") + blob[-8:],
        "",
        blob.replace("invite", "backup"),
        "fedml2.AAAA",
        "nothing of ours",
        b"\xff\xfe",
        blob + "A",
        "f" + blob,
    ]
    said = set()
    for each in broken:
        done = feed(each, "decrypt", "--what", "invite")
        assert (done.code, done.out) == (2, ""), each
        said.add(done.err)
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "another")
    said.add(feed(blob, "decrypt", "--what", "invite").err)
    said.add(feed(blob, "decrypt", "--what", "invite", "--v2").err)
    assert said == {f"Error: {UnreadableError()}\n"}


def test_every_way_for_a_request_to_fail_is_told_in_the_same_words(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_KEY", V2_KEY)
    blob = feed(json.dumps(MAP), "encrypt", "--what", "request", *CONTEXT).out.strip()
    other = [word.replace("c1", "c2") for word in CONTEXT]
    said = {
        feed(each, "decrypt", "--what", "request", *CONTEXT).err
        for each in (blob[:-1], blob[:20], "", "fedml2-invite.A")
    }
    said.add(feed(blob, "decrypt", "--what", "request", *other).err)
    monkeypatch.setenv("FEDML_INFRA_KEY", V1_KEY)
    said.add(feed(blob, "decrypt", "--what", "request", *CONTEXT).err)
    assert said == {f"Error: {UnreadableError()}\n"}


@pytest.mark.parametrize("given", ["", "[]", "{", "\xff"])
def test_what_is_no_map_is_not_encrypted(feed: Feed, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "x")
    done = feed(given.encode("latin-1"), "encrypt", "--what", "invite", "--v1")
    assert (done.code, done.out) == (2, "")
    assert "no JSON map" in done.err


def test_every_value_that_is_no_text_is_named(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "x")
    done = feed('{"a": 1, "b": true, "c": "x"}', "encrypt", "--what", "invite", "--v1")
    assert done.code == 2
    assert "a: must be text" in done.err
    assert "b: must be text" in done.err
    assert "c:" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("encrypt",), "--what"),
        (("encrypt", "--what", "answer"), "--what"),
        (("encrypt", "--what", "invite", "--cid", "c1"), "--cid does not go"),
        (("decrypt", "--what", "request", "--passphrase-file", "/dev/null"), "--passphrase-file does not go"),
        (("encrypt", "--what", "request"), "--verb, --path, --cid, --sym-date"),
        (("encrypt", "--what", "request", "--v1", "--cid", "c1"), "bound to nothing"),
        (("decrypt", "--what", "invite", "--passphrase-file", "/nowhere"), "does not exist"),
        (("decrypt", "--what", "invite", "hunter2"), "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_told(feed: Feed, arguments: tuple[str, ...], said: str) -> None:
    done = feed("{}", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_no_option_takes_a_secret_itself(run: Run) -> None:
    for command in ("encrypt", "decrypt"):
        shown = run("wire", command, "--help").out
        assert "--key " not in shown
        assert "--passphrase " not in shown


COMMAND = (sys.executable, "-c", "import sys, cli; sys.exit(cli.main())", "wire")
ASKED, AGAIN = "The invite's passphrase: ", "The same again: "
BARE = {"FEDML_INFRA_PASSPHRASE": ""}


def test_at_a_terminal_a_new_passphrase_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "map").write_text(json.dumps(MAP), encoding="utf-8")
    answers = [(ASKED, "zoo zone"), (AGAIN, "zoo zone")]
    words = ("encrypt", "--what", "invite", "--v1")
    code, screen = in_terminal(*COMMAND, *words, answers=answers, stdin=tmp_path / "map", env=BARE)
    assert code == 0, screen
    assert "zoo zone" not in screen
    *_, blob = screen.split()
    (tmp_path / "blob").write_text(blob, encoding="utf-8")
    words, answers = ("decrypt", "--what", "invite"), [(ASKED, "zoo zone")]
    code, screen = in_terminal(*COMMAND, *words, answers=answers, stdin=tmp_path / "blob", env=BARE)
    assert code == 0, screen
    assert "zoo zone" not in screen
    assert json.loads(screen[screen.index("{") :]) == MAP


def test_at_a_terminal_two_passphrases_that_differ_encrypt_nothing(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("{}", encoding="utf-8")
    answers = [(ASKED, "zoo zone"), (AGAIN, "zoo zero")]
    words = ("encrypt", "--what", "invite", "--v1")
    code, screen = in_terminal(*COMMAND, *words, answers=answers, stdin=tmp_path / "map", env=BARE)
    assert code == 2, screen
    assert "The two were not the same" in screen
    assert "zoo" not in screen


def test_without_a_terminal_nothing_is_asked(feed: Feed) -> None:
    done = feed("{}", "decrypt", "--what", "invite")
    assert done.code == 2
    assert "FEDML_INFRA_PASSPHRASE" in done.err
    assert "FEDML_INFRA_KEY" in feed("{}", "decrypt", "--what", "request").err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff"])
def test_a_file_that_holds_no_secret_is_told(feed: Feed, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    done = feed("{}", "decrypt", "--what", "invite", "--passphrase-file", str(tmp_path / "file"))
    assert done.code == 2
    assert "is empty" in done.err or "not UTF-8" in done.err


def test_a_key_that_is_none_is_told_and_not_repeated(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_KEY", "hunter2-hunter2")
    done = feed("{}", "encrypt", "--what", "request", "--v1")
    assert done.code == 2
    assert "16 bytes" in done.err
    assert "hunter2" not in done.err


def test_a_longer_passphrase_than_v1_takes_is_told(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", "seventeen letters")
    done = feed("{}", "encrypt", "--what", "invite", "--v1")
    assert done.code == 2
    assert "at most 16 bytes" in done.err

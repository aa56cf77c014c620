"""What looks like a secret, and what only nearly does."""

from __future__ import annotations

import base64
import hashlib

import pytest

from fedml_infra.model.secret_text import Sighting, secrets_in, without_secrets


def made(length: int) -> str:
    """Base64 of bytes that look random and are always the same."""
    return base64.b64encode(hashlib.sha512(b"not a secret").digest()[:length]).decode()


# Put together here, so that this file holds none itself.
SECRETS = {
    "an AWS access key id": "AKIA" + "Q3XW7T2LKZ5B4MND",
    "an AWS secret key": made(30),
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a Slack token": "xoxb-" + "1234567890-" * 2,
    "a Pulumi access token": "pul-" + "0123456789" * 4,
    "a signed token (JWT)": "eyJ" + "hbGciOiJIUzI.eyJ" + "zdWIiOiIxMjM.SflKxwRJSMeK",
    "a password in an address": "https://me:" + "pa55word@example.org/x.git",
    "a key of 16 bytes": made(16),
    "a key of 32 bytes": made(32),
    "an AWS session token": "IQoJ" + "b3JpZ2lu" * 20,
}


@pytest.mark.parametrize("what", SECRETS)
def test_it_is_seen_wherever_it_stands(what: str) -> None:
    assert secrets_in(f"config:\n  x:y: z # {SECRETS[what]} \n") == (Sighting(2, what),)


@pytest.mark.parametrize("what", SECRETS)
def test_it_is_left_out_of_messages(what: str) -> None:
    assert SECRETS[what] not in without_secrets(f"{SECRETS[what]!r} is not a name")


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::123456789012:role/TeamOne/Deploy2AndALongNameThatHasFortyLettersXY",
        hashlib.sha1(b"a", usedforsecurity=False).hexdigest(),
        hashlib.sha256(b"a").hexdigest(),
        "cardio-charite/updates/site-1/OfTheYear2026AndOfSomeMoreThings",
        "A" * 43 + "=",
        "https://hub.example.org:8443/fedml",
        "token: the word alone",
        "AKIA",
        "x" * 40,
    ],
)
def test_what_only_nearly_looks_like_one_is_none(text: str) -> None:
    assert secrets_in(text) == ()


def test_what_is_known_to_be_harmless_is_none() -> None:
    assert secrets_in(f"a: {made(32)}\n", harmless=frozenset({made(32)})) == ()


def test_lines_stay_where_they_are() -> None:
    text = f"a: {made(32)}\nb: {SECRETS['a GitHub token']}\n"
    assert [each.line for each in secrets_in(text, harmless=frozenset({made(32)}))] == [2]

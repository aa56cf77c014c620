"""What must never be shown."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.engine.redaction import HIDDEN, Redactor
from fedml_infra.sandbox.environment import PASSPHRASE

KEY = "q83vEjRWeJq83vEjRWeJqw=="


@pytest.mark.parametrize(
    "form",
    [KEY, json.dumps(KEY), "q83vEjRWeJq83vEjRWeJqw%3D%3D", base64.b64encode(KEY.encode()).decode()],
)
def test_a_known_value_is_hidden_in_every_form_that_text_carries_it_in(form):
    told = Redactor([KEY])(f"before {form} after")
    assert "q83vEjRW" not in told and "cTgzdkVq" not in told
    assert told.startswith("before ") and told.endswith(" after")


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        '"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
        "AWS_SESSION_TOKEN=FwoGZXIvYXdzEXAMPLE",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdef&X-Amz-Credential=abc%2F2026",
        "Authorization: Bearer abcdefghijk",
        "pul-0123456789abcdef0123456789abcdef01234567",
        "https://user:hunter2hunter2@proxy:3128",
    ],
)
def test_what_looks_like_a_credential_is_hidden(text):
    told = Redactor()(text)
    assert HIDDEN in told
    for secret in ("IOSFODNN7", "wJalr", "FwoGZ", "0123456789abcdef", "abcdefghijk", "hunter2"):
        assert secret not in told


@pytest.mark.parametrize("begin", ["++value[", "~~value[", "", "=+value{"])
def test_of_what_is_not_as_its_plan_has_it_no_value_is_told(begin):
    told = Redactor()(
        f"resource urn:x violates plan: properties changed: {begin}{{&{{{{two\nlines}}}}}}!={{other}}], ==b[1]"
    )
    assert told.startswith("resource urn:x violates plan: properties changed: ") and told.endswith(HIDDEN)
    assert not any(secret in told for secret in ("two", "lines", "other"))
    assert Redactor()(told) == told


def test_arns_account_ids_and_plain_words_stay():
    text = "arn:aws:sqs:eu-west-1:222222222222:cardio_insel: a token id, the session, us-east-1"
    assert Redactor(["short"])(text) == text


def test_a_secret_within_another_is_no_way_around():
    assert Redactor(["abcdefgh", "abcdefghijkl"])("abcdefghijkl") == HIDDEN


def test_the_environments_secrets_are_known():
    redact = Redactor.of({"PULUMI_CONFIG_PASSPHRASE": "correct horse", "HOME": "/home/someone"})
    assert redact("in /home/someone: correct horse") == f"in /home/someone: {HIDDEN}"


def test_the_sandboxs_own_passphrase_is_a_word_like_any_other():
    text = "`fedml-infra sandbox env` of the sandbox"
    assert Redactor.of({"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})(text) == text


def test_it_does_not_print_what_it_hides():
    assert KEY not in repr(Redactor([KEY]))


@given(st.text(min_size=6, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_any_value_of_six_characters_is_gone(secret, before, after):
    told = Redactor([secret])(before + secret + after)
    # What is left may hold it only where the mark itself or what stood around it makes it up anew.
    assert secret not in told.replace(HIDDEN, "\0") or secret in before + "\0" + after or secret in HIDDEN

"""What the engine writes about encryption is taken over; what a person wrote is not touched."""

from __future__ import annotations

import pytest

from fedml_infra.engine.stack_encryption import replace_text, secrets_provider_in, text_kept, with_encryption_of

OURS = "# ours\nconfig:\n  fedml-infra:fed_epoch: 1   # the first\n\n  aws:region: 'eu-west-1'\n"
THEIRS = (
    'config:\n  fedml-infra:fed_epoch: "1" # the first\n  aws:region: eu-west-1\nencryptionsalt: v1:abc=:v1:def==\n'
)


def test_a_new_salt_comes_first_and_the_rest_stays():
    assert with_encryption_of(THEIRS, OURS) == "encryptionsalt: v1:abc=:v1:def==\n" + OURS


def test_a_salt_that_is_there_is_replaced_where_it_stands():
    text = OURS + "encryptionsalt: v1:old=\n# the end\n"
    assert with_encryption_of(THEIRS, text) == OURS + "encryptionsalt: v1:abc=:v1:def==\n# the end\n"


def test_what_has_no_settings_changes_nothing():
    assert with_encryption_of("config: {}\n", OURS) == OURS


def test_a_key_in_the_configuration_is_no_setting():
    assert with_encryption_of("config:\n  encryptionsalt: x\n", OURS) == OURS


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        ("secretsprovider: awskms://alias/fed?region=us-east-1\n", "awskms://alias/fed?region=us-east-1"),
        ("config: {}\nsecretsprovider: 'gcpkms://x' # ours\n", "gcpkms://x"),
        ("secretsprovider: passphrase\n", None),
        (OURS, None),
    ],
)
def test_the_secrets_provider_is_the_files(text, provider):
    assert secrets_provider_in(text) == provider


def test_a_rewritten_file_is_put_back_even_after_a_failure(tmp_path):
    file = tmp_path / "Pulumi.cardio.yaml"
    file.write_text(OURS)
    file.chmod(0o600)
    with pytest.raises(ZeroDivisionError), text_kept(file):
        file.write_text(THEIRS)
        raise ZeroDivisionError
    assert file.read_text() == "encryptionsalt: v1:abc=:v1:def==\n" + OURS
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "real").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_text(tmp_path / "link", "b")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]

"""The local AWS's certificate: for loopback alone, its key for its owner alone, new before the old one ends."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fedml_infra.errors import ConfigurationError
from fedml_infra.sandbox.local_aws.certificates import (
    RENEW_BEFORE,
    VALID_FOR,
    Certificates,
    authority_of,
    certificates,
    make,
    system_roots,
    usable,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def leaf(made: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificates(made.certificate.read_bytes())[0]


def authority(made: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificates(made.certificate.read_bytes())[1]


@pytest.fixture
def port(made: Certificates) -> Iterator[int]:
    """A TLS server with the certificate, which says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                context.wrap_socket(plain, server_side=True).close()
            except (OSError, ssl.SSLError):
                plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def connect(port: int, name: str, bundle: Path | None) -> None:
    context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 has it by default
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=name),
    ):
        pass


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_whoever_has_the_bundle_trusts_it_for_loopback(made: Certificates, port: int, name: str) -> None:
    connect(port, name, made.bundle)


def test_the_authority_alone_is_enough_for_loopback(made: Certificates, port: int) -> None:
    connect(port, "127.0.0.1", made.authority)


def test_it_is_trusted_for_no_other_name(made: Certificates, port: int) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(port, "sqs.eu-west-1.amazonaws.com", made.bundle)


def test_it_is_not_trusted_without_the_bundle(port: int) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(port, "127.0.0.1", None)


def test_its_authority_can_vouch_for_loopback_alone(made: Certificates) -> None:
    constraints = authority(made).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [name.value for name in constraints.value.permitted_subtrees or []] == [
        "localhost",
        ipaddress.ip_network("127.0.0.1/32"),
        ipaddress.ip_network("::1/128"),
    ]


def test_the_key_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key = certificates(tmp_path).key
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_authoritys_key_is_kept_nowhere(made: Certificates) -> None:
    folder = made.key.parent
    made_files = {"authority.pem", "ca-bundle.pem", "certificate.pem", "key.pem"}
    assert {entry.name for entry in folder.iterdir()} == made_files
    assert made.key.read_text().count("BEGIN PRIVATE KEY") == 1
    assert leaf(made).public_key() != authority(made).public_key()


def test_the_bundle_is_the_systems_roots_and_the_authority(made: Certificates) -> None:
    own = authority(made).public_bytes(Encoding.PEM)
    assert made.bundle.read_bytes() == system_roots().rstrip() + b"\n" + own


def test_the_systems_roots_are_certificates() -> None:
    assert system_roots().count(b"BEGIN CERTIFICATE") > 10


def test_it_is_made_once(tmp_path: Path) -> None:
    first = certificates(tmp_path).certificate.read_bytes()
    assert certificates(tmp_path).certificate.read_bytes() == first


def test_it_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    made = Certificates.of(tmp_path)
    make(made, RENEW_BEFORE - datetime.timedelta(days=1))
    first = leaf(made)
    assert not usable(made)
    certificates(tmp_path)
    assert leaf(made).not_valid_after_utc > first.not_valid_after_utc
    assert usable(made)


def test_it_is_not_usable_a_month_before_its_end(made: Certificates) -> None:
    end = leaf(made).not_valid_after_utc
    assert usable(made, now=end - RENEW_BEFORE - datetime.timedelta(minutes=1))
    assert not usable(made, now=end - RENEW_BEFORE)
    assert VALID_FOR > 2 * RENEW_BEFORE


@pytest.mark.parametrize("missing", ["certificate.pem", "key.pem", "authority.pem", "ca-bundle.pem"])
def test_it_is_made_anew_where_a_file_is_missing(tmp_path: Path, missing: str) -> None:
    certificates(tmp_path)
    (tmp_path / missing).unlink()
    assert usable(certificates(tmp_path))


def test_it_is_made_anew_where_the_bundle_is_anothers(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    made.bundle.write_bytes(system_roots())
    assert not usable(made)


def test_the_authority_is_found_beside_the_bundle(made: Certificates, tmp_path: Path) -> None:
    assert authority_of(made.bundle) == made.authority
    assert authority_of(tmp_path / "ca-bundle.pem") == tmp_path / "ca-bundle.pem"
    assert authority_of(made.key.with_name("corporate.pem")) == made.key.with_name("corporate.pem")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"(?s)cannot be written to .*FEDML_INFRA_SANDBOX_DIR"):
        certificates(tmp_path / "file" / "folder")

"""The local AWS's own certificate: for loopback only, made here, trusted by nobody but the sandbox's clients.

TLS is needed because every policy of a federation denies plain HTTP (`aws:SecureTransport`), and a local AWS that
enforces policies would rightly deny everyone.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from fedml_infra.errors import ConfigurationError

VALID_FOR = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=30)
LOOPBACK = ("127.0.0.1", "::1")
HOST = "localhost"

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


@dataclass(frozen=True)
class Certificates:
    """Paths of the PEM files of one local AWS."""

    certificate: Path
    """The server's certificate, its authority's after it."""
    key: Path
    """The server's private key; mode 0600."""
    authority: Path
    """The local authority alone: enough for whoever speaks to nothing else, and read in a fiftieth of the time.
    AWS_CA_BUNDLE names it."""
    bundle: Path
    """The system's roots and the local authority: what SSL_CERT_FILE names, which replaces the system's."""

    @classmethod
    def of(cls, directory: Path) -> Certificates:
        """Where they are in a folder, whether or not they are there."""
        return cls(*(directory / name for name in ("certificate.pem", "key.pem", "authority.pem", "ca-bundle.pem")))


def authority_of(bundle: Path) -> Path:
    """The authority alone that a local AWS's bundle was made with; the bundle itself where it is no local AWS's."""
    beside = Certificates.of(bundle.parent)
    return beside.authority if bundle == beside.bundle and beside.authority.is_file() else bundle


def certificates(directory: Path) -> Certificates:
    """The certificates in `directory`, made anew where there are none, or they end within RENEW_BEFORE.

    Raises ConfigurationError where the directory cannot be written.
    """
    made = Certificates.of(directory)
    try:
        if not usable(made):
            directory.mkdir(parents=True, exist_ok=True)
            make(made)
    except OSError as error:
        raise ConfigurationError(
            f"The local AWS's certificate cannot be written to {directory}: {error.strerror}",
            fix="Make that folder writable, or set FEDML_INFRA_SANDBOX_DIR to one that is.",
        ) from error
    return made


def usable(made: Certificates, *, now: datetime.datetime | None = None) -> bool:
    """Whether all files are there, the bundle trusts the certificate, and it does not end soon."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        chain = x509.load_pem_x509_certificates(made.certificate.read_bytes())
        issuer = chain[-1].public_bytes(Encoding.PEM)
        trusted = issuer == made.authority.read_bytes() and issuer in made.bundle.read_bytes()
        there = bool(made.key.stat().st_size)
    except (OSError, ValueError, IndexError):
        return False
    moment = now or datetime.datetime.now(datetime.UTC)
    return trusted and there and chain[0].not_valid_after_utc - RENEW_BEFORE > moment


def system_roots() -> bytes:
    """The PEM text of the roots this machine trusts; botocore's copy of Mozilla's where it has none."""
    found = ssl.get_default_verify_paths().openssl_cafile
    for candidate in (found, *_SYSTEM_BUNDLES):
        path = Path(candidate)
        if path.is_file() and b"BEGIN CERTIFICATE" in (content := path.read_bytes()):
            return content
    from botocore.httpsession import DEFAULT_CA_BUNDLE

    return Path(DEFAULT_CA_BUNDLE).read_bytes()


def make(made: Certificates, valid_for: datetime.timedelta = VALID_FOR) -> None:
    """Write a new authority's certificate and a server's, whose key nobody else can read. Raises OSError."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    addresses = [ipaddress.ip_address(address) for address in LOOPBACK]
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)  # a clock that is a little slow
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedml-infra sandbox authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedml-infra sandbox")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)

    def usage(*, sign: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + valid_for)
        )

    # An authority that whoever trusts it trusts for loopback alone, and whose key is forgotten with this call.
    root = (
        builder(authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.NameConstraints(
                [x509.DNSName(HOST), *(x509.IPAddress(ipaddress.ip_network(address)) for address in addresses)], None
            ),
            critical=True,
        )
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        builder(subject, key.public_key())
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST), *(x509.IPAddress(address) for address in addresses)]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    root_pem = root.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(made.key, secret, 0o600)
    _write(made.certificate, leaf.public_bytes(serialization.Encoding.PEM) + root_pem, 0o644)
    _write(made.authority, root_pem, 0o644)
    _write(made.bundle, system_roots().rstrip() + b"\n" + root_pem, 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    fresh.replace(path)

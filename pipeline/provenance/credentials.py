"""The certificate and the key that sign a film; the key stays in its file and is read into memory only to sign.

A certificate for C2PA is an end-entity certificate with its chain, from a certificate authority. A test certificate can
be made here; nobody trusts it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..core.errors import MissingExtra, PresetError, StorageFailed

INSTALL_HINT = "signing needs the extra provenance: pip install 'react1-nodes[provenance]'"
CERTIFICATE_VARIABLE, KEY_VARIABLE = "REACT1_SIGN_CERTIFICATE", "REACT1_SIGN_KEY"
TEST_FILES = ("certificate.pem", "key.pem", "trust.pem")
"""What `make_test_credentials` writes: certificate with chain, key, and the root that a verifier must trust."""
_TEST_DAYS = 365
_EC_ALGORITHMS = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of day, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Credentials:
    """A certificate chain and its key, checked."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    algorithm: str
    """C2PA's name of the signature algorithm, such as `es256`."""
    subject: str
    """The common name in the certificate."""
    digest: str
    """SHA-256 of the certificate, in hex."""


def credential_paths(
    certificate: str | None, key: str | None, environ: Mapping[str, str] | None = None
) -> tuple[Path, Path]:
    """Return the files of the certificate and the key: as given, else from the environment.

    Raises:
        PresetError: one of them is not set.
    """
    environ = os.environ if environ is None else environ
    values = (certificate or environ.get(CERTIFICATE_VARIABLE, ""), key or environ.get(KEY_VARIABLE, ""))
    for value, name, variable in zip(values, ("certificate", "key"), (CERTIFICATE_VARIABLE, KEY_VARIABLE), strict=True):
        if not value:
            raise PresetError(
                f"provenance has no {name}: give `{name}`, or set {variable}; `react1 provenance init` makes a test one"
            )
    return Path(values[0]), Path(values[1])


def read_credentials(certificate: Path, key: Path, now: Clock = utc_now) -> Credentials:
    """Read and check a certificate and its key.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
        PresetError: a file is missing or invalid, the two do not belong together, or the certificate is not valid now.
    """
    x509, serialization = _cryptography()
    chain_pem, key_pem = _read(certificate, "certificate"), _read(key, "key")
    try:
        leaf = x509.load_pem_x509_certificates(chain_pem)[0]
    except ValueError as error:
        raise PresetError(f"the certificate {certificate} is not PEM: {error}") from error
    try:
        private_key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError) as error:
        raise PresetError(f"the key {key} cannot be read: it must be PEM without a password") from error
    subject = _common_name(leaf)
    today = now()
    if not leaf.not_valid_before_utc <= today <= leaf.not_valid_after_utc:
        state = "has expired" if today > leaf.not_valid_after_utc else "is not valid yet"
        valid = f"from {leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise PresetError(f"the certificate {certificate} of {subject!r} {state}: it is valid {valid}; renew it")
    if _public_bytes(leaf.public_key(), serialization) != _public_bytes(private_key.public_key(), serialization):
        raise PresetError(f"the key {key} does not belong to the certificate {certificate}")
    pkcs8 = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credentials(chain_pem, pkcs8, _algorithm(private_key, key), subject, _fingerprint(leaf))


def make_test_credentials(folder: Path, now: Clock = utc_now) -> tuple[Path, Path, Path]:
    """Write a test certificate, its key and the root that would have to be trusted; return their paths.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
        PresetError: one of the files exists.
        StorageFailed: they cannot be written.
    """
    _, serialization = _cryptography()
    certificate, key, trust = (folder / name for name in TEST_FILES)
    for path in (certificate, key, trust):
        if path.exists():
            raise PresetError(f"{path} exists; nothing was written")
    root, root_key = _certificate("react1 test root", now(), None)
    leaf, leaf_key = _certificate("react1 test certificate", now(), (root, root_key))
    pem = serialization.Encoding.PEM
    key_pem = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key.touch(mode=0o600)
        key.write_bytes(key_pem)
        certificate.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
        trust.write_bytes(root.public_bytes(pem))
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be written: {error.strerror or error}") from error
    return certificate, key, trust


def _certificate(name: str, now: datetime, issuer: tuple[Any, Any] | None) -> tuple[Any, Any]:
    """Return a certificate and its key: a root, or one for signing that `issuer` issues."""
    x509, _ = _cryptography()
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    attributes = ((NameOID.ORGANIZATION_NAME, "react1-nodes test"), (NameOID.COMMON_NAME, name))
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])
    is_root = issuer is None
    issuer_name, issuer_key = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_TEST_DAYS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=is_root, crl_sign=is_root, decipher_only=False, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_root:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return x509, serialization


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PresetError(f"the {what} {path} cannot be read: {error.strerror or error}") from error


def _common_name(certificate: Any) -> str:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "a certificate without a common name"


def _fingerprint(certificate: Any) -> str:
    from cryptography.hazmat.primitives import hashes

    return bytes(certificate.fingerprint(hashes.SHA256())).hex()


def _public_bytes(key: Any, serialization: Any) -> bytes:
    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def _algorithm(private_key: Any, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private_key, ec.EllipticCurvePrivateKey) and private_key.curve.name in _EC_ALGORITHMS:
        return _EC_ALGORITHMS[private_key.curve.name]
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private_key, rsa.RSAPrivateKey) and private_key.key_size >= 2048:
        return "ps256"
    raise PresetError(f"the key {path} is of a kind that C2PA does not accept; use EC P-256, Ed25519 or RSA 2048")

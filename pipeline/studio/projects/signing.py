"""Certificates that can sign a finished film: those that the page offers, and a test one that is made on request."""

from __future__ import annotations

import importlib.util
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core.errors import MissingExtra, PresetError, React1Error
from ...core.settings import path_in
from ...provenance.credentials import (
    CERTIFICATE_VARIABLE,
    INSTALL_HINT,
    KEY_VARIABLE,
    TEST_FILES,
    Credentials,
    credential_paths,
    make_test_credentials,
    read_credentials,
)
from ..answers.job_answers import Certificate

Json = dict[str, Any]
_PLACES = ("certificate", "key")


def can_sign() -> bool:
    """Return whether the libraries that sign are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("c2pa", "cryptography"))


def offered_certificates(home: Path, current: Any, folder: Path) -> list[Certificate]:
    """Return the certificates that the page offers: who signs, the value of the job's `provenance`, and what is wrong.

    `current` is the one that the job names, and `test` the one that is made here on request.

    Args:
        home: the home folder, in which a test certificate may have been made.
        current: the value of the job's `provenance`; None if the film is not signed.
        folder: the job's, in which its relative paths start.
    """
    rows = []
    if os.environ.get(CERTIFICATE_VARIABLE) and os.environ.get(KEY_VARIABLE):
        rows.append(_row({}, "of the environment"))
    certificate, key = _test_files(home)
    if certificate.is_file():
        rows.append(_row({"certificate": str(certificate), "key": str(key)}, "for trying it out; nobody trusts it"))
    if current is not None and not any(row.value == _places(current) for row in rows):
        rows.append(_row(current, "as the job says", folder))
    for row in rows:
        row.current = current is not None and row.value == _places(current)
        row.test = row.value.get("certificate") == str(certificate)
    return rows


def signed_by(places: Json, home: Path, current: Any, folder: Path) -> Json:
    """Return the value of a job's `provenance` for another certificate; what else it says stays.

    Args:
        places: the paths of the certificate and the key; empty for those of the environment.
        home: as for `offered_certificates`.
        current: the value until now; None if the film was not signed.
        folder: as for `offered_certificates`.

    Raises:
        PresetError: the page does not offer this certificate.
    """
    if not any(row.value == places for row in offered_certificates(home, current, folder)):
        raise PresetError("this certificate is not one that the page offers; choose one of its list")
    others = current if isinstance(current, dict) else {}
    return {**places, **{name: value for name, value in others.items() if name not in _PLACES}}


def make_certificate(home: Path) -> Json:
    """Make the test certificate, if there is none, and return the value for a job's `provenance`.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
        StorageFailed: it cannot be written.
    """
    certificate, key = _test_files(home)
    if not certificate.is_file():
        make_test_credentials(certificate.parent)
    return {"certificate": str(certificate), "key": str(key)}


def signer_of(film: Path) -> str:
    """Return who signed a film, as the film says; empty if nobody did, or if it cannot be checked here."""
    from ...provenance.sign import read_provenance

    with suppress(React1Error):
        provenance = read_provenance(film)
        if provenance.state in ("valid", "trusted"):
            return provenance.signer
    return ""


def _test_files(home: Path) -> tuple[Path, Path]:
    folder = home.absolute() / "studio" / "certificates"
    return folder / TEST_FILES[0], folder / TEST_FILES[1]


def _places(value: Any) -> Json:
    return {name: value[name] for name in _PLACES if name in value} if isinstance(value, dict) else {}


def _row(value: Any, about: str, folder: Path | None = None) -> Certificate:
    places, problem, signer = _places(value), "", ""
    try:
        signer = _read({name: str(path_in(folder or Path(), path)) for name, path in places.items()}).subject
    except React1Error as error:
        problem = str(error)
    return Certificate(value=places, signer=signer, about=about, problem=problem, current=False, test=False)


def _read(places: Json) -> Credentials:
    if not can_sign():
        raise MissingExtra(INSTALL_HINT)
    return read_credentials(*credential_paths(places.get("certificate"), places.get("key")))

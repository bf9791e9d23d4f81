"""Messages if the local engine cannot run."""

from __future__ import annotations

import os

import pytest

from react1.pipeline.core.errors import MissingExtra
from react1.pipeline.engine import available
from react1.pipeline.engine.landmarks.backend import INSTALL_HINT
from react1.pipeline.engine.quiet import silence_stderr


def failing_import(error: ImportError):
    def load(name: str) -> None:
        raise error

    return load


def test_a_missing_library_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`problem` returns one line with the pip command; `require` raises it."""
    monkeypatch.setattr(
        available, "_load", failing_import(ModuleNotFoundError("No module named 'mediapipe'", name="mediapipe"))
    )

    assert available.problem() == INSTALL_HINT
    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[local\]'") as caught:
        available.require()
    assert caught.value.exit_status == 2


def test_a_missing_libgl_is_reported_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader's error about libGL.so.1 names the Debian package."""
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    monkeypatch.setattr(available, "_load", failing_import(error))

    assert "libgl1" in str(available.problem())


def test_other_import_errors_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line contains any other error of the import."""
    monkeypatch.setattr(available, "_load", failing_import(ImportError("numpy.core is gone")))

    assert "numpy.core is gone" in str(available.problem())


def test_stderr_is_silenced_and_restored(capfd: pytest.CaptureFixture[str]) -> None:
    """In nested blocks nothing reaches stderr; afterwards everything does."""
    with silence_stderr():
        with silence_stderr():
            os.write(2, b"inner\n")
        os.write(2, b"outer\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"

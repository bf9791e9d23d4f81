"""What is said where the local engine cannot run."""

from __future__ import annotations

import os

import pytest

from react1.pipeline.core.errors import MissingExtra
from react1.pipeline.engine import available
from react1.pipeline.engine.quiet import silence_stderr


def failing(error: ImportError):
    def load(name: str) -> None:
        raise error

    return load


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the pip call; `require` raises it, `problem` only tells."""
    monkeypatch.setattr(
        available, "_load", failing(ModuleNotFoundError("No module named 'mediapipe'", name="mediapipe"))
    )

    assert available.problem() == available.INSTALL
    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[local\]'") as caught:
        available.require()
    assert caught.value.exit_status == 2


def test_a_machine_without_libgl_is_told_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader's error about libGL.so.1 becomes the name of the Debian package."""
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    monkeypatch.setattr(available, "_load", failing(error))

    assert "libgl1" in str(available.problem())


def test_another_failure_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else keeps a library from loading is in the line."""
    monkeypatch.setattr(available, "_load", failing(ImportError("numpy.core is gone")))

    assert "numpy.core is gone" in str(available.problem())


def test_quiet_hushes_the_descriptor_and_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Nested blocks: nothing is heard inside, everything after."""
    with silence_stderr():
        with silence_stderr():
            os.write(2, b"inner\n")
        os.write(2, b"outer\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"

"""Messages if the local engine cannot run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from react1.pipeline.core.errors import MissingExtra
from react1.pipeline.engine import available
from react1.pipeline.engine.quiet import silence_stderr


def failing_import(error: ImportError):
    def load(name: str) -> None:
        raise error

    return load


def test_a_missing_library_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`problem` returns one line with the pip command; `require` raises it."""
    monkeypatch.setattr(
        available,
        "_load",
        failing_import(ModuleNotFoundError("No module named 'ai_edge_litert'", name="ai_edge_litert")),
    )

    assert available.problem() == available.INSTALL_HINT
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


@pytest.mark.slow
def test_a_run_checks_that_the_engine_is_installed_without_loading_it() -> None:
    """In a new interpreter: the check and the mesh of the face load neither OpenCV nor the landmark library."""
    code = (
        "import sys\n"
        "from react1.pipeline.providers.local import LocalProvider\n"
        "from react1.pipeline.engine.geometry.mesh import face_triangles\n"
        "LocalProvider().require()\n"
        "assert len(face_triangles()) == 884\n"
        "print(sorted({'cv2', 'ai_edge_litert'} & set(sys.modules)))\n"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


@pytest.mark.parametrize("name", available.NEEDED)
def test_a_missing_library_stops_a_run_before_it_begins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Either of the two; the message has the install command."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        available.importlib.util, "find_spec", lambda wanted: None if wanted == name else find_spec(wanted)
    )

    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[local\]'"):
        available.require_installed()


def test_found_faces_need_opencv_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The landmark library may fail to load; OpenCV may not."""
    loaded: list[str] = []
    monkeypatch.setattr(available, "_load", loaded.append)
    available.require_opencv()

    assert loaded == ["cv2"]

    monkeypatch.setattr(available, "_load", failing_import(ImportError("libGL.so.1: cannot open")))
    with pytest.raises(MissingExtra, match="libgl1"):
        available.require_opencv()

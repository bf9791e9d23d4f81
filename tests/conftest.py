"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import shelf
from rooms import FolderRoom
from web import open_web

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def made_films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made films are shared by all tests of a run, whichever worker they run in."""
    base = tmp_path_factory.getbasetemp()
    shelf.folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-films"
    shelf.folder.mkdir(exist_ok=True)
    yield
    shelf.folder = None


@pytest.fixture
def context(tmp_path: Path) -> FolderRoom:
    """A folder that plays the part of the runner."""
    return FolderRoom(tmp_path / "room")


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A web server on loopback, reached without any proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with open_web() as server:
        yield server


@pytest.fixture(scope="session")
def media_folder() -> Path:
    """Real footage that nobody here made; a test that needs it skips where it is not."""
    folder = Path(os.environ.get("REACT1_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"no real footage at {folder}; set REACT1_MEDIA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def talking_clip(made_films: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's talking clip, small: 2 s of 480x270 at 25 frames/s with a voice."""
    pytest.importorskip("skimage", reason="the talking clip needs the extra demo")
    from react1.pipeline.demo.demo_clip import make_demo_clip

    place = tmp_path_factory.mktemp("talking") / "talking.mp4"
    made_of = ("talking", 2, 480, 270)
    make = partial(make_demo_clip, seconds=2, size=(480, 270), progress=lambda _share: None)
    return shelf.kept(place, made_of, make)

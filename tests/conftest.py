"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rooms import FolderRoom

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def room(tmp_path: Path) -> FolderRoom:
    """A folder that plays the part of the runner."""
    return FolderRoom(tmp_path / "room")


@pytest.fixture(scope="session")
def media_folder() -> Path:
    """Real footage that nobody here made; a test that needs it skips where it is not."""
    folder = Path(os.environ.get("REACT1_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"no real footage at {folder}; set REACT1_MEDIA to a folder that has it")
    return folder

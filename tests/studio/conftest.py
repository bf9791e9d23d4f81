"""A folder with a short talking film, and the studio on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")

from running_studio import Studio, start_studio, stop_studio


@pytest.fixture(scope="module")
def studio(talking_clip, tmp_path_factory) -> Iterator[Studio]:
    """A studio on a folder with one talking film of two seconds."""
    root = tmp_path_factory.mktemp("studio")
    folder = root / "films"
    folder.mkdir()
    shutil.copyfile(talking_clip, folder / "talking.mp4")
    running = start_studio(root / "home", folder, folder / "talking.mp4")
    yield running
    stop_studio(running)

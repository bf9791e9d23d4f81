"""Homes in which the same segment of the talking clip is cut, read and spliced once for all tests and workers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from server_client import open_server

SPAN = "0.6-1.4"
KEY = "SG_preparing"


@pytest.fixture(scope="session")
def home(shared_folder: Path) -> Path:
    """A home folder that tests share: each asks for a take of its own."""
    return shared_folder / "home-of-presets"


@pytest.fixture(scope="session")
def spliced_home(shared_folder: Path, talking_clip: Path) -> Path:
    """A home folder with the steps of a run whose take was marked by a local server, without its call."""
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    from react1.pipeline.api import run
    from react1.pipeline.server.renderers import mark_source

    folder = shared_folder / "spliced"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            new = shared_folder / "splicing"
            with (
                pytest.MonkeyPatch.context() as patch,
                open_server(new / "server", {"engine": "mark"}, renderer=mark_source, key="SG_key") as client,
            ):
                for name, value in {
                    "NO_PROXY": "*",
                    "REACT1_SEGMIND_URL": client.url,
                    "SEGMIND_API_KEY": "SG_key",
                }.items():
                    patch.setenv(name, value)
                run(
                    "emotion-edit", source=talking_clip, edits=[f"{SPAN}:happy"], out=new / "film.mp4",
                    home=new / "home", provider="segmind", yes=True,
                )  # fmt: skip
            for name in ("ledger", "runs", "scratch"):
                shutil.rmtree(new / "home" / name)
            new.rename(folder)
    return folder / "home"


@pytest.fixture
def own_home(spliced_home: Path, tmp_path: Path) -> Path:
    """A home folder of the test's own, in which only what is paid for, and what follows from it, is new."""
    return shutil.copytree(spliced_home, tmp_path / "home")

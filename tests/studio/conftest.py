"""A folder with a short talking film, the studio on it, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")

from browser import NO_SUGGESTIONS, find_browser
from running_studio import Studio, start_studio, stop_studio
from studio_page import open_tab

FLAGS = [NO_SUGGESTIONS, "--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="module")
def chromium():
    """One browser for all tests of a module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the page is driven by Playwright: extra dev")
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here, in which the page could be tried")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *MICROPHONE])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(chromium):
    """One page for all studios of a module's tests: each new one costs Chromium a process, a third of what it takes."""
    opened = open_tab(chromium)
    yield opened
    opened.context.close()


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

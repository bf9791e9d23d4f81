"""The studio in a real Firefox and in a real WebKit, where they are installed: what was wrong in one of them."""

from __future__ import annotations

import pytest
from webdriver import ENTER, missing_browser, open_browser

pytestmark = pytest.mark.slow
EDIT = "{name: edit-1, in: 10f, out: 34f, prompt: happy, temperature: 0.8}"


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def page(request, studio, tmp_path_factory):
    """The studio in a browser, with a film that has one edit."""
    missing = missing_browser(request.param)
    if missing:
        pytest.skip(f"{missing}: the page was not tried in it")
    job = studio.folder / "talking.mp4.react1.yaml"
    job.write_text(f"preset: emotion-edit\nsource: talking.mp4\nedits:\n  - {EDIT}\n")
    with open_browser(request.param, tmp_path_factory.mktemp("browser") / request.param) as browser:
        browser.open(studio.url)
        browser.until("document.querySelector('studio-viewer canvas[data-shows]')")
        yield browser


def test_a_time_is_typed_over_the_clock_that_was_clicked(page):
    """WebKit placed its cursor in the middle of it."""
    page.click(".timecode")
    page.type("12f" + ENTER)

    page.until("document.querySelector('studio-viewer canvas').dataset.frame === '12'")


def test_a_take_is_made_and_watched(page):
    """The page says no longer that it prepares the clips: Firefox loads the first data within a seek."""
    page.run("document.addEventListener('loadeddata', (event) => event.stopPropagation(), true)")
    page.click("#tab-takes")
    page.click("#make-takes")
    page.until("document.querySelector('.take-item[data-state=done] .buttons button')")
    page.click(".take-item .buttons button")
    page.until("document.querySelector('take-player .stage')")

    page.until("!document.querySelector('take-player .notice')")


def test_a_picture_fills_its_stage_in_full_screen(page):
    """Where the stage is wider, the divider is not where the picture is divided."""
    page.until("document.activeElement.matches('take-player .stage')")
    page.type("f")
    page.until("document.fullscreenElement")
    width, height = page.run("const box = document.querySelector('.stage'); return [box.clientWidth, box.clientHeight]")
    page.type("f")
    page.until("!document.fullscreenElement")

    assert width / height == pytest.approx(16 / 9, abs=0.01)


def test_the_job_is_copied(page):
    """WebKit copies what was asked for within the click only."""
    page.click("#tab-finish")
    page.click("#copy-yaml")

    page.until("document.querySelector('#messages p, dialog[open]')")
    assert page.run("return document.querySelector('#messages p, dialog[open]').textContent") == "Copied.×"

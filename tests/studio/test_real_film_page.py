"""An editor's whole work on real footage that no browser plays, in a real Chromium: from opening to watching."""

from __future__ import annotations

import shutil

import pytest
from running_studio import start_studio, stop_studio, wait_for
from studio_page import close_page, open_page, until, wait_for_frame, watch_take

pytestmark = pytest.mark.slow
NAME = "talk_mpeg1_360x288_3s.mpg"


def test_real_footage_becomes_a_film(chromium, media_folder, tmp_path):
    """MPEG-1 by a proxy; the face is found and previewed, a take made, judged and chosen, and the film watched."""
    from react1.pipeline.media.probe import probe_path

    folder = tmp_path / "films"
    folder.mkdir()
    film = folder / NAME
    shutil.copyfile(media_folder / "faces" / NAME, film)
    running = start_studio(tmp_path / "home", folder, film)
    page = open_page(chromium, running.url)
    try:
        page.wait_for_selector("canvas[data-shows]")
        until(page, "document.querySelector('studio-viewer video').readyState >= 2", limit_ms=180_000)
        marks = "import('/page/store.js').then((store) => store.set({frame: 30, markIn: 24, markOut: 40}))"
        page.evaluate(marks)
        wait_for_frame(page, 30)
        page.click("text=New edit from In to Out")
        page.wait_for_selector("edit-list .edit >> text=frames 24–39")
        page.wait_for_selector(".face-row button >> text=Face 1", timeout=180_000)
        page.click("[data-emotion=surprised]")
        page.wait_for_selector("canvas[data-shows=preview]")
        page.wait_for_selector("expression-panel[data-cards]")
        job = film.with_name(f"{NAME}.react1.yaml")
        wait_for(lambda: "prompt: surprised" in job.read_text())
        page.click("#tab-takes")
        page.click("#make-takes")
        page.wait_for_selector(".take-item[data-state=done]", timeout=240_000)
        watch_take(page)
        page.keyboard.press("End")
        assert "frame 39 · edited" in page.text_content(".where")
        page.keyboard.press("Escape")
        page.click("#tab-finish")
        page.click("#make-film")
        page.wait_for_selector(".film-item[data-state=done]", timeout=240_000)
        page.wait_for_selector(".film-item >> text=every frame outside the edits is the source's own, bit for bit")
        page.click(".film-item >> text=Watch")
        until(page, "document.querySelector('.badge').textContent.startsWith('finished film')")
        until(page, "document.querySelector('canvas[data-frame]').dataset.frame === '30'")
        result = probe_path(folder / "talk_mpeg1_360x288_3s.react1.mpg")
        assert result.video.frame_count == probe_path(film).video.frame_count
    finally:
        close_page(page)
        stop_studio(running)

"""What an editor does beside the straight way, in a real Chromium: a film that changes, a wrong time, another face."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import make_clip
from running_studio import start_studio, stop_studio, wait_for
from studio_page import close_page, open_page, shown_frame, until, wait_for_frame

from react1.pipeline.media.audio.samples import write_wav

pytestmark = pytest.mark.slow
SIDES = {"top": 0.2, "bottom": 0.6, "frames": 40}
FACES = [{"number": 1, "left": 0.1, "right": 0.3, **SIDES}, {"number": 2, "left": 0.6, "right": 0.8, **SIDES}]
TWO_FACES = {"share": 1, "problem": "", "shot": [0, 40], "faces": FACES}
CHOSEN = "[...document.querySelectorAll('.face-row button')].map((face) => face.getAttribute('aria-pressed')).join()"


@pytest.fixture
def studio(tmp_path):
    """A studio on a film of 40 frames with one edit."""
    folder = tmp_path / "films"
    folder.mkdir()
    film = make_clip(folder / "film.mp4", frames=40, size=(64, 48), tracks=0)
    edit = "{name: edit-1, in: 10f, out: 30f, prompt: sad, temperature: 1}"
    film.with_name("film.mp4.react1.yaml").write_text(f"preset: emotion-edit\nsource: film.mp4\nedits:\n  - {edit}\n")
    running = start_studio(tmp_path / "home", folder, film)
    yield running
    stop_studio(running)


@pytest.fixture
def page(chromium, studio):
    opened = open_page(chromium, studio.url)
    opened.wait_for_selector("canvas[data-shows]")
    yield opened
    close_page(opened)


def test_a_film_that_another_program_writes_is_shown_as_it_is_now(page, studio, tmp_path):
    """Its size, its length and its pictures; the page says so, and the edit stays."""
    ratio = (
        "document.querySelector('studio-viewer canvas').width / document.querySelector('studio-viewer canvas').height"
    )
    assert page.evaluate(ratio) == pytest.approx(4 / 3, abs=0.02)

    (studio.folder / "film.mp4").write_bytes(
        make_clip(tmp_path / "new.mp4", frames=25, size=(96, 48), tracks=0).read_bytes()
    )

    page.wait_for_selector("#messages >> text=film.mp4 was changed by another program, and is shown as it is now.")
    until(page, f"Math.abs({ratio} - 2) < 0.05")
    page.keyboard.press("End")
    wait_for_frame(page, 24)
    page.wait_for_selector("edit-list >> text=is outside the film")
    page.complaints[:] = [text for text in page.complaints if "422" not in text]  # what was asked of the film as it was


def test_what_is_typed_into_the_clock_is_found_or_said_not_to_be_there(page):
    """A time, a timecode and a frame lead there; what the film does not have leads nowhere."""
    shown = []
    for text in ("00:00:01.200", "00:00:01,200", "00:00:00:12", "7f"):
        page.fill(".timecode", text)
        page.press(".timecode", "Enter")
        shown.append(page.text_content(".frame-number"))
    for text in ("00:00:09:00", "300f", "00:00:09.5", "1:05"):
        page.fill(".timecode", text)
        page.press(".timecode", "Enter")
    messages = [line.text_content().removesuffix("×") for line in page.query_selector_all("#messages p")]

    where = "is not in the film, which goes from 00:00:00:00 to 00:00:01:14, frames 0 to 39."
    assert shown == [f"frame {frame}" for frame in (30, 30, 12, 7)]
    assert messages[:3] == [f"{text} {where}" for text in ("00:00:09:00", "300f", "00:00:09.5")]
    assert messages[3].startswith('"1:05" is neither a timecode')
    assert shown_frame(page) == 7


def test_the_face_that_is_shown_is_the_one_that_the_edit_names(page, studio):
    """Also by a rule that is chosen after a face was clicked, and after undo."""
    job = studio.folder / "film.mp4.react1.yaml"
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.route("**/cuts?*", lambda route: route.fulfill(json={"start": 0, "end": 40, "cuts": []}))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(12))")
    wait_for_frame(page, 12)
    shown = []

    page.click(".face-row button >> text=Face 2")
    wait_for(lambda: "at:" in job.read_text())
    shown.append(page.evaluate(CHOSEN))
    page.select_option("#face-rule", "left")
    wait_for(lambda: "face: left" in job.read_text())
    until(page, f"{CHOSEN} === 'true,false'")
    page.click("#undo")
    wait_for(lambda: "at:" in job.read_text())
    until(page, f"{CHOSEN} === 'false,true'")
    page.click("#undo")
    wait_for(lambda: "face" not in job.read_text())
    until(page, f"{CHOSEN} === 'false,false'")

    assert shown == ["false,true"]


def test_enter_without_both_marks_says_what_is_missing(page):
    """It would else do nothing, and say nothing."""
    page.keyboard.press("i")
    page.keyboard.press("Enter")

    page.wait_for_selector("#messages >> text=Mark In (I) and Out (O) first")


def test_a_slider_that_is_moved_by_keys_keeps_the_focus(page, studio):
    """Its panel is drawn again when the job is written; the next key would else move the playhead."""
    job = studio.folder / "film.mp4.react1.yaml"
    write_wav(studio.folder / "line.wav", np.zeros((1, 24_000), np.float32), 48_000)
    job.write_text(job.read_text().replace("temperature: 1", "temperature: 1, audio: line.wav"))
    page.click("#tab-line")
    page.wait_for_selector("#gain")
    page.focus("#gain")

    for gain in ("0.5", "1", "1.5"):
        page.keyboard.press("ArrowRight")
        wait_for(lambda gain=gain: f"audio_gain: {gain}}}" in job.read_text())
        until(page, f"document.querySelector('#gain').value === '{gain}'")

    assert page.evaluate("document.activeElement.id") == "gain"

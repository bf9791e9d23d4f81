"""An editor's whole work on the page, in a real Chromium."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numbered_clips import frame_number, make_clip
from PIL import Image
from running_studio import start_studio, stop_studio, wait_for
from studio_page import (
    axe_violations,
    close_page,
    enter,
    load_axe,
    open_page,
    set_theme,
    shown_frame,
    until,
    wait_for_frame,
    watch_take,
)

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.testing import FakeProvider

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(chromium, studio):
    opened = open_page(chromium, studio.url)
    yield opened
    close_page(opened)


@pytest.fixture
def edited(page, studio):
    """The page with an edit: the first test's, or, where that runs in another process, one from the job file."""
    if not page.query_selector("edit-list .edit"):
        edit = "{name: edit-1, in: 10f, out: 40f, prompt: surprised, temperature: 1}"
        job = studio.folder / "talking.mp4.react1.yaml"
        job.write_text(f"preset: emotion-edit\nsource: talking.mp4\nedits:\n  - {edit}\n")
        page.reload()
        page.click("edit-list .edit")
    return page


@pytest.fixture
def with_take(edited):
    """The page with a finished take: the first test's, or, where that runs in another process, one that is made now."""
    edited.click("#tab-takes")
    if not edited.query_selector(".take-item[data-state=done]"):
        edited.click("#make-takes")
        edited.wait_for_selector(".take-item[data-state=done]", timeout=180_000)
    return edited


def test_an_editor_makes_a_film_without_a_command_line(page, studio):
    """Find the moment, see the expression, make a take, judge, choose, finish; all of it stands in the job."""
    page.wait_for_selector("canvas[data-shows]")
    assert "token" not in page.url
    page.keyboard.press("Shift+ArrowRight")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    wait_for_frame(page, 22)
    page.fill(".timecode", "00:00:00:10")
    page.keyboard.press("Enter")
    wait_for_frame(page, 10)
    page.click("body", position={"x": 5, "y": 400})
    page.keyboard.press("i")
    page.fill(".timecode", "39f")
    page.keyboard.press("Enter")
    wait_for_frame(page, 39)
    page.click("body", position={"x": 5, "y": 400})
    page.keyboard.press("o")
    assert page.text_content(".marks") == "00:00:00:10 – 00:00:01:14"
    page.keyboard.press("Enter")
    page.wait_for_selector("edit-list .edit")
    job = studio.folder / "talking.mp4.react1.yaml"
    assert "in: 10f, out: 40f" in job.read_text()

    page.wait_for_selector("expression-panel[data-cards]")
    page.wait_for_selector("canvas[data-shows=preview]")
    page.evaluate("performance.clearMeasures()")
    page.click("[data-emotion=surprised]")
    wait_for(lambda: "prompt: surprised, temperature: 0.7" in job.read_text())
    page.focus("#temperature")
    page.keyboard.press("End")
    wait_for(lambda: "prompt: surprised, temperature: 1" in job.read_text())
    until(
        page,
        "performance.getEntriesByName('preview').map(e => e.detail)"
        ".some(shown => shown.prompt === 'surprised' && shown.temperature === 1)",
    )

    page.click("#tab-takes")
    page.click("#make-takes")
    page.wait_for_selector("[data-name=surprised-1-face][data-state=done]", timeout=180_000)
    watch_take(page)
    page.keyboard.press("Home")
    assert "frame 10 · edited" in page.text_content(".where")
    page.keyboard.press("ArrowLeft")
    assert "00:00:00:09 · frame 9 · handle" in page.text_content(".where")
    page.keyboard.press("z")
    assert page.get_attribute("take-player .zoom", "aria-pressed") == "true"
    page.keyboard.down("b")
    assert page.get_attribute("take-player .stage", "data-mode") == "before"
    page.keyboard.up("b")
    assert page.get_attribute("take-player .stage", "data-mode") == "wipe"
    page.keyboard.press("Escape")

    page.click("#tab-finish")
    page.click("#make-film")
    page.wait_for_selector(".film-item[data-state=done]", timeout=240_000)
    page.wait_for_selector(".film-item >> text=Checked: every frame outside the edits")
    assert (studio.folder / "talking.react1.mp4").is_file()
    page.click(".film-item >> text=Watch")
    until(page, "document.querySelector('studio-viewer video').src.includes('film')")
    until(page, "document.querySelector('.badge').textContent.startsWith('finished film')")

    before = ("prompt: surprised, temperature: 0.7", "prompt: happy, temperature: 0.7")
    after = ("prompt: surprised, temperature: 0.7", "prompt: surprised, temperature: 1")
    for button, texts in (("#undo", before), ("#redo", after)):
        for text in texts:
            page.click(button)
            wait_for(lambda text=text: text in job.read_text())


def test_the_playing_film_names_its_frames(page):
    """And stops on the frame that it showed."""
    page.click("#tab-expression")
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('.badge').textContent.includes('finished film')")
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(0))")
    wait_for_frame(page, 0)
    until(page, "document.querySelector('studio-viewer video').readyState >= 2")
    page.click("studio-viewer .play")
    until(page, "Number(document.querySelector('.frame-number').textContent.slice(6)) > 5")
    page.click("studio-viewer .play")
    page.wait_for_selector("canvas[data-shows]")
    stopped = shown_frame(page)
    until(page, f"document.querySelector('canvas[data-frame]').dataset.frame === '{stopped}'")


def test_another_tab_and_a_text_editor_are_noticed(edited, chromium, studio):
    """A change elsewhere appears here."""
    page = edited
    other = open_page(chromium, studio.url)
    other.wait_for_selector("edit-list .edit")
    other.click("[data-emotion=sad]")
    page.wait_for_selector("edit-list .edit >> text=sad 1")
    close_page(other)


def test_a_line_is_recorded_with_the_microphone(edited, studio):
    """Chromium's own test tone stands in for a voice."""
    page = edited
    page.click("#tab-line")
    page.context.grant_permissions(["microphone"])
    page.click("line-panel >> text=Record")
    page.wait_for_timeout(700)
    page.click("text=Stop recording")
    page.wait_for_selector("line-panel canvas.wave")
    assert len(list((studio.folder / "lines").iterdir())) == 1
    page.wait_for_selector("line-panel >> text=the span has 1.20 s")
    until(page, "document.querySelector('film-timeline').dataset.lines?.length > 0")
    page.click("text=Remove the line")
    page.wait_for_selector("line-panel canvas.wave", state="detached")
    until(page, "document.querySelector('film-timeline').dataset.lines === ''")


def test_who_agreed_to_an_edit_stands_in_the_job(edited, studio):
    """And is gone when the name is."""
    page = edited
    job = studio.folder / "talking.mp4.react1.yaml"
    page.click("#tab-expression")
    page.click("text=More settings")
    enter(page, "#consent-performer", "Ada Lovelace")
    wait_for(lambda: "performer: Ada Lovelace" in job.read_text())
    enter(page, "#consent-scope", "trailer")
    wait_for(lambda: "scope: trailer" in job.read_text())
    enter(page, "#consent-performer", "")
    wait_for(lambda: "consent" not in job.read_text())
    page.click("text=More settings")


def test_an_option_of_the_film_stands_in_the_job(edited, studio):
    """Until it is set back to the default; a wrong value is reported at its field and is not written."""
    page = edited
    job = studio.folder / "talking.mp4.react1.yaml"
    page.click("#tab-finish")
    page.click("text=Film options")
    page.select_option("#option-quality", "high")
    page.wait_for_selector("[data-option=quality][data-differs]")
    assert "quality: high" in job.read_text()
    before = job.read_text()
    enter(page, "#option-checks", "{seam_delta: 3}")
    page.wait_for_selector("[data-option=checks] .problem >> text=seam_delta_e")
    assert page.get_attribute("#option-checks", "aria-invalid") == "true"
    assert job.read_text() == before
    enter(page, "#option-checks", "{seam_delta_e: 3.5}")
    wait_for(lambda: "checks: {seam_delta_e: 3.5}" in job.read_text())
    enter(page, "#option-start_tc", "10:00:00:00")
    until(page, "document.querySelector('.timecode').value.startsWith('10:00:0')")
    for name in ("start_tc", "checks", "quality"):
        page.click(f"[data-option={name}] >> text=back to the default")
        page.wait_for_selector(f"[data-option={name}]:not([data-differs])")
    assert "quality" not in job.read_text()
    assert "checks" not in job.read_text()
    page.complaints[:] = [text for text in page.complaints if "422" not in text]  # the browser reports the refusal
    page.click("#tab-expression")


def shade_middle(_choices, video: Path, take: Path) -> None:
    """Make a take whose middle is darker: one that shows what was sent would be refused."""
    shade = "drawbox=x=iw*2/5:y=ih*2/5:w=iw/5:h=ih/5:color=black@0.3:t=fill"
    argv = [ffmpeg_path(), "-v", "error", "-y", "-i", str(video), "-vf", shade, "-crf", "8", "-c:a", "copy"]
    subprocess.run([*argv, str(take)], check=True)


def test_a_paid_take_is_agreed_to_and_stands_in_the_ledger(edited, studio):
    """The bill comes first; declined, nothing is sent."""
    page = edited
    with FakeProvider(make_take=shade_middle) as fake:
        page.reload()
        page.wait_for_selector("html[data-started]")
        page.click("#tab-takes")
        page.select_option("#take-provider", "fake")
        for answer in ("Do not send", "Pay up to"):
            page.click("#make-takes")
            page.wait_for_selector("dialog[open] >> text=together")
            page.click(f"dialog[open] >> text={answer}")
            page.wait_for_selector("dialog[open]", state="detached")
        page.wait_for_selector(".take-item[data-state=done] >> text=fake · ", timeout=120_000)
        assert len(fake.submissions) == 1
        page.click("#ledger")
        page.wait_for_selector("dialog[open] td >> text=fake")
        assert "Together $" in page.text_content("dialog[open]")
        page.keyboard.press("Escape")
        page.select_option("#take-provider", "local")


def test_a_film_that_no_browser_plays_and_two_hundred_edits(chromium, studio):
    """The page plays a proxy of HEVC, lists every edit and removes one of them."""
    film = make_clip(studio.folder / "many.mp4", frames=600, size=(64, 48), codec="libx265", tracks=0)
    job = film.with_name("many.mp4.react1.yaml")
    edits = "\n".join(f"  - {{in: {3 * n}f, out: {3 * n + 2}f, prompt: sad, name: e{n}}}" for n in range(200))
    job.write_text(f"preset: emotion-edit\nsource: many.mp4\nedits:\n{edits}\n")
    page = open_page(chromium, studio.url)
    try:
        page.click("#open-library")
        page.click(f'.files button[data-path="{film}"]')
        until(page, "document.querySelectorAll('edit-list .edit').length === 200")
        until(page, "document.querySelector('studio-viewer video').readyState >= 2")
        page.click("edit-list [data-name=e150]")
        wait_for_frame(page, 450)
        page.click("edit-list >> text=Remove")
        until(page, "document.querySelectorAll('edit-list .edit').length === 199")
        assert "name: e150" not in job.read_text() and job.read_text().count("name: e") == 199
    finally:
        close_page(page)
        film.unlink()
        job.unlink()


def test_a_film_of_one_hour(chromium, studio):
    """Its last frame is reached at once and exactly, and the page stays small."""
    clip = make_clip(studio.home / "minute.mp4", frames=250, size=(64, 48), tracks=0)
    film = studio.folder / "hour.mp4"
    argv = [ffmpeg_path(), "-v", "error", "-y", "-stream_loop", "359", "-i", str(clip), "-c", "copy", str(film)]
    subprocess.run(argv, check=True)
    page = open_page(chromium, studio.url)
    try:
        page.click("#open-library")
        page.click(f'.files button[data-path="{film}"]')
        until(page, "document.getElementById('film-name').textContent === 'hour.mp4'")
        page.keyboard.press("End")
        until(page, "document.querySelector('canvas[data-frame]')?.dataset.frame === '89999'")
        assert page.input_value(".timecode") == "00:59:59:24"
        name = page.evaluate("import('/page/store.js').then((store) => store.state.project)")
        still = studio.client.get(f"/api/projects/{name}/still/89999").content
        assert frame_number(np.asarray(Image.open(io.BytesIO(still)).convert("RGB"))) == 249
        for frame in (45_000, 12_345, 70_001):
            page.evaluate("(frame) => import('/page/viewer.js').then((viewer) => viewer.seek(frame))", frame)
            until(page, f"document.querySelector('canvas[data-frame]').dataset.frame === '{frame}'")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
        assert metrics["JSHeapTotalSize"] < 300e6
    finally:
        close_page(page)
        film.unlink()


def test_the_clock_of_the_page_is_that_of_the_package(page):
    """Every rate, drop-frame too, over the seams of minutes, tens of minutes and midnight."""
    from react1.pipeline.core.times import timecode_of_day

    frames = [0, 1, 1799, 1800, 1801, 17981, 17982, 17983, 107891, 107892, 2589407]
    for rate, drop in (
        (Fraction(25), False),
        (Fraction(24000, 1001), False),
        (Fraction(30000, 1001), True),
        (Fraction(60000, 1001), True),
    ):
        clock = {"rate": [rate.numerator, rate.denominator], "drop": drop, "start": 0}
        labels = page.evaluate(
            "async ([frames, clock]) => { const p = await import('/page/player.js');"
            " return frames.map((f) => [p.timecode(f, clock), p.frameOfTimecode(p.timecode(f, clock), clock)]); }",
            [frames, clock],
        )
        assert [label for label, _ in labels] == [str(timecode_of_day(frame, rate, drop=drop)) for frame in frames]
        assert [frame for _, frame in labels][:-1] == frames[:-1]
    late = {"rate": [30000, 1001], "drop": True, "start": 2_589_408 - 30}
    texts = ["00:00:00;00", "00:01:00;00", "00:00:00;30", "00:00:61;00"]
    frames = page.evaluate(
        "async ([texts, clock]) => { const p = await import('/page/player.js');"
        " return texts.map((text) => { const f = p.frameOfTimecode(text, clock); return isNaN(f) ? null : f; }); }",
        [texts, late],
    )
    assert frames == [30, None, None, None]


def test_names_from_outside_are_never_markup(chromium, studio):
    """A film and an edit whose names are HTML."""
    film = studio.folder / "<img src=x onerror=alert(1)>.mp4"
    shutil.copyfile(studio.folder / "talking.mp4", film)
    film.with_name(film.name + ".react1.yaml").write_text(
        f"preset: emotion-edit\nsource: '{film.name}'\nedits:\n  - {{in: 1f, out: 20f, name: '<b>bold</b>'}}\n"
    )
    page = open_page(chromium, f"{studio.url}#{str(film).replace('%', '%25')}")
    try:
        page.goto(studio.url)
        page.click("#open-library")
        page.click(f'.files button[data-path="{film}"]')
        until(page, "document.getElementById('film-name').textContent.includes('<img src=x')")
        assert page.query_selector("#film-name img, edit-list b b, img[src=x]") is None
        page.wait_for_selector("edit-list .problem")
    finally:
        close_page(page)
        for path in studio.folder.glob("<img*"):
            path.unlink()


def test_a_film_that_cannot_be_read_is_reported_in_words(chromium, studio):
    """And the page goes on."""
    (studio.folder / "broken.mp4").write_bytes(b"not a film")
    page = open_page(chromium, studio.url)
    page.click("#open-library")
    page.click(".files button >> text=broken.mp4")
    page.wait_for_selector("#messages .error")
    assert "is not media that can be read" in page.text_content("#messages .error")
    page.complaints.clear()  # the browser reports the refused request
    close_page(page)
    (studio.folder / "broken.mp4").unlink()


def test_the_server_is_killed_and_started_again(chromium, studio, tmp_path):
    """The open page says so, and goes on by itself."""
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copyfile(studio.folder / "talking.mp4", folder / "talking.mp4")
    first = start_studio(tmp_path / "home", folder, folder / "talking.mp4")
    port = first.server.port
    page = open_page(chromium, first.url)
    page.wait_for_selector("canvas[data-shows]")
    page.click("text=New edit here")
    page.wait_for_selector("edit-list .edit")
    stop_studio(first)
    page.wait_for_selector("body.offline")

    second = start_studio(tmp_path / "home", folder, folder / "talking.mp4", port)
    try:
        page.wait_for_selector("body:not(.offline)")
        page.click("[data-emotion=angry]")
        wait_for(lambda: "prompt: angry" in (folder / "talking.mp4.react1.yaml").read_text())
    finally:
        page.complaints.clear()  # the browser reports the lost connection
        close_page(page)
        stop_studio(second)


def test_a_hidden_tab_holds_no_connection_and_catches_up_when_it_is_seen(edited, studio):
    """A browser opens six connections to one server; every open tab would take one of them."""
    ended, job = [], studio.folder / "talking.mp4.react1.yaml"
    edited.on("requestfailed", lambda request: ended.append(request.url))
    edited.evaluate(
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_for(lambda: edited.wait_for_timeout(50) or any(url.endswith("/api/events") for url in ended))
    text = job.read_text()
    job.write_text(re.sub(r"prompt: \w+", "prompt: disgusted", text))
    edited.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    until(edited, "document.querySelector('[data-emotion=disgusted]').getAttribute('aria-checked') === 'true'")
    job.write_text(text)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (390, 844)])
def test_nothing_overflows_and_everything_has_a_name(page, width, height):
    """At each size and in both themes; the pictures go to REACT1_SCREENSHOTS for the eye."""
    folder = os.environ.get("REACT1_SCREENSHOTS")
    page.set_viewport_size({"width": width, "height": height})
    for theme in ("dark", "light"):
        page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
        for tab in ("expression", "takes", "line", "finish"):
            page.click(f"#tab-{tab}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{tab} is {wide} px wide"
            nameless = page.evaluate(
                "[...document.querySelectorAll('button, input, select, a, canvas[role], [role=button]')]"
                ".filter((e) => e.checkVisibility() && !(e.textContent.trim() || e.getAttribute('aria-label')"
                " || e.labels?.length || e.title)).map((e) => e.outerHTML)"
            )
            assert nameless == []
            if folder:
                page.wait_for_timeout(300)
                page.screenshot(path=Path(folder) / f"{tab}-{theme}-{width}.png")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")


def test_axe_finds_no_violation(with_take):
    """WCAG 2.1 A and AA by axe-core, in both themes, on every tab, in the dialogs and in the comparison."""
    page = with_take
    load_axe(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    problems = []
    for theme in ("dark", "light"):
        set_theme(page, theme)
        for tab in ("expression", "takes", "line", "finish"):
            page.click(f"#tab-{tab}")
            problems += axe_violations(page, f"{theme} {tab}", colours_only=theme == "light")
        for opener in ("#open-library", "#help", "#ledger"):
            page.click(opener)
            page.wait_for_selector("dialog[open]")
            problems += axe_violations(page, f"{theme} {opener}", colours_only=theme == "light")
            page.keyboard.press("Escape")
        page.click("#tab-takes")
        page.click("text=Watch")
        problems += axe_violations(page, f"{theme} comparison", colours_only=theme == "light")
        page.keyboard.press("Escape")
    assert problems == []

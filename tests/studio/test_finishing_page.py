"""In a real Chromium: a new line and its gain, faces, the players, and what a film can become in the end."""

from __future__ import annotations

import json
import subprocess

import pytest
from running_studio import wait_for
from studio_page import axe_violations, close_page, load_axe, open_page, set_theme, until, wait_for_frame

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

pytestmark = pytest.mark.slow
EDIT = "{name: edit-1, in: 10f, out: 34f, prompt: happy, temperature: 0.8}"


@pytest.fixture(scope="module")
def job(studio):
    """The job of the film, with one edit."""
    path = studio.folder / "talking.mp4.react1.yaml"
    path.write_text(f"preset: emotion-edit\nsource: talking.mp4\nedits:\n  - {EDIT}\n")
    return path


@pytest.fixture(scope="module")
def page(chromium, studio, job):
    opened = open_page(chromium, studio.url)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.wait_for_selector("edit-list .edit")
    yield opened
    close_page(opened)


@pytest.fixture(scope="module")
def take(page, studio):
    """The edit with a new line and one take; the page was loaded again while it was made."""
    sound = studio.home / "line.wav"
    tone = ["-f", "lavfi", "-i", "sine=frequency=220:duration=0.9:sample_rate=48000"]
    subprocess.run([ffmpeg_path(), "-v", "error", *tone, str(sound)], check=True)
    page.click("#tab-line")
    page.set_input_files("#line-file", str(sound))
    page.wait_for_selector("line-panel canvas.wave")
    page.click("#tab-takes")
    page.click("#make-takes")
    page.wait_for_selector(".take-item")
    page.reload()
    page.wait_for_selector("html[data-started]")
    page.click("#tab-takes")
    page.wait_for_selector(".take-item[data-state=done]", timeout=240_000)
    return page.get_attribute(".take-item", "data-take")


@pytest.fixture
def film(page, take):
    """A finished film: an earlier test's, or, where that runs in another process, one that is made now."""
    page.click("#tab-finish")
    if not page.query_selector(".film-item"):
        page.click("#make-film")
    page.wait_for_selector(".film-item[data-state=done]", timeout=240_000)


def clip_sound(page, studio, take):
    """Return the sound of the take's clip as the player on the page has it, over the edit without its fades."""
    import numpy as np
    from numbered_clips import read_sound

    source = page.evaluate("document.querySelector('take-player video.after').src")
    path = studio.home / "heard.mp4"
    path.write_bytes(studio.client.get(source).content)
    samples, rate = read_sound(path)
    start = page.evaluate("JSON.parse(document.querySelector('take-player .player').dataset.times)[8]")
    return np.sqrt((samples[:, round((start + 0.1) * rate) : round((start + 0.8) * rate)] ** 2).mean())


def test_the_gain_and_the_mix_of_a_line_are_heard_at_once(page, job, studio, take):
    """They stand in the job, the take stays, and the player plays the sound that the film will have."""
    page.click("text=Watch")
    page.wait_for_selector("take-player .player")
    loud = clip_sound(page, studio, take)
    options = page.evaluate("[...document.querySelectorAll('take-player .sound option')].map((o) => o.value)")
    assert options == ["after", "before", "line", "off"]
    until(page, "document.querySelector('take-player audio').readyState >= 2")
    page.select_option("take-player .sound", "line")
    assert page.evaluate(
        "[...document.querySelectorAll('take-player video, take-player audio')].map((c) => c.muted)"
    ) == [
        True,
        True,
        False,
    ]

    shown = page.evaluate("document.querySelector('take-player video.after').src")
    page.click("#tab-line")
    page.fill("#gain", "-12")
    wait_for(lambda: "audio_gain: -12" in job.read_text())
    until(page, f"(document.querySelector('take-player video.after')?.src ?? '{shown}') !== '{shown}'")
    soft = clip_sound(page, studio, take)

    assert soft / loud == pytest.approx(10 ** (-12 / 20), rel=0.1)
    page.select_option("#mix", "mix")
    wait_for(lambda: "audio_mix: mix" in job.read_text())
    page.keyboard.press("Control+z")
    wait_for(lambda: "audio_mix" not in job.read_text())
    page.click("#tab-takes")
    assert page.query_selector(".take-item .chip.warn") is None


def test_a_film_that_was_stopped_is_made_again(page, take):
    """By a button of its own, in the place of the one that was stopped; also right after."""
    page.evaluate(
        "() => { [window.timeout, window.held] = [setTimeout, []];"
        "window.setTimeout = (act, ms) => ms === 500 ? held.push(act) : timeout(act, ms); }"
    )
    page.click("#tab-finish")
    page.click("#make-film")
    page.click(".film-item button:text-is('Stop')")
    stopped = page.wait_for_selector(".film-item[data-state=stopped]", timeout=60_000).get_attribute("data-film")

    page.click(".film-item[data-state=stopped] button:text-is('Make again')")

    page.wait_for_selector(".film-item:not([data-state=stopped])", timeout=60_000)
    page.evaluate("() => { window.setTimeout = timeout; held.forEach((act) => act()); }")
    page.wait_for_selector(".film-item[data-state=done]", timeout=240_000)
    films = page.evaluate("[...document.querySelectorAll('.film-item')].map((film) => film.dataset.film)")
    assert len(films) == 1 and films != [stopped]


def test_the_player_shows_both_sides_the_difference_and_the_face(page, take):
    """Each by one key; the zoom follows the face, and a loop is the edit or all with its handles."""
    if not page.query_selector("take-player .stage"):
        page.click("text=Watch")
    page.wait_for_selector("take-player .stage")
    until(page, "[...document.querySelectorAll('take-player video')].every((v) => v.readyState >= 2)")
    page.focus("take-player .stage")
    modes = []
    for key in ("a", "a", "s", "d", "d"):
        page.keyboard.press(key)
        modes.append(page.get_attribute("take-player .stage", "data-mode"))
    assert modes == ["before", "after", "side", "difference", "wipe"]
    page.keyboard.press("z")
    assert (
        page.evaluate("new DOMMatrix(getComputedStyle(document.querySelector('take-player video')).transform).a") > 1.1
    )
    assert len(json.loads(page.get_attribute("take-player .player", "data-path"))) == 24 + 16
    loops = []
    for _ in range(3):
        page.keyboard.press("r")
        loops.append(page.get_attribute("take-player .player", "data-loop"))
    assert loops == ["edit", "handles", ""]
    page.keyboard.press("z")
    page.keyboard.press("Escape")


def test_the_zoom_stays_in_its_picture(page, take):
    """Beside each other, and on a board of several takes: one picture covers neither the other nor the page."""
    page.evaluate("(take) => import('/page/store.js').then((store) => store.set({compare: [take]}))", take)
    page.wait_for_selector("take-player .stage")
    until(page, "[...document.querySelectorAll('take-player video')].every((v) => v.readyState >= 2 && !v.seeking)")
    page.focus("take-player .stage")
    page.keyboard.press("s")
    page.keyboard.press("z")
    box = page.query_selector("take-player .stage").bounding_box()
    halves = []
    for side, other in ((0, "after"), (1, "before")):
        half = {
            "x": box["x"] + side * box["width"] / 2,
            "y": box["y"],
            "width": box["width"] / 2,
            "height": box["height"],
        }
        show = f"(shown) => (document.querySelector('take-player video.{other}').style.visibility = shown)"
        page.evaluate(show, "hidden")
        alone = page.screenshot(clip=half)
        page.evaluate(show, "")
        halves.append(page.screenshot(clip=half) == alone)
    page.keyboard.press("Escape")

    page.evaluate("(take) => import('/page/store.js').then((store) => store.set({compare: [take, take]}))", take)
    page.wait_for_selector("take-player .board")
    until(page, "[...document.querySelectorAll('take-player video')].every((v) => v.readyState >= 2 && !v.seeking)")
    position = page.query_selector("take-player .where")
    before = position.screenshot()
    for name, value in (("--zoom", "5"), ("--zoom-x", "-150%"), ("--zoom-y", "-150%")):  # as of a small face
        page.evaluate(
            "(style) => document.querySelectorAll('take-player .stage, take-player .cell')"
            ".forEach((place) => place.style.setProperty(...style))",
            [name, value],
        )
    page.wait_for_timeout(200)
    after = position.screenshot()
    wider = page.evaluate(
        "((player) => player.scrollWidth - player.clientWidth)(document.querySelector('take-player'))"
    )
    page.keyboard.press("Escape")

    assert halves == [True, True]
    assert after == before
    assert wider == 0


def test_each_take_is_zoomed_on_the_face_that_it_changes(page, take):
    """Takes of two people are compared, each beside the same face of the film, which is heard once.

    The playhead, and what the edit says of its face now, do not count.
    """
    faces = {"left": [0.1, 0.2, 0.3, 0.6], "right": [0.7, 0.2, 0.9, 0.6]}
    answers = iter([{"boxes": [], "still": face} for face in faces.values()])
    page.route("**/faces-path*", lambda route: route.fulfill(json=next(answers)))
    page.evaluate("(take) => import('/page/store.js').then((store) => store.set({compare: [take, take]}))", take)
    page.wait_for_selector("take-player .board")
    page.keyboard.press("z")
    middles = page.evaluate(
        "[...document.querySelectorAll('take-player .cell video')].map((video) => {"
        " const at = new DOMMatrix(getComputedStyle(video).transform);"
        " return (0.5 - at.e / video.clientWidth) / at.a; })"
    )
    order = page.evaluate("[...document.querySelectorAll('take-player video')].map((video) => video.dataset.sound)")
    widths = "Math.min(...[...document.querySelectorAll('take-player .cell')].map((cell) => cell.clientWidth))"
    width = page.evaluate(widths)
    page.keyboard.press("f")
    until(page, f"document.fullscreenElement && {widths} > {width}")
    page.keyboard.press("f")
    until(page, f"!document.fullscreenElement && {widths} === {width}")
    page.unroute("**/faces-path*")
    page.keyboard.press("Escape")

    assert middles == pytest.approx([0.2, 0.2, 0.8, 0.8], abs=0.12)
    assert order == ["before", "take1", "", "take2"]
    assert width >= 0.3 * page.evaluate("document.querySelector('.center').clientWidth")


def test_the_keys_of_the_player_go_on_after_a_click(page, take):
    """A button that was clicked does not take the next space."""
    page.evaluate("(take) => import('/page/store.js').then((store) => store.set({compare: [take]}))", take)
    page.wait_for_selector("take-player .stage")
    until(page, "[...document.querySelectorAll('take-player video')].every((v) => v.readyState >= 2)")
    page.click("take-player .loop")
    page.keyboard.press("Space")
    text = (page.text_content("take-player .loop"), page.text_content("take-player .play"))
    page.keyboard.press("Space")
    page.keyboard.press("Escape")

    assert text == ("Loop: edit", "Pause")


def test_another_program_writes_the_job_while_the_page_is_open(page, job, take):
    """It appears without a reload, and undo does not throw it away."""
    job.write_text(job.read_text() + "  - {name: from-outside, in: 40f, out: 48f, prompt: sad}\n# a comment\n")
    page.wait_for_selector("edit-list [data-name=from-outside] >> text=frames 40–47")
    page.click("edit-list [data-name=from-outside]")
    page.click("edit-list >> text=Remove")
    page.wait_for_selector("edit-list [data-name=from-outside]", state="detached")
    assert "# a comment" in job.read_text()


def test_each_shot_of_an_edit_may_have_its_own_face(page, job, take):
    """By a rule or by its number; it stands in the job as `faces`."""
    page.click("#tab-expression")
    page.evaluate("import('/page/store.js').then((store) => store.set({cuts: [20]}))")
    page.select_option("#face-shot-2", "left")
    wait_for(lambda: "faces: {shot 2: left}" in job.read_text())
    page.select_option("#face-rule", "speaker")
    wait_for(lambda: "face: speaker" in job.read_text())
    page.select_option("#face-shot-2", "")
    wait_for(lambda: "faces:" not in job.read_text())
    page.select_option("#face-rule", "")
    wait_for(lambda: "face:" not in job.read_text())


def test_an_edge_snaps_to_a_cut_a_marker_and_a_pause(page, take):
    """Within a few pixels; elsewhere it stays where it was let go."""
    snapped = page.evaluate(
        """async () => {
          const store = await import("/page/store.js"), line = document.querySelector("film-timeline");
          const wave = new Uint8Array(100).fill(200);
          wave.fill(0, 60, 80);
          store.set({cuts: [20], markers: [{frame: 42, text: "here"}], wave, frame: 0});
          line.show(0, 50);
          return [20.2, 41.8, 35.1, 27.4].map((frame) => line.snap(frame));
        }"""
    )
    assert snapped == [20, 42, 35, 27]
    page.fill("film-timeline input", "here")
    page.press("film-timeline input", "Enter")
    wait_for_frame(page, 42)
    page.evaluate("import('/page/store.js').then((store) => store.set({cuts: [], markers: []}))")


def test_the_viewer_follows_the_keys_and_the_pointer(page, job, take):
    """J K L, ↑ ↓, B, the wheel, and the edge of an edit that is dragged on the timeline."""
    page.click("#tab-expression")
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(20))")
    page.click("body", position={"x": 5, "y": 500})
    page.wait_for_selector("canvas[data-shows=preview]")
    page.keyboard.down("b")
    page.wait_for_selector("canvas[data-shows=still]")
    page.keyboard.up("b")
    page.wait_for_selector("canvas[data-shows=preview]")
    for key, frame in (("ArrowDown", 33), ("ArrowUp", 10), ("Home", 0), ("End", 49)):
        page.keyboard.press(key)
        wait_for_frame(page, frame)
    page.keyboard.press("j")
    until(page, "Number(document.querySelector('.frame-number').textContent.slice(6)) < 40")
    page.keyboard.press("k")
    page.keyboard.press("Home")
    until(page, "document.querySelector('studio-viewer video').readyState >= 2")
    page.keyboard.press("l")
    until(page, "Number(document.querySelector('.frame-number').textContent.slice(6)) > 2")
    page.keyboard.press("k")
    page.wait_for_selector("canvas[data-shows]")

    page.evaluate("document.querySelector('film-timeline').show(0, 50)")
    box = page.query_selector("film-timeline canvas").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 34 / 50, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 29.6 / 50, middle, steps=4)
    page.mouse.up()
    wait_for(lambda: "out: 30f" in job.read_text())
    page.click("#undo")
    wait_for(lambda: "out: 34f" in job.read_text())
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.wheel(0, -600)
    until(page, "document.querySelector('film-timeline').to - document.querySelector('film-timeline').from < 30")


def test_what_was_chosen_of_several_takes_stays_when_the_edit_changes(page, job, take):
    """Another emotion ends the comparison; the temperature of the take that was picked is kept."""
    before = job.read_text()
    takes = "takes: {prompt: [happy, sad], temperature: [0.3, 0.9], pick: sad-0.9}"
    job.write_text(
        f"preset: emotion-edit\nsource: talking.mp4\nedits:\n  - {{name: edit-1, in: 10f, out: 34f, {takes}}}\n"
    )
    page.wait_for_selector("edit-list .edit >> text=sad 0.9")
    page.click("#tab-expression")
    page.click("[data-emotion=angry]")
    wait_for(lambda: "prompt: angry" in job.read_text())
    assert "temperature: 0.9" in job.read_text()
    assert "takes" not in job.read_text()
    job.write_text(before)
    page.wait_for_selector("edit-list .edit >> text=happy 0.8")


def test_a_film_is_signed_by_choice(page, job, studio, take):
    """With a test certificate that is made by one click; the film says who signed it."""
    from react1.pipeline.provenance.sign import read_provenance

    pytest.importorskip("c2pa", reason="signing needs the extra provenance")
    page.click("#tab-finish")
    page.click("#sign")
    page.wait_for_selector("#certificate")
    assert "provenance: {certificate: " in job.read_text()
    page.click("text=Make the signed film")
    page.wait_for_selector(".film-item[data-state=done]", timeout=240_000)
    page.wait_for_selector(".film-item >> text=signed by react1 test certificate")
    assert read_provenance(studio.folder / "talking.react1.mp4").state == "valid"
    page.click("#sign")
    wait_for(lambda: "provenance" not in job.read_text())
    with page.context.expect_page() as opened:
        page.click(".film-item >> text=Report")
    report = opened.value
    report.wait_for_selector(".made-film >> text=The film: talking.react1.mp4")
    assert report.query_selector(".made-film a") is None
    report.close()


def test_a_turnover_is_made_and_its_timelines_are_saved(page, studio, take):
    """An EDL, an OTIO and an FCPXML, by a click on each; each button says for which system it is.

    The folder may have those of an earlier version, or of a film of the same name in another container.
    """
    pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
    (studio.folder / "talking.react1-turnover").mkdir(exist_ok=True)
    (studio.folder / "talking.react1-turnover" / "earlier.avid.edl").write_text("TITLE: earlier\n")
    page.click("#tab-finish")
    page.click("#make-turnover")
    page.wait_for_selector(".film-item >> text=Turnover")
    page.wait_for_selector(".film-item[data-state=done] >> text=EDL", timeout=120_000)
    labels = [link.text_content() for link in page.query_selector_all(".film-item a[href*=timelines]")]
    assert {"avid EDL", "premiere OTIO", "resolve FCPXML"} <= set(labels)
    assert len(set(labels)) == len(labels)
    for name in ("EDL", "OTIO", "FCPXML"):
        with page.expect_download() as saved:
            page.click(f".film-item a >> text={name}")
        path = saved.value.path()
        assert path.stat().st_size > 200
        assert saved.value.suggested_filename.endswith(f".{name.lower()}")
    assert list((studio.folder / "talking.react1-turnover").glob("*.mov"))


def test_the_job_is_copied_as_text(page, job, take):
    """As YAML, as a command and as Python."""
    page.click("#tab-finish")
    copied = {}
    for name in ("YAML", "command", "Python"):
        page.evaluate("navigator.clipboard.writeText('')")
        page.click(f"text=Copy as {name}")
        copied[name] = wait_for(lambda: page.evaluate("navigator.clipboard.readText()"))
    assert copied["YAML"] == job.read_text()
    assert copied["command"].startswith("react1 run ")
    assert "Edit(" in copied["Python"]


def test_the_endpoints_are_described_on_a_page(page):
    """From the server's own description, offline."""
    with page.context.expect_page() as opened:
        page.click("#help")
        page.click("text=the endpoints of this page")
    described = opened.value
    described.wait_for_selector("html[data-started]")
    described.wait_for_selector("h2 >> text=POST /api/open")
    described.close()
    page.keyboard.press("Escape")


def test_axe_finds_no_violation_in_the_other_states(page, take, film):
    """A line with its gain, faces by shots, a signed film, several takes beside each other, in both themes."""
    load_axe(page)
    problems = []
    for theme in ("dark", "light"):
        set_theme(page, theme)
        page.evaluate("import('/page/store.js').then((store) => store.set({cuts: [20], compare: null}))")
        for tab, needed in (("expression", "#face-shot-2"), ("line", "#gain"), ("finish", ".film-item")):
            page.click(f"#tab-{tab}")
            page.wait_for_selector(needed)
            problems += axe_violations(page, f"{theme} {tab}", colours_only=theme == "light")
        identity = page.get_attribute(".take-item", "data-take")
        page.evaluate(f"import('/page/store.js').then((store) => store.set({{compare: ['{identity}', '{identity}']}}))")
        page.wait_for_selector("take-player .board")
        problems += axe_violations(page, f"{theme} board", colours_only=theme == "light")
    page.evaluate("import('/page/store.js').then((store) => store.set({cuts: [], compare: null}))")
    assert problems == []

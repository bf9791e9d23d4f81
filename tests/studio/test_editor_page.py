"""What an editor does beside the straight way, in a real Chromium: a film that changes, a wrong time, another face."""

from __future__ import annotations

import io
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import make_clip
from PIL import Image
from running_studio import wait_for
from studio_page import (
    FACES,
    TWO_FACES,
    leave_page,
    show,
    show_studio,
    shown_frame,
    studio_of_edited_film,
    until,
    wait_for_frame,
)

from react1.pipeline.media.audio.samples import write_wav
from react1.pipeline.media.probe import probe_path, require_video
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

pytestmark = pytest.mark.slow
CHOSEN = "[...document.querySelectorAll('.face-row button')].map((face) => face.getAttribute('aria-pressed')).join()"


@pytest.fixture
def studio(tmp_path):
    """A studio on a film of 40 frames with one edit."""
    yield from studio_of_edited_film(tmp_path)


@pytest.fixture
def page(tab, studio):
    yield from show_studio(tab, studio)


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


def test_a_face_that_is_shown_alone_is_named_if_its_shot_has_another(page, studio):
    """The largest of the shot may be the other one, who is hidden in this frame."""
    job = studio.folder / "film.mp4.react1.yaml"
    page.route("**/faces/*", lambda route: route.fulfill(json={**TWO_FACES, "faces": FACES[:1]}))
    page.route("**/cuts?*", lambda route: route.fulfill(json={"start": 0, "end": 40, "cuts": []}))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(12))")
    wait_for_frame(page, 12)
    until(page, "import('/page/store.js').then((store) => store.state.faces?.frame === 12)")
    until(page, f"{CHOSEN} === 'false'")

    page.click(".face-row button >> text=Face 1")

    wait_for(lambda: "face: {at: [0.2, 0.4], frame: 12f}" in job.read_text())
    until(page, f"{CHOSEN} === 'true'")


def test_a_face_is_named_by_its_place_in_the_edit(page, studio):
    """Its number counts the faces of what was searched, which may be others than those of the span."""
    job = studio.folder / "film.mp4.react1.yaml"
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.route("**/cuts?*", lambda route: route.fulfill(json={"start": 0, "end": 40, "cuts": []}))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")
    before = job.read_text()
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(35))")
    wait_for_frame(page, 35)
    page.click(".face-row button >> text=Face 2")
    page.select_option("#face-rule", "2")
    page.wait_for_selector("#messages >> text=Go to a frame of edit-1 to choose its face")
    assert job.read_text() == before

    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(15))")
    wait_for_frame(page, 15)
    until(page, "import('/page/store.js').then((store) => store.state.faces.frame === 15)")
    page.select_option("#face-rule", "2")

    wait_for(lambda: "face: {at: [0.7, 0.4], frame: 15f}" in job.read_text())
    until(page, "document.querySelector('#face-rule').value === 'point'")
    assert page.evaluate("document.querySelector('takes-panel').faces().join()") == "left,right"


def test_a_face_beside_the_edit_changes_nothing_of_it(page, studio):
    """Also one that is alone in its shot: the edit's own choice stays."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("prompt: sad", "face: left, prompt: sad"))
    before = job.read_text()
    page.route("**/faces/*", lambda route: route.fulfill(json={**TWO_FACES, "faces": FACES[:1], "in_shot": 1}))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(35))")
    wait_for_frame(page, 35)

    page.click(".face-row button >> text=Face 1")

    page.wait_for_selector("#messages >> text=Go to a frame of edit-1 to choose its face")
    assert job.read_text() == before


def test_what_was_just_set_is_in_the_film(page, studio):
    """A slider is written a moment later; who makes the film, or selects another edit, before that loses nothing."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text() + "  - {name: edit-2, in: 31f, out: 39f, prompt: happy, temperature: 1}\n")
    page.wait_for_selector("[data-name=edit-2]")
    set_temperature = (
        "(async ([name, value]) => { const store = await import('/page/store.js'); store.set({ selected: name });"
        " document.querySelector('expression-panel').save({ temperature: value }); })"
    )
    page.evaluate(
        f"async (rows) => {{ for (const row of rows) await {set_temperature}(row); }}",
        [["edit-1", 0.25], ["edit-2", 0.75]],
    )
    page.evaluate("document.querySelector('#make-film').click()")

    wait_for(lambda: "temperature: 0.75" in job.read_text())
    assert "prompt: sad, temperature: 0.25" in job.read_text()
    page.wait_for_selector(".film-item[data-state=failed]", state="attached", timeout=120_000)
    until(page, "!document.querySelector('.film-item .warn')")


def test_one_ticked_value_is_what_the_take_gets(page):
    """And the page says so before it is made."""
    page.click("#tab-takes")
    assert "Nothing ticked: one take with the settings of the edit, sad 1." in page.text_content("takes-panel")

    page.check("#want-prompt-happy")

    hint = "One take with what is ticked, else with the settings of the edit, happy 1."
    assert hint in page.text_content("takes-panel")


def test_the_preset_decides_what_a_setting_is_that_an_edit_does_not_have(page, studio):
    """Lips in lips-only; the API's own default is another choice there, and is written."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("emotion-edit", "lips-only"))
    page.evaluate("document.querySelector('expression-panel details').open = true")
    until(page, "document.querySelector('#control-model_mode').value === 'lips'")
    assert page.is_checked("#control-resync")

    page.select_option("#control-model_mode", "face")
    wait_for(lambda: "model_mode: face" in job.read_text())
    page.select_option("#control-model_mode", "lips")
    wait_for(lambda: "model_mode" not in job.read_text())

    until(page, "document.querySelector('#control-model_mode').value === 'lips'")


def test_a_new_edit_says_no_region_where_the_first_one_is_wrong(page, studio):
    """It has that of its preset, not that of the page before anything was opened."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("emotion-edit", "lips-only").replace("prompt: sad", "prompt: bored"))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")

    page.evaluate("import('/page/edits.js').then((edits) => edits.addEdit())")

    wait_for(lambda: "prompt: happy" in job.read_text())
    assert "model_mode" not in job.read_text()


@pytest.mark.parametrize(("suffix", "rate"), [(".mkv", Fraction(30000, 1001)), (".mkv", Fraction(24)), (".mov", 30)])
def test_a_playing_film_names_the_frame_that_is_shown(tab, studio, suffix, rate):
    """Also where the container has rounded its times, as Matroska to milliseconds."""
    film = studio.folder / f"rounded{suffix}"
    ticks = {".mkv": 1000, ".mov": 600}[suffix]
    pts = tuple(int(number * ticks / rate + (0 if number % 3 else Fraction(1, 2))) for number in range(60))
    make_clip(film, frames=60, size=(64, 48), tracks=0, pts=pts, time_base=Fraction(1, ticks))
    video = require_video(probe_path(film))
    times_s = [float(tick * video.time_base) for tick in video.timestamps.array.tolist()]
    page = show(tab, studio.url)
    page.click("#open-library")
    page.click(f'.files button[data-path="{film}"]')
    until(page, f"document.getElementById('film-name').textContent === '{film.name}'")

    script = "(times) => import('/page/viewer.js').then((viewer) => times.map(viewer.frameBeginningAt))"
    named = page.evaluate(script, times_s)
    leave_page(page)

    assert video.constant_rate
    assert named == list(range(60))


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


def test_who_jumps_stops_what_plays(page):
    """Forwards and backwards, by keys, by buttons and by what is typed: the playhead stays where it was sent."""
    until(page, "document.querySelector('studio-viewer video').readyState >= 2")
    jumps = (
        ("l", lambda: page.keyboard.press("Home"), 0),
        ("l", lambda: page.keyboard.press("ArrowUp"), None),
        ("j", lambda: page.keyboard.press("End"), 39),
        ("j", lambda: page.click("[aria-label='One second forward']"), None),
        ("l", lambda: (page.fill(".timecode", "35f"), page.press(".timecode", "Enter")), 35),
        ("j", lambda: page.keyboard.press("Space"), None),
    )
    for key, jump, frame in jumps:
        page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(20))")
        wait_for_frame(page, 20)
        page.keyboard.press(key)
        until(page, "document.querySelector('.frame-number').textContent !== 'frame 20'")
        jump()
        page.wait_for_timeout(100)
        stayed = shown_frame(page)
        page.wait_for_timeout(400)
        assert shown_frame(page) == stayed
        assert frame is None or stayed == frame


def test_a_drag_in_small_steps_follows_the_pointer(page, studio):
    """The playhead shows the edge that is dragged, and is none that it snaps to; the one of before is."""
    job = studio.folder / "film.mp4.react1.yaml"
    places = page.evaluate(
        """async () => {
          const store = await import("/page/store.js"), line = document.querySelector("film-timeline");
          const box = line.canvas.getBoundingClientRect(), pixel = 200 / box.width, places = [];
          line.show = function (from, to) { this.from = from; this.to = to; };
          store.set({wave: null, cuts: [], frame: 36});
          line.show(-80, 120);
          const at = (x) => ({offsetX: x, offsetY: 60, button: 0, pointerId: 1});
          line.canvas.setPointerCapture = () => {};
          line.down(at(line.x(30)));
          for (let frame = 30; frame <= 34.4; frame += pixel) {
            line.move(at(line.x(frame)));
            places.push(line.drag.frames[1]);
          }
          line.move(at(line.x(35.7)));
          places.push(line.drag.frames[1]);
          line.up();
          return places;
        }"""
    )

    assert places == sorted(places)
    assert places[-2:] == [34, 36]
    wait_for(lambda: "out: 36f" in job.read_text())


def test_an_edge_snaps_to_a_cut_within_a_long_pause(page):
    """The place of a pause is its middle, not where the pointer is in it."""
    snapped = page.evaluate(
        """async () => {
          const store = await import("/page/store.js"), line = document.querySelector("film-timeline");
          store.set({cuts: [20], markers: [], wave: new Uint8Array(80), frame: 0});
          Object.assign(line, {from: -380, to: 420}); // one frame has less than two pixels
          const places = [line.snap(22), line.snap(18), line.snap(32)];
          line.drag = {edit: store.state.job.edits[0]};
          places.push(line.snap(32));
          line.drag = null;
          return places;
        }"""
    )

    assert snapped == [20, 20, 30, 32]  # an edit beside which another one begins ends at 30; it does not snap to itself


MATRIX = "takes: {prompt: [happy, sad], face: [left, right], pick: happy-right}"


def test_the_face_that_was_picked_stays_when_the_emotion_changes(page, studio):
    """Another emotion ends the comparison of both; another person must not get it."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("prompt: sad", MATRIX))
    page.wait_for_selector("edit-list .edit >> text=happy 1")

    page.click("[data-emotion=angry]")

    wait_for(lambda: "prompt: angry" in job.read_text())
    assert "face: right" in job.read_text()
    assert "takes" not in job.read_text()


def test_a_face_can_be_clicked_after_faces_were_compared(page, studio):
    """It ends the comparison, and the emotion that was picked stays."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("prompt: sad", MATRIX))
    page.wait_for_selector("edit-list .edit >> text=happy 1")
    page.route("**/faces/12*", lambda route: route.fulfill(json=TWO_FACES))
    wait_for(
        lambda: page.evaluate("import('/page/store.js').then((store) => store.state.cuts.length)")
    )  # of the server
    page.evaluate("import('/page/store.js').then((store) => store.set({cuts: [], frame: 12}))")

    page.click(".face-row button >> text=Face 1")

    wait_for(lambda: "face: {at: [0.2, 0.4], frame: 12f}" in job.read_text())
    assert "prompt: happy" in job.read_text()
    assert "takes" not in job.read_text()


@pytest.mark.parametrize("picture", ["still", "preview"])
def test_a_late_picture_of_another_film_is_not_shown(page, studio, picture):
    """Both films are shown at the same frame; the answer about the one that was open before comes last."""
    other = make_clip(studio.folder / "other.mp4", frames=40, size=(96, 48), tracks=0)
    edit = "{name: edit-1, in: 25f, out: 30f, prompt: sad, temperature: 1}"
    other.with_name("other.mp4.react1.yaml").write_text(
        f"preset: emotion-edit\nsource: other.mp4\nedits:\n  - {edit}\n"
    )
    content, held = io.BytesIO(), []
    Image.new("RGB", (64, 48)).save(content, "JPEG")
    first = page.evaluate("import('/page/store.js').then((store) => store.state.project)")
    page.route(f"**/{first}/{picture}/25*", lambda route: held.append(route))
    none = {**TWO_FACES, "faces": [], "in_shot": 0}
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES if first in route.request.url else none))
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(25))")
    wait_for(lambda: page.evaluate("1") and held)

    page.evaluate("(path) => import('/page/store.js').then((store) => store.open(path))", str(other))
    wait_for_frame(page, 25)
    page.wait_for_selector("canvas[data-shows]")
    ratio = (
        "document.querySelector('studio-viewer canvas').width / document.querySelector('studio-viewer canvas').height"
    )
    until(page, f"Math.abs({ratio} - 2) < 0.05")
    page.wait_for_timeout(600)  # nothing is asked for any more
    for route in held:
        route.fulfill(body=content.getvalue(), content_type="image/jpeg")
    page.wait_for_timeout(700)

    assert page.evaluate(ratio) == pytest.approx(2, abs=0.05)


def test_the_cards_show_the_film_as_it_is_now(page, studio, tmp_path):
    """Another program has written it: the same frame and settings are another picture."""
    cards = []
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.route("**/card/*", lambda route: cards.append(route.request.url) or route.fulfill(status=204))
    page.evaluate("import('/page/viewer.js').then((viewer) => viewer.seek(12))")
    page.wait_for_selector("expression-panel[data-cards]")

    new = make_clip(tmp_path / "new.mp4", frames=40, size=(96, 48), tracks=0)
    (studio.folder / "film.mp4").write_bytes(new.read_bytes())

    page.wait_for_selector("#messages >> text=film.mp4 was changed by another program")
    version = page.evaluate("import('/page/store.js').then((store) => store.state.film.version)")
    now = "import('/page/store.js').then((store) => store.state.faces?.frame)"
    until(page, now)
    wait_for(
        lambda: page.evaluate("1") and any(version in url and "prompt=neutral" in url for url in cards), limit_s=20
    )


def test_the_length_of_a_line_is_that_of_the_edit_that_is_shown(page, studio):
    """The answer about a long file may come after that about a short one, an MP3, whose first samples are none."""
    job = studio.folder / "film.mp4.react1.yaml"
    for name, seconds in (("long", 3), ("short", 0.5)):
        write_wav(studio.folder / f"{name}.wav", np.zeros((1, int(seconds * 48_000)), np.float32), 48_000)
    short = studio.folder / "short.wav"
    subprocess.run([ffmpeg_path(), "-v", "error", "-i", str(short), str(short.with_suffix(".mp3"))], check=True)
    held = []
    page.route("**/line?file=long.wav", lambda route: held.append(route))
    job.write_text(
        job.read_text().replace("temperature: 1", "temperature: 1, audio: long.wav")
        + "  - {name: edit-2, in: 31f, out: 39f, prompt: happy, audio: short.mp3}\n"
    )
    page.click("#tab-line")
    wait_for(lambda: page.evaluate("1") and held)
    page.wait_for_selector("line-panel >> text=long.wav")
    page.click("[data-name=edit-2]")
    page.wait_for_selector("line-panel >> text=0.50 s, the span has")

    for route in held:
        route.fulfill(json={"peaks": [0] * 150, "per_s": 50, "name": "long.wav", "seconds": 3})
    page.wait_for_timeout(500)

    assert "0.50 s, the span has" in page.text_content("line-panel")


def test_only_takes_of_the_same_frames_are_compared_with_each_other(page):
    """The edit was moved since one of them was made; frame by frame it shows another moment."""
    page.evaluate(
        """async () => {
          const { set, state } = await import("/page/store.js"), [edit] = state.job.edits;
          const take = (id, frames, current) => ({id, name: id, provider: "local", state: "done", error: "", share: 1,
            doing: "", cost_usd: 0, seconds: 1, current, of_film: true, differs: "", picked: false, choices: {},
            notes: [], frames});
          const takes = [take("old", [0, 20], false), take("a", [2, 38], true), take("b", [2, 38], true)];
          set({job: {...state.job, edits: [{...edit, takes}]}});
        }"""
    )
    page.click("#tab-takes")
    page.click("text=Compare all")

    compared = page.evaluate("import('/page/store.js').then((store) => store.state.compare.join())")
    page.keyboard.press("Escape")
    page.complaints.clear()  # there are no such takes

    assert compared == "a,b"


def test_nothing_of_a_removed_edit_stays_on_the_page(page, studio):
    """Who agreed to it, and which edit was selected in another film."""
    job = studio.folder / "film.mp4.react1.yaml"
    job.write_text(job.read_text().replace("temperature: 1", "temperature: 1, consent: {performer: Ada}"))
    performer = "document.getElementById('consent-performer').value"
    until(page, f"{performer} === 'Ada'")

    page.keyboard.press("Delete")

    wait_for(lambda: "edit-1" not in job.read_text())
    until(page, f"{performer} === ''", limit_ms=5000)


def test_another_film_is_opened_at_its_first_edit(page, studio):
    """Also if it has an edit with the name of the one that was selected before."""
    edits = "".join(f"  - {{name: edit-{number}, in: {10 * number}f, out: {10 * number + 5}f}}\n" for number in (1, 2))
    make_clip(studio.folder / "other.mp4", frames=40, size=(64, 48), tracks=0)
    for name in ("film", "other"):
        (studio.folder / f"{name}.mp4.react1.yaml").write_text(
            f"preset: emotion-edit\nsource: {name}.mp4\nedits:\n{edits}"
        )
    page.click("[data-name=edit-2]")

    script = "(path) => import('/page/store.js').then((store) => store.open(path))"
    page.evaluate(script, str(studio.folder / "other.mp4"))

    wait_for_frame(page, 10)
    assert page.get_attribute("[data-name=edit-1]", "aria-pressed") == "true"


def test_nothing_of_the_panel_is_cut_off(page):
    """In the smallest window: what a provider costs can be read without opening its list, and nothing is too wide."""
    page.set_viewport_size({"width": 1280, "height": 720})
    cut_off = []
    for tab in ("expression", "takes", "line", "finish"):
        page.click(f"#tab-{tab}")
        page.evaluate("document.querySelectorAll('.right details').forEach((part) => (part.open = true))")
        cut_off += page.evaluate(
            """() => {
              const pen = document.createElement("canvas").getContext("2d");
              const needs = (select) => {
                pen.font = getComputedStyle(select).font;
                return pen.measureText(select.selectedOptions[0].text).width;
              };
              const shown = (query) => [...document.querySelectorAll(query)].filter((item) => item.clientWidth);
              return [
                ...shown(".right, .right .field").filter((box) => box.scrollWidth > box.clientWidth),
                ...shown(".right select").filter((select) => needs(select) > select.clientWidth - 24),
              ].map((item) => item.id || item.className);
            }"""
        )

    assert cut_off == []

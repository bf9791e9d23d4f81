"""An editor on a deadline, in a real Chromium: clicks too early or too often, a refused change, a lost connection."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import pytest
from numbered_clips import make_clip
from PIL import Image
from running_studio import wait_for
from studio_page import FACES, TWO_FACES, leave_page, show, studio_of_edited_film, until, wait_for_frame

from react1.pipeline.media.audio.samples import write_wav

pytestmark = pytest.mark.slow
SEEK = "(frame) => import('/page/viewer.js').then((viewer) => viewer.seek(frame))"
DISPATCH = (
    "(detail) => import('/page/store.js')"
    ".then((store) => store.events.dispatchEvent(new CustomEvent('server-faces', { detail })))"
)
NO_MAKING = "Nothing is made: the change before was refused."


@pytest.fixture
def studio(tmp_path):
    """A studio on a film of 40 frames with one edit."""
    yield from studio_of_edited_film(tmp_path)


def job_of(folder):
    return folder / "film.mp4.react1.yaml"


@pytest.fixture
def page(tab, studio):
    opened = show(tab, studio.url)
    opened.wait_for_selector("canvas[data-shows]")
    yield opened
    opened.complaints[:] = [text for text in opened.complaints if "422" not in text]  # what was refused
    leave_page(opened)


def edits_in(job) -> int:
    return job.read_text().count("- {")


def refuse(page, pattern: str, *, after=None) -> None:
    """Answer an endpoint with a refusal, after an event if one is given."""

    def answer(route) -> None:
        if after is not None:
            after.wait(20)
        route.fulfill(status=422, json={"error": "refused, to try it"})

    page.route(pattern, answer)


def test_a_face_is_saved_with_the_frame_that_it_was_found_in(page, studio):
    """The playhead may have moved since, and the faces of its frame not have arrived."""
    job = job_of(studio.folder)
    page.route("**/faces/12*", lambda route: route.fulfill(json=TWO_FACES))
    page.route("**/faces/25*", lambda _route: None)  # never answered
    page.route("**/cuts?*", lambda route: route.fulfill(json={"start": 0, "end": 40, "cuts": []}))
    page.reload()
    page.wait_for_selector("canvas[data-shows]")
    page.evaluate(SEEK, 12)
    page.wait_for_selector(".face-row button >> text=Face 2")
    until(page, "document.querySelectorAll('svg.faces .face').length === 2")

    page.evaluate(SEEK, 25)
    wait_for_frame(page, 25)
    outlined = page.evaluate("document.querySelectorAll('svg.faces .face').length")
    page.click(".face-row button >> text=Face 2")

    wait_for(lambda: "face: {at: [0.7, 0.4], frame: 12f}" in job.read_text())
    assert outlined == 0


def test_the_face_of_the_take_that_was_picked_is_the_one_that_is_previewed(page, studio):
    """Of takes of both faces; the film gets that one."""
    job = job_of(studio.folder)
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.evaluate(SEEK, 12)
    page.wait_for_selector(".face-row button >> text=Face 2")
    previews = []
    page.route("**/preview/*", lambda route: previews.append(route.request.url) or route.fulfill(status=204))

    job.write_text(job.read_text().replace("prompt: sad", "prompt: sad, takes: {face: [left, right], pick: left}"))

    page.wait_for_selector("svg.faces .face.chosen[aria-label='Face 1']")
    assert page.input_value("#face-rule") == "left"
    wait_for(lambda: page.evaluate("1") and previews)
    assert "face=1" in previews[-1]


def test_faces_of_a_crowd_are_compared_by_rules(page):
    """Their numbers count the faces of what was searched, which need not be those of the span."""
    crowd = [{**FACES[0], "number": number, "left": number / 5, "right": number / 5 + 0.1} for number in (1, 2, 3)]
    page.route("**/faces/*", lambda route: route.fulfill(json={**TWO_FACES, "faces": crowd, "in_shot": 3}))
    page.evaluate(SEEK, 12)
    page.wait_for_selector(".face-row button >> text=Face 3")

    assert page.evaluate("document.querySelector('takes-panel').faces().join()") == "left,right"


@pytest.mark.parametrize("button", ["#make-film", "#make-takes"])
def test_nothing_is_made_while_the_last_change_is_refused(page, studio, button):
    """It would be made of the edit as it was before, and the message of the refusal would be too late."""
    refuse(page, "**/projects/*/edits", after=(refused := threading.Event()))
    urls = []
    for what in ("films", "takes"):
        page.route(f"**/projects/*/{what}", lambda route: urls.append(route.request.url) or route.continue_())

    page.evaluate("document.querySelector('expression-panel').save({ temperature: 0.25 })")
    page.evaluate(f"document.querySelector('{button}').click()")
    refused.set()

    page.wait_for_selector(f"#messages >> text={NO_MAKING}")
    page.unroute("**/projects/*/edits")
    assert urls == []


def test_a_refused_change_leaves_nothing_of_it_on_the_page(page):
    """What is shown is what the film would be made of."""
    refuse(page, "**/projects/*/edits")

    page.click("[data-emotion=happy]")
    page.wait_for_selector("#messages >> text=refused, to try it")

    until(page, "document.querySelector('[data-emotion=sad]').getAttribute('aria-checked') === 'true'")


def test_what_was_just_set_is_what_undo_undoes(page, studio):
    """A slider is written a moment later; undone before that, it would come back."""
    job = job_of(studio.folder)
    page.evaluate("document.querySelector('expression-panel').save({ temperature: 0.25 })")
    page.keyboard.press("Control+z")

    until(page, "!document.getElementById('redo').disabled")
    page.wait_for_timeout(700)
    assert "temperature: 1" in job.read_text()


def test_what_was_just_set_is_saved_when_the_page_is_left(page, studio):
    """Who closes the tab right after a click loses nothing."""
    page.evaluate("document.querySelector('expression-panel').save({ temperature: 0.25 })")
    page.reload()

    wait_for(lambda: "temperature: 0.25" in job_of(studio.folder).read_text(), limit_s=10)


@pytest.mark.parametrize("line", ["slow", "quick"])
def test_a_double_click_makes_one_edit_and_one_film(page, studio, line):
    """The second click comes before the answer to the first, which the page says to wait for, or right after it."""
    held, films = [], []
    if line == "slow":
        page.route("**/projects/*/edits", lambda route: held.append(route))
    page.route("**/projects/*/films", lambda route: films.append(1) or route.continue_())
    page.evaluate(SEEK, 32)
    wait_for_frame(page, 32)

    double_click(page, "#add-edit")
    for route in held:
        page.wait_for_selector("edit-list .path >> text=Saving…")
        route.continue_()
    page.wait_for_selector("edit-list .path >> text=Saved in film.mp4.react1.yaml")
    wait_for(lambda: edits_in(job_of(studio.folder)) == 2)
    page.click("#tab-finish")
    double_click(page, "#make-film")
    page.wait_for_selector(".film-item")
    page.wait_for_timeout(500)

    assert edits_in(job_of(studio.folder)) == 2
    assert (len(held), len(films)) == (line == "slow", 1)


def double_click(page, selector: str) -> None:
    """Click twice at one place, as fast as people do."""
    box = page.query_selector(selector).bounding_box()
    for _ in range(2):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(150)


def test_a_click_is_not_lost_where_the_server_tells_news_between_press_and_release(page, studio):
    """The button would be another one when it is released."""
    box = page.query_selector("#remove-edit").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    page.mouse.down()
    page.evaluate("import('/page/store.js').then(({ set, state }) => set({ job: { ...state.job } }))")
    page.mouse.up()

    wait_for(lambda: edits_in(job_of(studio.folder)) == 0)
    page.wait_for_selector("edit-list ol:empty", state="attached")


def test_a_held_delete_key_removes_one_edit(page, studio):
    """The others are not meant, and an edit that is gone already is no conflict."""
    job = job_of(studio.folder)
    job.write_text(job.read_text() + "  - {name: edit-2, in: 31f, out: 39f, prompt: happy, temperature: 1}\n")
    page.wait_for_selector("[data-name=edit-2]")

    for _ in range(5):
        page.keyboard.down("Delete")
    page.keyboard.up("Delete")
    wait_for(lambda: edits_in(job) == 1)
    page.wait_for_timeout(500)

    assert edits_in(job) == 1
    assert not page.query_selector("#messages .error")


def test_a_recording_goes_into_the_edit_for_which_it_was_begun(page, studio):
    """Another one may be selected before it ends."""
    job = job_of(studio.folder)
    job.write_text(job.read_text() + "  - {name: edit-2, in: 31f, out: 39f, prompt: happy, temperature: 1}\n")
    page.wait_for_selector("[data-name=edit-2]")
    page.click("#tab-line")
    page.context.grant_permissions(["microphone"])
    page.click("line-panel >> text=Record")
    page.wait_for_selector("text=Stop recording")
    page.wait_for_timeout(400)
    page.click("[data-name=edit-2]")
    page.click("text=Stop recording")

    wait_for(lambda: "audio:" in job.read_text())
    first, second = [line for line in job.read_text().splitlines() if "- {" in line]
    assert "audio:" in first and "audio:" not in second


def test_the_newest_film_that_was_chosen_is_opened(page, studio):
    """Also where the answer about one before it comes later."""
    make_clip(studio.folder / "slow.mp4", frames=10, size=(64, 48), tracks=0)
    make_clip(studio.folder / "quick.mp4", frames=10, size=(64, 48), tracks=0)
    opened = threading.Event()

    def late(route) -> None:
        if "slow" in json.dumps(route.request.post_data):
            threading.Thread(target=lambda: opened.wait(5)).start()
            page.held = route
        else:
            route.continue_()

    page.route("**/api/open", late)
    script = "(path) => void import('/page/store.js').then((store) => store.open(path))"
    page.evaluate(script, str(studio.folder / "slow.mp4"))
    wait_for(lambda: page.evaluate("1") and hasattr(page, "held"))
    page.evaluate(script, str(studio.folder / "quick.mp4"))
    until(page, "document.getElementById('film-name').textContent === 'quick.mp4'")
    page.held.continue_()
    page.wait_for_timeout(1500)

    assert page.text_content("#film-name") == "quick.mp4"


def test_faces_that_are_found_while_an_answer_is_on_its_way_appear(page):
    """The event may come before the answer that was given earlier."""
    page.evaluate(SEEK, 3)
    wait_for_frame(page, 3)
    page.wait_for_timeout(400)
    early = []

    def answer(route) -> None:
        if early:
            route.fulfill(json=TWO_FACES)
        else:
            early.append(route)

    page.route("**/faces/*", answer)
    page.evaluate(SEEK, 12)
    wait_for(lambda: page.evaluate("1") and early)
    page.evaluate(DISPATCH, {"first": 0, "share": 1})
    page.wait_for_selector(".face-row button >> text=Face 2")
    early[0].fulfill(json={**TWO_FACES, "share": 0.9, "faces": [], "shot": None, "in_shot": 0})
    page.wait_for_timeout(300)

    assert page.query_selector(".face-row button >> text=Face 2")


def test_the_page_comes_back_after_a_proxy_has_answered_for_the_studio(page):
    """A browser gives up at any other answer than a stream of events; the frame asked for meanwhile is shown."""
    page.route("**/api/events", lambda route: route.fulfill(status=502, body="bad gateway"))
    page.route("**/still/**", lambda route: route.fulfill(status=502, json={"error": "bad gateway"}))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(page, "document.body.classList.contains('offline')")
    page.evaluate(SEEK, 20)
    page.wait_for_selector("studio-viewer .notice >> text=bad gateway")

    page.unroute("**/api/events")
    page.unroute("**/still/**")

    until(page, "!document.body.classList.contains('offline')", limit_ms=10_000)
    until(page, "document.querySelector('canvas[data-frame]').dataset.frame === '20'", limit_ms=10_000)
    until(page, "!document.querySelector('studio-viewer .notice').textContent.includes('bad gateway')")
    page.complaints[:] = [text for text in page.complaints if "502" not in text]


def test_the_keys_of_a_sound_are_its_own(page, studio):
    """Space plays the new line, not the film."""
    job = job_of(studio.folder)
    write_wav(studio.folder / "line.wav", np.zeros((1, 240_000), np.float32), 48_000)
    job.write_text(job.read_text().replace("temperature: 1", "temperature: 1, audio: line.wav"))
    page.click("#tab-line")
    page.wait_for_selector("line-panel audio")
    page.focus("line-panel audio")
    page.keyboard.press("Space")

    until(page, "!document.querySelector('line-panel audio').paused", limit_ms=5000)
    assert page.evaluate("document.querySelector('studio-viewer video').paused")


def test_a_face_that_is_chosen_by_keys_keeps_the_focus(page):
    """In the list, and in the picture."""
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.evaluate(SEEK, 12)
    page.wait_for_selector(".face-row button >> text=Face 2")
    until(page, "document.querySelectorAll('svg.faces .face').length === 2")
    focused = []
    for selector in (".face-row button:nth-child(2)", "svg.faces .face:nth-child(1)"):
        page.focus(selector)
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        focused.append(page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel"))
    shown = page.evaluate("getComputedStyle(document.activeElement.querySelector('rect')).stroke")

    assert focused == ["Face 2", "1"]
    assert shown == "rgb(255, 255, 255)"  # also where it is the one that is changed


def test_a_key_after_a_click_is_not_for_what_was_clicked(page, studio):
    """Space plays, and Enter makes the edit; who came to a button by keys presses it by them."""
    playing = "!document.querySelector('studio-viewer video').paused"
    page.click("[data-emotion=happy]")
    page.keyboard.press("Space")
    until(page, playing, limit_ms=5000)
    live = [page.evaluate("document.querySelector('.frame-number').ariaLive")]
    page.keyboard.press("Space")
    until(page, f"!({playing})", limit_ms=5000)
    live.append(page.evaluate("document.querySelector('.frame-number').ariaLive"))
    assert live == ["off", "polite"]  # a screen reader would read every frame

    page.evaluate(SEEK, 31)
    page.click("[aria-label='Mark in']")
    page.evaluate(SEEK, 38)
    page.click("[aria-label='Mark out']")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-name=edit-2]", timeout=5000)

    page.click("[aria-label='Mark in']")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert not page.evaluate(playing)


def test_the_cards_say_at_once_why_they_are_of_another_frame(page):
    """A search reports every picture, more often than the cards are drawn."""
    page.route("**/faces/*", lambda route: route.fulfill(json={**TWO_FACES, "faces": [], "in_shot": 0}))
    page.evaluate(SEEK, 12)
    page.wait_for_selector("expression-panel >> text=No face in this frame")
    page.unroute("**/faces/*")
    page.route("**/faces/*", lambda route: route.fulfill(json={**TWO_FACES, "share": 0.1, "faces": [], "shot": None}))
    page.evaluate(SEEK, 25)
    until(page, "document.querySelector('studio-viewer .notice').textContent.includes('10 %')")
    for share in (0.2, 0.3):
        page.evaluate(DISPATCH, {"first": 0, "share": share})
        page.wait_for_timeout(100)

    assert "The cards appear when" in page.text_content("expression-panel > p.hint")


def test_who_wants_to_play_hears_why_it_does_not_play_yet(page):
    """The search for faces may have taken the place of the words about the small copy."""
    until(page, "import('/page/store.js').then((store) => store.state.faces?.share === 1)")
    page.route("**/video?*", lambda route: route.fulfill(status=202, json={"share": 0.3, "problem": ""}))
    page.evaluate(
        "import('/page/store.js').then((store) => { store.state.film.playable = false;"
        " return document.querySelector('studio-viewer').loadVideo(); })"
    )
    page.wait_for_selector("studio-viewer .notice >> text=Making a small copy to play, 30 %")
    page.evaluate("document.querySelector('studio-viewer').say('Looking for faces')")
    page.keyboard.press("Space")

    page.wait_for_selector("studio-viewer .notice >> text=Making a small copy to play, 30 %", timeout=5000)


def test_lists_that_the_job_names_later_are_shown_at_once(page, studio):
    """And which of several lists beside the film is meant is asked in one sentence, or why one shows nothing."""
    srt = "1\n00:00:00,200 --> 00:00:00,900\nI said so.\n"
    for name in ("film.en.srt", "film.de.srt"):
        (studio.folder / name).write_text(srt)
    page.reload()
    page.wait_for_selector(
        "film-timeline .problem >> text=2 files beside film.mp4 could be “Spoken lines”: film.de.srt, film.en.srt; "
        "set “Spoken lines” to one of them"
    )
    assert not page.is_visible("film-timeline input[type=search]")

    job = job_of(studio.folder)
    job.write_text(job.read_text().replace("edits:", "cues: film.en.srt\nedits:"))

    page.wait_for_selector("film-timeline input[type=search]")
    assert page.text_content("film-timeline .problem") == ""

    (studio.folder / "rough.csv").write_text("in,out\n10f,20f\n")
    (studio.folder / "cut.otio").write_text('{"OTIO_SCHEMA": ')
    job.write_text(job.read_text().replace("cues: film.en.srt", "cues: rough.csv\ntimeline: cut.otio"))
    page.wait_for_selector("film-timeline .problem >> text=rough.csv: has no spoken lines; cut.otio: ")


def test_lists_that_another_program_writes_beside_the_film_are_shown_at_once(page, studio):
    """Added, changed and removed: the spoken lines, and the place of an edit that names one of them."""
    job, lines = job_of(studio.folder), studio.folder / "film.srt"
    job.write_text(job.read_text().replace("in: 10f, out: 30f", "at: {cue: 1}"))
    page.wait_for_selector("edit-list .edit .problem")
    page.wait_for_timeout(1000)

    lines.write_text("1\n00:00:00,200 --> 00:00:00,900\nI said so.\n")
    page.wait_for_selector("film-timeline input[type=search]", timeout=10_000)
    until(page, "document.querySelector('edit-list .edit .problem') === null", limit_ms=10_000)
    lines.write_text("1\n00:00:00,200 --> 00:00:00,900\nI did not.\n")
    until(page, "document.querySelector('#cues option')?.value === 'I did not.'", limit_ms=10_000)
    lines.unlink()
    page.wait_for_selector("film-timeline .search", state="hidden", timeout=10_000)
    page.wait_for_selector("edit-list .edit .problem", timeout=10_000)


def test_a_film_that_does_not_play_says_so_and_is_asked_for_again(page):
    """A finished film may be in a codec that this browser lacks, or the server may have gone while it was sent."""
    page.route("**/video?*", lambda route: route.fulfill(status=404))
    page.reload()
    page.wait_for_selector("studio-viewer .notice >> text=cannot be played by this browser")
    page.evaluate("document.querySelector('studio-viewer').say('')")
    page.keyboard.press("Space")
    page.wait_for_selector("studio-viewer .notice >> text=cannot be played by this browser")

    page.unroute("**/video?*")
    page.evaluate(
        "import('/page/store.js').then((store) => store.events.dispatchEvent(new CustomEvent('server-back')))"
    )
    until(page, "document.querySelector('studio-viewer video').readyState >= 2")
    page.evaluate(SEEK, 5)
    page.keyboard.press("Space")

    until(page, "Number(document.querySelector('.frame-number').textContent.slice(6)) > 6")
    page.complaints[:] = [text for text in page.complaints if "404" not in text]


def test_an_edit_is_moved_by_keys_alone(page, studio):
    """Dragging its edges is not the only way."""
    page.evaluate(SEEK, 3)
    page.keyboard.press("i")
    page.evaluate(SEEK, 8)
    page.keyboard.press("o")
    page.focus("edit-list >> text=Move edit-1 there")
    page.keyboard.press("Enter")

    wait_for(lambda: "in: 3f, out: 9f, prompt: sad" in job_of(studio.folder).read_text())
    until(page, "document.querySelector('.marks').textContent === ''")


def test_a_message_is_seen_above_the_list_of_films(page, studio):
    """Why a film cannot be opened, where it is opened."""
    (studio.folder / "no-film.mp4").write_bytes(b"no film")
    page.click("#open-library")
    page.click("button[data-path$='no-film.mp4']")
    page.wait_for_selector("#messages .error")

    on_top = page.evaluate(
        "(() => { const box = document.querySelector('#messages .error').getBoundingClientRect();"
        " const order = [...document.querySelectorAll('dialog[open], #messages:popover-open')];"
        " return document.querySelector('dialog[open]') !== null && order.length === 2 && box.width > 0; })()"
    )
    shown = page.screenshot(clip=page.query_selector("#messages .error").bounding_box())
    brightest = np.asarray(Image.open(io.BytesIO(shown)).convert("L")).max()

    assert on_top
    assert brightest > 200  # below the backdrop nothing is


def test_the_ruler_stands_at_round_labels_of_drop_frame(page):
    """Minutes leave out two labels, so that ten minutes are not 18000 frames."""
    clock = "{ rate: [30000, 1001], drop: true, start: 0 }"
    labels = page.evaluate(
        "async () => { const [store, viewer, timeline] = await Promise.all(['store', 'viewer', 'timeline']"
        ".map((name) => import(`/page/${name}.js`)));"
        f" store.state.job.clock = {clock};"
        " return [[0, 60000, 18000], [0, 4000, 1800], [1795, 1806, 2]]"
        ".map(([from, to, by]) => timeline.roundFrames(from, to, by, 30).map(viewer.label)); }"
    )

    assert labels == [
        ["00:00:00;00", "00:10:00;00", "00:20:00;00", "00:30:00;00"],
        ["00:00:00;00", "00:01:00;02", "00:02:00;02"],
        ["00:00:59;26", "00:00:59;28", "00:01:00;02", "00:01:00;04", "00:01:00;06"],
    ]


def test_an_edit_is_named_on_the_timeline_also_where_its_beginning_is_not_seen(page):
    """Who has zoomed into a long edit sees which one it is."""
    places = page.evaluate(
        "() => { const timeline = document.querySelector('film-timeline'), places = [];"
        " const context = timeline.canvas.getContext('2d'), draw = context.fillText.bind(context);"
        " context.fillText = (text, x, y) => { if (text.startsWith('edit-1')) places.push(x); draw(text, x, y); };"
        " timeline.show(15, 25); timeline.draw(); return places; }"
    )

    assert places == [6]


def test_what_is_selected_is_seen_without_colours_of_the_page(page):
    """A system with high contrast replaces them, and drops shadows."""
    page.emulate_media(forced_colors="active")
    page.mouse.move(5, 5)
    widths = page.evaluate(
        "['.edit[aria-pressed=true]', '.cards [aria-checked=true]', '.cards [aria-checked=false]']"
        ".map((name) => getComputedStyle(document.querySelector(name)).borderTopWidth)"
    )
    page.emulate_media(forced_colors="none")

    assert widths == ["3px", "3px", "1px"]


def test_a_film_that_is_copied_says_so_until_it_is_there(page, studio, tmp_path):
    """It may take minutes; without a word it would be dropped again."""
    film = make_clip(tmp_path / "dropped.mp4", frames=10, size=(64, 48), tracks=0)
    held = []
    page.route("**/api/films?*", lambda route: held.append(route))
    page.click("#open-library")
    page.set_input_files("#film-file", film)
    page.wait_for_selector("#messages >> text=Copying dropped.mp4…")
    page.wait_for_timeout(4500)
    seen = page.is_visible("#messages >> text=Copying dropped.mp4…")
    held[0].continue_()

    until(page, "document.getElementById('film-name').textContent === 'dropped.mp4'")
    assert seen
    until(page, "!document.getElementById('messages').textContent.includes('Copying')")


def test_what_is_held_ends_with_the_window(page):
    """A menu, or another window, takes the end of a drag and of a key."""
    box = page.query_selector("film-timeline canvas").bounding_box()
    before = page.text_content(".frame-number")
    page.mouse.move(box["x"] + 500, box["y"] + 60)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 900, box["y"] + 60)
    after = page.text_content(".frame-number")
    page.mouse.up(button="right")
    page.keyboard.down("b")
    held = page.evaluate("document.querySelector('studio-viewer').held")
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    let_go = page.evaluate("document.querySelector('studio-viewer').held")
    page.keyboard.up("b")

    assert after == before
    assert (held, let_go) == (True, False)


def test_who_agrees_to_one_bill_agrees_to_no_other(page):
    """On a slow line the bill of the takes and that of the film may come one over the other."""
    page.evaluate(
        "import('/page/dom.js').then(({ ask }) => { window.answers = {};"
        " for (const name of ['takes', 'film'])"
        " ask(name, [], [{ text: `Pay for the ${name}`, value: 'pay' }]).then((value) => (answers[name] = value)); })"
    )
    page.click("text=Pay for the film")
    page.wait_for_timeout(200)

    assert page.evaluate("answers") == {"takes": "", "film": "pay"}
    page.click("#help")
    page.click("#dialog >> text=Close")
    assert not page.query_selector("#dialog[open]")


def test_the_list_of_edits_keeps_the_focus(page, studio):
    """It is drawn again after each change; who works by keys would begin at the top of the page."""
    job = job_of(studio.folder)
    job.write_text(job.read_text() + "  - {name: edit-2, in: 31f, out: 39f, prompt: happy, temperature: 1}\n")
    page.wait_for_selector("[data-name=edit-2]")
    focused = []
    page.focus("[data-name=edit-1]")
    for count in (1, 0):
        page.keyboard.press("Delete")
        until(page, f"document.querySelectorAll('edit-list .edit').length === {count}")
        focused.append(page.evaluate("document.activeElement.textContent.slice(0, 13)"))

    assert focused[0].startswith("edit-2")
    assert focused[1] == "New edit here"

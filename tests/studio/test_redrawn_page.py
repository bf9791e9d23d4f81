"""Parts of the page that are drawn again while an editor uses them, in a real Chromium."""

from __future__ import annotations

import pytest
from running_studio import wait_for
from studio_page import TWO_FACES, enter, show_studio, studio_of_edited_film, until

pytestmark = pytest.mark.slow
SEEK = "(frame) => import('/page/viewer.js').then((viewer) => viewer.seek(frame))"
TELL_NEWS = "import('/page/store.js').then(({ set, state }) => set({ job: { ...state.job } }))"


@pytest.fixture
def studio(tmp_path):
    """A studio on a film of 40 frames with one edit."""
    yield from studio_of_edited_film(tmp_path)


@pytest.fixture
def page(tab, studio):
    yield from show_studio(tab, studio)


def job_of(folder):
    return folder / "film.mp4.react1.yaml"


def edits_in(job) -> int:
    return job.read_text().count("- {")


def test_news_of_the_server_change_nothing_that_is_used(page, studio):
    """A list that is open, a text that is typed or marked, and a place that was scrolled to stay as they are."""
    job = job_of(studio.folder)
    more = "".join(f"  - {{name: e{at}, in: {at}f, out: {at + 1}f, prompt: sad}}\n" for at in range(30, 40))
    job.write_text(job.read_text() + more)
    page.wait_for_selector("[data-name=e39]")
    page.click("[data-name=edit-1]")
    page.evaluate("document.querySelector('.left').scrollTop = 300")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('edit-list .path'))")
    page.evaluate("window.lists = [...document.querySelectorAll('#take-provider, #film-provider')]")

    page.evaluate(TELL_NEWS)

    assert page.evaluate(
        "[document.querySelector('.left').scrollTop, window.lists.map((list) => list.isConnected)]"
    ) == [
        300,
        [True, True],
    ]
    assert page.evaluate("getSelection().toString()") == "Saved in film.mp4.react1.yaml"


def test_what_is_typed_stays_when_another_option_is_saved(page, studio):
    """The answer to the one comes while the next one is typed."""
    held = []
    page.route("**/options", lambda route: held.append(route))
    page.click("#tab-finish")
    page.click("film-options summary")
    enter(page, "#option-handles", "0.2")
    page.focus("#option-project")
    page.keyboard.type("The Int")
    page.evaluate("window.field = document.activeElement")
    wait_for(lambda: page.evaluate("1") and held)
    held.pop().continue_()
    page.wait_for_selector("[data-option=handles][data-differs]")
    page.keyboard.type("erview")

    assert page.evaluate("window.field === document.activeElement && window.field.value") == "The Interview"
    assert "project" not in job_of(studio.folder).read_text()
    page.unroute("**/options")
    page.keyboard.press("Tab")
    wait_for(lambda: "project: The Interview" in job_of(studio.folder).read_text())


@pytest.mark.parametrize("how", ["key", "pointer"])
def test_a_box_that_is_pressed_is_ticked(page, how):
    """It is drawn again with the list in which it stands."""
    page.click("#tab-takes")
    page.focus("#want-prompt-angry")
    page.hover("#want-prompt-angry")
    (press, *key) = (page.keyboard, " ") if how == "key" else (page.mouse,)
    press.down(*key)
    page.evaluate(TELL_NEWS)
    press.up(*key)

    assert page.is_checked("#want-prompt-angry")


def test_the_outline_of_a_face_that_is_pressed_chooses_it(page, studio):
    """Outlines are no buttons, and are drawn again with each news of the job."""
    page.route("**/faces/*", lambda route: route.fulfill(json=TWO_FACES))
    page.evaluate(SEEK, 12)
    page.wait_for_selector("svg.faces .face[aria-label='Face 2']")
    until(page, "document.querySelector('studio-viewer canvas').dataset.frame === '12'")
    page.wait_for_timeout(300)  # the faces of this frame are asked for
    box = page.query_selector("svg.faces .face[aria-label='Face 2'] rect").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate(TELL_NEWS)
    page.mouse.up()

    wait_for(lambda: page.evaluate("1") and "{at: [0.7, 0.4], frame: 12f}" in job_of(studio.folder).read_text())


def test_a_double_click_presses_one_button(page):
    """What the first click brings under the pointer, such as Remove in place of Choose, is not meant."""
    page.evaluate(
        "() => { window.pressed = []; const add = (text) => {"
        " const button = Object.assign(document.createElement('button'), { id: `try-${text}`, textContent: text,"
        " onclick: () => { window.pressed.push(text); button.remove(); add(`${text}+`); } });"
        " button.style.cssText = 'position: fixed; inset: 0; z-index: 9'; document.body.append(button); };"
        " add('Choose'); }"
    )
    page.wait_for_selector("#try-Choose")
    for count in (1, 2):
        page.mouse.click(300, 300, click_count=count)
    first = page.evaluate("window.pressed.join()")
    page.mouse.click(500, 300)
    page.evaluate("document.querySelector('[id^=try-]').click()")

    assert first == "Choose"
    assert page.evaluate("window.pressed.join()") == "Choose,Choose+,Choose++"


def test_a_held_enter_on_remove_removes_one_edit(page, studio):
    """The button stands for the next edit as soon as one is removed."""
    job = job_of(studio.folder)
    job.write_text(
        job.read_text() + "".join(f"  - {{name: e{at}, in: {at}f, out: {at + 1}f}}\n" for at in (31, 32, 33))
    )
    page.wait_for_selector("[data-name=e33]")
    page.focus("#remove-edit")
    page.evaluate("import('/page/dom.js').then(({ focus }) => (focus.isPointed = false))")
    page.keyboard.down("Enter")
    until(page, "document.querySelectorAll('edit-list .edit').length === 3")
    for _ in range(3):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.wait_for_timeout(500)

    assert edits_in(job) == 3


def test_what_the_focus_goes_to_is_not_below_the_tabs(page):
    """The tabs stay in place while the panel is scrolled."""
    page.click("#tab-finish")
    page.click("film-options summary")
    page.focus("#option-timeline")
    page.evaluate("document.querySelector('#option-cues').scrollIntoView()")
    page.focus("#option-cues")
    for name in ("#option-cues", "film-options summary"):
        top, edge = page.evaluate(
            f"['{name}', '.tabs'].map((one) => document.querySelector(one).getBoundingClientRect())"
            ".map((box, index) => (index ? box.bottom : box.top))"
        )
        assert top >= edge, name
        page.keyboard.press("Shift+Tab")


def test_a_refused_signing_leaves_its_box_as_the_job_says(page):
    """The film would not be signed, although the box is ticked."""
    page.route("**/signing", lambda route: route.fulfill(status=422, json={"error": "refused, to try it"}))
    page.click("#tab-finish")
    if page.is_disabled("#sign"):
        pytest.skip("signing needs the extra provenance")
    page.click("#sign")
    page.wait_for_selector("#messages >> text=refused, to try it")

    until(page, "!document.getElementById('sign').checked", limit_ms=5_000)
    page.complaints[:] = [text for text in page.complaints if "422" not in text]

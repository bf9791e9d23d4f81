"""What the pack adds to ComfyUI's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import NO_SUGGESTIONS, find_browser

import react1
from react1.pipeline.adapters.comfyui import all_boxes

ROOT = Path(__file__).resolve().parent.parent.parent
APP = "export const app = {registerExtension(extension) { window.extension = extension; }};"
LOAD = """async () => { await import("/extensions/react1-nodes/film_previews.js"); }"""
CREATE = """([name, output]) => {
    const node = {constructor: {nodeData: {name, output}}};
    window.extension.nodeCreated(node);
    return node.previewMediaType ?? null;
}"""


@pytest.mark.slow
def test_the_page_shows_the_films_of_boxes_in_players(server):
    """Also of boxes without a VIDEO input; the contact sheet and the boxes of other packs stay as they are."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the page is driven by Playwright: extra dev")
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here, in which the page could be tried")
    boxes = {name: [output.type for output in box.outputs] for name, box in all_boxes().items()}

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[NO_SUGGESTIONS, "--no-sandbox"])
        page = browser.new_page()
        page.route("**/*", serve)
        page.goto("http://comfyui.test/")
        page.evaluate(LOAD)
        shown = {name: page.evaluate(CREATE, [name, output]) for name, output in boxes.items()}
        foreign = page.evaluate(CREATE, ["LoadVideo", ["VIDEO"]])
        browser.close()

    players = {name for name, kind in shown.items() if kind == "video"}
    assert {"react1_reexpress", "react1_pick_take", "react1_splice", "react1_compare", "react1_sign"} <= players
    assert not {"react1_contact_sheet", "react1_edit", "react1_cost"} & players
    assert foreign is None


def serve(route):
    """Answer as ComfyUI's server, with its `app.js` and the pack's folder."""
    path = route.request.url.removeprefix("http://comfyui.test")
    if path == "/scripts/app.js":
        route.fulfill(body=APP, content_type="text/javascript")
    elif path.startswith("/extensions/react1-nodes/"):
        folder = ROOT / react1.WEB_DIRECTORY
        route.fulfill(path=folder / path.rsplit("/", 1)[-1], content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")

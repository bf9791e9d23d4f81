"""A page of the studio in a real Chromium, as tests drive it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from numbered_clips import make_clip
from running_studio import Studio, start_studio, stop_studio

_SIDES = {"top": 0.2, "bottom": 0.6, "frames": 40}
FACES = [{"number": 1, "left": 0.1, "right": 0.3, **_SIDES}, {"number": 2, "left": 0.6, "right": 0.8, **_SIDES}]
TWO_FACES = {"share": 1, "problem": "", "shot": [0, 40], "faces": FACES, "in_shot": 2}
"""What the studio answers of a frame with two faces."""
VIEWPORT = {"width": 1440, "height": 900}


def make_edited_film(folder: Path) -> Path:
    """Make a film of 40 frames in a new folder, and its job with one edit."""
    folder.mkdir()
    film = make_clip(folder / "film.mp4", frames=40, size=(64, 48), tracks=0)
    edit = "{name: edit-1, in: 10f, out: 30f, prompt: sad, temperature: 1}"
    film.with_name("film.mp4.react1.yaml").write_text(f"preset: emotion-edit\nsource: film.mp4\nedits:\n  - {edit}\n")
    return film


def studio_of_edited_film(folder: Path) -> Iterator[Studio]:
    """Run a studio on a film of 40 frames with one edit, until the test has ended."""
    film = make_edited_film(folder / "films")
    running = start_studio(folder / "home", film.parent, film)
    yield running
    stop_studio(running)


def open_page(chromium, url, **options):
    """Open the studio's address; anything that the browser complains about fails the test."""
    return show(open_tab(chromium, **options), url)


def open_tab(chromium, **options):
    """Open an empty page that collects what the browser complains about."""
    context = chromium.new_context(viewport=VIEWPORT, **options)
    tab = context.new_page()
    tab.complaints = []
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("console", lambda line: tab.complaints.append(_with_url(line)) if line.type == "error" else None)
    tab.set_default_timeout(60_000)
    return tab


def show(tab, url):
    """Open the studio's address in a page, and wait until it has started."""
    tab.goto(url)
    tab.wait_for_selector("html[data-started]")
    return tab


def _with_url(line) -> str:
    return f"{line.text} {line.location.get('url', '')}".rstrip()


def close_page(page) -> None:
    complaints = complaints_of(page)
    page.context.close()
    assert not complaints, complaints


def show_studio(tab, studio: Studio):
    """Open a studio in a page until the test has ended, from when a frame is shown."""
    show(tab, studio.url).wait_for_selector("canvas[data-shows]")
    yield tab
    leave_page(tab)


def leave_page(tab) -> None:
    """Leave a page to the next test, whose studio has another port, and so its own storage.

    A picture of the same studio ends what runs in the page; an empty page would need another process of Chromium. The
    icon that Chromium asks for beside a picture is not the page's, and the studio has none.
    """
    complaints = [text for text in complaints_of(tab) if not text.endswith("/favicon.ico")]
    tab.unroute_all(behavior="ignoreErrors")
    tab.goto(urljoin(tab.url, "/page/icon.svg"))
    tab.context.clear_permissions()
    tab.set_viewport_size(VIEWPORT)
    tab.complaints.clear()
    assert not complaints, complaints


def complaints_of(page) -> list[str]:
    return [text for text in page.complaints if "409" not in text]


def until(page, expression: str, *, limit_ms: int = 60_000) -> None:
    """Wait until an expression is true; the page's policy forbids Playwright's own way, which evaluates text there."""
    for _ in range(limit_ms // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def shown_frame(page) -> int:
    return int(page.text_content(".frame-number").removeprefix("frame "))


def wait_for_frame(page, frame: int) -> None:
    until(page, f"document.querySelector('.frame-number').textContent === 'frame {frame}'")


def enter(page, field: str, text: str) -> None:
    """Type a text into a field and leave it."""
    page.fill(field, text)
    page.press(field, "Tab")


def watch_take(page) -> None:
    """Open the player of the first take and wait until its clips can be played."""
    page.click("text=Watch")
    page.wait_for_selector("take-player .stage")
    until(page, "[...document.querySelectorAll('take-player video')].every((v) => v.readyState >= 2)")


def load_axe(page) -> None:
    """Load axe-core into a page."""
    axe_package = pytest.importorskip("axe_core_python", reason="axe-core comes with axe-core-python: extra dev")
    page.evaluate(Path(axe_package.__file__).with_name("axe.min.js").read_text("utf-8"))


AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
AXE_COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""Those of the tags' rules that ask for colours."""


def axe_violations(page, where: str, *, colours_only: bool = False) -> list[str]:
    """Return what axe-core finds on the page as it is now, against WCAG 2.1 A and AA; empty if it is clean.

    Themes differ in nothing but colours, which tests/studio/test_page_words.py checks: of a page that has passed in
    one theme, `colours_only` asks again what depends on them.
    """
    rules = {"type": "rule", "values": AXE_COLOUR_RULES} if colours_only else {"type": "tag", "values": AXE_TAGS}
    lines = page.evaluate(
        "(rules) => axe.run({runOnly: rules}).then((r) => r.violations"
        ".map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`))",
        rules,
    )
    return [f"{where}: {line}" for line in lines]


def set_theme(page, theme: str) -> None:
    """Switch the theme and wait for its colours, which change over a tenth of a second."""
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    page.wait_for_timeout(200)

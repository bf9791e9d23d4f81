"""A page of the studio in a real Chromium, as tests drive it."""

from __future__ import annotations

from pathlib import Path

import pytest


def open_page(chromium, url, **options):
    """Open the studio's address; anything that the browser complains about fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, **options)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda line: page.complaints.append(_with_url(line)) if line.type == "error" else None)
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector("html[data-started]")
    return page


def _with_url(line) -> str:
    return f"{line.text} {line.location.get('url', '')}".rstrip()


def close_page(page) -> None:
    complaints = [text for text in page.complaints if "409" not in text]
    page.context.close()
    assert not complaints, complaints


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

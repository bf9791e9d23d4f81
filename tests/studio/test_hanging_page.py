"""A studio that hangs while its page is open: the page says so, gives nothing up, and goes on with it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from running_studio import wait_for
from studio_page import close_page, make_edited_film, open_page, until

pytestmark = pytest.mark.slow
SEEK = "(frame) => import('/page/viewer.js').then((viewer) => viewer.seek(frame))"


@pytest.fixture
def film(tmp_path):
    """A film of 40 frames with one edit."""
    return make_edited_film(tmp_path / "films")


@pytest.fixture
def process(film, tmp_path):
    """A studio in a process of its own, which can be stopped and continued."""
    argv = [sys.executable, "-m", "react1", "studio", str(film), "--no-browser", "--port", "0"]
    with subprocess.Popen([*argv, "--home", str(tmp_path / "home")], stdout=subprocess.PIPE, text=True) as studio:
        yield studio
        studio.send_signal(signal.SIGCONT)
        studio.terminate()
        studio.wait(60)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be stopped here")
def test_a_studio_that_hangs_is_reported_and_what_was_asked_of_it_is_done_later(chromium, process, film):
    """A change and a frame that were asked for meanwhile are there as soon as it goes on."""
    page = open_page(chromium, process.stdout.readline().split()[-1])
    page.wait_for_selector("canvas[data-shows]")
    process.send_signal(signal.SIGSTOP)
    page.click("[data-emotion=angry]")
    page.evaluate(SEEK, 20)

    page.wait_for_selector("body.offline", timeout=20_000)
    process.send_signal(signal.SIGCONT)

    page.wait_for_selector("body:not(.offline)", timeout=20_000)
    wait_for(lambda: "prompt: angry" in film.with_name("film.mp4.react1.yaml").read_text(), limit_s=10)
    until(page, "document.querySelector('canvas[data-frame]').dataset.frame === '20'", limit_ms=10_000)
    assert page.query_selector("#messages .error") is None
    close_page(page)

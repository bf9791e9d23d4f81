"""A browser without a window plays a film from a loopback server and tells what it saw."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numbered_clips import frame_number

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PAGE = Path(__file__).with_name("player.html")
NO_SUGGESTIONS = (
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,HttpsUpgrades,MediaRouter,OptimizationHints"
    ",NetworkTimeServiceQuerying,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning"
)
"""Without pages of its own for the suggestions of the address bar, two in each window, Chromium takes half the CPU time
to open one. The flag replaces that of Playwright, so it names what matters of that, too."""
_FLAGS = (
    NO_SUGGESTIONS,
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
)
_PATIENCE_S = 120
_LOBBY = b"""<!doctype html>
<style>body { margin: 0 } iframe { width: 100vw; height: 100vh; border: 0 }</style>
<iframe></iframe>
<script>
(async () => {
  const inner = document.querySelector("iframe").contentWindow;
  for (;;) if ((await fetch("/next")).status === 200) inner.location = "/inner";
})();
</script>"""


@dataclass(frozen=True)
class PlaybackReport:
    """What the page saw."""

    plays: str
    """What the browser says of the codec beforehand; empty where it does not take it."""
    error: str
    """The MediaError, or what else went wrong."""
    duration_s: float
    size: tuple[int, int]
    ended: bool
    seeks: list[int]
    """The number shown after each seek."""
    played: list[tuple[float, int]]
    """(seconds, number) of each picture that was put on the screen while the film played through."""


def find_browser() -> str | None:
    """Find a Chromium or a Chrome on the PATH."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Screen:
    """A browser that plays one film after the other, each in a new page inside the one that it keeps open."""

    def __init__(self, browser: str, profiles: Path) -> None:
        """Start nothing yet; the browser's profiles go into new folders in `profiles`."""
        self._browser, self._profiles = browser, profiles
        self._open: contextlib.ExitStack | None = None
        self._stage = _Stage(b"", b"", "")

    def watch(self, film: Path, mime: str, frames: Sequence[int], rate: int) -> PlaybackReport:
        """Let the browser seek into the middle of each frame, then play the film."""
        requested = {"type": mime, "seeks": [(number + 0.5) / rate for number in frames], "frame": 1 / rate}
        page = _PAGE.read_text(encoding="utf-8").replace("/*ASKED*/ null", json.dumps(requested))
        if self._open is None:
            self._stage = _Stage(_LOBBY, b"", "")
            self._open = contextlib.ExitStack()
            self._open.enter_context(_shown(self._browser, self._stage, self._profiles / str(self._stage.server_port)))
        self._stage.put_on(page.encode(), film.read_bytes(), mime)
        try:
            return _report(self._stage.answer())
        except AssertionError:
            self.close()  # the next film gets another browser
            raise

    def close(self) -> None:
        """End the browser, if it has started."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _report(message: dict[str, Any]) -> PlaybackReport:
    return PlaybackReport(
        message["plays"],
        message["error"],
        float(message["duration"] or 0),
        tuple(message["size"]),
        message["ended"],
        [_number(grid) for grid in message["seeks"]],
        [(at, _number(grid)) for at, grid in message["played"]],
    )


def ask(browser: str, page: str, script: str, profile: Path) -> Any:
    """Open a page, let `script` look at it once it has loaded, and give what the script gives, as JSON.

    What keeps other scripts out of the page is taken off it first.
    """
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    expected_text = f"({script})().catch((wrong) => ({{wrong: String(wrong)}}))"
    sent = f"fetch('/', {{method: 'POST', body: JSON.stringify(await {expected_text})}})"
    asking = f"<script>addEventListener('load', async () => {sent})</script>"
    complete = policy.sub("", page).replace("</body>", asking + "</body>")
    return _answer(browser, _Stage(complete.encode(), b"", ""), profile)


def print_page(browser: str, page: Path, printed: Path, profile: Path) -> None:
    """Print a page to a PDF."""
    argv = [browser, *_FLAGS, f"--user-data-dir={profile}", f"--print-to-pdf={printed}", page.as_uri()]
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=_PATIENCE_S)


def _answer(browser: str, server: _Stage, profile: Path) -> Any:
    """Let the browser open the server's page, and give what the page sends back."""
    with _shown(browser, server, profile):
        return server.answer()


@contextlib.contextmanager
def _shown(browser: str, server: _Stage, profile: Path) -> Iterator[None]:
    """Let a browser have the server's page open meanwhile."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    argv = [browser, *_FLAGS, f"--user-data-dir={profile}", address]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        server.shutdown()
        server.server_close()
        thread.join()


def _number(grid: list[list[float]]) -> int:
    return frame_number(np.kron(np.array(grid), np.ones((8, 8))))


class _Stage(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, page: bytes, film: bytes, mime: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.page, self.film, self.mime = page, film, mime
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.next: queue.Queue[bytes] = queue.Queue()
        self.inner = b""

    def put_on(self, page: bytes, film: bytes, mime: str) -> None:
        """Let the lobby show another page with another film."""
        self.inner, self.film, self.mime = page, film, mime
        self.next.put(b"now")

    def answer(self) -> Any:
        """Wait for what the page sends back."""
        try:
            return self.answers.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"the browser said nothing for {_PATIENCE_S} s") from None


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Stage

    def do_GET(self) -> None:
        if self.path == "/film":
            self._part()
        elif self.path == "/":
            self._send(200, self.server.page, "text/html; charset=utf-8")
        elif self.path == "/inner":
            self._send(200, self.server.inner, "text/html; charset=utf-8")
        elif self.path == "/next":
            try:
                self._send(200, self.server.next.get(timeout=1), "text/plain")
            except queue.Empty:
                self._send(204, b"", "text/plain")
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:
        self.server.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send(204, b"", "text/plain")

    def _part(self) -> None:
        film, mime = self.server.film, self.server.mime
        requested = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not requested:
            self._send(200, film, mime)
            return
        start, end = int(requested[1]), min(int(requested[2] or len(film) - 1), len(film) - 1)
        self._send(206, film[start : end + 1], mime, {"Content-Range": f"bytes {start}-{end}/{len(film)}"})

    def _send(self, code: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(code)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Accept-Ranges": "bytes", **(more or {})}
        headers["Cache-Control"] = "no-store"  # the next film has the same address
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass

"""Firefox and WebKitGTK, driven by the commands of WebDriver: what they need beside themselves is on a Debian.

Firefox takes the commands over a socket (Marionette), WebKitGTK by HTTP from `WebKitWebDriver`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
from running_studio import wait_for

ENTER = "\ue007"
_MIDDLE = """const element = document.querySelector(arguments[0]);
element.scrollIntoView({block: "nearest"});
const box = element.getBoundingClientRect();
return [box.left + box.width / 2, box.top + box.height / 2];"""
_PATIENCE_S = 40
_WEBKIT_BROWSERS = ("/usr/lib/*/webkit2gtk-4.1/MiniBrowser", "/usr/lib/*/webkitgtk-6.0/MiniBrowser")


class Browser:
    """A browser with one page."""

    def command(self, name: str, body: dict[str, Any]) -> Any:
        """Send a command of WebDriver: `url`, `actions` or `execute/sync`; return its value."""
        raise NotImplementedError

    def open(self, url: str) -> None:
        self.command("url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        """Return what the body of a function returns in the page."""
        return self.command("execute/sync", {"script": script, "args": list(args)})

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        try:
            wait_for(lambda: self.run(f"return Boolean({expression})"), limit_s=_PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"never true: {expression}") from None

    def click(self, css: str) -> None:
        """Press and release the mouse on an element."""
        self.until(f"document.querySelector({css!r})?.getClientRects().length")
        x, y = self.run(_MIDDLE, css)
        move = {"type": "pointerMove", "x": int(x), "y": int(y)}
        press = [{"type": name, "button": 0} for name in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def type(self, text: str) -> None:
        """Press and release keys, whatever has the focus."""
        keys = [{"type": name, "value": key} for key in text for name in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": keys})

    def _act(self, source: dict[str, Any]) -> None:
        self.command("actions", {"actions": [source]})


class Firefox(Browser):
    """A Firefox without a window."""

    _NAMES: ClassVar = {"url": "Navigate", "actions": "PerformActions", "execute/sync": "ExecuteScript"}

    def __init__(self, port: int) -> None:
        """Connect to one that starts."""
        self._socket = wait_for(lambda: _connection(port))
        self._socket.settimeout(_PATIENCE_S)
        self._answers = self._socket.makefile("rb")
        self._read()
        self._send("NewSession", {})

    def command(self, name: str, body: dict[str, Any]) -> Any:
        return self._send(self._NAMES[name], body)

    def _send(self, name: str, body: dict[str, Any]) -> Any:
        text = json.dumps([0, 1, f"WebDriver:{name}", body]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, answer = self._read()
        assert error is None, error
        return answer.get("value")

    def _read(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            digits += self._answers.read(1)
        return json.loads(self._answers.read(int(digits[:-1])))

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


class WebKit(Browser):
    """WebKitGTK's own small browser."""

    def __init__(self, port: int, binary: str) -> None:
        """Open a window by a driver that starts."""
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE_S, trust_env=False)
        wait_for(lambda: _connection(port, keep=False))
        options = {"binary": binary, "args": ["--automation"]}
        session = self._post("/session", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}})
        self._session = f"/session/{session['sessionId']}"
        self.command("window/rect", {"width": 1440, "height": 900})

    def command(self, name: str, body: dict[str, Any]) -> Any:
        return self._post(f"{self._session}/{name}", body)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        response = self._client.post(path, json=body)
        assert response.status_code == 200, response.text
        return response.json()["value"]

    def close(self) -> None:
        self._client.delete(self._session)
        self._client.close()


def missing_browser(name: str) -> str:
    """Return what is not there that `name`, `firefox` or `webkit`, needs; empty if all is there."""
    if name == "firefox":
        return "" if _firefox() else "no Firefox on the PATH"
    tools = [tool for tool in ("WebKitWebDriver", "Xvfb") if not shutil.which(tool)]
    return (
        f"no {' and no '.join(tools)} on the PATH"
        if tools
        else ""
        if _mini_browser()
        else "no MiniBrowser of WebKitGTK"
    )


@contextlib.contextmanager
def open_browser(name: str, folder: Path) -> Iterator[Browser]:
    """Start a browser whose files go into `folder`, and end it."""
    folder.mkdir()
    with _free_port() as port, contextlib.ExitStack() as open_ones:
        home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        if name == "firefox":
            settings = {"marionette.port": port, "browser.aboutwelcome.enabled": False}
            lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in settings.items()]
            (folder / "user.js").write_text("".join(lines))
            window = ["--headless", "--width=1440", "--height=900"]
            argv = [_firefox(), *window, "--marionette", "--no-remote", "--profile", str(folder)]
            open_ones.enter_context(_process(argv, home))
            browser: Any = Firefox(port)
        else:
            screen = open_ones.enter_context(_process(["Xvfb", "-displayfd", "1", "-nolisten", "tcp"], home))
            display = f":{screen.stdout.readline().decode().strip()}"
            argv = ["WebKitWebDriver", "--host=127.0.0.1", f"--port={port}"]
            open_ones.enter_context(_process(argv, {**home, "DISPLAY": display, "GDK_BACKEND": "x11"}))
            browser = WebKit(port, str(_mini_browser()))
        open_ones.callback(browser.close)
        yield browser


def _firefox() -> str | None:
    return next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)


def _mini_browser() -> Path | None:
    paths = (path for pattern in _WEBKIT_BROWSERS for path in Path("/").glob(pattern.lstrip("/")))
    return next(paths, None)


@contextlib.contextmanager
def _process(argv: list[Any], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    yield port


def _connection(port: int, *, keep: bool = True) -> Any:
    try:
        opened = socket.create_connection(("127.0.0.1", port), timeout=1)
    except OSError:
        return None
    if not keep:
        opened.close()
    return opened

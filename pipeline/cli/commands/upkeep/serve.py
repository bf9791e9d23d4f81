"""`react1 serve`: a local server with Segmind's API and the local engine, for rehearsals."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ....core.errors import MissingExtra
from ...messages import err, open_home, out
from ...options import Home

EXAMPLES = (
    "react1 serve",
    "react1 serve --port 0 --faults faults.yaml",
)


def command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any free one.")] = 8791,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="KEY",
            envvar="REACT1_SERVER_KEY",
            show_envvar=True,
            help="Accept only this key (default: any).",
        ),
    ] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also download from private, link-local and loopback addresses.")
    ] = False,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE.yaml", help="Inject these faults; see docs/server.md.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Takes rendered at once (default: half the cores).")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Requests that may wait; more get status 429.")] = 100,
    home: Home = None,
) -> None:
    """Serve Segmind's API on this machine with the local engine: free, but not React-1."""
    from ....server.asgi_app import LocalServer
    from ....server.faults import read_faults
    from ....server.server_options import ServerOptions, default_workers, require_server

    hide_key_argument(key)
    with open_home(home) as home_path:
        require_server()
        plan = read_faults(faults) if faults else None
        options = ServerOptions(home_path, host, port, key, allow_private, workers or default_workers(), queue)
        if plan is None or plan.engine == "local":
            _require_engine()
        LocalServer(options, plan, ready=lambda url: out(f"listening on {url}"), report=err).run()


def hide_key_argument(key: str) -> None:
    """Start this process again with the key in its environment if the key is among its arguments, which all can see."""
    without = remove_key(sys.orig_argv, key)
    if key and os.name == "posix" and without != sys.orig_argv:
        from ....media.tools.process import replace_process

        replace_process([sys.executable, *without[1:]], {**os.environ, "REACT1_SERVER_KEY": key})


def remove_key(argv: Sequence[str], key: str) -> list[str]:
    """Return a command line without `--key KEY` and `--key=KEY`."""
    kept_words, words = [], iter(argv)
    for word in words:
        if word == "--key":
            next(words, None)
        elif word != f"--key={key}":
            kept_words.append(word)
    return kept_words


def _require_engine() -> None:
    """Raise an error if the engine is not installed; do not import it, since only workers need it."""
    from importlib.util import find_spec

    from ....engine.available import INSTALL_HINT, NEEDED

    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtra(f"{INSTALL_HINT}; or rehearse without it: --faults FILE.yaml with `engine: mark`")

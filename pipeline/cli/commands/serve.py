"""`react1 serve`: React-1's hosted contract in front of the local engine, to rehearse against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..messages import err, open_home, out
from ..options import Home

NAME = "serve"


def command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8791,
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The only key to accept (else any).")] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from private and link-local addresses too.")
    ] = False,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE.yaml", help="What is to go wrong, see docs/server.md.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Takes made at once (else half the cores).")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Requests that may wait; beyond it is 429.")] = 100,
    home: Home = None,
) -> None:
    """Serve the Segmind contract on this machine; free, and not React-1."""
    from ...server.faults import read_faults
    from ...server.serve import LocalServer
    from ...server.server_options import ServerOptions, default_workers, require_server

    with open_home(home) as home_path:
        require_server()
        plan = read_faults(faults) if faults else None
        options = ServerOptions(home_path, host, port, key, allow_private, workers or default_workers(), queue)
        if plan is None or plan.engine == "local":
            _require_engine()
        LocalServer(options, plan, ready=lambda url: out(f"listening on {url}"), report=err).run()


def _require_engine() -> None:
    """Refuse to start without the engine; it is looked for and not loaded, since only workers need it."""
    from importlib.util import find_spec

    from ...core.errors import MissingExtra
    from ...engine.available import NEEDED
    from ...engine.landmarks.backend import INSTALL

    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtra(f"{INSTALL}; or rehearse without it: --faults FILE.yaml with `engine: copy`")

"""Run `react1 …` and `python …` as children of a process that has imported everything once.

A command spends most of a short run on its imports. The process that serves here has them, and forks for each command a
child with the caller's arguments, folder, environment and standard streams, so that bash can call it as the real one.

    python forked_commands.py SOCKET
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import traceback
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.makefile().read() or 1))
"""
"""What stands on the search path in place of the command; it ends with the child's status."""
IMPORTED = (
    "PIL.ImageOps",
    "PIL.JpegImagePlugin",
    "ai_edge_litert.interpreter",
    "anyio._backends._asyncio",
    "av.subtitles.stream",
    "cv2",
    "httpcore",
    "imageio_ffmpeg",
    "jinja2",
    "numpy.random",
    "react1",
    *(f"react1.nodes.{node.stem}" for node in (ROOT / "nodes").glob("[!_]*.py")),
    "react1.pipeline.api",
    "react1.pipeline.cli.app",
    "react1.pipeline.cli.commands.films.plan",
    "react1.pipeline.cli.commands.films.run",
    "react1.pipeline.cli.progress",
    "react1.pipeline.config.load",
    "react1.pipeline.conform.conform",
    "react1.pipeline.engine.landmarks.landmarkers",
    "react1.pipeline.engine.render.render",
    "react1.pipeline.faces.resolve",
    "react1.pipeline.interchange.places",
    "react1.pipeline.media.timing.edit_spans",
    "react1.pipeline.media.transcode",
    "react1.pipeline.net.download",
    "react1.pipeline.report.before_after",
    "react1.pipeline.report.page",
    "react1.pipeline.report.take_board",
    "react1.pipeline.runner.execute",
    "react1.pipeline.splicing.feasibility",
    "react1.pipeline.splicing.splice",
    "react1.presets",
    "ruamel.yaml",
)
"""Imported before the first command, where they are installed; each child imports what else it needs."""


@contextlib.contextmanager
def forked_commands(folder: Path) -> Iterator[Path]:
    """Yield a folder with the commands `react1` and `python`, to be put first on the search path.

    Args:
        folder: where the commands and the socket are kept; its path is short enough for a socket (some 100 bytes).
    """
    address, client = folder / "socket", folder / "client.py"
    client.write_text(CLIENT.format(address=str(address)))
    for name in ("react1", "python"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{client}" {name} "$@"\n')
        script.chmod(0o755)
    argv = [sys.executable, __file__, str(address)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as server:
        assert server.stdout
        assert server.stdout.readline() == b"ready\n"
        yield folder
        server.terminate()


def serve(address: str) -> None:
    """Fork for each connection, until the process is terminated."""
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    importlib.import_module("react1.pipeline.net.http_pool").tls_context()
    gc.collect()
    gc.freeze()  # so that no child touches, and copies, what all share
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not os.fork():
            listener.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Run the command of a connection in a child, send its status, and end."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as stream:
        argv, folder, environ = json.load(stream)
    child = os.fork()
    if not child:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _end(_status(argv, folder, environ))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(str(status if status >= 0 else 128 - status).encode())
    os._exit(0)


def _status(argv: list[str], folder: str, environ: Mapping[str, str]) -> int:
    """Be the command, and return the status with which it ends."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    try:
        _run(argv)
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _run(argv: list[str]) -> None:
    name, *words = argv
    if name == "react1":
        del sys.path[0]
        sys.argv = argv
        importlib.import_module("react1.pipeline.cli").main()
    elif words[0] == "-c" and "PYTHONPATH" not in os.environ:
        sys.path[0], sys.argv = "", words[:1] + words[2:]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), main.__dict__)
    elif words[0].endswith(".py") and "PYTHONPATH" not in os.environ:
        sys.path[0], sys.argv = str(Path(words[0]).parent), words
        runpy.run_path(words[0], run_name="__main__")
    else:
        os.execv(sys.executable, [sys.executable, *words])


def _end(status: int) -> None:
    """End as an interpreter does, but without taking what was imported apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])

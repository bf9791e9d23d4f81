"""`react1 studio`: a page on this machine on which a film is edited without a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....core.errors import PresetError
from ....core.settings import map_path
from ...messages import err, open_home, out
from ...options import Home

EXAMPLES = (
    "react1 studio film.mp4",
    "react1 studio job.yaml footage/",
    "react1 studio --demo",
)


def command(
    what: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILM|JOB|FOLDER]...", help="What the page may open.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Generate the demo clip, and open it.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any free one.")] = 8792,
    token: Annotated[
        str, typer.Option("--token", metavar="TEXT", help="The key of the page (default: one kept in the home folder).")
    ] = "",
    home: Home = None,
) -> None:
    """Open a page on which a film is edited: find the moment, see expressions, make takes, finish."""
    from ....studio.studio_options import StudioOptions, require_studio

    with open_home(home) as home_path:
        require_studio()
        paths = list(what or [])
        if demo:
            paths.insert(0, _demo_clip())
        folders, first = _folders(paths)
        options = StudioOptions(home_path, folders, first, host, port, token)
        _serve(options, open_browser=browser)


def _serve(options: object, *, open_browser: bool) -> None:
    import webbrowser

    from ....studio.studio_options import StudioOptions
    from ....studio.studio_server import StudioServer

    assert isinstance(options, StudioOptions)

    def ready(url: str) -> None:
        out(f"the studio is at {url}")
        err("Ctrl-C stops it; whatever is finished is kept")
        if open_browser:
            webbrowser.open(url)

    StudioServer(options, ready=ready).run()


def _folders(paths: list[Path]) -> tuple[tuple[Path, ...], Path | None]:
    """Return the folders that the page may read, and the file that it opens first."""
    folders, files = [], []
    for path in [Path(map_path(str(path))) for path in paths] or [Path.cwd()]:
        if path.is_dir():
            folders.append(path.absolute())
        elif path.is_file():
            folders.append(path.absolute().parent)
            files.append(path.absolute())
        else:
            raise PresetError(f"{path} does not exist; name a film, a job or a folder")
    return tuple(dict.fromkeys(folders)), files[0] if files else None


def _demo_clip() -> Path:
    from ....demo.demo_clip import make_demo_clip
    from ....store.atomic import storage_errors

    clip = Path("react1-demo").absolute() / "talking.mp4"
    with storage_errors(clip.parent):
        clip.parent.mkdir(parents=True, exist_ok=True)
    if not clip.exists():
        err(f"generating a talking clip of 6 s: {clip}")
        make_demo_clip(clip, progress=lambda _: None)
    return clip

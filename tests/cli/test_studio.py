"""`react1 studio` says what is wrong before it listens."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")


def test_a_path_that_does_not_exist_is_refused(react1):
    """With what to name instead."""
    result = react1("studio", "nowhere.mp4")

    assert result.status == 2
    assert result.err == "react1: nowhere.mp4 does not exist; name a film, a job or a folder\n"


@pytest.mark.slow
def test_other_machines_are_let_in_only_with_a_token(react1, tmp_path):
    """The host is refused, and nothing listens."""
    result = react1("studio", tmp_path, "--host", "0.0.0.0", "--port", "0")

    assert result.status == 2
    assert "name a --token of at least 16 characters, and put a proxy with TLS in front of it" in result.err


def test_a_film_opens_its_folder_and_itself(tmp_path):
    """And a folder nothing but itself."""
    from react1.pipeline.cli.commands.films.studio import _folders

    film = tmp_path / "a" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(b"x")

    assert _folders([film, tmp_path]) == ((film.parent, tmp_path), film)
    assert _folders([tmp_path]) == ((tmp_path,), None)


@pytest.fixture
def made_clips(monkeypatch):
    """Stand in for the demo clip, which takes long to render; gives what was asked for."""
    from react1.pipeline.demo import demo_clip

    paths = []
    monkeypatch.setattr(demo_clip, "make_demo_clip", lambda path, **_: paths.append(path) or path.write_bytes(b"clip"))
    return paths


def test_the_demo_opens_in_the_studio(react1, monkeypatch, made_clips, tmp_path):
    """With its folder; a second start makes no second clip."""
    from react1.pipeline.studio import studio_server

    started = []

    class Server:
        def __init__(self, options, *, ready):
            started.append(options)
            self.run = lambda: ready("http://127.0.0.1:1/?token=t")

    monkeypatch.setattr(studio_server, "StudioServer", Server)

    results = [react1("studio", "--demo", "--no-browser") for _ in range(2)]

    assert [result.out for result in results] == ["the studio is at http://127.0.0.1:1/?token=t\n"] * 2
    (clip,) = made_clips
    assert [options.open_first for options in started] == [clip, clip]
    assert started[0].folders == (clip.parent,)


def test_the_demo_ends_by_naming_the_studio(react1, monkeypatch, made_clips):
    """The last line is a command that opens the demo on the page."""
    from types import SimpleNamespace

    from react1.pipeline.cli.commands.films import run

    monkeypatch.setattr(run, "run_job", lambda *_, **__: SimpleNamespace(report=None))
    monkeypatch.setattr(run, "exit_with_status", lambda _: None)

    result = react1("demo")

    assert result.out.splitlines()[-1].startswith("studio  ")
    assert result.out.endswith("react1 studio --demo\n")

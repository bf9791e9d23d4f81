"""`react1 studio` says what is wrong before it listens."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")


def test_a_path_that_does_not_exist_is_refused(react1):
    """With what to name instead."""
    result = react1("studio", "nowhere.mp4")

    assert result.status == 2
    assert result.err == "react1: nowhere.mp4 does not exist; name a film, a job or a folder\n"


def test_other_machines_are_let_in_only_with_a_token(react1, tmp_path):
    """The host is refused, and nothing listens."""
    result = react1("studio", tmp_path, "--host", "0.0.0.0", "--port", "0")

    assert result.status == 2
    assert "name a --token, and put a proxy with TLS in front of it" in result.err


def test_a_film_opens_its_folder_and_itself(tmp_path):
    """And a folder nothing but itself."""
    from react1.pipeline.cli.commands.films.studio import _folders

    film = tmp_path / "a" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(b"x")

    assert _folders([film, tmp_path]) == ((film.parent, tmp_path), film)
    assert _folders([tmp_path]) == ((tmp_path,), None)

"""What is wrong with the value of an option is one line, exit status 2, and found before anything is run or written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from react1.testing import ClipRecipe, make_clip


@pytest.fixture
def film(react1):
    """A film in the current folder, beside a folder, a file and an empty film."""
    Path("logs").mkdir()
    Path("notes.txt").write_text("a file")
    return make_clip(Path("film.mp4"), ClipRecipe(frames=20, size=(64, 48)))


def refusal(react1, film, *argv, verb="run") -> str:
    """Return the one line of a command that is refused before it has made a run."""
    result = react1(verb, "prepare", str(film), "--edit", "0f-8f:sad", *argv)

    assert (result.status, result.out) == (2, "")
    assert not Path("../home/runs").exists()
    (line,) = result.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--trace", "logs"], "trace logs: is a folder; name a file, or otlp (--trace, REACT1_TRACE)"),
        (["--trace", "notes.txt/t.jsonl"], "trace notes.txt/t.jsonl: notes.txt is a file; name another folder"),
        (["--log-json", "logs"], "--log-json logs: is a folder; name a file, or - for standard error"),
        (["--log-json", "notes.txt/l.jsonl"], "--log-json notes.txt/l.jsonl: notes.txt is a file; name another folder"),
        (["--metrics", "logs.json"], "metrics logs.json: is a folder; name a file, or a folder without a suffix"),
        (["--metrics", "notes.txt"], "metrics notes.txt: is a file; name FILE.json, FILE.prom or a folder"),
    ],
)
def test_an_output_that_cannot_be_written_there_is_refused(react1, film, argv, message):
    """A folder in the place of a file, and the reverse."""
    Path("logs.json").mkdir()

    assert message in refusal(react1, film, *argv)
    assert Path("notes.txt").read_text() == "a file"


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("/Volumes", "--map or REACT1_PATH_MAP: '/Volumes' is neither OLD=NEW nor a file of rules: No such file"),
        ("/Volumes=mnt", "--map or REACT1_PATH_MAP: '/Volumes=mnt' is no rule; write OLD=NEW with an absolute path"),
        ("notes.txt", "--map or REACT1_PATH_MAP: notes.txt has no rules of the form pathmapping-1.0"),
    ],
)
def test_a_path_map_without_rules_is_refused(react1, film, verb, rule, message):
    """With the form that a rule has."""
    assert message in refusal(react1, film, "--map", rule, verb=verb)


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(
    ("preset", "source", "folder", "message"),
    [
        ("prepare", "film.mp4", "logs", "--online: prepare has no step that renders takes for the originals"),
        ("emotion-edit", "https://a.example/film.mp4", "logs", "the proxy must be a local file; download it first"),
        ("emotion-edit", "film.mp4", "logs", "logs is the original of film.mp4: the folder contains no films"),
        ("emotion-edit", "film.mp4", "nowhere", "nowhere"),
        ("emotion-edit", "film.mp4", "notes.txt", "notes.txt"),
    ],
)
def test_originals_that_cannot_replace_the_proxy_are_refused(react1, film, verb, preset, source, folder, message):
    """No step for them, no proxy here, none that fits, no such folder, and a file in its place."""
    result = react1(verb, preset, source, "--edit", "0f-8f:sad", "--provider", "local", "--online", folder)

    assert (result.status, result.out) == (2, "")
    assert message in result.err and "--online" in result.err
    assert not Path("../home/runs").exists()


@pytest.mark.parametrize(
    ("into", "message"),
    [
        ("notes.txt", "--into notes.txt: is a file; name a folder for the clip and the film"),
        ("notes.txt/demo", "--into notes.txt/demo: notes.txt is a file; name another folder"),
    ],
)
def test_a_demo_needs_a_folder(react1, film, into, message):
    """Before a clip is generated."""
    result = react1("demo", "--into", into)

    assert (result.status, result.out, result.err) == (2, "", f"react1: {message}\n")
    assert sorted(path.name for path in Path().iterdir()) == ["film.mp4", "logs", "notes.txt"]


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_home_whose_name_is_no_text_is_refused(react1, film):
    """The libraries that read films take names in UTF-8 only, and failed in the middle of a run."""
    result = react1("run", "prepare", str(film), "--edit", "0f-8f:sad", "--home", "home-\udcff")

    assert (result.status, result.out) == (2, "")
    assert "react1: the name of home '" in result.err
    assert "/home-\\udcff' is not UTF-8; set --home or REACT1_HOME to another folder" in result.err


def test_a_batch_is_refused_as_a_run_is(react1, film, monkeypatch):
    """Once, and not by each of its films; a setting of the environment likewise."""
    Path("list.csv").write_text("source,in,out,prompt\nfilm.mp4,0f,8f,sad\n")
    monkeypatch.setenv("REACT1_TRACE", "logs")

    result = react1("batch", "list.csv", "--preset", "prepare")

    assert (result.status, result.out) == (2, "")
    assert "trace logs: is a folder" in result.err and len(result.err.splitlines()) == 1


@pytest.mark.slow
def test_a_resumed_run_is_refused_likewise(react1, film):
    """And carries on with a file."""
    run = react1("run", "prepare", str(film), "--edit", "0f-8f:sad", "--json").json["run"]

    assert react1("resume", run, "--log-json", "logs").status == 2
    assert react1("resume", run, "--trace", "logs").status == 2
    assert react1("resume", run, "--log-json", "logs/l.jsonl").status == 0

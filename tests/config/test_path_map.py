"""A job made on one machine runs where its films have another path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.settings import home_folder, map_path, shared_store

RULES = "/Volumes/films=/mnt/films;/Volumes/films/b=/srv/b;D:\\Films=/mnt/d;//nas/films=/mnt/nas"


@pytest.mark.parametrize(
    ("path", "here"),
    [
        ("/Volumes/films/a.mp4", "/mnt/films/a.mp4"),
        ("/Volumes/films/b/c.mp4", "/srv/b/c.mp4"),
        ("/Volumes/films", "/mnt/films"),
        ("/Volumes/films2/a.mp4", "/Volumes/films2/a.mp4"),
        ("/volumes/films/a.mp4", "/volumes/films/a.mp4"),
        ("d:\\films\\Reel 1\\A.mov", "/mnt/d/Reel 1/A.mov"),
        ("\\\\nas\\films\\a.mov", "/mnt/nas/a.mov"),
        ("a.mp4", "a.mp4"),
        ("s3://films/a.mp4", "s3://films/a.mp4"),
    ],
)
def test_a_path_begins_with_the_new_folder(path, here):
    """The longest rule counts; only complete folders match, and case does not matter in paths of Windows."""
    assert map_path(path, {"REACT1_PATH_MAP": RULES}) == here
    assert map_path(path, {}) == path


def test_rules_of_a_farm_are_read_from_its_file(tmp_path):
    """In the form that workers of Open Job Description write; a file without any rule maps nothing."""
    rules = [
        {"source_path_format": "WINDOWS", "source_path": "Z:\\show", "destination_path": "/show"},
        {"source_path_format": "POSIX", "source_path": "/Users/a", "destination_path": "/home/a"},
    ]
    (tmp_path / "rules.json").write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": rules}))
    (tmp_path / "none.json").write_text("{}")

    environ = {"REACT1_PATH_MAP": str(tmp_path / "rules.json")}
    assert [map_path(path, environ) for path in ("z:/show/a.mov", "/Users/a/b")] == ["/show/a.mov", "/home/a/b"]
    assert map_path("/Users/a", {"REACT1_PATH_MAP": str(tmp_path / "none.json")}) == "/Users/a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/a=b", r"'/a=b' is no rule; write OLD=NEW with an absolute path"),
        ("=/b", "is no rule"),
        ("/nowhere.json", "neither OLD=NEW nor a file of rules: No such file"),
    ],
)
def test_what_is_no_rule_is_refused(text, message):
    """In one line with the form."""
    with pytest.raises(PresetError, match=message):
        map_path("/a", {"REACT1_PATH_MAP": text})


def test_homes_and_shared_folders_are_mapped():
    """A bucket is not."""
    environ = {"REACT1_PATH_MAP": "/Volumes=/mnt", "REACT1_HOME": "/Volumes/home", "REACT1_STORE": "/Volumes/store"}

    assert home_folder(environ=environ) == Path("/mnt/home")
    assert home_folder("/Volumes/other", environ) == Path("/mnt/other")
    assert shared_store(environ) == "/mnt/store"
    assert shared_store({**environ, "REACT1_STORE": "s3://a/b"}) == "s3://a/b"


@pytest.mark.slow
def test_a_job_of_another_machine_runs_here(react1, tmp_path):
    """Its own path, its source and its `out` are in a folder of another machine; without the map it fails."""
    here = tmp_path / "mnt"
    here.mkdir()
    make_clip(here / "a.mp4", Recipe(frames=30, size=(96, 64)))
    job = {"preset": "prepare", "source": "/Volumes/films/a.mp4", "out": "/Volumes/films/clips"}
    (here / "job.yaml").write_text(json.dumps({**job, "edits": [{"in": "4f", "out": "10f", "prompt": "sad"}]}))
    mapped = ("--map", f"/Volumes/films={here}")

    assert react1("run", "/Volumes/films/job.yaml").status == 2
    assert react1("plan", "/Volumes/films/job.yaml", *mapped, "--json").json["steps"]
    result = react1("run", "/Volumes/films/job.yaml", *mapped, "--json")

    assert (result.status, result.json["output"]) == (0, str(here / "clips"))
    assert list((here / "clips").iterdir())
    assert react1("batch", "/Volumes/films", *mapped, "--replace", "--json").json["counts"] == {"done": 1}

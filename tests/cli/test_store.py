"""`react1 store` and `react1 prune`, after real runs of a preset that sends nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.runner.run_records.housekeeping import CLIPS
from react1.pipeline.runner.run_records.run_folder import all_runs

DAY_S = 86400.0


@pytest.fixture
def home(react1, tmp_path):
    """A home with one finished run of `prepare` on clip.mp4; everything was last used 40 days ago."""
    make_clip(Path("clip.mp4"), Recipe(frames=15, size=(160, 90)))
    assert react1("run", "prepare", "clip.mp4", "--edit", "5f-10f:happy", "--quiet").status == 0
    age(tmp_path / "home")
    return tmp_path / "home"


def age(home, days=40):
    """Set the times of everything in the store back."""
    for path in [*home.glob("results/??/*"), *home.glob("objects/??/*")]:
        status = path.stat()
        os.utime(path, (status.st_mtime - days * DAY_S,) * 2)


def stored(home):
    return set(home.glob("objects/??/*"))


def test_the_store_lists_kinds_films_and_ages(react1, home):
    """The sizes of the three groups are those of the files."""
    sizes = react1("store", "--json").json
    objects = sum(path.stat().st_size for path in stored(home))

    assert objects > 0
    assert sizes["by_kind"]["results"] == objects and sizes["by_kind"]["paid takes"] == 0
    assert sizes["by_film"] == {str(Path("clip.mp4").absolute()): objects}
    assert sizes["by_age"] == {"over 30 days": objects}
    assert sizes["total_bytes"] == sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert "clip.mp4" in react1("store").out


@pytest.mark.slow
def test_prune_removes_what_is_old_and_the_next_run_makes_it_again(react1, home):
    """A dry run removes nothing and announces the same."""
    before = stored(home)
    announced = react1("prune", "--older-than", "30d", "--dry-run", "--json").json

    assert stored(home) == before
    assert react1("prune", "--older-than", "41d", "--json").json["objects"] == 0
    pruned = react1("prune", "--older-than", "30d", "--json").json
    assert pruned == {**announced, "dry_run": False}
    assert pruned["objects"] == len(before) and stored(home) == set()

    assert react1("run", "prepare", "clip.mp4", "--edit", "5f-10f:happy", "--quiet").status == 0
    assert stored(home) == before


@pytest.mark.slow
def test_prune_keeps_a_size(react1, home):
    """With a limit below the size the older of two runs loses its clips, and the other keeps them."""
    older = stored(home)
    assert react1("run", "prepare", "clip.mp4", "--edit", "2f-4f:happy", "--quiet").status == 0
    age(home, days=1)
    total = sum(path.stat().st_size for path in stored(home))

    left = react1("prune", "--keep", f"{total - 1}B", "--json").json["left_bytes"]

    assert stored(home) and not stored(home) & older
    assert left == sum(path.stat().st_size for path in stored(home))


@pytest.mark.parametrize("status", ["interrupted", "failed", "choose"])
def test_what_an_unfinished_run_uses_is_kept(react1, home, status):
    """Until the run is finished."""
    before = stored(home)
    (run,) = all_runs(home)
    assert run.used_keys()
    run.write(status=status)

    pruned = react1("prune", "--keep", "0")
    assert pruned.status == 0 and "more is left than that" in pruned.out
    assert stored(home) == before
    run.write(status="done")
    assert "more is left" not in react1("prune", "--keep", "0").out
    assert stored(home) == set()


@pytest.mark.slow
def test_clips_that_no_run_needs_any_more_are_removed(react1, home):
    """Python writes a clip that is an input of a run into the home folder, one for each run."""
    (home / CLIPS).mkdir()
    needed, unused, new = (home / CLIPS / f"source-{name}.mov" for name in ("needed", "unused", "new"))
    for path in (needed, unused, new):
        path.write_bytes(b"frames")
    for path in (needed, unused):
        os.utime(path, (path.stat().st_mtime - 40 * DAY_S,) * 2)
    (run,) = all_runs(home)
    run.write(status="interrupted", document={"inputs": {"source": str(needed)}})

    pruned = react1("prune", "--older-than", "30d", "--json").json

    assert sorted(path.name for path in (home / CLIPS).iterdir()) == ["source-needed.mov", "source-new.mov"]
    assert (pruned["objects"], pruned["freed_bytes"]) == (1, 6)
    run.write(status="done")
    react1("prune", "--older-than", "30d", "--json")
    assert not needed.exists()


@pytest.mark.slow
def test_a_finished_run_prunes_to_the_limit_of_the_settings(react1, home, monkeypatch):
    """What the new run made is kept, since it was used just now."""
    make_clip(Path("other.mp4"), Recipe(frames=15, size=(160, 90), chroma=(100, 100)))
    monkeypatch.setenv("REACT1_STORE_LIMIT", "1B")
    before = stored(home)

    result = react1("run", "prepare", "other.mp4", "--edit", "5f-10f:happy")

    assert result.status == 0 and "REACT1_STORE_LIMIT" in result.err
    assert stored(home) and not stored(home) & before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "pass --older-than 30d, --keep 50GB, or both"),
        (("--older-than", "soon"), "--older-than: 'soon' is not a duration"),
        (("--keep", "much"), "--keep: 'much' is not a size"),
        (("--keep", "-3GB"), "is not a size"),
    ],
)
def test_a_missing_or_wrong_limit_is_one_line(react1, words, message):
    """Exit 2, and nothing is removed."""
    result = react1("prune", *words)

    assert result.status == 2
    assert message in result.err and result.err.count("\n") == 1

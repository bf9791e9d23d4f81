"""A job that says how seams are made and what they may show, from its file to the film."""

from __future__ import annotations

import av
import numpy as np
import pytest

from react1.pipeline.api import run
from react1.pipeline.core.errors import CheckFailed


def job(folder, clip, checks, on_failure):
    path = folder / "job.yaml"
    path.write_text(
        f"preset: lips-only\nsource: {clip}\nout: {folder / 'film.mp4'}\non_failure: {on_failure}\n"
        f"seam: {{video: {{dissolve: 2}}}}\nchecks: {checks}\ncomposite: face\n"
        "edits:\n  - {in: 0.6, out: 1.2, prompt: surprised, temperature: 1}\n"
    )
    return path


def frames(path):
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format="gray") for frame in film.decode(video=0)]).astype(int)


def test_a_film_whose_seams_show_keeps_the_original_where_the_job_says_so(talking_clip, tmp_path):
    """With no step of colour allowed at all the take is left out: the film is the source, and the run says why."""
    result = run(job(tmp_path, talking_clip, "{seam_delta_e: 0}", "keep-original"), home=tmp_path / "home")

    assert (result.status, result.exit_status) == ("kept-original", 6)
    assert [segment.status for segment in result.segments] == ["original"]
    assert any("s01: the finished film failed a check with this take: seam_delta_e is" in said for said in result.notes)
    assert np.array_equal(frames(tmp_path / "film.mp4"), frames(talking_clip))


def test_the_same_job_stops_or_passes_as_it_says(talking_clip, tmp_path):
    """Without `on_failure` it fails and leaves no film; with the check off the take is in, its figure told."""
    with pytest.raises(CheckFailed, match=r"^splice: .*s01: seam_delta_e is"):
        run(job(tmp_path, talking_clip, "{seam_delta_e: 0}", "stop"), home=tmp_path / "home")
    assert not (tmp_path / "film.mp4").exists()

    result = run(job(tmp_path, talking_clip, "{seam_delta_e: null}", "stop"), home=tmp_path / "home")

    assert result.status == "done" and result.checks["seam_delta_e"] > 0
    assert np.abs(frames(tmp_path / "film.mp4") - frames(talking_clip)).max() > 40


def test_a_job_asks_for_a_film_that_is_edited_in_place(talking_clip, tmp_path):
    """What a splice can do, a shipped preset can be told."""
    film = tmp_path / "film.mp4"
    message = {"in_place": True, "out": film, "home": tmp_path / "home"}

    result = run("lips-only", source=talking_clip, edits=["0.6-1.2:surprised"], **message)

    assert (result.checks["way"], result.checks["in_place"]) == ("exact", True)
    assert np.abs(frames(film) - frames(talking_clip)).max() > 40

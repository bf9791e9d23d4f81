"""A job that sets seams and checks, from its file to the finished film."""

from __future__ import annotations

import numpy as np
import pytest
from seen import gray_pictures

from react1.pipeline.api import run
from react1.pipeline.core.errors import CheckFailed

pytestmark = pytest.mark.slow


def job(folder, clip, checks, on_failure):
    path = folder / "job.yaml"
    path.write_text(
        f"preset: lips-only\nsource: {clip}\nout: {folder / 'film.mp4'}\non_failure: {on_failure}\n"
        f"seam: {{video: {{dissolve: 2}}}}\nchecks: {checks}\ncomposite: face\n"
        "edits:\n  - {in: 0.6, out: 1.4, prompt: surprised, temperature: 1}\n"
    )
    return path


def frames(path):
    return gray_pictures(path).astype(int)


def test_a_failed_seam_check_keeps_the_original_footage(talking_clip, home, tmp_path):
    """With a limit of zero the take is dropped: the film equals the source, and a note says why."""
    result = run(job(tmp_path, talking_clip, "{seam_delta_e: 0}", "keep-original"), home=home)

    assert (result.status, result.exit_status) == ("kept-original", 6)
    assert [segment.status for segment in result.segments] == ["original"]
    assert any("s01: the finished film fails a check with this take: seam_delta_e is" in note for note in result.notes)
    assert np.array_equal(frames(tmp_path / "film.mp4"), frames(talking_clip))


def test_the_job_decides_whether_a_failed_check_stops_the_run(talking_clip, home, tmp_path):
    """With `stop` it fails and leaves no film; without the check the take is used and measured."""
    with pytest.raises(CheckFailed, match=r"^splice: .*s01: seam_delta_e is"):
        run(job(tmp_path, talking_clip, "{seam_delta_e: 0}", "stop"), home=home)
    assert not (tmp_path / "film.mp4").exists()

    result = run(job(tmp_path, talking_clip, "{seam_delta_e: null}", "stop"), home=home)

    assert result.status == "done" and result.checks["seam_delta_e"] > 0
    assert np.abs(frames(tmp_path / "film.mp4") - frames(talking_clip)).max() > 40


def test_a_shipped_preset_can_edit_in_place(talking_clip, home, tmp_path):
    """The input `in_place` reaches the splice."""
    film = tmp_path / "film.mp4"
    options = {"in_place": True, "out": film, "home": home}

    result = run("lips-only", source=talking_clip, edits=["0.6-1.4:surprised:1"], **options)

    assert (result.checks["way"], result.checks["in_place"]) == ("exact", True)
    assert np.abs(frames(film) - frames(talking_clip)).max() > 40

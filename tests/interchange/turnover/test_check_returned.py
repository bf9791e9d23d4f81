"""A returned clip: one that fits, and one for each mismatch."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import pytest
from numbered_clips import draw_frame, make_clip

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.interchange.turnover.check_returned import Place, check_returned, entire_clip, place_on_film
from react1.pipeline.media.probe import probe

FRAMES = 24


def clip(path, **changes):
    """Write a clip; return its path and its probe result."""
    output = make_clip(path, **{"frames": FRAMES, "tracks": 0, **changes})
    return output, probe(output, File(digest="0" * 64, suffix=path.suffix, size_bytes=output.stat().st_size))


def misfits(folder, **changes) -> dict[str, str]:
    """Compare a changed clip with the delivered one; return the mismatches."""
    sent_path, sent = clip(folder / "sent.mp4")
    path, media = clip(folder / "back.mp4", **changes)
    findings = check_returned(path, media, entire_clip(sent_path, sent), "back")
    return {finding.name: finding.found for finding in findings if not finding.fits}


def test_matching_clip_fits(tmp_path):
    """The same pictures, re-encoded, fit."""
    assert misfits(tmp_path) == {}


def test_short_clip_is_reported(tmp_path):
    """Three frames are missing at the end."""
    assert misfits(tmp_path, frames=FRAMES - 3) == {"frames": "21", "missing": "3"}


def test_other_rate_is_reported(tmp_path):
    """The same frames have another frame rate."""
    assert misfits(tmp_path, rate=Fraction(30)) == {"rate": "30"}


def test_late_clip_is_reported(talking_clip):
    """A clip that begins two frames before its place has a lag of two frames."""
    film = probe(talking_clip, File(digest="0" * 64, suffix=".mp4", size_bytes=1))
    place = Place(talking_clip, film, 2, film.video.frame_count)

    findings = {finding.name: finding for finding in check_returned(talking_clip, film, place, "back")}

    assert not findings["lag"].fits
    assert findings["lag"].found == "+2 frames"


def test_repeated_frames_are_counted(tmp_path):
    """Eight frames with one picture are seven doubled frames."""
    sent_path, sent = clip(tmp_path / "sent.mp4")
    numbers = [10 if 10 <= number < 18 else number for number in range(FRAMES)]
    with av.open(str(tmp_path / "back.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in numbers:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(draw_frame(number, (320, 180)), format="gray")))
        out.mux(stream.encode(None))
    media = probe(tmp_path / "back.mp4", File(digest="0" * 64, suffix=".mp4", size_bytes=1))

    findings = check_returned(tmp_path / "back.mp4", media, entire_clip(sent_path, sent), "back")

    assert {finding.name: finding.found for finding in findings if not finding.fits} == {"doubled": "7"}


def test_place_on_a_film_across_midnight(tmp_path):
    """On a film from 23:59:59:20 a clip from 00:00:00:05 lies ten frames in, and its label fits."""
    film_path, film = clip(tmp_path / "film.mp4", frames=60)
    film = film.model_copy(update={"start_timecode": "23:59:59:20"})
    path, back = clip(tmp_path / "back.mp4")
    back = back.model_copy(update={"start_timecode": "00:00:00:05"})

    place = place_on_film(film_path, film, back)
    findings = {finding.name: finding for finding in check_returned(path, back, place, "back")}

    assert (place.first, findings["timecode"].fits) == (10, True)


def test_other_size_is_reported(tmp_path):
    """The message gives the clip's size."""
    assert misfits(tmp_path, size=(64, 64))["size"] == "64x64"


def test_place_on_the_film(tmp_path):
    """The timecode gives the place; a clip outside the film or without timecode is refused."""
    film_path, film = clip(tmp_path / "film.mp4", frames=60)
    film = film.model_copy(update={"start_timecode": "01:00:00:00"})
    _, back = clip(tmp_path / "back.mp4")

    place = place_on_film(film_path, film, back.model_copy(update={"start_timecode": "01:00:00:10"}))
    assert (place.first, place.end) == (10, 10 + FRAMES)
    with pytest.raises(InputMediaError, match="starts at 01:00:02:00, which with 24 frames lies outside the film"):
        place_on_film(film_path, film, back.model_copy(update={"start_timecode": "01:00:02:00"}))
    with pytest.raises(InputMediaError, match=r"no timecode .* --clip"):
        place_on_film(film_path, film, back.model_copy(update={"start_timecode": ""}))


def test_command_finds_the_delivered_clip_by_name(tmp_path, capfd):
    """`line_react1_v001_graded.mp4` is compared with `line_react1_v001.mp4`; a mismatch exits with 3."""
    clip(tmp_path / "line_react1_v001.mp4")
    clip(tmp_path / "line_react1_v001_graded.mp4", frames=FRAMES - 1)

    status = run_command(["conform-check", str(tmp_path / "line_react1_v001_graded.mp4"), "--json"])

    result = json.loads(capfd.readouterr().out)
    assert status == 3
    assert result["fits"] is False and result["against"].endswith("line_react1_v001.mp4")
    assert {finding["name"] for finding in result["findings"] if not finding["fits"]} == {"frames", "missing"}


def test_command_without_reference_is_refused(tmp_path, capfd):
    """Without a delivered clip next to it the message names the options."""
    clip(tmp_path / "some.mp4")

    assert run_command(["conform-check", str(tmp_path / "some.mp4")]) == 2
    assert "--clip CLIP or --film FILM" in capfd.readouterr().err

"""A clip that comes back: one that fits, and one for each thing that may be wrong with it."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import pytest
from made import make_clip, picture

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.interchange.turnover.check_returned import Place, check_returned, entire_clip, place_on_film
from react1.pipeline.media.probe import probe

FRAMES = 24


def clip(path, **changes):
    """Make a clip; give its path and what a probe finds."""
    made = make_clip(path, **{"frames": FRAMES, "tracks": 0, **changes})
    return made, probe(made, File(digest="0" * 64, suffix=path.suffix, size_bytes=made.stat().st_size))


def misfits(folder, **changes) -> dict[str, str]:
    """Hold a changed clip against the one that was handed over; give what does not fit."""
    sent_path, sent = clip(folder / "sent.mp4")
    path, given = clip(folder / "back.mp4", **changes)
    findings = check_returned(path, given, entire_clip(sent_path, sent), "back")
    return {one.name: one.found for one in findings if not one.fits}


def test_a_clip_that_fits(tmp_path):
    """The same pictures coded anew."""
    assert misfits(tmp_path) == {}


def test_a_clip_that_is_too_short(tmp_path):
    """Three frames short at its end."""
    assert misfits(tmp_path, frames=FRAMES - 3) == {"frames": "21", "missing": "3"}


def test_a_clip_of_another_rate(tmp_path):
    """The same frames, labelled with another rate."""
    assert misfits(tmp_path, rate=Fraction(30)) == {"rate": "30"}


def test_a_clip_that_came_late(talking_clip):
    """It begins two frames before its place on the film, and ends with it."""
    film = probe(talking_clip, File(digest="0" * 64, suffix=".mp4", size_bytes=1))
    place = Place(talking_clip, film, 2, film.video.frame_count)

    findings = {one.name: one for one in check_returned(talking_clip, film, place, "back")}

    assert not findings["lag"].fits
    assert findings["lag"].found == "+2 frames"


def test_a_clip_that_stands_still(tmp_path):
    """Frames are counted, each once: eight show the same picture, so that seven have none of their own."""
    sent_path, sent = clip(tmp_path / "sent.mp4")
    numbers = [10 if 10 <= number < 18 else number for number in range(FRAMES)]
    with av.open(str(tmp_path / "back.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in numbers:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, (320, 180)), format="gray")))
        out.mux(stream.encode(None))
    given = probe(tmp_path / "back.mp4", File(digest="0" * 64, suffix=".mp4", size_bytes=1))

    findings = check_returned(tmp_path / "back.mp4", given, entire_clip(sent_path, sent), "back")

    assert {one.name: one.found for one in findings if not one.fits} == {"doubled": "7"}


def test_a_place_on_a_film_that_runs_over_midnight(tmp_path):
    """The film starts at 23:59:59:20; a clip from 00:00:00:05 on lies ten frames in, and its label fits."""
    film_path, film = clip(tmp_path / "film.mp4", frames=60)
    film = film.model_copy(update={"start_timecode": "23:59:59:20"})
    path, back = clip(tmp_path / "back.mp4")
    back = back.model_copy(update={"start_timecode": "00:00:00:05"})

    place = place_on_film(film_path, film, back)
    findings = {one.name: one for one in check_returned(path, back, place, "back")}

    assert (place.first, findings["timecode"].fits) == (10, True)


def test_a_clip_of_another_size(tmp_path):
    """Half as wide and high."""
    assert misfits(tmp_path, size=(64, 64))["size"] == "64x64"


def test_a_place_on_the_film(tmp_path):
    """Found by the timecode; one that lies outside, and one without a timecode, are refused with what to do."""
    film_path, film = clip(tmp_path / "film.mp4", frames=60)
    film = film.model_copy(update={"start_timecode": "01:00:00:00"})
    _, back = clip(tmp_path / "back.mp4")

    place = place_on_film(film_path, film, back.model_copy(update={"start_timecode": "01:00:00:10"}))
    assert (place.first, place.end) == (10, 10 + FRAMES)
    with pytest.raises(InputMediaError, match="starts at 01:00:02:00, which with 24 frames lies outside the film"):
        place_on_film(film_path, film, back.model_copy(update={"start_timecode": "01:00:02:00"}))
    with pytest.raises(InputMediaError, match=r"no timecode .* --clip"):
        place_on_film(film_path, film, back.model_copy(update={"start_timecode": ""}))


def test_the_command_finds_the_clip_by_its_name(tmp_path, capfd):
    """`line_react1_v001_graded.mp4` came from `line_react1_v001.mp4` beside it; what is wrong gives status 3."""
    clip(tmp_path / "line_react1_v001.mp4")
    clip(tmp_path / "line_react1_v001_graded.mp4", frames=FRAMES - 1)

    status = run_command(["conform-check", str(tmp_path / "line_react1_v001_graded.mp4"), "--json"])

    told = json.loads(capfd.readouterr().out)
    assert status == 3
    assert told["fits"] is False and told["against"].endswith("line_react1_v001.mp4")
    assert {one["name"] for one in told["findings"] if not one["fits"]} == {"frames", "missing"}


def test_the_command_says_what_to_give(tmp_path, capfd):
    """Nothing beside it says which clip it was."""
    clip(tmp_path / "some.mp4")

    assert run_command(["conform-check", str(tmp_path / "some.mp4")]) == 2
    assert "--clip CLIP or --film FILM" in capfd.readouterr().err

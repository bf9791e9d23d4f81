"""Shot cuts by the frame, with and without a room."""

from __future__ import annotations

import pytest
from speech import speaking_film

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.media import shots
from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.media.probe import probe
from react1.pipeline.media.process import run_tool


def test_cuts_are_found_at_their_frames(context):
    """The frame that begins the shot is told; one at the span's own start or end is none inside it."""
    media = speaking_film(context, 120, None, cuts=(30, 55, 90))
    path = context.path(media.file)

    assert shots.cuts(context.run_tool, path, media, 0, 120) == [30, 55, 90]
    assert shots.cuts(context.run_tool, path, media, 30, 90) == [55]
    assert shots.cuts(run_tool, path, media, 29, 91) == [30, 55, 90]
    assert shots.cuts(context.run_tool, path, media, 60, 61) == []


@pytest.mark.parametrize("last", [40, 42])
def test_a_flash_is_no_cut(context, last):
    """Of one and of three frames: the picture comes back; a real cut beside it is still told."""
    media = speaking_film(context, 100, None, cuts=(70,), flashes=((40, last),))

    assert shots.cuts(context.run_tool, context.path(media.file), media, 0, 100) == [70]


def test_a_film_that_cannot_be_sought_in_is_read_from_its_start(context, monkeypatch):
    """Where the first count is wrong the second try does not seek."""
    media = speaking_film(context, 120, None, cuts=(100,))
    monkeypatch.setattr(shots, "_COUNT", Counted(shots._COUNT, wrong=1))

    assert shots.cuts(context.run_tool, context.path(media.file), media, 80, 120) == [100]
    assert ["-ss" in call for call in context.calls[-2:]] == [True, False]


class Counted:
    """A pattern that finds nothing the first times."""

    def __init__(self, pattern, wrong):
        self.pattern, self.wrong = pattern, wrong

    def findall(self, text):
        self.wrong -= 1
        return [] if self.wrong >= 0 else self.pattern.findall(text)


def test_the_cuts_of_a_real_film_are_its_cuts(media_folder):
    """Three dark shots; the picture starts late, so numbers and times differ."""
    path = media_folder / "faces" / "cuts_crowd_handmic_video_starts_late_10s.mp4"
    media = probe(path, File(digest="0" * 64, suffix=".mp4", size_bytes=path.stat().st_size))

    assert shots.cuts(run_tool, path, media, 0, media.video.frame_count) == [20, 82, 211]
    assert shots.cuts(run_tool, path, media, 100, 260) == [211]


@pytest.mark.parametrize("name", ["talk_h264_700x700_vfr_6s.mp4", "hand_over_face_23976_silent.mp4"])
def test_one_shot_has_no_cut(media_folder, name):
    """A hand that moves over the face, and uneven times."""
    path = media_folder / "faces" / name
    media = probe(path, File(digest="0" * 64, suffix=".mp4", size_bytes=path.stat().st_size))

    assert shots.cuts(run_tool, path, media, 0, media.video.frame_count) == []


def test_a_damaged_frame_is_named(media_folder):
    """As `trim` does it."""
    path = media_folder / "damaged" / "decord_corrupted.mp4"
    media = probe(path, File(digest="0" * 64, suffix=".mp4", size_bytes=path.stat().st_size))

    with pytest.raises(InputMediaError, match="frame 30 of the film"):
        shots.cuts(run_tool, path, media, 20, 40)


def test_steady_motion_is_no_cut(context):
    """Every picture differs as much from the one before, at the start of the span too."""
    path = context.temp_path("motion.mov")
    moving = "geq=lum='mod(X*3+N*13,220)':cb=128:cr=128"
    coded = ["-frames:v", "60", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"]
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "color=s=128x72:r=25", "-vf", moving, *coded, str(path)]
    )
    file = context.store(path)
    media = probe(context.path(file), file)

    assert shots.cuts(context.run_tool, context.path(file), media, 20, 50) == []

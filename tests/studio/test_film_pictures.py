"""Stills of a film: what is decoded for them, what is kept, and who gives way."""

from __future__ import annotations

import io
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import frame_number, make_clip, read_sound
from PIL import Image

from react1.pipeline.media.frames import random_access
from react1.pipeline.media.frames.decode import images
from react1.pipeline.media.frames.random_access import OpenFilm
from react1.pipeline.media.probe import probe_path
from react1.pipeline.media.timing.clock import frame_time_s
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.studio.viewing.film_pictures import FilmPictures, Superseded
from react1.pipeline.studio.viewing.playback import plays_in_browsers, write_proxy
from react1.testing import FolderContext


@pytest.fixture
def pictures(tmp_path):
    """The stills of a film of 60 frames, with a keyframe every 24."""
    path = make_clip(tmp_path / "film.mp4", frames=60, size=(160, 96), tracks=0, gop=24)
    opened = FilmPictures(path, probe_path(path))
    yield opened
    opened.close()


@pytest.fixture
def spans(monkeypatch):
    """The spans that are decoded."""
    decoded_spans, frames = [], OpenFilm.frames

    def noted(film, start, end, check):
        decoded_spans.append((start, end))
        return frames(film, start, end, check)

    monkeypatch.setattr(OpenFilm, "frames", noted)
    return decoded_spans


def number(content: bytes) -> int:
    return frame_number(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


def test_another_size_and_the_frames_before_are_not_decoded_again(pictures, spans):
    """After a jump two frames before it are kept, after a step back twelve."""
    shown = [number(pictures.still(frame, side)) for frame, side in ((40, 160), (40, 320), (39, 160), (38, 160))]
    assert shown == [40, 40, 39, 38]
    assert spans == [(38, 41)]

    shown = [number(pictures.still(frame, 160)) for frame in range(37, 25, -1)]

    assert shown == [*range(37, 25, -1)]
    assert spans[1:] == [(25, 38)]


def test_the_keyframe_before_a_frame_is_shown_without_decoding_the_others(pictures, spans):
    """With its own number; a frame that is known is not coded again."""
    near = [pictures.near_still(frame, 160) for frame in (47, 10)]

    assert [frame for frame, _ in near] == [24, 0]
    assert [number(content) for _, content in near] == [24, 0]
    assert spans == []
    assert pictures.still(24, 160) is near[0][1]


def test_a_film_without_a_way_to_its_keyframes_has_no_near_frame(pictures, monkeypatch):
    """Which is no error: the frame itself comes a little later."""
    monkeypatch.setattr(random_access, "packets_from", lambda *_: None)

    assert pictures.near_still(30, 160) is None
    assert number(pictures.still(30, 160)) == 30


def test_of_the_frames_that_a_page_asks_for_only_the_newest_is_decoded(pictures, spans):
    """Also when the newer one comes while the older one is decoded; another page's frame is not touched."""
    first = pictures.wanted_by("a", 1)
    other = pictures.wanted_by("b", 1)
    with pytest.raises(Superseded):
        pictures.still(20, 160, lambda: first() and not pictures.wanted_by("a", 2)())
    assert not first()
    with pytest.raises(Superseded):
        pictures.still(30, 160, first)
    assert number(pictures.still(10, 160, pictures.wanted_by("a", 2))) == 10
    assert number(pictures.still(11, 160, other)) == 11


def test_what_is_kept_is_bounded(pictures, monkeypatch):
    """By bytes: the oldest stills go first."""
    monkeypatch.setattr(pictures._stills, "_most_bytes", 6000)

    for frame in range(20):
        pictures.still(frame, 160)

    kept_stills = pictures._stills
    assert kept_stills._bytes == sum(map(len, kept_stills._values.values())) <= 6000
    assert [frame for frame, _ in kept_stills._values][-1] == 19


_COLORS = "c0=#202020:c1=#806040:c2=#4060a0:c3=#c0b090:c4=#305020:c5=#a04030:c6=#707070:c7=#d0d0c0"
"""Without them the source draws its colours anew in each run."""


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_film_of_high_dynamic_range_plays_with_the_tones_of_its_stills(tmp_path, transfer):
    """And no browser maps them a second time, or in its own way. The folder may have any name."""
    film, folder = tmp_path / "film.mp4", tmp_path / "it's [one], a; b: c"
    folder.mkdir()
    tags = f"setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    source = f"gradients=s=320x180:d=0.4:n=8:seed=3:speed=0.1:{_COLORS},format=yuv420p,{tags}"
    subprocess.run([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", source, "-crf", "5", str(film)], check=True)
    media = probe_path(film)

    proxy = write_proxy(FolderContext(folder), film, media)

    video = probe_path(proxy).video
    pictures = FilmPictures(film, media)
    away = [np.abs(shown.astype(int) - pictures.picture(frame, 320)).mean() for frame, shown in images(proxy, video)]
    pictures.close()
    assert len(away) == media.video.frame_count == 10
    assert max(away) < 3, away  # of which coding is the most
    assert (video.color_primaries, video.color_transfer, video.color_space) == ("bt709",) * 3
    assert not plays_in_browsers(media, ".mp4")


@pytest.mark.slow
@pytest.mark.parametrize(
    "late", [{"start_s": Fraction(2, 5)}, {"audio_start_s": Fraction(2, 5)}], ids=["picture", "sound"]
)
def test_a_film_that_begins_late_is_played_from_a_copy_in_which_nothing_does(tmp_path, late):
    """Firefox plays at once what an edit list delays: the picture would lead the sound. Each frame keeps its time."""
    film = make_clip(tmp_path / "film.mp4", frames=30, size=(64, 48), audio_codec="aac", **late)
    media = probe_path(film)

    proxy = write_proxy(FolderContext(tmp_path), film, media)

    played = probe_path(proxy)
    starts_s = [frame_time_s(played, 0), played.audio[0].start_s]
    times_s = [[float(frame_time_s(item, frame)) for frame in range(1, 30)] for item in (media, played)]
    samples, rate_hz = read_sound(proxy)
    assert not plays_in_browsers(media, ".mp4")
    assert starts_s == [0, 0]
    assert played.video.frame_count == 30
    assert times_s[1] == pytest.approx(times_s[0], abs=0.002)
    assert np.abs(samples[0, rate_hz // 2 :]).argmax() / rate_hz + 0.5 == pytest.approx(1, abs=0.01)  # the click

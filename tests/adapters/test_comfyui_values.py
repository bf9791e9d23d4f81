"""The pictures and the sound of other packs, as the film or the line that they become."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from comfyui import video_of_pictures
from comfyui_jobs import luma, spectrum_peak_hz

from react1.pipeline.adapters.comfyui.conversions.media_values import film_file, line_file
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.audio.samples import read_all
from react1.pipeline.media.probe import probe_path

pytestmark = pytest.mark.slow

GREY = np.full((3, 72, 96, 1), 0.5, np.float32)


class Bfloat16:
    """A tensor of a type that numpy does not have."""

    dtype = "torch.bfloat16"

    def __init__(self, values):
        self.values = values

    def float(self):
        return self.values


def film_of(images, audio=None, rate=Fraction(25)):
    """Return the film that a `VIDEO` of these pictures and this sound becomes, and its note."""
    return film_file(video_of_pictures(images, rate, audio), lambda _: None)


def test_transparent_pictures_say_what_is_left_out(server):
    """As Join Image with Alpha gives them."""
    film = film_of(np.full((3, 72, 96, 4), 0.5, np.float32))

    assert film.note.endswith("; their transparency is left out")
    assert abs(luma(film.path).mean() - 127) < 3


def test_pictures_of_odd_size_say_what_is_left_out(server):
    """H.264 has even sizes, so that the film is smaller than the pictures."""
    film = film_of(np.zeros((3, 71, 97, 3), np.float32))

    assert film.note.endswith(
        "the last column and the last row of the 97x71 pictures is left out, because H.264 has even sizes"
    )


@pytest.mark.parametrize("rate_hz", [12_345, 44_056, 192_000])
def test_the_sound_of_pictures_may_have_any_rate(server, rate_hz):
    """Also one that AAC does not have; the tone and the length stay."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz).astype(np.float32) * 0.3

    film = film_of(np.zeros((25, 72, 96, 3), np.float32), {"waveform": tone[None, None], "sample_rate": rate_hz})

    assert abs(spectrum_peak_hz(film.path, 0.2, 0.8) - 1000) < 5
    (track,) = probe_path(film.path).audio
    assert abs(track.duration_s - 1) < 0.001


@pytest.mark.parametrize("images", [GREY, GREY.astype(np.float16), Bfloat16(np.repeat(GREY, 3, axis=3))])
def test_pictures_may_be_grey_or_of_any_float(server, images):
    """Masks have one channel, and models of half precision give their own floats."""
    assert np.abs(luma(film_of(images).path) - 127).max() < 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": GREY[:0]}, "no pictures"),
        ({"images": GREY[0]}, "no pictures"),
        ({"images": GREY[:, :1, :1]}, "pictures of 1x1 with 1 channels"),
        ({"images": GREY[..., [0, 0]]}, "with 2 channels"),
        ({"images": (GREY * 255).astype(np.uint8)}, "pictures of uint8"),
        ({"rate": Fraction(0)}, "a frame rate of 0"),
        ({"audio": {"waveform": np.full((1, 1, 9600), np.nan, np.float32), "sample_rate": 48_000}}, "finite floats"),
        ({"audio": {"waveform": np.zeros((1, 1, 9600), np.int16), "sample_rate": 48_000}}, "int16 of 1 channels"),
        ({"audio": {"waveform": np.zeros((1, 1, 9600), np.float32), "sample_rate": 0}}, "at 0 Hz"),
        ({"audio": {"waveform": np.zeros((1, 9, 9600), np.float32), "sample_rate": 48_000}}, "of 9 channels"),
    ],
)
def test_values_of_other_packs_that_are_no_film_are_refused_in_words(server, changes, message):
    """In place of an error of numpy or of the encoder."""
    with pytest.raises(InputMediaError, match=message):
        film_of(**{"images": GREY, **changes})


def test_sound_that_another_pack_cannot_read_is_refused_in_one_line(server):
    """As Video Helper Suite gives it of a silent film: it fails when it is asked for, with the log of a tool."""
    path = f"/data/{'a' * 60}/film.mp4"

    class Unreadable(dict):
        def __getitem__(self, key):
            raise RuntimeError(f"failed to extract audio from {path}:\nffmpeg version 7")

    with pytest.raises(InputMediaError) as raised:
        film_of(GREY, Unreadable(waveform=None))

    assert str(raised.value) == (
        f"the AUDIO cannot be read: failed to extract audio from {path}; if the film has none, leave audio unconnected"
    )


def test_the_sound_of_surround_keeps_the_level_of_its_centre(server):
    """A plain mean of six channels would make the dialogue 16 dB quieter."""
    waveform = np.zeros((1, 6, 48_000), np.float32)
    waveform[0, 2] = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000) * 0.5

    film = film_of(np.repeat(GREY, 9, axis=0), {"waveform": waveform, "sample_rate": 48_000})

    heard = read_all(film.path, 48_000)
    assert heard.shape[0] == 2
    assert film.note.endswith("; its sound of 6 channels is mixed to stereo")
    assert np.abs(heard[:, 12_000:36_000]).max() == pytest.approx(0.5 * 0.5**0.5, abs=0.01)


def test_a_batch_of_sounds_is_cut_to_its_first_only_with_a_word(server):
    """Of a film it is a note; as a new line it is refused."""
    batch = {"waveform": np.zeros((2, 1, 9600), np.float32), "sample_rate": 48_000}

    assert film_of(GREY, batch).note.endswith("; only the first of the batch of 2 sounds is kept")
    with pytest.raises(InputMediaError, match="a batch of 2; connect one of them"):
        line_file(batch)

"""Samples come by the film's clock."""

from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import SAMPLE_RATE_HZ, Recipe, click_times_s, damage_packet, make_clip, read_sound, sound

from react1.pipeline.media.audio.samples import fit_length, read_all, read_span, resample, write_wav
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize(("start", "end"), [(0, 2), (Fraction(1, 3), 1), (Fraction(7, 5), 2)])
def test_pcm_is_read_to_the_sample(tmp_path, probed, suffix, start, end):
    """The span is a slice of what was written."""
    recipe = Recipe()
    media = probed(path := make_clip(tmp_path / f"a{suffix}", recipe))
    first, last = round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ)

    samples, rate_hz = read_span(path, media.audio[0].index, Fraction(start), Fraction(end))

    assert rate_hz == SAMPLE_RATE_HZ
    assert samples.shape == (2, last - first)
    assert np.abs(samples[0] - sound(recipe)[first:last]).max() < 1e-4


@pytest.mark.slow
def test_lossy_sound_is_the_same_after_a_seek(tmp_path, probed):
    """A span from the middle equals the slice of a whole decode, bit for bit."""
    path = make_clip(tmp_path / "a.mp4", frames=150, audio_codec="aac")
    index = probed(path).audio[0].index

    complete, _ = read_span(path, index, Fraction(0), Fraction(6))
    part, _ = read_span(path, index, Fraction(4), Fraction(5))

    assert np.array_equal(part, complete[:, 4 * 48000 : 5 * 48000])
    assert click_times_s(complete[0]) == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.002)


def test_gaps_of_a_track_are_silence(tmp_path, probed):
    """A track that starts half a second late leaves half a second of zeros, and its click stays at its time."""
    path = make_clip(tmp_path / "a.mov", audio_start_s=Fraction(1, 2))

    samples, _ = read_span(path, probed(path).audio[0].index, Fraction(0), Fraction(3))

    assert samples.shape[1] == 3 * 48000
    assert not samples[:, :24000].any()
    assert not samples[:, 2 * 48000 :].any()
    assert click_times_s(samples[0]) == [1.0]


def test_the_right_track_is_read(tmp_path, probed):
    """The second track clicks on the half second."""
    path = make_clip(tmp_path / "a.mov", tracks=2)

    second, _ = read_span(path, probed(path).audio[1].index, Fraction(0), Fraction(2))

    assert click_times_s(second[0]) == [0.5, 1.5]


def test_resampling_keeps_time_and_mixes_surround_to_stereo(tmp_path):
    """44.1 kHz to 48 kHz moves no click; 5.1 becomes stereo, mono stays mono."""
    clock = np.arange(2 * 44100) / 44100
    click = (np.abs(clock - 1) < 0.002).astype(np.float32)

    mono = resample(click[None], 44100, 48000)
    surround = resample(np.repeat(click[None], 6, axis=0), 44100, 48000, "5.1")

    assert (mono.shape[0], surround.shape[0]) == (1, 2)
    assert abs(mono.shape[1] - 96000) <= 1
    assert click_times_s(mono[0], threshold=0.5) == pytest.approx([0.998], abs=0.0005)


@pytest.mark.parametrize("channels", [8, 16])
def test_every_one_of_many_channels_is_read(tmp_path, channels):
    """PyAV reads past the planes of a frame with eight channels or more, and then the process is gone."""
    samples = np.repeat(np.linspace(-0.8, 0.8, channels, dtype=np.float32)[:, None], 9600, axis=1)
    path = write_wav(tmp_path / "a.wav", samples, 48000)

    span, _ = read_span(path, 0, Fraction(0), Fraction(1, 5))

    assert np.array_equal(span, samples)
    assert read_all(path, 48000).shape == (2, 9600)
    assert resample(span[:8], 48000, 48000, "7.1").shape == (2, 9600)


def test_a_wav_is_read_back_unchanged(tmp_path):
    """Floats stay floats, and the bytes do not change from run to run."""
    samples = np.linspace(-1, 1, 2000, dtype=np.float32).reshape(2, 1000)

    path = write_wav(tmp_path / "a.wav", samples, 48000)

    assert np.array_equal(read_sound(path)[0], samples)
    assert np.array_equal(read_all(path, 48000), samples)
    assert path.read_bytes() == write_wav(tmp_path / "b.wav", samples, 48000).read_bytes()


def test_a_length_is_cut_or_padded():
    """The length is exact either way."""
    samples = np.ones((1, 10), np.float32)

    assert fit_length(samples, 4).tolist() == [[1] * 4]
    assert fit_length(samples, 12).tolist() == [[1] * 10 + [0] * 2]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "aac"), (".mp4", "mp3")])
def test_sound_after_a_damaged_packet_stays_at_its_time(tmp_path, probed, suffix, codec):
    """What is lost is silence: a packet is shorter than the gaps that are told from jitter."""
    path = make_clip(tmp_path / f"a{suffix}", frames=100, audio_codec=codec)
    damage_packet(path, 60)

    samples, _ = read_span(path, probed(path).audio[0].index, Fraction(0), Fraction(4))

    assert click_times_s(samples[0]) == pytest.approx([0, 1, 2, 3], abs=0.002)


@pytest.mark.parametrize("channels", [(2, 6), (6, 2)])
def test_a_broadcast_that_changes_its_channels_is_read_as_it_begins(tmp_path, probed, channels):
    """From stereo to surround and back: the tone goes on, at the same samples."""
    parts = []
    for number, count in enumerate(channels):
        part = tmp_path / f"{number}.ts"
        drawn = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2"]
        tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"]
        coded = ["-c:v", "mpeg2video", "-c:a", "ac3", "-ac", str(count), "-output_ts_offset", str(2 * number)]
        run_tool([ffmpeg_path(), "-v", "error", *drawn, *tone, *coded, "-f", "mpegts", str(part)])
        parts.append(part.read_bytes())
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(parts))
    media = probed(path)

    samples, rate_hz = read_span(path, media.audio[0].index, media.start_s + 1, media.start_s + 3)

    assert samples.shape == (channels[0], 2 * rate_hz)
    blocks = np.abs(samples[:, : 4800 * 20]).reshape(channels[0], 20, 4800).max((0, 2))
    assert blocks.min() > 0.02 and read_all(path, 48000).shape[0] == 2

"""Loudness is measured as others measure it, and changed by one gain."""

import math
import re

import numpy as np
import pytest

from react1.pipeline.media.audio.loudness import Loudness, build_gain_command, gain_db, measure, measure_integrated_lufs
from react1.pipeline.media.audio.samples import write_wav
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path


def tone(level, seconds=3.0, channels=1):
    """A sine at 997 Hz: BS.1770 reads its mean square level as it is, less 3.01 dB in one channel."""
    clock = np.arange(round(48000 * seconds)) / 48000
    wave = (level * np.sin(2 * np.pi * 997 * clock)).astype(np.float32)
    return np.repeat(wave[None], channels, axis=0)


def ebur128(context, path):
    """Measure with the other filter that ffmpeg has."""
    output = context.run_tool([ffmpeg_path(), "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"])
    summary = output.rsplit("Summary:", 1)[1]
    return float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary)[1]), float(
        re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)[1]
    )


def test_a_reference_tone_has_the_loudness_of_the_standard(context):
    """997 Hz at 0 dBFS in one channel is -3.01 LUFS (ITU-R BS.1770-4); at -20 dB, -23.01."""
    measured = measure(context, write_wav(context.temp_path("a.wav"), tone(0.1), 48000), 3)

    assert measured.integrated_lufs == pytest.approx(-23.01, abs=0.1)
    assert measured.true_peak_dbtp == pytest.approx(-20, abs=0.2)


@pytest.mark.slow
def test_the_target_is_reached_and_confirmed_by_another_meter(context):
    """One gain, and the ebur128 filter agrees to 0.2 LU."""
    raw = write_wav(context.temp_path("a.wav"), tone(0.05, channels=2), 48000)
    gain = gain_db(measure(context, raw, 3), -16, -1.5)
    target = context.temp_path("b.wav")
    context.run_tool(build_gain_command(raw, gain, target))

    lufs, peak = ebur128(context, target)

    assert lufs == pytest.approx(-16, abs=0.2)
    assert peak < -1.4


def test_the_ceiling_limits_the_gain():
    """Peaks at -6 dBTP leave 4.5 dB of the 14 wanted."""
    assert gain_db(Loudness(-30, -6, 3), -16, -1.5) == pytest.approx(4.5)
    assert gain_db(Loudness(-30, -20, 3), -16, -1.5) == pytest.approx(14)
    assert gain_db(Loudness(-10, -0.5, 3), -16, -1.5) == pytest.approx(-6)


@pytest.mark.parametrize("lufs", [-50.1, -70.0, -math.inf])
def test_near_silence_gets_no_gain(lufs):
    """Raising it would raise noise."""
    measured = Loudness(lufs, -math.inf, 0)

    assert measured.is_near_silence
    assert gain_db(measured, -16, -1.5) == 0


def test_a_voice_shorter_than_a_gating_block_is_looped(context):
    """0.2 s have no gated loudness; repeated they have that of their sound."""
    measured = measure(context, write_wav(context.temp_path("a.wav"), tone(0.1, seconds=0.2), 48000), 0.2)

    assert measured.integrated_lufs == pytest.approx(-23.01, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "seconds", "channels"), [(0.1, 3.0, 1), (0.02, 1.0, 6), (0.1, 0.2, 2)])
def test_both_measurements_agree(context, level, seconds, channels):
    """In mono, in 5.1 and of what is shorter than a gate; loudnorm counts in steps of 0.1 LU."""
    path = write_wav(context.temp_path("a.wav"), tone(level, seconds, channels), 48000)

    assert measure_integrated_lufs(context, path, seconds) == pytest.approx(
        measure(context, path, seconds).integrated_lufs, abs=0.1
    )


@pytest.mark.slow
@pytest.mark.parametrize(("rate_hz", "samples"), [(11025, 4410), (11025, 5499), (15999, 7000), (48000, 23000)])
def test_a_sound_of_hardly_a_gating_block_is_as_loud_at_any_sample_rate(context, rate_hz, samples):
    """ebur128 counts only complete steps, whose length is no whole number of samples at 11,025 Hz."""
    rising = 0.3 * np.sin(np.arange(samples) * 2 * np.pi * 300 / rate_hz) * np.linspace(0.2, 1.2, samples)
    path = write_wav(context.temp_path("a.wav"), rising.astype(np.float32)[None], rate_hz)

    assert measure_integrated_lufs(context, path, samples / rate_hz) == pytest.approx(-16.5, abs=0.2)


def test_a_wav_is_not_detected_as_a_transport_stream(context):
    """Its byte of synchronisation, 0x47, stands every 192 bytes here."""
    wave = tone(0.1, 1.0)
    wave[:, ::48] = np.frombuffer(b"\x47\x47\x47\x3d", "<f4")
    raw = write_wav(context.temp_path("a.wav"), wave, 48000)

    context.run_tool(build_gain_command(raw, 0, context.temp_path("b.wav")))

    assert measure_integrated_lufs(context, raw, 1) == pytest.approx(measure(context, raw, 1).integrated_lufs, abs=0.1)


def test_audio_below_the_gate_has_no_loudness(context):
    """Digital silence, and a hiss at -80 LUFS."""
    for level in (0, 0.0001):
        path = write_wav(context.temp_path("a.wav"), tone(level), 48000)

        assert measure_integrated_lufs(context, path, 3) == -math.inf


def test_the_gain_is_linear(context):
    """Every sample is multiplied by the same number, to the rounding of 16 bits."""
    samples = tone(0.05) * np.linspace(0.1, 1, 144000, dtype=np.float32)
    raw = write_wav(context.temp_path("a.wav"), samples, 48000)
    target = context.temp_path("b.wav")
    context.run_tool(build_gain_command(raw, 12, target))
    again = context.temp_path("c.wav")
    context.run_tool(build_gain_command(raw, 12, again))

    from numbered_clips import read_sound

    off = read_sound(target)[0] - samples * 10 ** (12 / 20)
    assert np.abs(off).max() <= 1 / 32768
    assert target.read_bytes() == again.read_bytes()

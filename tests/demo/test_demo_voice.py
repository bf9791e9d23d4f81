"""The demo voice has the rhythm of speech and is the same every time."""

import numpy as np
import pytest

from react1.pipeline.demo.demo_voice import SAMPLE_RATE_HZ, speak

pytestmark = pytest.mark.slow


def loudness(voice, hop_s=0.04):
    hop = round(SAMPLE_RATE_HZ * hop_s)
    return np.sqrt((voice[: len(voice) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1))


def test_the_voice_has_the_requested_length_and_never_clips():
    """Six seconds are 288000 samples with a peak of half full scale."""
    voice = speak(6)

    assert voice.shape == (6 * SAMPLE_RATE_HZ,)
    assert voice.dtype == np.float32
    assert np.abs(voice).max() == pytest.approx(0.5)


def test_the_voice_is_the_same_every_time():
    """Otherwise the bytes of the demo clip would differ."""
    assert np.array_equal(speak(2), speak(2))


def test_the_voice_has_syllables_and_pauses():
    """Silence at both ends, two pauses of over 0.3 s between three sentences, and over ten peaks of loudness."""
    loud = loudness(speak(6))
    speaking = loud > 0.02
    runs = np.flatnonzero(np.diff(np.concatenate([[0], (~speaking).astype(int), [0]]))).reshape(-1, 2)
    pauses = [(start, end) for start, end in runs if end - start >= 8 and start > 0 and end < len(loud)]
    peaks = ((loud[1:-1] > loud[:-2]) & (loud[1:-1] >= loud[2:]) & speaking[1:-1]).sum()

    assert not speaking[:5].any()
    assert not speaking[-5:].any()
    assert len(pauses) == 2
    assert peaks > 10


@pytest.mark.parametrize(("start_s", "end_s", "higher_at_end"), [(1.5, 3.7, False), (4.25, 5.0, True)])
def test_a_statement_falls_and_a_question_rises(start_s, end_s, higher_at_end):
    """The pitch of the last vowels is compared with that of the first ones."""
    voice = speak(6)[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
    first, last = pitch_hz(voice[:9600]), pitch_hz(voice[-9600:])

    assert (last > first * 1.1) if higher_at_end else (last < first * 0.9)


def pitch_hz(piece):
    spectrum = np.fft.rfft(piece, 2 * len(piece))
    autocorrelation = np.fft.irfft(np.abs(spectrum) ** 2)
    low, high = SAMPLE_RATE_HZ // 350, SAMPLE_RATE_HZ // 120
    return SAMPLE_RATE_HZ / (low + int(np.argmax(autocorrelation[low:high])))


def test_a_short_clip_is_spoken_faster():
    """All sentences are spoken: the last third is not silent."""
    loud = loudness(speak(2))

    assert (loud[len(loud) * 2 // 3 :] > 0.02).any()

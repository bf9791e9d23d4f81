"""Visemes and lip motion on synthetic speech with known phones."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from phones import VOICES, Utterance, synthesize

from react1.pipeline.engine.voice.speech import Speech, analyze_speech
from react1.pipeline.engine.voice.visemes import Viseme

TEXT = "_ a m a m a b ae _ f a f a v e v o _ s a s e sh a _ e d e d e a p a p o p e t- t a t- t e _ o a o a o _"
FPS = Fraction(50)


@cache
def analyze(voice: str, fps: Fraction = FPS, level: float = 1.0) -> tuple[Utterance, Speech]:
    utterance = synthesize(TEXT, voice)
    return utterance, analyze_speech(level * utterance.samples, utterance.rate, int(utterance.seconds * fps), fps)


def inside(curve: np.ndarray, span: tuple[float, float], fps: Fraction = FPS) -> np.ndarray:
    """Return the frames with their middle in a span of seconds; at least one."""
    first = round(float(span[0] * fps))
    return curve[first : max(first + 1, round(float(span[1] * fps)))]


def mean(curve: np.ndarray, utterance: Utterance, *names: str) -> float:
    return float(np.mean([inside(curve, span).mean() for span in utterance.spans_of(*names)]))


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(
    ("phones", "viseme"),
    [
        (("a",), Viseme.OPEN),
        (("e",), Viseme.WIDE),
        (("o",), Viseme.ROUND),
        (("m", "b", "p"), Viseme.CLOSED),
        (("f", "v"), Viseme.BITE),
        (("s", "sh"), Viseme.HISS),
    ],
)
def test_each_phone_has_its_viseme(voice: str, phones: tuple[str, ...], viseme: Viseme) -> None:
    """The expected viseme has the largest weight during its phone, for a female and a male voice."""
    utterance, speech = analyze(voice)

    weights = [mean(speech.classes[:, column], utterance, *phones) for column in Viseme]

    assert Viseme(int(np.argmax(weights))) is viseme
    assert weights[viseme] > 0.45


@pytest.mark.slow
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("voice", VOICES)
def test_lips_close_fully_for_m_b_p_and_pauses(voice: str, fps: Fraction) -> None:
    """At every frame rate each closure has a frame with pressed lips, open by less than 0.02; a held `t` has none."""
    utterance, speech = analyze(voice, fps)

    for span in utterance.spans_of("m", "b", "p"):
        around = (span[0] - 0.04, span[1] + 0.02)
        assert inside(speech.press, around, fps).max() > 0.95, span
        assert inside(speech.open, around, fps).min() < 0.02, span
    for start, end in utterance.spans_of("_"):
        assert inside(speech.open, (start + 0.1, end - 0.14), fps).max() < 0.08
    for start, end in utterance.spans_of("t-"):
        assert inside(speech.press, (start, end), fps).max() < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
def test_vowels_open_and_shape_the_lips(voice: str) -> None:
    """`a` opens widest, `e` spreads, `o` rounds, `f` bites, `s` shows teeth, each without the others' motion."""
    utterance, speech = analyze(voice)

    assert mean(speech.open, utterance, "a") > 1.4 * max(
        mean(speech.open, utterance, *names) for names in (("e",), ("o",))
    )
    assert mean(speech.spread, utterance, "e") > 0.35
    assert mean(speech.spread, utterance, "o") < -0.35
    assert mean(speech.bite, utterance, "f", "v") > 0.7
    assert mean(speech.bite, utterance, "a", "o", "m", "s") < 0.15
    assert mean(speech.bared, utterance, "s", "sh") > 0.6 > 0.2 > mean(speech.bared, utterance, "a", "o", "m", "f")


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
def test_the_mouth_opens_within_a_frame_of_the_sound(voice: str) -> None:
    """The opening matches the sound's envelope best if it leads by 0 to 60 ms."""
    utterance, speech = analyze(voice, Fraction(100))
    step = utterance.rate // 100
    count = len(speech.open)
    envelope = np.sqrt((utterance.samples[: count * step].reshape(count, step) ** 2).mean(1))

    correlations = [float(np.corrcoef(np.roll(speech.open, ahead), envelope)[0, 1]) for ahead in range(-15, 16)]

    assert 0 <= int(np.argmax(correlations)) - 15 <= 6
    assert max(correlations) > 0.6


def test_shape_starts_before_its_sound() -> None:
    """The lips round more during the consonant before an `o` than before an `a`."""
    into = {}
    for vowel in ("o", "a"):
        utterance = synthesize(f"_ a d {vowel} {vowel} d a _")
        speech = analyze_speech(utterance.samples, utterance.rate, int(utterance.seconds * 100), Fraction(100))
        into[vowel] = float(inside(speech.spread, utterance.spans_of("d")[0], Fraction(100)).mean())

    assert into["o"] < into["a"] - 0.15


@pytest.mark.slow
def test_recording_level_does_not_matter() -> None:
    """A voice 26 dB quieter gives the same motion."""
    loud, quiet = analyze("woman")[1], analyze("woman", FPS, 0.05)[1]

    for name in ("open", "spread", "press", "bite"):
        assert np.abs(getattr(loud, name) - getattr(quiet, name)).max() < 0.02


@pytest.mark.slow
def test_motion_is_continuous() -> None:
    """At 50 frames/s the opening changes by less than two fifths of its range from frame to frame."""
    for voice in VOICES:
        assert np.abs(np.diff(analyze(voice)[1].open)).max() < 0.4

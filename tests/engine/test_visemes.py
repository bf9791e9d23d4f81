"""The shapes of the mouth that a voice calls for, on made speech whose phones are known."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from phones import VOICES, Said, say

from react1.pipeline.engine.voice.speech import Speech, analyze_speech
from react1.pipeline.engine.voice.visemes import Viseme

TEXT = "_ a m a m a b ae _ f a f a v e v o _ s a s e sh a _ e d e d e a p a p o p e t- t a t- t e _ o a o a o _"
FPS = Fraction(50)


@cache
def heard(voice: str, fps: Fraction = FPS, level: float = 1.0) -> tuple[Said, Speech]:
    said = say(TEXT, voice)
    return said, analyze_speech(level * said.samples, said.rate, int(said.seconds * fps), fps)


def inside(curve: np.ndarray, span: tuple[float, float], fps: Fraction = FPS) -> np.ndarray:
    """The frames whose middle lies in a span of seconds; at least one."""
    first = round(float(span[0] * fps))
    return curve[first : max(first + 1, round(float(span[1] * fps)))]


def mean(curve: np.ndarray, said: Said, *names: str) -> float:
    return float(np.mean([inside(curve, span).mean() for span in said.spans_of(*names)]))


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
def test_each_sound_calls_for_its_shape(voice: str, phones: tuple[str, ...], viseme: Viseme) -> None:
    """Its class weighs most over its own time, for a woman's and a man's voice."""
    said, spoken = heard(voice)

    weights = [mean(spoken.classes[:, one], said, *phones) for one in Viseme]

    assert Viseme(int(np.argmax(weights))) is viseme
    assert weights[viseme] > 0.45


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("voice", VOICES)
def test_lips_shut_fully_for_m_b_and_p_and_in_pauses(voice: str, fps: Fraction) -> None:
    """At every rate each closure reaches a frame: pressed, and open by less than 0.02; a held `t` does not press."""
    said, spoken = heard(voice, fps)

    for span in said.spans_of("m", "b", "p"):
        around = (span[0] - 0.04, span[1] + 0.02)
        assert inside(spoken.press, around, fps).max() > 0.95, span
        assert inside(spoken.open, around, fps).min() < 0.02, span
    for start, end in said.spans_of("_"):
        assert inside(spoken.open, (start + 0.1, end - 0.14), fps).max() < 0.08
    for start, end in said.spans_of("t-"):
        assert inside(spoken.press, (start, end), fps).max() < 0.3


@pytest.mark.parametrize("voice", VOICES)
def test_vowels_open_and_shape_the_lips(voice: str) -> None:
    """An `a` is the widest open, `e` spreads, `o` rounds, `f` bites, `s` shows teeth, and none does the other's."""
    said, spoken = heard(voice)

    assert mean(spoken.open, said, "a") > 1.4 * max(mean(spoken.open, said, *names) for names in (("e",), ("o",)))
    assert mean(spoken.spread, said, "e") > 0.35
    assert mean(spoken.spread, said, "o") < -0.35
    assert mean(spoken.bite, said, "f", "v") > 0.7
    assert mean(spoken.bite, said, "a", "o", "m", "s") < 0.15
    assert mean(spoken.bared, said, "s", "sh") > 0.6 > 0.2 > mean(spoken.bared, said, "a", "o", "m", "f")


@pytest.mark.parametrize("voice", VOICES)
def test_the_mouth_opens_within_a_frame_of_the_sound(voice: str) -> None:
    """The opening fits the envelope of the sound best when it is 0 to 60 ms ahead of it."""
    said, spoken = heard(voice, Fraction(100))
    step = said.rate // 100
    count = len(spoken.open)
    envelope = np.sqrt((said.samples[: count * step].reshape(count, step) ** 2).mean(1))

    likeness = [float(np.corrcoef(np.roll(spoken.open, ahead), envelope)[0, 1]) for ahead in range(-15, 16)]

    assert 0 <= int(np.argmax(likeness)) - 15 <= 6
    assert max(likeness) > 0.6


def test_a_shape_is_reached_for_before_its_sound() -> None:
    """The lips round during the consonant before an `o`, and more than during the one before an `a`."""
    into = {}
    for vowel in ("o", "a"):
        said = say(f"_ a d {vowel} {vowel} d a _")
        spoken = analyze_speech(said.samples, said.rate, int(said.seconds * 100), Fraction(100))
        into[vowel] = float(inside(spoken.spread, said.spans_of("d")[0], Fraction(100)).mean())

    assert into["o"] < into["a"] - 0.15


def test_loud_and_quiet_recordings_shape_alike() -> None:
    """A voice 26 dB softer gives the same shapes."""
    loud, quiet = heard("woman")[1], heard("woman", FPS, 0.05)[1]

    for name in ("open", "spread", "press", "bite"):
        assert np.abs(getattr(loud, name) - getattr(quiet, name)).max() < 0.02


def test_nothing_pops() -> None:
    """At 50 frames/s the opening changes by less than two fifths of its range from frame to frame."""
    for voice in VOICES:
        assert np.abs(np.diff(heard(voice)[1].open)).max() < 0.4

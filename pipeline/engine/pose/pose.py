"""The pose of one face in one frame, and the recipes of the emotions: action units that the temperature scales.

Source: which units make an emotion: P. Ekman & W. V. Friesen, Unmasking the Face, 1975, and the investigator's guide of
        FACS, 2002 (happy 6+12, sad 1+4+15, angry 4+5+7+23, disgusted 9 or 10 with 17, surprised 1+2+5+26); what people
        actually show: S. Du, Y. Tao & A. M. Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014,
        table 1 (also happy 25; sad 11, 17; angry 17, 24; disgusted 4). The amplitudes were set by eye on
        photographs and talking heads; 1 is the unit at temperature 1. Disgusted 16 and 39 are in neither: classifiers
        take a face that has them for disgusted rather than angry (docs/engine.md). Nor is angry 38, for wide nostrils.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import TypeAlias

from ...core.edits.choices import ModelMode, Prompt
from ..geometry.head_frame import MouthShape


@dataclass(frozen=True)
class Recipe:
    """The units of an emotion, and how much of the performer's own mouth expression it removes."""

    calm: float
    """0 keeps the mouth's own expression, 1 brings it to rest before the units act."""
    units: dict[str, float] = field(default_factory=dict)
    less_after_smile: dict[str, float] = field(default_factory=dict)
    """The shares that units lose where a broad smile goes: a mouth that got narrower hangs more by the same pull."""
    first_steps: float = 1.28
    """How fast its gain rises at temperature 0: 0.96 rises evenly, more comes sooner and slows down."""


@dataclass(frozen=True)
class HeadMove:
    """Motion of a head; displacements in units, to the image's right and down."""

    roll_deg: float = 0.0
    right: float = 0.0
    down: float = 0.0
    growth: float = 0.0
    """Positive is nearer to the camera: 0.01 is one percent larger."""
    pitch_deg: float = 0.0
    """A nod; down is positive."""
    yaw_deg: float = 0.0
    """A turn; to the image's right is positive."""

    def __mul__(self, share: float) -> HeadMove:
        """Return this share of the motion."""
        return HeadMove(*(value * share for value in astuple(self)))

    def __add__(self, other: HeadMove) -> HeadMove:
        """Return the sum of both motions; small angles add up."""
        return HeadMove(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


RECIPES: dict[Prompt, Recipe] = {
    "neutral": Recipe(1.0),
    "happy": Recipe(0.0, {"AU12": 1.35, "AU6": 1.5, "AU25": 1.1, "AU26": 0.3}),
    "sad": Recipe(
        1.0,
        {"AU1": 1.1, "AU4": 0.38, "AU15": 0.85, "AU17": 0.8, "AU43": 0.65, "AU11": 0.5},
        less_after_smile={"AU15": 0.4, "AU17": 0.4},
    ),
    "angry": Recipe(
        1.0,
        {
            "AU4": 1.35,
            "AU5": 2.1,
            "AU7": 1.5,
            "AU9": 1.0,
            "AU23": 1.0,
            "AU24": 1.2,
            "AU15": 0.75,
            "AU17": 0.8,
            "AU6": 0.25,
            "AU38": 0.5,
        },
        less_after_smile={"AU15": 0.25, "AU17": 0.25},
        first_steps=1.46,
    ),
    "surprised": Recipe(1.0, {"AU1": 0.85, "AU2": 0.95, "AU5": 1.45, "AU26": 1.5, "AU18": 0.15}),
    "disgusted": Recipe(
        1.0,
        {
            "AU9": 0.9,
            "AU10": 2.0,
            "AU11": 1.8,
            "AU6": 1.55,
            "AU7": 1.0,
            "AU43": 0.25,
            "AU15": 0.55,
            "AU16": 1.0,
            "AU17": 0.3,
            "AU20": 0.45,
            "AU25": 1.5,
            "AU4": 0.4,
            "AU39": 0.2,
        },
        less_after_smile={"AU15": 0.5},
        first_steps=1.55,
    ),
}

RELAXED = ("AU1", "AU2", "AU4", "AU5", "AU43")
"""The units that bring brows and lids of a neutral face to their usual place."""

HEAD_MOVES: dict[Prompt, HeadMove] = {
    "neutral": HeadMove(),
    "happy": HeadMove(roll_deg=3.0, down=-0.03, growth=0.01),
    "sad": HeadMove(roll_deg=-3.5, down=0.10, growth=-0.015),
    "angry": HeadMove(down=0.06, growth=0.03),
    "surprised": HeadMove(roll_deg=1.0, down=-0.09, growth=-0.01),
    "disgusted": HeadMove(roll_deg=-4.0, right=-0.05, down=-0.02, growth=-0.02),
}


def gain(temperature: float, prompt: Prompt) -> float:
    """Return the scale of an emotion's units at a temperature of 0 to 1: 0.04 at 0, 1 at 1; strictly rising.

    It is 0.60 at 0.5, with first steps twice as large as the last ones: equal steps are to look equal. Angry and
    disgusted, of which others see little at first, come sooner: 0.645 at 0.5.
    """
    share = min(1.0, max(0.0, temperature))
    first = RECIPES[prompt].first_steps
    return 0.04 + (first - (first - 0.96) * share) * share


CALMS_FIRST, CALMS_ALONE = 1.8, 1.25
"""How much sooner than the units come the mouth's own expression goes; 1 is as soon. A smile that stayed in a frowning
face would look like a fading smile; where nothing else changes, equal steps of the temperature look more equal."""


def calm_share(strength: float, *, alone: bool) -> float:
    """Return the share of the mouth's own expression that is removed at a gain of 0 to 1.

    Args:
        strength: the gain.
        alone: whether no units come in its place.
    """
    return 1 - math.pow(1 - min(1.0, max(0.0, strength)), CALMS_ALONE if alone else CALMS_FIRST)


Color: TypeAlias = tuple[float, float, float]
"""Red, green and blue."""


@dataclass(frozen=True)
class Spoken:
    """What a voice does to the lips besides opening them; 0 to 1 each, ramp included."""

    press: float = 0.0
    """Lips pressed together (p, b, m)."""
    bite: float = 0.0
    """The lower lip on the upper teeth (f, v)."""
    bared: float = 0.0
    """Lips apart over shut teeth (s, sh)."""
    round: float = 0.0
    """Lips drawn together and forward (oo, oh, w)."""
    parted: float = 0.0
    """The part of `Pose.gap` that the lips open without the jaw; in units."""


@dataclass(frozen=True)
class Pose:
    """Amplitudes for one frame, temperature and ramp included."""

    mode: ModelMode
    weight: float
    """The ramp, 0 to 1; at 0 the frame is unchanged."""
    units: Mapping[str, float]
    """Action unit → amplitude; other units are 0."""
    calm: float
    """Share of the mouth's resting expression that is removed, 0 to 1."""
    rest: MouthShape
    """The mouth around this moment without its speech."""
    gap: float
    """The target opening of the lips, in units."""
    widen: float = 0.0
    """Wider (spread) or narrower (rounded) lips from the voice, in units."""
    head: HeadMove = field(default_factory=HeadMove)
    spoken: Spoken = Spoken()
    resting_lip: float | None = None
    """Where this clip's upper lip rests, below the base of the nose, in units; None: measured in the frame."""
    tooth_color: Color | None = None
    """The colour of this performer's teeth, as shares of white; None if the clip does not show them."""
    own_teeth: float = 1.0
    """The share of the mouth's own inside, against a drawn one, that the frames around this one leave."""

    @property
    def at_rest(self) -> bool:
        """Whether the pose only relaxes the performer's face."""
        return self.units.keys() <= {"AU0", *RELAXED}

    def amplitude(self, name: str) -> float:
        """Return the amplitude of a unit."""
        return self.units.get(name, 0.0)

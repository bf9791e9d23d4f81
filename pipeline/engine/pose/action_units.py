"""The table of action units: what moves where, and how far, at amplitude 1.

Lengths are in units (the distance between the eyes, see `head_frame`). A push is a Gaussian around a place of the face
that moves the skin under it; a pull moves the eleven columns of the lips; lids move by shares of the eye's own opening,
so that a blink of the performer stays a blink.

Source: names, muscles and directions: P. Ekman & W. V. Friesen, Facial Action Coding System, Consulting Psychologists
        Press 1978; P. Ekman, W. V. Friesen & J. C. Hager, FACS: The Manual, Research Nexus 2002. FACS gives no lengths:
        the sizes were set by eye on photographs and talking heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Push:
    """One push of the skin on each side of the face; `outward` is away from its middle, `down` towards the chin."""

    at: str
    """A key of `ANCHORS`, "face" for the point between the eyes, or "chin" for the tip of the chin."""
    offset: tuple[float, float]
    """(outward, down) from the anchor."""
    spread: tuple[float, float]
    """Standard deviations across and down."""
    outward: float
    down: float
    skin: Literal["brow", "cheek"] = "cheek"
    """`brow`: fades to 0 below the eyes, lids follow in part. `cheek`: all except lids, eyes and lips."""
    once: bool = False
    """On the middle line of the face: applied once, not on each side."""


@dataclass(frozen=True)
class Pull:
    """What a unit does to the lips."""

    corner_out: float = 0.0
    corner_down: float = 0.0
    corner_power: float = 1.7
    """The pull on the corners fades towards the middle with this power of the place across, 0 to 1."""
    upper_down: float = 0.0
    """The upper lip, away from the corners."""
    lower_down: float = 0.0
    middle: Literal["bow", "flat", "square"] = "bow"
    """`bow`: strongest in the middle. `flat`: nearly constant up to the corners. `square`: constant nearly up to
    them."""
    tighten: float = 0.0
    """How far the outer borders move to the line of the mouth, as a share of the lips' thickness; negative where
    lips turn out."""


@dataclass(frozen=True)
class Lids:
    """What a unit does to the lids: shares of the eye's opening, and a length that applies to open eyes only."""

    upper_down: float = 0.0
    lower_up: float = 0.0
    widen: float = 0.0
    """How far the upper lid rises off an open eye, in units."""


@dataclass(frozen=True)
class ActionUnit:
    """One action unit: its name in FACS, the muscles behind it, and what it moves."""

    name: str
    muscles: str
    pushes: tuple[Push, ...] = ()
    pull: Pull | None = None
    lids: Lids | None = None


ACTION_UNITS: dict[str, ActionUnit] = {
    "AU0": ActionUnit(
        "neutral face",
        "zygomaticus and orbicularis oculi relaxed after a smile",
        (
            Push("face", (0.52, 0.74), (0.24, 0.22), -0.057, 0.113),
            Push("face", (0.34, 0.85), (0.14, 0.16), -0.029, 0.029),
            Push("face", (0.50, 0.52), (0.22, 0.15), 0, 0.020),
            Push("outer brow", (0, -0.05), (0.24, 0.24), 0, -0.020, "brow"),
        ),
        lids=Lids(lower_up=-0.265),
    ),
    "AU1": ActionUnit(
        "inner brow raiser",
        "frontalis, pars medialis",
        (Push("inner brow", (0, -0.05), (0.17, 0.24), 0, -0.150, "brow"),),
    ),
    "AU2": ActionUnit(
        "outer brow raiser",
        "frontalis, pars lateralis",
        (
            Push("outer brow", (0, -0.05), (0.24, 0.24), 0, -0.125, "brow"),
            Push("mid brow", (0, -0.05), (0.20, 0.24), 0, -0.090, "brow"),
        ),
    ),
    "AU4": ActionUnit(
        "brow lowerer",
        "corrugator supercilii, depressor supercilii, depressor glabellae",
        (
            # Below the brow's middle: its lower border falls further than its upper one, so that a brow that slants
            # stays as thick as it is.
            Push("inner brow", (0, 0.03), (0.20, 0.20), -0.030, 0.115, "brow"),
            Push("mid brow", (0, 0.03), (0.18, 0.18), 0, 0.080, "brow"),
            Push("outer brow", (0, 0), (0.20, 0.20), 0, -0.075, "brow"),
            # The skin over the root of the nose folds; carried down, the root would make the nose shorter.
            Push("face", (0, 0), (0.09, 0.10), 0, -0.050, "brow", once=True),
        ),
    ),
    "AU5": ActionUnit("upper lid raiser", "levator palpebrae superioris", lids=Lids(widen=0.048)),
    "AU6": ActionUnit(
        "cheek raiser",
        "orbicularis oculi, pars orbitalis",
        (
            Push("face", (0.55, 0.58), (0.26, 0.20), 0.020, -0.075),
            Push("face", (0.48, 0.34), (0.22, 0.11), 0, -0.030),
        ),
        lids=Lids(upper_down=0.12, lower_up=0.27),
    ),
    "AU7": ActionUnit("lid tightener", "orbicularis oculi, pars palpebralis", lids=Lids(0.16, 0.26)),
    "AU9": ActionUnit(
        "nose wrinkler",
        "levator labii superioris alaeque nasi",
        (
            # No push on the bridge: an angry nose would get shorter, and another person's.
            Push("inner brow", (0, 0), (0.15, 0.15), -0.012, 0.050, "brow"),
            Push("nostril", (0, 0), (0.16, 0.20), 0.012, -0.085),
            Push("face", (0.19, 0.76), (0.11, 0.15), 0.034, 0),
            Push("face", (0, 0.84), (0.13, 0.18), 0, 0.016, once=True),
            Push("face", (0.36, 0.42), (0.14, 0.14), 0, -0.024),
        ),
        Pull(upper_down=-0.020),
    ),
    "AU10": ActionUnit(
        "upper lip raiser",
        "levator labii superioris",
        (
            Push("face", (0.36, 0.85), (0.16, 0.16), 0, -0.026),
            # The tip and the base of the nose stay: carried along by the wings, they turned it up.
            Push("face", (0, 0.62), (0.15, 0.16), 0, 0.004, once=True),
            Push("face", (0.18, 0.95), (0.12, 0.12), 0.019, 0),
            Push("face", (0, 0.45), (0.12, 0.25), 0, -0.0135, once=True),
            Push("face", (0.36, 0.42), (0.14, 0.14), 0, -0.0108),
        ),
        Pull(corner_down=-0.012, corner_power=3.0, upper_down=-0.076, middle="square"),
    ),
    "AU11": ActionUnit(
        "nasolabial deepener", "zygomaticus minor", (Push("face", (0.43, 0.78), (0.15, 0.15), 0, -0.030),)
    ),
    "AU12": ActionUnit(
        "lip corner puller",
        "zygomaticus major",
        (Push("face", (0.52, 0.80), (0.20, 0.22), 0.035, -0.055),),
        Pull(corner_out=0.098, corner_down=-0.104, upper_down=-0.030, lower_down=0.020, middle="flat"),
    ),
    "AU15": ActionUnit(
        "lip corner depressor",
        "depressor anguli oris",
        pull=Pull(corner_out=0.050, corner_down=0.110, corner_power=2.8),
    ),
    "AU16": ActionUnit("lower lip depressor", "depressor labii inferioris", pull=Pull(lower_down=0.090, tighten=-0.18)),
    "AU17": ActionUnit(
        "chin raiser",
        "mentalis",
        (Push("chin", (0, -0.25), (0.25, 0.18), 0, -0.045, once=True),),
        Pull(upper_down=0.010, lower_down=-0.050),
    ),
    "AU18": ActionUnit("lip pucker", "incisivii labii", pull=Pull(corner_out=-0.085)),
    "AU20": ActionUnit("lip stretcher", "risorius", pull=Pull(corner_out=0.075, corner_down=0.012)),
    "AU23": ActionUnit("lip tightener", "orbicularis oris", pull=Pull(corner_out=-0.030, tighten=0.30)),
    "AU24": ActionUnit(
        "lip presser",
        "orbicularis oris",
        pull=Pull(corner_out=-0.020, upper_down=-0.0058, lower_down=-0.025, tighten=0.36),
    ),
    "AU25": ActionUnit("lips part", "depressor labii inferioris, or a relaxed mentalis or orbicularis oris"),
    "AU26": ActionUnit("jaw drop", "masseter relaxed, temporalis and medial pterygoid relaxed"),
    "AU38": ActionUnit(
        "nostril dilator", "nasalis, pars alaris", (Push("face", (0.19, 0.76), (0.11, 0.15), 0.014, 0),)
    ),
    "AU39": ActionUnit(
        "nostril compressor",
        "pars transversa nasalis, depressor septi",
        (Push("face", (0, 0.60), (0.12, 0.12), 0, 0.040, once=True),),
    ),
    "AU43": ActionUnit("eyes close", "levator palpebrae superioris relaxed", lids=Lids(upper_down=0.50)),
}
"""AU25 and AU26 move nothing by themselves: they open the lips, together with the voice (`animate`, `lips`)."""

MOUTH_UNITS = frozenset(
    {"AU10", "AU12", "AU15", "AU17", "AU18", "AU20", "AU23", "AU24", "AU25", "AU26"},
)
"""The units that act in the edit region `lips`. AU16 is not one: under a nose that stays, it only undoes a mouth
that closes."""

"""How a face usually looks, and which of its texels look like something else.

A texel is the face's own where it looks as it did in one of a few exemplars, the frames that are most alike, or as it
did a moment ago while it was the face's own: so light that wanders, a head that turns and a beard are learnt, and a
hand that comes in from the side is not, because only what was taken for face is learnt from.
Source  the sample consensus of Barnich & Van Droogenbroeck, "ViBe: A Universal Background Subtraction Algorithm for
        Video Sequences", IEEE TIP 20(6), 2011, without its chance; the light is levelled by a plane fitted to the
        logarithms of the ratios of the better part of the texels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from . import texels

Texels = NDArray[np.float32]
"""One number, or a few, for each texel: (texels,) or (texels, 3)."""

_Kind = TypeVar("_Kind", np.float32, np.bool_)

SAMPLE, ALIKE_SHARE, ROUNDS, EXEMPLARS = 60, 0.3, 4, 8
"""Frames that are compared for the exemplars, the share that is most alike, how often, and how many are kept."""
LIGHT_OFF, CHROMA_OFF = 13.0, 7.0
LIPS_LIGHT_OFF, LIPS_CHROMA_OFF = 22.0, 13.0
"""CIELAB distances beyond which a texel is another thing; lips wet, stretch and part."""
EDGE_ROOM, EDGE_OFF = 5.0, 12.0
"""An edge may grow by the first, in grey levels a texel, before it counts, and counts fully at the second more."""
LIPS_APART, LIPS_GONE, LIPS_GONE_SCORE = 7.0, 0.5, 1.2
"""Lips that differ from the skin by the first in chroma are covered where less than this share of it is left."""
LEARNT_BELOW, LEARN_SHARE, EDGE_KEPT = 0.55, 0.5, 0.97
_FLOOR, _MOST_LIGHT = 8.0, 0.7


@dataclass(frozen=True, eq=False)
class Usual:
    """The face as it usually looks."""

    rgb: Texels
    lab: Texels
    """The exemplars, (few, texels, 3)."""
    edges: Texels
    start: int
    """The place of the frame that looks most usual."""
    skin: NDArray[np.bool_]
    """Which texels are looked at."""
    plane: Texels
    """1, x and y of each texel, for the light."""


def learn(looks: Sequence[NDArray[np.uint8]], local: NDArray[np.float64]) -> Usual:
    """Find the frames that are most alike, at most 60 of them compared.

    Args:
        looks: texels of each frame with the face, (texels, 4).
        local: the face's landmarks in its own frame, (478, 3) units, typical of the frames.
    """
    chosen = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), SAMPLE)).round().astype(int))
    some = np.stack([looks[number] for number in chosen]).astype(np.float32)
    skin = texels.skin(local)
    places = texels.spread(local)
    plane = np.column_stack([np.ones(len(places)), places]).astype(np.float32)
    alike = np.arange(len(some))
    for _ in range(ROUNDS):
        rgb = np.median(some[alike, :, :3], axis=0)
        lab = np.stack([lab_of(_levelled(one[:, :3], rgb, skin, plane)) for one in some])
        off = np.abs(lab - np.median(lab[alike], axis=0))
        worse = np.maximum(off[..., 0] / LIGHT_OFF, np.hypot(off[..., 1], off[..., 2]) / CHROMA_OFF)
        own = np.clip(worse, 0, 2)[:, skin].mean(1)
        alike = np.sort(np.argsort(own, kind="stable")[: max(min(3, len(own)), int(len(own) * ALIKE_SHARE))])
    kept = alike[np.unique(np.linspace(0, len(alike) - 1, min(len(alike), EXEMPLARS)).round().astype(int))]
    return Usual(rgb, lab[kept], some[kept, :, 3].max(0), int(chosen[np.argmin(own)]), skin, plane)


def strange(looks: Sequence[NDArray[np.uint8]], usual: Usual) -> NDArray[np.float32]:
    """Tell for each frame how strange each texel is: 0 the face's own, from 1 on another thing; (frames, texels)."""
    scores = np.zeros((len(looks), len(usual.rgb)), np.float32)
    for order in (range(usual.start, len(looks)), range(usual.start, -1, -1)):
        _walk(looks, usual, order, scores)
    return scores


def _walk(looks: Sequence[NDArray[np.uint8]], usual: Usual, order: Iterable[int], scores: NDArray[np.float32]) -> None:
    lips = texels.on_lips()
    tone = np.median(usual.lab[:, usual.skin & ~lips].reshape(-1, 3), axis=0)
    recent, edges = usual.lab.mean(0), usual.edges
    light_off = np.where(lips, LIPS_LIGHT_OFF, LIGHT_OFF)
    chroma_off = np.where(lips, LIPS_CHROMA_OFF, CHROMA_OFF)
    for number in order:
        look = looks[number].astype(np.float32)
        lab = lab_of(_levelled(look[:, :3], usual.rgb, usual.skin, usual.plane))
        off = np.abs(np.concatenate([usual.lab, recent[None]]) - lab)
        score = np.maximum(off[..., 0] / light_off, np.hypot(off[..., 1], off[..., 2]) / chroma_off).min(0)
        grown = (look[:, 3] - widest(widest(edges)) - EDGE_ROOM) / EDGE_OFF
        score = np.where(lips, np.maximum(score, _gone(lab, usual, tone)), np.maximum(score, np.clip(grown, 0, 1.5)))
        score = evened(evened(np.where(usual.skin, np.clip(score, 0, 2), 0)))
        scores[number] = score
        own = widest(score) < LEARNT_BELOW
        recent = np.where(own[:, None], recent + LEARN_SHARE * (lab - recent), recent)
        edges = np.where(own, np.maximum(EDGE_KEPT * edges, look[:, 3]), edges)


def _gone(lab: Texels, usual: Usual, tone: Texels) -> Texels:
    """Find lips that have turned as pale as skin, as under a hand of the face's own colour."""
    usually = np.hypot(*(usual.lab.mean(0) - tone)[:, 1:].T)
    now = np.hypot(*(lab - tone)[:, 1:].T)
    gone: Texels = np.where((usually > LIPS_APART) & (now < LIPS_GONE * usually), LIPS_GONE_SCORE, 0)
    return gone


def _levelled(rgb: Texels, usual: Texels, skin: NDArray[np.bool_], plane: Texels) -> Texels:
    """Take the light of a frame out: a plane for each channel, fitted to those texels that go along with one."""
    ratio = np.log((usual[skin][::3] + _FLOOR) / (rgb[skin][::3] + _FLOOR)).astype(np.float64)
    places = plane[skin][::3].astype(np.float64)
    used = np.ones(len(ratio), bool)
    for _ in range(3):
        rows = places[used]
        slopes = np.linalg.solve(rows.T @ rows + 1e-6 * np.eye(3), rows.T @ ratio[used])
        off = np.abs(ratio - places @ slopes).max(1)
        used = off <= np.partition(off, int(0.6 * len(off)))[int(0.6 * len(off))]
    light = plane @ slopes
    levelled: Texels = ((rgb + _FLOOR) * np.exp(np.clip(light, -_MOST_LIGHT, _MOST_LIGHT)) - _FLOOR).astype(np.float32)
    return levelled


def lab_of(rgb: Texels) -> Texels:
    """Turn red, green and blue of 0..255, (texels, 3), into CIELAB."""
    import cv2

    scaled = np.clip(rgb, 0, 255).astype(np.float32)[None] / 255
    lab: Texels = cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab)[0]
    return lab


def evened(values: Texels) -> Texels:
    """Give each texel the mean of itself and its neighbours on the mesh."""
    mean: Texels = values[texels.near()].mean(1)
    return mean


def widest(values: NDArray[_Kind]) -> NDArray[_Kind]:
    """Give each texel the greatest of itself and its neighbours."""
    most: NDArray[_Kind] = values[texels.near()].max(1)
    return most

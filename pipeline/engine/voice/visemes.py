"""Which shape of the mouth each moment of a voice calls for: soft weights of a few classes, by what it sounds like.

Vowels are told by their resonances against this voice's own range, so that men and women are alike; the rest by where
the energy lies against this voice's own loud level, so that loud and quiet recordings are. A stop has no sound of its
own: whether it was the lips' is judged by how its neighbours' second resonance bends, and by its burst.
Source  vowels by F1 and F2: Peterson & Barney, JASA 24 (1952); labial, alveolar and velar places by the bend of F2
        and by the burst: Delattre, Liberman & Cooper, "Acoustic loci and transitional cues for consonants", JASA 27
        (1955), and Stevens & Blumstein, JASA 64 (1978). Levels were set on synthetic voices of known phones.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve, Points
from .listening import HOP_S, Heard


class Viseme(IntEnum):
    """A class of mouth shapes; the column of its weight."""

    REST = 0
    """Silence."""
    OPEN = 1
    """a, ae: the jaw is low."""
    WIDE = 2
    """ee, ih: corners apart."""
    ROUND = 3
    """oo, oh, w: corners together, lips forward."""
    NEUTRAL = 4
    """The vowels between, and l, r, h."""
    CLOSED = 5
    """p, b, m: lip on lip."""
    BITE = 6
    """f, v: lower lip on upper teeth."""
    HISS = 7
    """s, sh, z: teeth together and seen."""
    TONGUE = 8
    """t, d, n, k: the tongue closes, the lips are a little apart."""


SILENT_DB = -60.0
"""A voice whose loud level is below this, against full scale, says nothing."""
SPOKEN_DB = -23.0
"""From this level on, against the loud one, the mouth sounds."""
HUM_S = 0.26
"""A hum of this length is no m."""
PAUSE_S = 0.17
"""A silence of this length is no stop."""
USUAL_HZ = ((290.0, 720.0), (1000.0, 2300.0))
"""F1 and F2 of a usual voice, 10th and 90th percentile; a short voice is judged by these rather than by itself."""
ENOUGH = 80
"""So many moments of vowels weigh as much as what is usual."""
VOWELS = {
    Viseme.OPEN: (1.00, 0.25),
    Viseme.WIDE: (0.28, 0.88),
    Viseme.ROUND: (0.25, 0.14),
    Viseme.NEUTRAL: (0.62, 0.48),
}
"""Where each vowel lies in a voice's own range of F1 and F2, on a logarithmic scale from 0 to 1."""
APART = 0.20
"""How far vowels lie apart on that scale, as a standard deviation."""


def loud_level_db(heard: Heard) -> float:
    """Give the loud level of a voice: the 95th percentile of what is not silence."""
    audible = heard.level_db[heard.level_db > heard.level_db.max() - 40]
    return float(np.percentile(audible, 95)) if len(audible) else -120.0


def visemes(heard: Heard) -> Points:
    """Weigh the classes at each moment: (moments, classes), rows add up to 1."""
    weights = np.zeros((len(heard.level_db), len(Viseme)))
    loud_db = loud_level_db(heard)
    if loud_db < SILENT_DB:
        weights[:, Viseme.REST] = 1
        return weights
    hiss_db, murmur_db = heard.hiss_db - loud_db, heard.murmur_db - loud_db
    body_db, level_db = heard.body_db - loud_db, heard.level_db - loud_db
    lows, seconds = _vowel_range(heard, level_db)
    noise = _rises(hiss_db - body_db + 0.5 * np.clip(-13 - murmur_db, -10, 20), 0.0, 1.5) * _rises(hiss_db, -39.0, 1.5)
    strong = _rises(hiss_db, max(-26.0, _top(hiss_db) - 12.0), 2.0)
    shut = 0.5 * (around(body_db, 12) - body_db - 10) - 0.5 * (body_db + 16) + 0.3 * (murmur_db - body_db - 7)
    shut -= 20 * np.log(heard.first_hz / (1.05 * lows[0]))
    humming = _rises(shut, 2.0, 1.0) * _rises(murmur_db, -22.0, 1.5) * (1 - noise)
    lip_hum = _rises(-np.log(heard.second_hz / (0.93 * seconds[1])), 0.0, 0.05)
    dips = _rises(around(level_db, 8) - level_db, 13.0, 1.5) * _rises(-level_db, 13.0, 1.0)
    speaks = _rises(level_db, SPOKEN_DB, 1.5) * (1 - dips)
    gap = (1 - noise) * (1 - humming) * (1 - speaks)
    vowels = _vowels(heard, level_db) * (speaks * (1 - noise) * (1 - humming))[:, None]
    weights[:, list(VOWELS)] = vowels
    weights[:, Viseme.HISS] = noise * strong
    weights[:, Viseme.BITE] = noise * (1 - strong)
    weights[:, Viseme.CLOSED] = humming * lip_hum
    weights[:, Viseme.TONGUE] = humming * (1 - lip_hum)
    _share_gaps(weights, gap, heard, hiss_db)
    for first, last in runs(weights[:, Viseme.CLOSED] > 0.5):
        if (last - first) * HOP_S > HUM_S:
            weights[first:last, Viseme.REST] += weights[first:last, Viseme.CLOSED]
            weights[first:last, Viseme.CLOSED] = 0
    weights = _without_blips(weights)
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))


def _rises(values: Curve, middle: float, softness: float) -> Curve:
    risen: Curve = 1 / (1 + np.exp(-np.clip((values - middle) / softness, -40, 40)))
    return risen


def _top(hiss_db: Curve) -> float:
    return float(np.percentile(hiss_db, 98))


def _vowel_range(heard: Heard, level_db: Curve) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Give the 10th, 50th and 90th percentile of F1 and of F2 in Hz, leaning on the usual where little is heard."""
    spoken = (level_db > -18) & (heard.voicing > 0.6) & (heard.hiss_db < heard.body_db)
    share = spoken.sum() / (spoken.sum() + ENOUGH)
    found = []
    for hz, (least, most) in zip((heard.first_hz, heard.second_hz), USUAL_HZ, strict=True):
        usual = np.log([least, np.sqrt(least * most), most])
        own = np.log(np.percentile(hz[spoken], [10, 50, 90])) if spoken.any() else usual
        low, middle, high = np.exp(share * own + (1 - share) * usual)
        found.append((float(low), float(middle), float(max(high, 1.4 * low))))
    return found[0], found[1]


def _vowels(heard: Heard, level_db: Curve) -> Points:
    """Share each moment among the vowels, (moments, 4), rows add up to 1."""
    ranges = _vowel_range(heard, level_db)
    place = [
        np.log(hz / low) / np.log(high / low)
        for hz, (low, _, high) in zip((heard.first_hz, heard.second_hz), ranges, strict=True)
    ]
    first, second = (np.clip(one, -0.2, 1.2) for one in place)
    likeness = np.stack(
        [np.exp(-((first - f1) ** 2 + (second - f2) ** 2) / (2 * APART**2)) for f1, f2 in VOWELS.values()], 1
    )
    return np.asarray(likeness / (likeness.sum(1, keepdims=True) + 1e-9))


def _share_gaps(weights: Points, gap: Curve, heard: Heard, hiss_db: Curve) -> None:
    """Say of each silence whether it is a pause, the lips' stop or the tongue's, in place."""
    for first, last in runs(gap > 0.5):
        inside = slice(first, last)
        at_the_end = first == 0 or last == len(gap)
        if at_the_end or (last - first) * HOP_S >= PAUSE_S:
            weights[inside, Viseme.REST] += gap[inside]
            continue
        lips = lip_stop(heard, hiss_db, first, last)
        weights[inside, Viseme.CLOSED] += gap[inside] * lips
        weights[inside, Viseme.TONGUE] += gap[inside] * (1 - lips)
    soft = gap * (gap <= 0.5)
    weights[:, Viseme.NEUTRAL] += soft


def lip_stop(heard: Heard, hiss_db: Curve, first: int, last: int) -> float:
    """Tell how likely the lips made the silence of moments [first, last): by the bend of F2 around it, and its burst.

    From lips F2 rises into the vowel, from the tongue it mostly falls; and a burst at the lips has little hiss.
    """
    count, bends = len(hiss_db), []
    for near, far in ((first - 2, first - 6), (last + 1, last + 5)):
        if 0 <= near < count and 0 <= far < count and min(heard.voicing[near], heard.voicing[far]) > 0.5:
            bends.append(np.log(heard.second_hz[far] / heard.second_hz[near]))
    bend = float(np.clip(np.mean(bends), -0.3, 0.3)) if bends else 0.0
    burst = float(hiss_db[max(0, last - 2) : last + 3].max())
    evidence = 9 * bend - 0.7 * (burst + 24.5)
    return 1 / (1 + float(np.exp(-evidence)))


def runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give the stretches [first, last) where something is marked."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def around(curve: Curve, reach: int) -> Curve:
    """Give the highest value within so many moments on either side."""
    return np.asarray(_windows(curve, reach).max(0))


def _held(curve: Curve, moments: int) -> Curve:
    """Keep what lasts for so many moments, an odd number, and flatten what is shorter."""
    lowest = _windows(curve, moments // 2).min(0)
    kept: Curve = _windows(lowest, moments // 2).max(0)
    return kept


def _windows(curve: Curve, reach: int) -> Points:
    padded = np.pad(curve, reach, mode="edge")
    return np.stack([padded[step : step + len(curve)] for step in range(2 * reach + 1)])


def _without_blips(weights: Points) -> Points:
    """Let no class win for a single moment, and the bite only where it lasts: a burst sounds like one."""
    steady = np.stack([np.median(_windows(column, 1), axis=0) for column in weights.T], 1)
    bite = _held(steady[:, Viseme.BITE], 5)
    steady[:, Viseme.TONGUE] += steady[:, Viseme.BITE] - bite
    steady[:, Viseme.BITE] = bite
    return steady

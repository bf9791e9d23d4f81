"""Classify each moment of a voice into visemes, with soft weights.

Vowels are classified by their formants relative to the voice's own range, so that male and female voices are treated
alike; the other classes by band levels relative to the voice's own loud level, so that the recording level does not
matter. A stop has no sound of its own: whether it is labial is judged by the F2 transitions around it and by its burst.

Vowels by F1 and F2: Peterson & Barney, JASA 24 (1952). Labial, alveolar and velar places by the F2 transition and the
burst: Delattre, Liberman & Cooper, "Acoustic loci and transitional cues for consonants", JASA 27 (1955), and Stevens &
Blumstein, JASA 64 (1978). Levels were set on synthetic voices of known phones.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from ..arrays import Curve, Points, runs
from .voice_features import HOP_S, VoiceFeatures


class Viseme(IntEnum):
    """A class of mouth shapes; its value is the column of its weight."""

    REST = 0
    """Silence."""
    OPEN = 1
    """a, ae: the jaw is low."""
    WIDE = 2
    """ee, ih: corners apart."""
    ROUND = 3
    """oo, oh, w: corners together, lips forward."""
    NEUTRAL = 4
    """The vowels in between, and l, r, h."""
    CLOSED = 5
    """p, b, m: lip on lip."""
    BITE = 6
    """f, v: lower lip on upper teeth."""
    HISS = 7
    """s, sh, z: teeth together and visible."""
    TONGUE = 8
    """t, d, n, k: the tongue closes, the lips are a little apart."""


SILENT_DB = -60.0
"""A voice with a lower loud level (dBFS) is silent."""
SPOKEN_DB = -23.0
"""Above this level, relative to the loud level, there is speech."""
MAX_NASAL_S = 0.26
"""A longer hum is not an m."""
MIN_PAUSE_S = 0.17
"""A silence of at least this length is a pause, not a stop."""
USUAL_HZ = ((290.0, 720.0), (1000.0, 2300.0))
"""10th and 90th percentile of F1 and F2 of a usual voice; used as a prior for short voices."""
PRIOR_MOMENTS = 80
"""Weight of the prior, in moments of vowels."""
VOWELS = {
    Viseme.OPEN: (1.00, 0.25),
    Viseme.WIDE: (0.28, 0.88),
    Viseme.ROUND: (0.25, 0.14),
    Viseme.NEUTRAL: (0.62, 0.48),
}
"""Position of each vowel in a voice's own range of F1 and F2, on a logarithmic scale from 0 to 1."""
VOWEL_STD = 0.20
"""Standard deviation of a vowel on that scale."""


def loud_level_db(features: VoiceFeatures) -> float:
    """Return the loud level of a voice: the 95th percentile of what is not silence."""
    audible = features.level_db[features.level_db > features.level_db.max() - 40]
    return float(np.percentile(audible, 95)) if len(audible) else -120.0


def classify_visemes(features: VoiceFeatures) -> Points:
    """Return the weight of each viseme at each moment, (moments, classes); rows sum to 1."""
    weights = np.zeros((len(features.level_db), len(Viseme)))
    loud_db = loud_level_db(features)
    if loud_db < SILENT_DB:
        weights[:, Viseme.REST] = 1
        return weights
    hiss_db, murmur_db = features.hiss_db - loud_db, features.murmur_db - loud_db
    body_db, level_db = features.body_db - loud_db, features.level_db - loud_db
    f1_range, f2_range = _vowel_range(features, level_db)
    noise = _sigmoid(hiss_db - body_db + 0.5 * np.clip(-13 - murmur_db, -10, 20), 0.0, 1.5) * _sigmoid(
        hiss_db, -39.0, 1.5
    )
    strong = _sigmoid(hiss_db, max(-26.0, _top(hiss_db) - 12.0), 2.0)
    closed = 0.5 * (local_max(body_db, 12) - body_db - 10) - 0.5 * (body_db + 16) + 0.3 * (murmur_db - body_db - 7)
    closed -= 20 * np.log(features.f1_hz / (1.05 * f1_range[0]))
    nasal = _sigmoid(closed, 2.0, 1.0) * _sigmoid(murmur_db, -22.0, 1.5) * (1 - noise)
    labial_nasal = _sigmoid(-np.log(features.f2_hz / (0.93 * f2_range[1])), 0.0, 0.05)
    dips = _sigmoid(local_max(level_db, 8) - level_db, 13.0, 1.5) * _sigmoid(-level_db, 13.0, 1.0)
    speech = _sigmoid(level_db, SPOKEN_DB, 1.5) * (1 - dips)
    gap = (1 - noise) * (1 - nasal) * (1 - speech)
    vowels = _vowels(features, level_db) * (speech * (1 - noise) * (1 - nasal))[:, None]
    weights[:, list(VOWELS)] = vowels
    weights[:, Viseme.HISS] = noise * strong
    weights[:, Viseme.BITE] = noise * (1 - strong)
    weights[:, Viseme.CLOSED] = nasal * labial_nasal
    weights[:, Viseme.TONGUE] = nasal * (1 - labial_nasal)
    _classify_gaps(weights, gap, features, hiss_db)
    for first, last in runs(weights[:, Viseme.CLOSED] > 0.5):
        if (last - first) * HOP_S > MAX_NASAL_S:
            weights[first:last, Viseme.REST] += weights[first:last, Viseme.CLOSED]
            weights[first:last, Viseme.CLOSED] = 0
    weights = _remove_blips(weights)
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))


def _sigmoid(values: Curve, middle: float, softness: float) -> Curve:
    weights: Curve = 1 / (1 + np.exp(-np.clip((values - middle) / softness, -40, 40)))
    return weights


def _top(hiss_db: Curve) -> float:
    return float(np.percentile(hiss_db, 98))


def _vowel_range(
    features: VoiceFeatures, level_db: Curve
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the 10th, 50th and 90th percentile of F1 and F2 in Hz, blended with the prior if little is voiced."""
    is_vowel = (level_db > -18) & (features.voicing > 0.6) & (features.hiss_db < features.body_db)
    share = is_vowel.sum() / (is_vowel.sum() + PRIOR_MOMENTS)
    ranges = []
    for hz, (least, most) in zip((features.f1_hz, features.f2_hz), USUAL_HZ, strict=True):
        prior = np.log([least, np.sqrt(least * most), most])
        voice_range = np.log(np.percentile(hz[is_vowel], [10, 50, 90])) if is_vowel.any() else prior
        low, middle, high = np.exp(share * voice_range + (1 - share) * prior)
        ranges.append((float(low), float(middle), float(max(high, 1.4 * low))))
    return ranges[0], ranges[1]


def _vowels(features: VoiceFeatures, level_db: Curve) -> Points:
    """Return the weights of the vowels at each moment, (moments, 4); rows sum to 1."""
    ranges = _vowel_range(features, level_db)
    positions = [
        np.log(hz / low) / np.log(high / low)
        for hz, (low, _, high) in zip((features.f1_hz, features.f2_hz), ranges, strict=True)
    ]
    first, second = (np.clip(position, -0.2, 1.2) for position in positions)
    likelihood = np.stack(
        [np.exp(-((first - f1) ** 2 + (second - f2) ** 2) / (2 * VOWEL_STD**2)) for f1, f2 in VOWELS.values()], 1
    )
    return np.asarray(likelihood / (likelihood.sum(1, keepdims=True) + 1e-9))


def _classify_gaps(weights: Points, gap: Curve, features: VoiceFeatures, hiss_db: Curve) -> None:
    """Classify each silence as a pause, a labial stop or a tongue stop, in place."""
    for first, last in runs(gap > 0.5):
        inside = slice(first, last)
        at_the_end = first == 0 or last == len(gap)
        if at_the_end or (last - first) * HOP_S >= MIN_PAUSE_S:
            weights[inside, Viseme.REST] += gap[inside]
            continue
        labial = lip_stop(features, hiss_db, first, last)
        weights[inside, Viseme.CLOSED] += gap[inside] * labial
        weights[inside, Viseme.TONGUE] += gap[inside] * (1 - labial)
    soft = gap * (gap <= 0.5)
    weights[:, Viseme.NEUTRAL] += soft


def lip_stop(features: VoiceFeatures, hiss_db: Curve, first: int, last: int) -> float:
    """Return the probability that the silence of moments [first, last) is a labial stop, by F2 transitions and burst.

    After lips F2 rises into the vowel, after the tongue it mostly falls; and a labial burst has little hiss.
    """
    count, transitions = len(hiss_db), []
    for near, far in ((first - 2, first - 6), (last + 1, last + 5)):
        if 0 <= near < count and 0 <= far < count and min(features.voicing[near], features.voicing[far]) > 0.5:
            transitions.append(np.log(features.f2_hz[far] / features.f2_hz[near]))
    transition = float(np.clip(np.mean(transitions), -0.3, 0.3)) if transitions else 0.0
    burst = float(hiss_db[max(0, last - 2) : last + 3].max())
    evidence = 9 * transition - 0.7 * (burst + 24.5)
    return 1 / (1 + float(np.exp(-evidence)))


def local_max(curve: Curve, reach: int) -> Curve:
    """Return the maximum within `reach` moments on either side."""
    return np.asarray(_windows(curve, reach).max(0))


def _opening(curve: Curve, moments: int) -> Curve:
    """Remove peaks shorter than an odd number of moments (morphological opening)."""
    lowest = _windows(curve, moments // 2).min(0)
    opened: Curve = _windows(lowest, moments // 2).max(0)
    return opened


def _windows(curve: Curve, reach: int) -> Points:
    padded = np.pad(curve, reach, mode="edge")
    return np.stack([padded[step : step + len(curve)] for step in range(2 * reach + 1)])


def _remove_blips(weights: Points) -> Points:
    """Remove single-moment classes, and short bites, because a burst sounds like one."""
    steady = np.stack([np.median(_windows(column, 1), axis=0) for column in weights.T], 1)
    bite = _opening(steady[:, Viseme.BITE], 5)
    steady[:, Viseme.TONGUE] += steady[:, Viseme.BITE] - bite
    steady[:, Viseme.BITE] = bite
    return steady

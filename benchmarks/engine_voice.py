"""Measure how well a mouth follows a new voice: the gap between the lips in a take, frame by frame.

The gap is measured in the finished take by the face mesh without its attention part, a different network from the
engine's. mediapipe 0.10.14 has it, which no extra installs. The expected opening follows from the spoken phones: a
vowel's first formant gives the opening of the jaw, and a consonant is nearly shut. The correlation with loudness is
printed as well, although it knows no closed vowels.

Source: first formant and jaw: Lindblom and Sundberg, "Acoustical consequences of lip, tongue, jaw, and larynx
        movement", JASA 50 (1971).
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from engine_people import Rgb, pictures
from numpy.typing import NDArray

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.demo.demo_voice import PHONES, SENTENCES, Phone, utter
from react1.pipeline.engine.frames.clip_frames import ClipFrames
from react1.pipeline.engine.quiet import quiet_import
from react1.pipeline.engine.render.render import render
from react1.pipeline.engine.take_job import TakeJob

RATE, RANGE_DB, PITCH_HZ = 48_000, 30, 190.0
SHUT_HZ, WIDE_HZ, VOWEL_VOICE = 300, 860, 0.9
LAGS = range(-3, 4)
Curve = NDArray[np.float64]


def speech_line(person: str, clip: Path) -> str:
    """Render a face with a new voice; return how well the lips follow it, and at which lag."""
    phones = [PHONES[name] for text, _, _ in SENTENCES for name in f"_ {text} _".split() if name in PHONES]
    seconds = sum(phone.length_s for phone in phones)
    samples = utter(phones, [PITCH_HZ] * len(phones), 1.0, seconds)
    voice, out = clip.with_name("voice.wav"), clip.with_name("spoken.mp4")
    with wave.open(str(voice), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples / np.abs(samples).max() * 16_000).astype("<i2").tobytes())
    choices = React1Choices(prompt="neutral", temperature=0.5, model_mode="face")
    render(clip, TakeJob(out, choices, voice, own_voice=False), progress=lambda _: None)
    with ClipFrames(clip) as frames:
        fps = float(frames.video_format.fps)
    opened = gaps(pictures(out))
    spoken, level = _spoken(phones, len(opened), fps), _level(samples, len(opened), fps)
    valid = np.flatnonzero(np.isfinite(opened))
    scores = {lag: _correlation(opened, spoken, valid, lag) for lag in LAGS}
    best = max(scores, key=lambda lag: scores[lag])
    loud = _correlation(opened, level, valid, 0)
    return (
        f"{person:15}speaks    lips against the vowels' openness: {scores[0]:.2f} at once, best {scores[best]:.2f} "
        f"at {best:+d} frames; against loudness {loud:.2f}"
    )


def _spoken(phones: list[Phone], frames: int, fps: float) -> Curve:
    """Return the expected opening of a mouth that speaks these phones, per frame, 0 to 1."""
    ends = np.cumsum([phone.length_s for phone in phones])
    wide = [(phone.formants_hz[0] - SHUT_HZ) / (WIDE_HZ - SHUT_HZ) for phone in phones]
    opens = [max(0.0, share) * (phone.voice > VOWEL_VOICE) for share, phone in zip(wide, phones, strict=True)]
    fine = np.array(
        [opens[min(len(phones) - 1, int(np.searchsorted(ends, at / 1000)))] for at in range(int(ends[-1] * 1000))]
    )
    smooth = np.convolve(fine, np.hanning(100) / np.hanning(100).sum(), "same")
    middles = ((np.arange(frames) + 0.5) / fps * 1000).astype(int)
    return smooth[np.minimum(middles, len(smooth) - 1)]


def gaps(takes: list[Rgb]) -> Curve:
    """Return the gap between the lips in every picture, in eye distances; NaN without a face."""
    with quiet_import():
        from mediapipe.python import solutions

        mesh = solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False)
    openings = []
    with mesh:
        for picture in takes:
            faces = mesh.process(picture).multi_face_landmarks
            openings.append(_gap(faces[0], picture.shape) if faces else np.nan)
    return np.array(openings)


def _gap(face: object, shape: tuple[int, ...]) -> float:
    points = np.array([(point.x * shape[1], point.y * shape[0]) for point in face.landmark])  # type: ignore[attr-defined]
    eyes = np.linalg.norm(points[[33, 133]].mean(0) - points[[263, 362]].mean(0))
    return float(np.linalg.norm(points[13] - points[14]) / eyes)


def _correlation(opened: Curve, level: Curve, valid: NDArray[np.int64], lag: int) -> float:
    inner = valid[(valid >= max(LAGS) * 3) & (valid < len(level) - max(LAGS) * 3)]
    return float(np.corrcoef(opened[inner], level[inner - lag])[0, 1])


def _level(samples: NDArray[np.float32], frames: int, fps: float) -> Curve:
    step = RATE / fps
    parts = [samples[round(number * step) : round((number + 1) * step)] for number in range(frames)]
    level = np.array([10 * np.log10(float((part.astype(float) ** 2).mean()) + 1e-7) for part in parts])
    return np.clip(level, level.max() - RANGE_DB, None)

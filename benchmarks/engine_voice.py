"""Whether a mouth follows a new voice: the chin's place in a take, frame by frame, against the voice's level."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from engine_measures import Face, luma, moved
from engine_people import landmarks, pictures

from react1.pipeline.demo.voice import speak
from react1.pipeline.engine.render import Expression, render

RATE = 48_000
LAGS = range(-3, 4)


def follows(person: str, clip: Path) -> str:
    """Give a voice of another clip to a face, and say how well the chin goes with it, and at which lag."""
    source = pictures(clip)
    voice, out = clip.with_name("voice.wav"), clip.with_name("spoken.mp4")
    frames = len(source)
    import av

    with av.open(str(clip)) as container:
        fps = float(container.streams.video[0].average_rate)
    samples = speak(3)[RATE // 2 : RATE // 2 + round(frames / fps * RATE)]
    with wave.open(str(voice), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32_000).astype("<i2").tobytes())
    render(clip, voice, out, Expression("neutral", 0.5, "face"), own_voice=False, progress=lambda _: None)
    spoken = pictures(out)
    down = []
    for before, after in zip(source, spoken, strict=False):
        face = Face(landmarks(before))
        down.append(-moved(luma(before), luma(after), face, "chin"))
    opened, level = np.array(down), _level(samples, len(down), fps)
    inner = slice(6, len(down) - 6)
    scores = {lag: float(np.corrcoef(opened[inner], np.roll(level, lag)[inner])[0, 1]) for lag in LAGS}
    best = max(scores, key=lambda lag: scores[lag])
    return f"{person:15}{'speaks':10} chin against the voice's level: {scores[0]:.2f} at once, best {scores[best]:.2f} at {best:+d} frames"


def _level(samples: np.ndarray, frames: int, fps: float) -> np.ndarray:
    step = RATE / fps
    parts = [samples[round(number * step) : round((number + 1) * step)] for number in range(frames)]
    level = np.array([10 * np.log10(float((part.astype(float) ** 2).mean()) + 1e-7) for part in parts])
    return np.clip(level, level.max() - 30, None)

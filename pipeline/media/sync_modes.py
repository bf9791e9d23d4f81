"""Which frame is shown when, and how long the sound lasts: the five sync modes, in whole frames and samples.

With V and A the lengths of video and audio, D that of the output, Nv and Na the frames in V and A, k an output frame:

| mode    | D         | frame at k                                      | audio           |
|---------|-----------|-------------------------------------------------|-----------------|
| bounce  | A         | p = k mod 2·Nv; p where p < Nv, else 2·Nv-1-p   | as it is        |
| loop    | A         | k mod Nv                                        | as it is        |
| cut_off | min(V, A) | k                                               | cut to D        |
| silence | max(V, A) | min(k, Nv-1)                                    | padded to D     |
| remap   | A         | floor(k·Nv/Na)                                  | as it is        |

Na is A in frames, rounded to the nearest, and at least 1: half a frame of sound more or less is not another frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ..core.choices import SyncMode


@dataclass(frozen=True)
class Plan:
    """The output, before anything is rendered."""

    frames: tuple[int, ...]
    """For each output frame the input frame that it shows."""
    samples: int
    """Audio samples of the output; what is missing at the end of the input is silence."""


def plan(mode: SyncMode, video_frames: int, audio_samples: int | None, sample_rate: int, fps: Fraction) -> Plan:
    """Lay out the output for a sync mode; without audio (None) the picture is as it was.

    Raises:
        ValueError: there is no frame, no sample, or a rate is not positive.
    """
    if video_frames < 1 or fps <= 0:
        raise ValueError(f"{video_frames} frames at {fps} frames/s cannot be laid out")
    if audio_samples is None:
        return Plan(tuple(range(video_frames)), 0)
    if audio_samples < 1 or sample_rate < 1:
        raise ValueError(f"{audio_samples} samples at {sample_rate} Hz cannot be laid out")
    audio_frames = max(1, _nearest(Fraction(audio_samples, sample_rate) * fps))
    video_samples = _nearest(video_frames / fps * sample_rate)
    count = {"cut_off": min, "silence": max}.get(mode, _second)(video_frames, audio_frames)
    samples = {"cut_off": min, "silence": max}.get(mode, _second)(video_samples, audio_samples)
    shown = _shown(mode, video_frames, audio_frames)
    return Plan(tuple(shown(k) for k in range(count)), samples)


def _shown(mode: SyncMode, video_frames: int, audio_frames: int) -> Callable[[int], int]:
    def bounce(k: int) -> int:
        place = k % (2 * video_frames)
        return place if place < video_frames else 2 * video_frames - 1 - place

    choice: dict[SyncMode, Callable[[int], int]] = {
        "bounce": bounce,
        "loop": lambda k: k % video_frames,
        "cut_off": lambda k: k,
        "silence": lambda k: min(k, video_frames - 1),
        "remap": lambda k: k * video_frames // audio_frames,
    }
    return choice[mode]


def _second(_: int, other: int) -> int:
    return other


def _nearest(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def span_shown(mode: SyncMode, span: tuple[int, int], video_frames: int, output_frames: int) -> tuple[int, int]:
    """Give the span of the output that is re-expressed, for a span [first, last) of the input.

    What stands before and after the span keeps its length at the ends of a longer output, so that the seams stay
    where they were; `remap` stretches it with the rest, and a shorter output ends within or after it.
    """
    first, last = span
    if mode == "remap":
        scale = Fraction(output_frames, video_frames)
        return _nearest(first * scale), _nearest(last * scale)
    end = max(min(last, output_frames), output_frames - (video_frames - last))
    return min(first, end), end

"""The five sync modes in whole frames and samples: which frame is shown when, and how long the sound lasts.

V and A are the durations of video and audio, D that of the output, Nv and Na the frames in V and A, k an output frame:

| mode    | D         | frame at k                                      | audio           |
|---------|-----------|-------------------------------------------------|-----------------|
| bounce  | A         | p = k mod 2·Nv; p if p < Nv, else 2·Nv-1-p      | unchanged       |
| loop    | A         | k mod Nv                                        | unchanged       |
| cut_off | min(V, A) | k                                               | cut to D        |
| silence | max(V, A) | min(k, Nv-1)                                    | padded to D     |
| remap   | A         | floor(k·Nv/Na)                                  | unchanged       |

Na is A in frames, rounded to the nearest, and at least 1: half a frame of sound more or less is not another frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ...core.edits.choices import SyncMode


@dataclass(frozen=True)
class SyncPlan:
    """The frames and the length of an output, before anything is rendered."""

    frames: tuple[int, ...]
    """For each output frame the input frame that it shows."""
    samples: int
    """Audio samples of the output; silence follows where the input ends before."""


def plan_output(
    mode: SyncMode, video_frames: int, audio_samples: int | None, sample_rate: int, fps: Fraction
) -> SyncPlan:
    """Plan the output of a sync mode; without audio (None) the picture is unchanged.

    Raises:
        ValueError: there is no frame or no sample, or a rate is not positive.
    """
    if video_frames < 1 or fps <= 0:
        raise ValueError(f"invalid picture: {video_frames} frames at {fps} frames/s")
    if audio_samples is None:
        return SyncPlan(tuple(range(video_frames)), 0)
    if audio_samples < 1 or sample_rate < 1:
        raise ValueError(f"invalid audio: {audio_samples} samples at {sample_rate} Hz")
    audio_frames = max(1, _round_half_up(Fraction(audio_samples, sample_rate) * fps))
    video_samples = _round_half_up(video_frames / fps * sample_rate)
    frame_at = _FRAME_AT[mode]
    count = _output_length(mode, video_frames, audio_frames)
    frames = tuple(frame_at(k, video_frames, audio_frames) for k in range(count))
    return SyncPlan(frames, _output_length(mode, video_samples, audio_samples))


def output_span(mode: SyncMode, span: tuple[int, int], video_frames: int, output_frames: int) -> tuple[int, int]:
    """Return the span of the output that shows a span [first, last) of the input.

    What lies before and after the span keeps its length at the ends of a longer output, so that the seams stay in
    place; `remap` stretches it with the rest, and a shorter output ends within or after the span.
    """
    first, last = span
    if mode == "remap":
        scale = Fraction(output_frames, video_frames)
        return _round_half_up(first * scale), _round_half_up(last * scale)
    end = max(min(last, output_frames), output_frames - (video_frames - last))
    return min(first, end), end


def _output_length(mode: SyncMode, video: int, audio: int) -> int:
    """Return D, in the unit of the arguments."""
    if mode == "cut_off":
        return min(video, audio)
    return max(video, audio) if mode == "silence" else audio


def _bounce(k: int, video_frames: int, _: int) -> int:
    place = k % (2 * video_frames)
    return place if place < video_frames else 2 * video_frames - 1 - place


_FRAME_AT: dict[SyncMode, Callable[[int, int, int], int]] = {
    "bounce": _bounce,
    "loop": lambda k, video_frames, _: k % video_frames,
    "cut_off": lambda k, _, __: k,
    "silence": lambda k, video_frames, _: min(k, video_frames - 1),
    "remap": lambda k, video_frames, audio_frames: k * video_frames // audio_frames,
}
"""From output frame k and the frames of video and audio to the input frame."""


def _round_half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))

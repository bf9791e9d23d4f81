"""Prepare the voice for the model: one track, 48 kHz, at a set loudness. The film's own audio does not change.

Takes   a segment; an edit with `audio` uses that file instead of the film's audio.
Gives   the segment with `voice`, a WAV of 16-bit PCM, mono or stereo; None if there is no audio.
Raises  InputMediaError if the track does not exist or the audio file is empty; ToolFailed if ffmpeg fails.

Loudness is measured by EBU R 128; one gain applies to the complete voice, limited by the true-peak ceiling.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.file import OutPath
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment


class NormalizeAudioParams(Params):
    """The track and its loudness."""

    track: int = Field(default=0, ge=0, le=63, description="dialogue track, counted from 0")
    target_lufs: float = Field(default=-16.0, ge=-36, le=-9, description="integrated loudness of the voice in LUFS")
    true_peak_db: float = Field(default=-1.5, ge=-9, le=0, description="true-peak ceiling in dBTP")
    out: OutPath | None = Field(default=None, description="folder for the segments and their voices")


class NormalizeAudio:
    """Measure the voice and apply one gain."""

    name: ClassVar[str] = "normalize_audio"
    version: ClassVar[int] = 1
    """Not raised for other bytes of a damaged track: takes were paid for by the bytes of a stored voice."""
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: NormalizeAudioParams, segment: Segment) -> Segment:
        """Write the segment's voice; `metrics` holds the measurements before and after."""
        from ..pipeline.media.audio import loudness, voice
        from ..pipeline.media.audio import samples as sound

        samples, length_note = voice.segment_voice(context, segment, params.track)
        if samples is None:
            return _with_metrics(segment, {}, "the film has no audio: the model hears no voice")
        raw = sound.write_wav(context.temp_path("raw.wav"), samples, voice.RATE_HZ)
        length_s = samples.shape[1] / voice.RATE_HZ
        before = loudness.measure(context, raw, length_s)
        gain_db = loudness.gain_db(before, params.target_lufs, params.true_peak_db)
        normalized = context.temp_path("voice.wav")
        context.run_tool(loudness.build_gain_command(raw, gain_db, normalized))
        after = loudness.measure(context, normalized, length_s)
        metrics = {
            "before": before.metrics(),
            "after": after.metrics(),
            "gain_db": round(gain_db, 4),
            "target_lufs": params.target_lufs,
            "true_peak_db": params.true_peak_db,
            "samples": samples.shape[1],
            "channels": samples.shape[0],
            "looped": length_s < loudness.GATING_BLOCK_S,
        }
        level_note = (
            f"the voice is near-silent ({before.integrated_lufs:g} LUFS); its level is unchanged"
            if before.is_near_silence
            else peak_note(gain_db, params.target_lufs - before.integrated_lufs, params)
        )
        segment = _with_metrics(segment, metrics, length_note, level_note)
        return segment.model_copy(update={"voice": context.store(normalized)})


def peak_note(gain_db: float, target_gain_db: float, params: NormalizeAudioParams) -> str:
    """Return a note if the true-peak ceiling keeps the voice below its target, else ""."""
    short_db = target_gain_db - gain_db
    if short_db < 0.1:
        return ""
    ceiling = f"its peaks reach {params.true_peak_db:g} dBTP"
    return f"the voice is {short_db:.1f} LU below {params.target_lufs:g} LUFS: {ceiling}"


def _with_metrics(segment: Segment, metrics: dict[str, object], *notes: str) -> Segment:
    return segment.model_copy(
        update={
            "voice": None,
            "metrics": segment.metrics | {"normalize_audio": metrics},
            "notes": (*segment.notes, *(note for note in notes if note)),
        }
    )

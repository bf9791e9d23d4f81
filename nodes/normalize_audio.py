"""Make the voice that the model hears: one track, 48 kHz, at a set loudness. The film's own sound is never changed.

Takes   a segment; an edit with `audio` brings its own line.
Gives   the segment with `voice`, a WAV of 16-bit PCM, mono or stereo; None where there is no sound.
Raises  BadInput when the track does not exist or the line holds no sound; ToolFailed when ffmpeg does.
Source  EBU R 128; one gain for the whole voice, held back by the true-peak ceiling.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.file import OutPath
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment


class NormalizeAudioParams(Params):
    """Which track, and how loud."""

    track: int = Field(default=0, ge=0, le=63, description="the dialogue track, counted from 0")
    target_lufs: float = Field(default=-16.0, ge=-36, le=-9, description="integrated loudness of the voice, in LUFS")
    true_peak_db: float = Field(default=-1.5, ge=-9, le=0, description="ceiling of the true peak, in dBTP")
    out: OutPath | None = Field(default=None, description="a folder for the segments and their voices")


class NormalizeAudio:
    """Gather the voice, measure it, and apply one gain."""

    name: ClassVar[str] = "normalize_audio"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: NormalizeAudioParams, given: Segment) -> Segment:
        """Write the segment's voice; what was measured before and after stays in `figures`."""
        from ..pipeline.media.audio import loudness, voice
        from ..pipeline.media.audio import samples as sound

        samples, misfit = voice.voice_of(context, given, params.track)
        if samples is None:
            return _told(given, {}, "the film has no sound: the model hears no voice")
        raw = sound.write_wav(context.temp_path("raw.wav"), samples, voice.RATE_HZ)
        length_s = samples.shape[1] / voice.RATE_HZ
        before = loudness.measure(context, raw, length_s)
        gain_db = loudness.gain_db(before, params.target_lufs, params.true_peak_db)
        made = context.temp_path("voice.wav")
        context.run_tool(loudness.apply_argv(raw, gain_db, made))
        after = loudness.measure(context, made, length_s)
        figures = {
            "before": before.metrics(),
            "after": after.metrics(),
            "gain_db": round(gain_db, 4),
            "target_lufs": params.target_lufs,
            "true_peak_db": params.true_peak_db,
            "samples": samples.shape[1],
            "channels": samples.shape[0],
            "looped": length_s < loudness.GATE_S,
        }
        remark = (
            f"the voice is near-silent ({before.integrated_lufs:g} LUFS) and was left alone"
            if before.is_near_silence
            else remark_on_peak(gain_db, params.target_lufs - before.integrated_lufs, params)
        )
        return _told(given, figures, misfit, remark).model_copy(update={"voice": context.store(made)})


def remark_on_peak(gain_db: float, wanted_db: float, params: NormalizeAudioParams) -> str:
    """Say so where the ceiling kept the voice below its target; empty where it did not."""
    short_db = wanted_db - gain_db
    if short_db < 0.1:
        return ""
    ceiling = f"its peaks reach {params.true_peak_db:g} dBTP"
    return f"the voice stays {short_db:.1f} LU below {params.target_lufs:g} LUFS: {ceiling}"


def _told(given: Segment, figures: dict[str, object], *remarks: str) -> Segment:
    said = (*given.notes, *(remark for remark in remarks if remark))
    return given.model_copy(
        update={"voice": None, "metrics": given.metrics | {"normalize_audio": figures}, "notes": said}
    )

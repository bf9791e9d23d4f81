"""What is asked of the engine, and what it tells about its work."""

from __future__ import annotations

from dataclasses import dataclass

from ..edit import ModelMode, Prompt, SyncMode


@dataclass(frozen=True)
class Expression:
    """The six parameters of the API that are not addresses, by the API's names and with its defaults."""

    prompt: Prompt = "happy"
    temperature: float = 0.5
    """0 to 1."""
    model_mode: ModelMode = "face"
    sync_mode: SyncMode = "bounce"
    auto_active_speaker_detection: bool = False
    occlusion_detection_enabled: bool = False


@dataclass(frozen=True)
class RenderFigures:
    """The figures of one take; `dataclasses.asdict` gives JSON."""

    frames: int
    """Frames of the take."""
    frames_with_face: int
    """Frames of the input's span in which the chosen face was seen."""
    frames_changed: int
    """Frames of the take that were re-expressed, ramps included."""
    duration_s: str
    """The take's pictures in exact seconds, "num/den"."""
    audio_samples: int
    """Samples of each channel; 0 without sound."""
    span: tuple[int, int]
    """Frames [first, last) of the take that may differ from the input."""
    said: tuple[str, ...]
    """What a user should know about this take, a sentence each."""

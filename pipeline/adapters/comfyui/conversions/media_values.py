"""Convert between files and ComfyUI's own values: `VIDEO`, `AUDIO` and `IMAGE`.

A `VIDEO` that is backed by a file keeps its path, so that the film is spliced packet by packet. One that another pack
has made from pictures has no file; it is encoded once, as H.264 of high quality, and its user is told.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputMediaError, shorten
from ....core.values import Media
from .. import folders, host

ENCODED_NOTE = (
    "the film came as pictures from another box, not as a file: it was encoded as H.264 (CRF 12, 8-bit), and only "
    "those packets are kept by the splice; load the film with Load film to keep its own"
)
_CRF, _THREADS = "12", 2
_SLICE_SAMPLES = 1024
_MAX_RATE_DENOMINATOR = 1001
_MOST_CHANNELS = 8
"""Of 7.1; more have no layout by which they could be mixed."""
_REASON_LENGTH = 200
"""Long enough for the path of a film."""
Progress = Callable[[float], None]


@dataclass(frozen=True)
class FilmFile:
    """The file of a `VIDEO`."""

    path: Path
    note: str = ""
    """What was lost when it was encoded from pictures here; empty for a file of its own."""


def film_file(video: Any, progress: Progress) -> FilmFile:
    """Return the file behind a `VIDEO`; pictures are encoded into ComfyUI's temp folder.

    Raises:
        InputMediaError: it is no `VIDEO`, which outputs of any type may give, or has no pictures.
    """
    if _is_file_backed(video):
        source = video.get_stream_source()
        if isinstance(source, (str, os.PathLike)):
            return FilmFile(Path(source).absolute())
        if isinstance(source, io.BytesIO):
            return FilmFile(_bytes_file(source.getvalue(), video.get_container_format()))
    if not hasattr(video, "get_components"):
        raise InputMediaError(f"video: {type(video).__name__} is no VIDEO; connect Load film or Load Video")
    components = video.get_components()
    pictures = _pictures(components.images)
    sound = _Sound.read(components.audio) if components.audio is not None else None
    rate = Fraction(components.frame_rate).limit_denominator(_MAX_RATE_DENOMINATOR)
    if rate <= 0:
        raise InputMediaError("the VIDEO has a frame rate of 0; set fps of the box that makes it")
    note = ENCODED_NOTE + _lost(pictures) + (sound.batch_note + sound.mix_note if sound else "")
    return FilmFile(_encode(pictures, rate, sound, progress), note)


def _pictures(images: Any) -> NDArray[Any]:
    """Return `(frames, height, width, channels)` floats of an `IMAGE`; a grey picture has one channel.

    Raises:
        InputMediaError: there are none, or they are no pictures of floats.
    """
    pictures = _numpy(images)
    if pictures.ndim != 4 or not len(pictures):
        raise InputMediaError("the VIDEO has no pictures; connect another one")
    height, width, channels = pictures.shape[1:]
    if min(height, width) < 2 or channels not in (1, 3, 4):
        raise InputMediaError(
            f"the VIDEO has pictures of {width}x{height} with {channels} channels; a film has at least 2x2, grey or RGB"
        )
    if pictures.dtype.kind != "f":
        raise InputMediaError(f"the VIDEO has pictures of {pictures.dtype}, and ComfyUI's are floats from 0 to 1")
    return pictures


def _lost(pictures: NDArray[Any]) -> str:
    """Return what of the pictures H.264 has no room for: an edge, since its sizes are even, and transparency."""
    height, width, channels = pictures.shape[1:]
    edge = " and ".join([*(["the last column"] if width % 2 else []), *(["the last row"] if height % 2 else [])])
    text = f"; {edge} of the {width}x{height} pictures is left out, because H.264 has even sizes" if edge else ""
    return f"{text}; their transparency is left out" if channels > 3 else text


def _is_file_backed(video: Any) -> bool:
    """Return whether a `VIDEO` stands for a whole file, not for pictures or for a part of a file."""
    name = next((each.__name__ for each in type(video).__mro__ if each.__name__.startswith("VideoFrom")), "")
    if name == "VideoFromComponents" or not hasattr(video, "get_stream_source"):
        return False
    trimmed = ("start_time", "duration")  # newer versions cut a film without a new file
    return not any(getattr(video, f"_{name}__{part}", 0) for part in trimmed)


def _bytes_file(content: bytes, container: str) -> Path:
    suffix = {"matroska,webm": ".mkv", "mpegts": ".ts", "avi": ".avi"}.get(container, ".mp4")
    return _once(f"film-{hashlib.sha256(content).hexdigest()[:32]}{suffix}", lambda part: part.write_bytes(content))


def _once(name: str, write: Callable[[Path], object]) -> Path:
    """Return a file of the pack's temp folder, written first if it is not there."""
    path = folders.scratch() / name
    if not path.is_file():
        part = path.with_name(f".{os.getpid()}-{name}")
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _encode(pictures: NDArray[Any], rate: Fraction, sound: _Sound | None, progress: Progress) -> Path:
    from ....media.audio.samples import resample
    from ....media.clip_writer import aac_rate_hz

    samples, rate_hz = (sound.samples, sound.rate_hz) if sound and sound.samples.shape[1] else (None, 0)
    if samples is not None and (coded_hz := aac_rate_hz(rate_hz)) != rate_hz:
        samples, rate_hz = resample(samples, rate_hz, coded_hz), coded_hz
    hasher = hashlib.sha256(f"{pictures.shape} {rate} {rate_hz} {_CRF}".encode())
    for picture in pictures:
        hasher.update(np.ascontiguousarray(picture).data)
        progress(0.0)
    if samples is not None:
        hasher.update(np.ascontiguousarray(samples).data)
    return _once(
        f"pictures-{hasher.hexdigest()[:32]}.mp4",
        lambda part: _write_film(part, pictures, rate, samples, rate_hz, progress),
    )


def _write_film(
    path: Path,
    pictures: NDArray[Any],
    rate: Fraction,
    samples: NDArray[np.float32] | None,
    rate_hz: int,
    progress: Progress,
) -> None:
    from ....media.clip_writer import ClipWriter, VideoSettings, rgb_frame

    count, height, width = pictures.shape[:3]
    size = (width - width % 2, height - height % 2)
    options = {"crf": _CRF, "preset": "fast", "mbtree": "0", "bf": "2", "g": str(max(1, round(rate)))}
    with ClipWriter(path, container="mp4", options={"movflags": "+faststart"}) as writer:
        writer.add_video(VideoSettings("libx264", size, rate, time_base=1 / rate, threads=_THREADS, options=options))
        if samples is not None:
            writer.add_audio("aac", rate_hz, "mono" if samples.shape[0] == 1 else "stereo", 192_000)
        for number, picture in enumerate(pictures):
            shown = np.clip(np.rint(picture[: size[1], : size[0], :3] * 255.0), 0, 255).astype(np.uint8)
            frame = rgb_frame(np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown)
            frame.pts, frame.time_base = number, 1 / rate
            writer.write_frame(frame)
            progress((number + 1) / count)
        writer.end_video()
        if samples is not None:
            length = min(samples.shape[1], round(count / rate * rate_hz))
            for at in range(0, length, _SLICE_SAMPLES):
                writer.write_samples(samples[:, at : min(at + _SLICE_SAMPLES, length)], at)


def line_file(audio: Any) -> Path:
    """Return the WAV of an `AUDIO`, a new line of dialogue; the same samples give the same file."""
    from ....media.audio.samples import write_wav

    sound = _Sound.read(audio)
    if not sound.samples.shape[1]:
        raise InputMediaError("the AUDIO of the new line is empty; connect another one")
    if sound.batch_note:
        raise InputMediaError(f"the AUDIO of the new line is a batch of {sound.batch}; connect one of them")
    samples, rate_hz = sound.samples, sound.rate_hz
    name = hashlib.sha256(np.ascontiguousarray(samples).tobytes() + str(rate_hz).encode()).hexdigest()[:32]
    return _once(f"line-{name}.wav", lambda part: write_wav(part, samples, rate_hz))


@dataclass(frozen=True)
class _Sound:
    """The sound of an `AUDIO`: the first of its batch."""

    samples: NDArray[np.float32]
    """`(channels, samples)`; more than two channels are mixed to stereo."""
    rate_hz: int
    batch: int
    channels: int = 0
    """How many it had."""

    @property
    def mix_note(self) -> str:
        """What is said of more than two channels; empty if there are not more."""
        return f"; its sound of {self.channels} channels is mixed to stereo" if self.channels > 2 else ""

    @property
    def batch_note(self) -> str:
        """What of the batch is left out; empty if nothing is."""
        return f"; only the first of the batch of {self.batch} sounds is kept" if self.batch > 1 else ""

    @classmethod
    def read(cls, audio: Any) -> _Sound:
        """Read an `AUDIO`; without samples it has no channels either.

        Raises:
            InputMediaError: it is no sound of floats, or the box that gives it cannot read it.
        """
        from ....media.audio.samples import resample

        try:  # packs read the sound of a film when it is asked for
            waveform, rate_hz = _numpy(audio["waveform"]), int(audio["sample_rate"])
        except Exception as error:
            reason = shorten(next(iter(str(error).splitlines()), type(error).__name__).rstrip(" :"), _REASON_LENGTH)
            advice = "if the film has none, leave audio unconnected"
            raise InputMediaError(f"the AUDIO cannot be read: {reason}; {advice}") from error
        batch = waveform.shape[0] if waveform.ndim > 2 else 1
        if not waveform.size:
            return cls(np.zeros((0, 0), np.float32), rate_hz, batch)
        channels = waveform[0] if waveform.ndim > 2 else np.atleast_2d(waveform)
        is_sound = waveform.dtype.kind == "f" and np.isfinite(channels).all()
        if not is_sound or rate_hz <= 0 or len(channels) > _MOST_CHANNELS:
            raise InputMediaError(
                f"the AUDIO has {waveform.dtype} of {len(channels)} channels at {rate_hz} Hz; a sound is finite floats "
                f"of at most {_MOST_CHANNELS} channels: connect the VIDEO of a film itself, or Load Audio"
            )
        return cls(resample(channels.astype(np.float32), rate_hz, rate_hz), rate_hz, batch, len(channels))


def audio_value(path: Path, rate_hz: int = 48_000) -> dict[str, Any] | None:
    """Return the first track of a file as an `AUDIO`; None if it has none."""
    from ....media.audio.samples import read_all
    from ....media.frames.film_readers import open_media

    with open_media(path) as container:
        if not container.streams.audio:
            return None
    return {"waveform": host.tensor(read_all(path, rate_hz)[None].copy()), "sample_rate": rate_hz}


def silence_value(seconds: float, rate_hz: int = 48_000) -> dict[str, Any]:
    """Return an `AUDIO` without sound."""
    return {
        "waveform": host.tensor(np.zeros((1, 1, max(1, round(seconds * rate_hz))), np.float32)),
        "sample_rate": rate_hz,
    }


def image_value(path: Path, media: Media, frames: range, progress: Progress) -> Any:
    """Return frames of a film as an `IMAGE` batch, `(frames, height, width, 3) float32`, upright, 0 to 1."""
    from ....media.frames.decode import exact_frames, rgb, turn_upright

    assert media.video is not None
    pictures = []
    for number, frame in exact_frames(path, media.video, frames.start, frames.stop):
        pictures.append(turn_upright(rgb(frame, media.video), media.video))
        progress((number - frames.start + 1) / max(1, len(frames)))
    return batch(pictures)


def batch(pictures: Iterable[NDArray[np.uint8]]) -> Any:
    """Return pictures of one size, `uint8 RGB`, as an `IMAGE`."""
    return host.tensor(np.stack([picture.astype(np.float32) / 255.0 for picture in pictures]))


def decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """Return the picture of a JPEG, `(height, width, 3) uint8 RGB`."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _numpy(tensor: Any) -> NDArray[Any]:
    """Return a tensor of any device as a numpy array, which has no bfloat16."""
    if "bfloat16" in str(getattr(tensor, "dtype", "")):
        tensor = tensor.float()
    for step in ("detach", "cpu", "numpy"):
        tensor = getattr(tensor, step)() if hasattr(tensor, step) else tensor
    return np.asarray(tensor)

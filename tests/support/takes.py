"""Films in a node context, and takes whose frames differ from the film's frames."""

from __future__ import annotations

import wave
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from film_cache import cached_film
from numbered_clips import draw_frame, make_clip

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.values import Media, Segment, Take
from react1.pipeline.media.clip_writer import lossless_encoder
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing.job import SplicedFilm
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes
from react1.pipeline.splicing.splice import splice

TAKE_OFFSET = 1000
"""A take's frame for film frame n shows the number n + TAKE_OFFSET."""


def film(context, suffix=".mp4", **changes) -> Media:
    """Make a clip and store it in the context."""
    path = make_clip(context.temp_path(f"film{suffix}"), **changes)
    file = context.store(path)
    return probe(context.path(file), file)


def segment(media: Media, start: int, end: int, head: int = 0, tail: int = 0, **edit) -> Segment:
    """Return a segment of a film; its file is the film's."""
    edit_model = Edit.model_validate({"in": f"{start}f", "out": f"{end}f", **edit})
    source_frames = tuple(range(start - head, end + tail))
    return Segment(
        name=f"s{start}",
        source=media,
        edit=edit_model,
        start_frame=start,
        end_frame=end,
        head_frames=head,
        tail_frames=tail,
        media=media,
        frames=source_frames,
    )


def numbered_take(context, target: Segment) -> Take:
    """Make a conformed take that shows the numbers of its frames, plus TAKE_OFFSET."""
    video = target.source.video
    path = context.temp_path("take.mkv")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = (
            video.width_px,
            video.height_px,
            video.pix_fmt.replace("yuvj", "yuv"),
        )
        for at, number in enumerate(target.frames):
            out.mux(stream.encode(_frame(number + TAKE_OFFSET, video, at)))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=target, media=probe(context.path(file), file), provider="local", request={}, conformed=True)


def spliced(context, media: Media, *spans: tuple[int, int], **options) -> SplicedFilm:
    """Splice numbered takes into spans of a film, frames [start, end); `options` are those of `splice`."""
    takes = [numbered_take(context, segment(media, start, end)) for start, end in spans]
    return splice(context, ffmpeg_path(), media, takes, **options)


def _frame(number: int, video, at: int) -> av.VideoFrame:
    is_deep = video.bit_depth > 8
    frame = av.VideoFrame(video.width_px, video.height_px, video.pix_fmt.replace("yuvj", "yuv"))
    luma = draw_frame(number, (video.width_px, video.height_px))
    for plane, level in zip(frame.planes, (luma, 128, 128), strict=True):
        rows = np.zeros((plane.height, plane.line_size // (2 if is_deep else 1)), np.uint16 if is_deep else np.uint8)
        rows[:, : plane.width] = level
        plane.update((rows << (video.bit_depth - 8)).tobytes())
    frame.pts = at
    return frame


def dialogue_line(context, hz=1000, seconds=0.2):
    """Make a tone, mono WAV at 48 kHz."""
    path = context.temp_path("line.wav")
    tone = np.sin(np.arange(int(48000 * seconds)) / 48000 * 2 * np.pi * hz) * 12000
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(tone.astype("<i2").tobytes())
    return context.store(path)


def packets(path: Path, kind: str = "video", place: int = 0) -> list[tuple[int, int, bytes]]:
    """List (pts, dts, bytes) of one stream."""
    with av.open(str(path)) as container:
        stream = [s for s in container.streams if s.type == kind][place]
        return [(p.pts, p.dts, bytes(p)) for p in container.demux(stream) if p.size]


def shown(path: Path, place: int = 0) -> list[tuple[int, np.ndarray]]:
    """List (pts, luma) of all frames."""
    convert = VideoReformatter().reformat  # one for all frames: each that makes its own takes twice as long
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[place])
        return [(frame.pts, convert(frame, format="gray").to_ndarray()) for frame in frames]


EDITED_BOX = (0.4, 0.6)
"""The middle part of each side that an edited take changes."""


def edited_take(
    context, target: Segment, *, order=None, rate=None, size=None, extra_lines=0, levels=(1.0, 0.0), changed=None
) -> Take:
    """Make a take as a provider returns it: the sent frames with a flat box in the middle, coded at crf 10.

    `order` lists the sent frames that the take shows, `levels` is the gain and offset of its luma,
    `changed` the sent frames that get the box; None for all.
    """
    video = target.media.video
    path = context.temp_path("given.mp4")
    sent_frames = [frame.to_ndarray() for frame in decode_frames(context.path(target.media.file), video.index)]
    width, height = size or (video.width_px, video.height_px)
    with av.open(str(path), "w") as out:
        options = {"crf": "10", "preset": "fast", "x264-params": "mbtree=0:ipratio=1:pbratio=1"}
        stream = out.add_stream("libx264", rate=rate or video.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height + extra_lines, "yuv420p"
        for at, number in enumerate(order if order is not None else range(len(sent_frames))):
            is_changed = changed is None or number in changed
            picture = _edited(sent_frames[number], video, levels) if is_changed else sent_frames[number]
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame = frame.reformat(width, height)
            if extra_lines:
                frame = frame_from_planes([_longer(part, height) for part in frame_planes(frame)], "yuv420p")
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=target, media=probe(context.path(file), file), provider="local", request={})


def _edited(sheet: np.ndarray, video, levels) -> np.ndarray:
    low, high = EDITED_BOX
    edited = sheet.copy()
    rows = slice(int(video.height_px * low), int(video.height_px * high))
    columns = slice(int(video.width_px * low), int(video.width_px * high))
    edited[rows, columns] = 160
    luma = edited[: video.height_px].astype(float) * levels[0] + levels[1]
    edited[: video.height_px] = np.clip(luma.round(), 0, 255)
    return edited


def _longer(part: np.ndarray, height: int) -> np.ndarray:
    return np.pad(part, ((0, 8 if part.shape[0] == height else 4), (0, 0)), mode="edge")


def source_take(context, target: Segment, *, changed, level=200) -> Take:
    """Make a conformed take that shows the film, with a flat box in the middle of the frames `changed`."""
    video = target.source.video
    path = context.temp_path("take.mkv")
    low, high = EDITED_BOX
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = video.width_px, video.height_px, video.pix_fmt
        for number, frame in enumerate(decode_frames(context.path(target.source.file), video.index)):
            if number not in target.frames:
                continue
            parts = frame_planes(frame)
            if number in changed:
                rows, columns = (slice(int(side * low), int(side * high)) for side in parts[0].shape)
                parts[0][rows, columns] = level
            edited = frame_from_planes(parts, video.pix_fmt)
            edited.pts = number - target.frames[0]
            out.mux(stream.encode(edited))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=target, media=probe(context.path(file), file), provider="local", request={}, conformed=True)


def moving_film(context, *, frames=40, size=(128, 96), speed=3, **changes) -> Media:
    """Make a film of soft texture that moves to the right, without audio; every pixel changes with motion."""
    key = ("moving", frames, size, speed, sorted(changes.items()))
    path = cached_film(
        context.temp_path("moving.mp4"), key, lambda place: _write_moving(place, frames, size, speed, changes)
    )
    file = context.store(path)
    return probe(context.path(file), file)


def _write_moving(path: Path, frames: int, size: tuple[int, int], speed: float, changes: dict) -> None:
    options = {"crf": "8", "preset": "fast", "x264-params": "mbtree=0"} | changes.get("options", {})
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = changes.get("pix_fmt", "yuv420p")
        stream.codec_context.gop_size = 10
        scale = 4 if "10" in stream.pix_fmt else 1
        for number in range(frames):
            frame = frame_from_planes([part * scale for part in texture(size, number * speed, scale)], stream.pix_fmt)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def texture(size, shift: float, scale: int = 1) -> list[np.ndarray]:
    """Draw waves of several lengths and directions, shifted right by `shift` pixels: luma and flat chroma."""
    width, height = size
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    along = columns - shift
    luma = 120 + 25 * np.sin(along * 0.21 + rows * 0.05) + 20 * np.cos(rows * 0.17 - along * 0.08)
    luma += 18 * np.sin(along * 0.043 + 1) + 12 * np.sin((along * 0.9 + rows) * 0.11)
    kind = np.uint16 if scale > 1 else np.uint8
    flat = np.full((height // 2, width // 2), 128, kind)
    return [luma.round().astype(kind), flat, flat.copy()]


def drawn_take(context, target: Segment, draw, *, of=lambda number: number) -> Take:
    """Make a conformed take: for source frame n, `draw(planes of source frame of(n), of(n))`."""
    video = target.source.video
    wanted = max(map(of, target.frames)) + 1
    source_planes = [
        frame_planes(frame) for frame in islice(decode_frames(context.path(target.source.file), video.index), wanted)
    ]
    path = context.temp_path("take.mkv")
    coder, options = lossless_encoder(video.pix_fmt, (video.width_px, video.height_px))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(coder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width_px, video.height_px, video.pix_fmt
        for at, number in enumerate(target.frames):
            shows = min(of(number), len(source_planes) - 1)
            drawn = draw([part.copy() for part in source_planes[shows]], shows)
            frame = frame_from_planes([part.astype(source_planes[0][0].dtype) for part in drawn], video.pix_fmt)
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=target, media=probe(context.path(file), file), provider="local", request={}, conformed=True)


def write_pictures(context, pictures) -> Media:
    """Write pictures, each a list of 8-bit planes, to a nearly lossless file."""
    path = context.temp_path("written.mp4")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "8", "preset": "fast", "x264-params": "mbtree=0"})
        stream.width, stream.height, stream.pix_fmt = pictures[0][0].shape[1], pictures[0][0].shape[0], "yuv420p"
        for at, parts in enumerate(pictures):
            frame = frame_from_planes([np.ascontiguousarray(part) for part in parts], "yuv420p")
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return probe(context.path(file), file)

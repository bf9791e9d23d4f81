"""Make one take: fetch, look, bring into the engine's form, render, and twist it where a fault asks for that.

Takes   an order and a folder of its own.
Gives   `Told`, with the name of an mp4 in the folder.
Raises  BadInput, HostFailed: what was sent cannot be used; MissingExtra, ToolFailed: this server cannot do it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from ..core.values import Media, VideoStream
from ..media.clock import label_rate
from ..media.frame_rate import nearest_rate
from ..media.probe import require_video
from ..media.transcode import ENVELOPES, length_s
from ..providers.local import PREVIEW
from ..providers.local_faces import faces_of
from .perturb import argv
from .sources import FolderRoom, gathered, look
from .worker_protocol import Order, Told

VOICE_HZ = 48_000


def rendered(order: Order, folder: Path) -> Told:
    """Make the take with the local engine."""
    from ..engine.render.render import Expression, render
    from ..media.audio.samples import read_all, write_wav
    from ..media.transcode import transcode

    context = FolderRoom(folder, Path(order.home) if order.home else None)
    video, audio = gathered(context, order)
    if not fits(video):
        video, _ = transcode(context, video, "react1")
    voice = write_wav(context.temp_path("voice.wav"), read_all(context.path(audio.file), VOICE_HZ), VOICE_HZ)
    expression = Expression(**order.request.model_dump(exclude={"video_url", "audio_url"}))
    made = context.temp_path("take.mp4")
    scouted = faces_of(context, video.file, lambda _: None)
    figures = render(context.path(video.file), voice, made, expression, scouted=scouted, progress=lambda _: None)
    return _told(context, order, made, (PREVIEW, *figures.notes))


def copied(order: Order, folder: Path, check: Callable[[], None]) -> Told:
    """Give the sent video back as the take, as it is."""
    context = FolderRoom(folder)
    video, _ = gathered(context, order, check)
    path = context.path(video.file)
    copy = context.temp_path("take.mp4")
    copy.write_bytes(path.read_bytes())
    return _told(context, order, copy, ("the video that was sent: the engine `copy` was asked for",))


def fits(media: Media) -> bool:
    """Tell whether the engine takes a video as it is; else it is written anew first."""
    video = require_video(media)
    return all(
        (
            "mp4" in media.container,
            video.codec == "h264",
            video.pix_fmt == "yuv420p",
            video.constant_rate and video.rate == nearest_rate(label_rate(video)),
            int(video.timestamps.array[0]) == 0,
            _upright(video),
            not video.interlaced,
            not video.is_hdr,
        )
    )


def _upright(video: VideoStream) -> bool:
    envelope, sides = ENVELOPES["react1"], sorted((video.width_px, video.height_px))
    in_size = sides[0] <= envelope.short_side_px and sides[1] <= envelope.long_side_px
    plain = video.rotation_deg == 0 and not video.mirrored and video.sample_aspect == Fraction(1)
    return plain and in_size and not (video.width_px % 2 or video.height_px % 2)


def _told(context: FolderRoom, order: Order, made: Path, said: tuple[str, ...]) -> Told:
    from ..media.ffmpeg import ffmpeg_path

    for twist in order.twists:
        other = context.temp_path("twisted.mp4")
        context.run_tool(argv(ffmpeg_path(), twist, require_video(look(made, "the take")), made, other))
        made = other
    lasts_s = length_s(require_video(look(made, "the take")))
    return Told(file=made.name, output_s=round(float(lasts_s), 6), notes=said)

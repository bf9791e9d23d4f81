"""Re-express a face in a clip, on this machine.

Takes   an H.264 mp4 of constant rate (8-bit 4:2:0, upright, even sides), and a voice as wav, or none.
Gives   a new mp4: near-lossless H.264 High, AAC where there is a voice; length and frame order by the sync mode.
Raises  MissingExtra where the landmark library is not installed; BadInput where the clip cannot be read or has no face.

Two passes: the first finds the face in every frame and keeps its landmarks only, the second changes frame by frame.
Pixels away from the face go through as decoded, and frames outside the span wholly so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import available
from .colour import even_box, to_rgb, write_back
from .direct import Direction, direct
from .encode import TakeWriter
from .expression import Expression, RenderFigures
from .frame import FaceFrame
from .frames import Frames, Look, Picture
from .pose import Pose
from .reach import reach_box
from .retouch import retouch
from .scout import Scouted, scout
from .sound import read_sound

__all__ = ["Expression", "RenderFigures", "render", "retouch_picture"]

SCOUT_SHARE = 0.35
"""The first pass's share of the work."""


def render(
    video: Path,
    voice: Path | None,
    out: Path,
    expression: Expression,
    *,
    span: tuple[int, int] | None = None,
    own_voice: bool | None = None,
    progress: Callable[[float], None],
) -> RenderFigures:
    """Write a take of a clip with another expression.

    Args:
        video: the clip; never written to.
        voice: what the mouth speaks and the take sounds like; None keeps the mouth's own timing, without sound.
        out: the new mp4; what is there is replaced. It is whole only when this returns.
        expression: what is wanted.
        span: frames [first, last) of the clip that may change; None is all of them.
        own_voice: whether `voice` is what the mouth in the clip says already; it then keeps its own timing. None: it
            is judged by how well they go together, and in doubt the mouth follows the voice.
        progress: gets 0 to 1 at every frame; what it raises passes through, with all files closed.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        BadInput: a file cannot be read, or no face is seen in the span.
    """
    available.require()
    sound = read_sound(voice) if voice is not None else None
    with Frames(video) as frames:
        look = frames.look
        scouted = scout(
            frames, look, lambda share: progress(share * SCOUT_SHARE), patches=expression.occlusion_detection_enabled
        )
        direction = direct(scouted, look, sound, expression, span, own_voice, video.name)
        fitted = sound.fitted(direction.plan.samples) if sound is not None else None
        with TakeWriter(out, look, fitted) as writer:
            count = len(direction.plan.frames)
            for number, shown in enumerate(direction.plan.frames):
                writer.write(_frame(frames, look, scouted, direction, number, shown))
                progress(SCOUT_SHARE + (1 - SCOUT_SHARE) * (number + 1) / count)
    return RenderFigures(
        frames=len(direction.plan.frames),
        frames_with_face=direction.frames_with_face,
        frames_changed=sum(pose is not None for pose in direction.poses),
        duration_s=str(len(direction.plan.frames) / look.fps),
        audio_samples=direction.plan.samples,
        span=direction.span,
        said=direction.said,
    )


def _frame(frames: Frames, look: Look, scouted: Scouted, direction: Direction, number: int, shown: int) -> Picture:
    picture, pose, points = frames.picture(shown), direction.poses[number], direction.line[shown]
    if pose is None or points is None:
        return picture
    return retouch_picture(picture, look, FaceFrame(points), pose)


def retouch_picture(picture: Picture, look: Look, face: FaceFrame, pose: Pose) -> Picture:
    """Give a frame in which a face has a pose; samples that the pose does not reach keep their bytes."""
    box = reach_box(face, pose, look)
    if box is None:
        return picture
    box = even_box(box, look)
    before = to_rgb(picture, box, look)
    after = retouch(before, face.shifted(box[0], box[1]), pose)
    return picture if after is before else write_back(picture, box, before, after, look)

"""MoviePy clips of the values that a node gets, and back: the part of its context that opens and stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.errors import InputMediaError
from ..core.values import Media

if TYPE_CHECKING:
    from ..core.nodes.node import NodeContext


class ContextClips:
    """`open_clip` and `store_clip` of a node's context; MoviePy is imported when they are called."""

    def open_clip(self: NodeContext, media: Media) -> Any:
        """Return a `moviepy.VideoClip` of media: at k / rate it shows frame k, upright; with its sound."""
        from .moviepy_clips import open_media

        return open_media(self.path(media.file), media)

    def store_clip(self: NodeContext, clip: Any, like: Media | None = None) -> Media:
        """Store a `moviepy.VideoClip` and return its media; the clip stays open.

        Args:
            clip: the clip.
            like: media whose pictures the clip replaces; it keeps its times, its color and its sound, and pictures that
                are its own keep their exact samples. Without it the clip is a film of its own, with its own sound.

        Raises:
            InputMediaError: the clip has no length or rate, or other frames than `like`.
        """
        from ..media.probe import probe
        from .moviepy_clips import is_clip, write_clip

        if not is_clip(clip):
            raise InputMediaError(f"expected a MoviePy clip, not {type(clip).__name__}")
        if like is not None:
            return _stored_like(self, clip, like)
        file = self.store(write_clip(clip, self.temp_path("clip.mov")))
        return probe(self.path(file), file)


def _stored_like(context: NodeContext, clip: Any, like: Media) -> Media:
    from ..media.probe import probe, require_video
    from .lossless_clip import file_name, require_same_frames, with_facts_of, write_like
    from .moviepy_clips import picture_at

    video = require_video(like)
    width, height = video.upright_size_px
    require_same_frames("the clip has", clip, video, (height, width))
    output = context.temp_path(file_name(video))
    write_like(
        lambda index: picture_at(clip, index, video.rate),
        context.path(like.file),
        like,
        output,
        what="the clip has",
        progress=context.progress,
    )
    file = context.store(output)
    return with_facts_of(like, probe(context.path(file), file))

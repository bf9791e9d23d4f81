"""Apply the user's own MoviePy function to a segment before it is sent.

Takes   a segment, and `module:function` in a file that the user allows: `f(clip, segment: dict) -> clip`.
Gives   the segment with the pictures that the function returns, lossless; audio and frame times stay.
Raises  PresetError if the function is not allowed; ToolFailed if it fails; InputMediaError if it changes the length,
        the rate or the size.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment

FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$"


class ScriptParams(Params):
    """The function; `--script FILE` or REACT1_SCRIPT allows its file, a preset cannot."""

    function: str = Field(pattern=FUNCTION, description="module:function in an allowed file")


class Script:
    """Run user code on the pictures of a segment."""

    name: ClassVar[str] = "script"
    version: ClassVar[int] = 3
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("moviepy", "av")

    @classmethod
    def cache_salt(cls, params: ScriptParams) -> str:
        """Return the digest of the function's file."""
        from ..pipeline.scripting.apply import script_digest

        return script_digest(params.function)

    def run(self, context: NodeContext, params: ScriptParams, segment: Segment) -> Segment:
        """Return the segment with the new pictures."""
        from ..pipeline.scripting.apply import apply_script

        media, notes = apply_script(context, params.function, segment, segment.media)
        return segment.model_copy(update={"media": media, "notes": (*segment.notes, *notes)})

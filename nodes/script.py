"""Run a MoviePy function of the user's over a segment, before it is sent.

Takes   a segment, and `module:function` of a file that the user allowed: `f(clip, segment: dict) -> clip`.
Gives   the segment with its pictures as the function made them, lossless; its sound and its frames' times stay.
Raises  PresetError when the function is not allowed; ToolFailed when it fails; BadInput when it changes the length,
        the rate or the size.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment

FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$"


class ScriptParams(Params):
    """Which function; its file is named with `--script FILE` or in REACT1_SCRIPT, never here."""

    function: str = Field(pattern=FUNCTION, description="module:function of an allowed file")


class Script:
    """Let the user's own code at the pictures."""

    name: ClassVar[str] = "script"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("moviepy", "av")

    @classmethod
    def cache_salt(cls, params: ScriptParams) -> str:
        """Give the digest of the function's file, for the step's key."""
        from ..pipeline.scripting.allowed import script_digest

        return script_digest(params.function)

    def run(self, context: NodeContext, params: ScriptParams, segment: Segment) -> Segment:
        """Write the segment's file anew."""
        from ..pipeline.scripting.apply import apply_script

        media, said = apply_script(context, params.function, segment, segment.media)
        return segment.model_copy(update={"media": media, "notes": (*segment.notes, *said)})

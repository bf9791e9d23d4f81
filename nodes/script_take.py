"""Apply the user's own MoviePy function to a take before it is spliced.

Takes   a take, and `module:function` in a file that the user allows: `f(clip, segment: dict) -> clip`.
Gives   the take with the pictures that the function returns, lossless; audio and frame times stay.
Raises  PresetError if the function is not allowed; ToolFailed if it fails; InputMediaError if it changes the length,
        the rate or the size.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Take

FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$"


class ScriptTakeParams(Params):
    """The function; `--script FILE` or REACT1_SCRIPT allows its file, a preset cannot."""

    function: str = Field(pattern=FUNCTION, description="module:function in an allowed file")


class ScriptTake:
    """Run user code on the pictures of a take."""

    name: ClassVar[str] = "script_take"
    version: ClassVar[int] = 3
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("moviepy", "av")

    @classmethod
    def cache_salt(cls, params: ScriptTakeParams) -> str:
        """Return the digest of the function's file."""
        from ..pipeline.scripting.apply import script_digest

        return script_digest(params.function)

    def run(self, context: NodeContext, params: ScriptTakeParams, take: Take) -> Take:
        """Return the take with the new pictures."""
        from ..pipeline.scripting.apply import apply_script

        media, notes = apply_script(context, params.function, take.segment, take.media)
        return take.model_copy(update={"media": media, "notes": (*take.notes, *notes)})

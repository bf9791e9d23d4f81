"""Draw a label such as "AI-edited" into the edited frames of a take.

Takes   a conformed take.
Gives   the take with the label in a corner; its handles, and so the film outside the edit, have none.
Raises  PresetError if the take is not conformed.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from ..pipeline.core.edits.choices import Corner
from ..pipeline.core.errors import PresetError
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Take


class DiscloseParams(Params):
    """The label and its place."""

    label: str = Field(default="AI-edited", min_length=1, max_length=80, description="the text")
    where: Corner = Field(default="bottom-right", description="the corner of the picture")
    span: Literal["edits"] = Field(default="edits", description="the frames that get it: those of the edits")
    size: float = Field(default=0.04, ge=0.01, le=0.3, description="height of the letters, as a share of the picture's")

    @field_validator("span", mode="before")
    @classmethod
    def _only_edits(cls, value: object) -> object:
        if value == "film":
            raise ValueError(
                "a label on the complete film would re-encode every picture of it, and packets outside an edit stay "
                "bit-identical here; write `span: edits`, or draw the label when the film is delivered"
            )
        return value


class Disclose:
    """Draw a label that says that the picture was edited."""

    name: ClassVar[str] = "disclose"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    def run(self, context: NodeContext, params: DiscloseParams, take: Take) -> Take:
        """Return the labelled take; one with the original footage passes through."""
        from ..pipeline.conform.disclosure import label_take
        from ..pipeline.media.probe import probe

        if take.status == "original":
            return take
        if not take.conformed:
            raise PresetError(f"the take of {take.segment.name} is not conformed; put the step conform before disclose")
        file = context.store(label_take(context, take, params.label, params.where, params.size))
        return take.model_copy(
            update={
                "media": probe(context.path(file), file),
                "metrics": {**take.metrics, "disclose": {"label": params.label, "where": params.where}},
            }
        )

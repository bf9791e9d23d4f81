"""Re-express a segment with React-1, by the provider of the run.

Takes   an upload: the picture and the voice of one segment.
Gives   a take as the provider returned it, not conformed.
Raises  PresetError if the provider cannot be used; InputMediaError if there is no face; ProviderError if it fails.

Parameters, ranges and defaults: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..pipeline.core.edits.choices import React1Overrides, resolve_choices
from ..pipeline.core.errors import PresetError
from ..pipeline.core.nodes.node import Forecast, Need, NodeContext, Params, Workload
from ..pipeline.core.values import Take, Upload, segment_of
from ..pipeline.providers.choose_provider import ApiVersion, ProviderName, hosted_provider, resolve_provider_name
from ..pipeline.providers.local import render_take


class _ProviderParams(Params):
    """The provider and its deadline."""

    provider: ProviderName = Field(
        default="auto",
        description="auto: segmind or sync if a key is set, else local",
    )
    api: ApiVersion = Field(
        default="v2", description="Segmind's version: v2 submits and polls, v1 is one blocking call"
    )
    deadline_min: float = Field(default=30, ge=1, le=60, description="time limit of a job in minutes")


class React1Params(React1Overrides, _ProviderParams):
    """The provider, and defaults for edits that do not set their own."""

    resync: bool = Field(
        default=False, description="local engine: let the film's own audio move the lips too, as for a dubbed film"
    )


class React1:
    """Render takes with React-1."""

    name: ClassVar[str] = "react1"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "paid"
    tools: ClassVar[tuple[str, ...]] = ("ai_edge_litert", "cv2", "av")
    need: ClassVar[Need] = Need(cores=1, memory_mb=400)

    @classmethod
    def cache_salt(cls, params: React1Params) -> str:
        """Return the provider's URL, so that takes of a test server are never reused as takes of the model.

        For the local engine: its version.
        """
        if params.provider == "local":
            from ..pipeline.engine.take_job import ENGINE_VERSION

            return f"engine {ENGINE_VERSION}"
        provider = None if params.provider == "auto" else hosted_provider(params.provider, params.api)
        return provider.base_url if provider else ""

    @classmethod
    def forecast(cls, context: NodeContext, params: React1Params, inputs: Mapping[str, Any]) -> Forecast:
        """Estimate the cost of a paid provider, and check the clip as the run will before it pays."""
        segment = segment_of(inputs["upload"])
        provider = hosted_provider(resolve_provider_name(params.provider), params.api)
        if segment is None or provider is None:
            return Forecast()
        from ..pipeline.jobs.budget import forecast_job

        return forecast_job(context, segment, provider, resolve_choices(segment.edit, params))

    def run(self, context: NodeContext, params: React1Params, upload: Upload) -> Take:
        """Render with the local engine; the runner calls paid providers itself."""
        if params.provider != "local":
            raise PresetError(f"provider {params.provider!r} needs a run, which records every paid job")
        edit = upload.segment.edit
        resync = params.resync if edit.resync is None else edit.resync
        return render_take(context, upload, resolve_choices(edit, params), resync=resync)

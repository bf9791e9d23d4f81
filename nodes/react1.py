"""Re-express a segment with React-1, by the host that the run has chosen.

Takes   an upload: the picture and the voice of one segment, with addresses.
Gives   a take: what the host gave back, not yet brought onto the source's grid.
Raises  PresetError when the host cannot be used; BadInput when no face is found; HostFailed when the host fails.
Source  parameters, ranges and defaults: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.choices import React1Overrides, resolve_choices
from ..pipeline.core.errors import PresetError
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Take, Upload
from ..pipeline.providers.choose_provider import ApiVersion, ProviderName, hosted_provider
from ..pipeline.providers.local import render_take


class _ProviderParams(Params):
    """Who renders the take, and how long it may take."""

    provider: ProviderName = Field(
        default="auto", description="the host; auto: segmind or sync where a key is set, else local"
    )
    api: ApiVersion = Field(default="v2", description="Segmind's version: v2 submits and polls, v1 is one blocking call")
    deadline_min: float = Field(default=30, ge=1, le=60, description="minutes that a host's job may take")


class React1Params(React1Overrides, _ProviderParams):
    """The host, and what applies to every edit that does not say otherwise."""


class React1:
    """The model call."""

    name: ClassVar[str] = "react1"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "paid"
    tools: ClassVar[tuple[str, ...]] = ("mediapipe", "cv2", "av")

    @classmethod
    def cache_salt(cls, params: React1Params) -> str:
        """Give the host's address: what a rehearsal server made is never taken for the model's.

        Of the local engine, its own version, and the digest of the face model that REACT1_FACE_MODEL names.
        """
        if params.provider == "local":
            from ..pipeline.engine.landmarks.backend import salt
            from ..pipeline.engine.take_job import ENGINE_VERSION

            return f"engine {ENGINE_VERSION} {salt()}".rstrip()
        host = None if params.provider == "auto" else hosted_provider(params.provider, params.api)
        return host.host if host else ""

    def run(self, context: NodeContext, params: React1Params, upload: Upload) -> Take:
        """Render here, with the local engine; a host that takes money is called by the coordinator, never here."""
        if params.provider != "local":
            raise PresetError(f"provider {params.provider!r} is called by a run, which writes every paid call down")
        return render_take(context, upload, resolve_choices(upload.segment.edit, params))

"""The public surface for authors of nodes: everything that a plug-in may import.

    from react1.plugin import InputMediaError, NodeContext, Params, Segment

`react1.testing` has what tests a node. Everything that is not in `__all__` here or there is private and may change.
"""

from __future__ import annotations

from ..pipeline.core.edits.edit import Edit
from ..pipeline.core.errors import (
    CheckFailed,
    InputMediaError,
    Interrupted,
    MissingExtra,
    OverBudget,
    PresetError,
    Problem,
    ProviderError,
    React1Error,
    StorageFailed,
    ToolFailed,
)
from ..pipeline.core.file import File, FileOrUrl, OutPath
from ..pipeline.core.nodes.node import Delivery, Forecast, Need, Node, NodeContext, OptionalMembers, Params, Workload
from ..pipeline.core.values import (
    AudioStream,
    Exact,
    Media,
    OtherStream,
    Record,
    Report,
    Segment,
    Take,
    Turnover,
    Upload,
    Value,
    VideoStream,
    segment_of,
)
from ..pipeline.media.probe import probe
from ..pipeline.media.tools.ffmpeg import ffmpeg_path

__all__ = [
    "AudioStream",
    "CheckFailed",
    "Delivery",
    "Edit",
    "Exact",
    "File",
    "FileOrUrl",
    "Forecast",
    "InputMediaError",
    "Interrupted",
    "Media",
    "MissingExtra",
    "Need",
    "Node",
    "NodeContext",
    "OptionalMembers",
    "OtherStream",
    "OutPath",
    "OverBudget",
    "Params",
    "PresetError",
    "Problem",
    "ProviderError",
    "React1Error",
    "Record",
    "Report",
    "Segment",
    "StorageFailed",
    "Take",
    "ToolFailed",
    "Turnover",
    "Upload",
    "Value",
    "VideoStream",
    "Workload",
    "ffmpeg_path",
    "probe",
    "segment_of",
]

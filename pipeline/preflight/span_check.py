"""Check a span as a call of its own, and keep what was found: a coordinator that reads it loads no face model.

The findings are cached under everything that decides them, so a plan, a run and its resume check a span once.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from ..core.nodes.node import Need, NodeContext, Params, Workload
from ..core.values import Media, Segment
from ..media.tools.ffmpeg import tool_version
from ..store.keys import Parts, input_digest
from ..store.store import Store

if TYPE_CHECKING:
    from .clip_checks import Finding


class SpanCheckParams(Params):
    """What the provider accepts."""

    max_s: Fraction | None = None
    """Longest clip in seconds; None for no limit."""
    max_size_px: tuple[int, int] | None = None
    """Largest picture, (long side, short side); None for no limit."""


class SpanCheck:
    """Check the span of a segment before it is sent; the result is the film as it was, and the findings are cached."""

    name: ClassVar[str] = "check-span"
    version: ClassVar[int] = 2
    """Raise it when other faces are found, too: a stored finding that there is none refuses a film."""
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ai_edge_litert", "cv2", "av")
    need: ClassVar[Need] = Need(cores=1)

    def run(self, context: NodeContext, params: SpanCheckParams, segment: Segment) -> Media:
        """Check the span, unless that was done.

        Raises:
            InputMediaError: a frame of the span is damaged.
        """
        if stored_findings(context, segment, params) is None:
            findings = _find(context, segment, params)
            if not any(finding.code == "face_unknown" for finding in findings):  # installing a library changes that
                path = context.temp_path("findings.json")
                path.write_text(json.dumps([asdict(finding) for finding in findings]), encoding="utf-8")
                context.cache_put(_cache_parts(segment, params), path)
        return segment.source


def findings_of(cache: Store | NodeContext, segment: Segment, params: SpanCheckParams) -> list[Finding]:
    """Return the findings of a segment's span: the stored ones, else check it now.

    Raises:
        InputMediaError: a frame of the span is damaged.
    """
    stored = stored_findings(cache, segment, params)
    return _find(cache, segment, params) if stored is None else stored


def _find(cache: Store | NodeContext, segment: Segment, params: SpanCheckParams) -> list[Finding]:
    """Check the span of a segment in its film now."""
    from .clip_checks import check_span  # not with the module: what is paid for already needs no engine

    return check_span(
        cache.path(segment.source.file),
        segment.source,
        segment.name,
        segment.start_frame,
        segment.end_frame,
        max_s=params.max_s,
        max_size_px=params.max_size_px,
        has_own_audio=segment.edit.audio is not None,
        context=None if isinstance(cache, Store) else cache,
    )


def stored_findings(cache: Store | NodeContext, segment: Segment, params: SpanCheckParams) -> list[Finding] | None:
    """Return the findings that an earlier check has cached; None if there are none, or they are not readable."""
    from .clip_checks import Finding

    path = cache.cache_get(_cache_parts(segment, params))
    try:
        return None if path is None else [Finding(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def call_parts(segment: Segment, params: SpanCheckParams) -> Parts:
    """Return the parts of the key of a check: other edits of the same span have the same findings."""
    inputs = {
        "source": input_digest(segment.source),
        "span": [segment.name, segment.start_frame, segment.end_frame],
        "own_audio": segment.edit.audio is not None,
    }
    return {
        "node": SpanCheck.name,
        "version": SpanCheck.version,
        "params": params.model_dump(mode="json"),
        "inputs": inputs,
        "tools": {name: tool_version(name) for name in SpanCheck.tools},
    }


def _cache_parts(segment: Segment, params: SpanCheckParams) -> Parts:
    return {"findings": call_parts(segment, params)}

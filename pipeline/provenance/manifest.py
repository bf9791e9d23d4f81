"""The statement about a film, as the JSON of a C2PA manifest; pure.

Source: C2PA Technical Specification 2.2, 18.15 (actions) and 18.2 (regions of interest); IPTC digital source types.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

from ..core.edits.choices import Disclosed
from ..core.values import Segment, Take
from ..core.version import version_text
from ..media.timing.clock import frame_time_s

SOURCE_LABEL = "source"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_SENT = ("prompt", "temperature", "model_mode", "sync_mode")

Json = dict[str, Any]


def build_manifest(title: str, takes: Sequence[Take], disclosed: Collection[Disclosed]) -> Json:
    """Return the manifest of a film into which these takes were spliced, in the order of their spans."""
    ordered = sorted(takes, key=lambda take: take.segment.start_frame)
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [SOURCE_LABEL]}}
    return {
        "claim_generator_info": [{"name": "react1-nodes", "version": version_text()}],
        "title": title,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [opened, *(_edited(take, disclosed) for take in ordered)]},
            }
        ],
    }


def _edited(take: Take, disclosed: Collection[Disclosed]) -> Json:
    segment = take.segment
    start_s, end_s = (frame_time_s(segment.source, frame) for frame in (segment.start_frame, segment.end_frame))
    span = {"type": "npt", "start": _seconds(start_s), "end": _seconds(end_s)}
    return {
        "action": "c2pa.edited",
        "description": "the expression of a face was changed by a generative model"
        if take.provider != "local"
        else "the expression of a face was changed by a local engine",
        "digitalSourceType": COMPOSITE,
        "softwareAgent": {"name": _agent(take, disclosed)},
        "changes": [{"region": [{"type": "temporal", "time": span}], "description": segment.name}],
        "parameters": _parameters(take, disclosed),
    }


def _agent(take: Take, disclosed: Collection[Disclosed]) -> str:
    if take.provider == "local":
        return "react1-nodes local preview engine"
    return f"React-1 by {take.provider}" if "provider" in disclosed else "React-1"


def _parameters(take: Take, disclosed: Collection[Disclosed]) -> Json:
    segment = take.segment
    values: Json = {"start_frame": segment.start_frame, "end_frame": segment.end_frame}
    if "parameters" in disclosed:
        values |= {name: take.request[name] for name in _SENT if name in take.request}
    if "request_id" in disclosed and take.request_id:
        values["request_id"] = take.request_id
    consent = describe_consent(segment) if "consent" in disclosed else None
    return {"com.react1-nodes.edit": values | ({"consent": consent} if consent else {})}


def describe_consent(segment: Segment) -> Json | None:
    """Return who consented to a segment's edit, for what, and the digest of the document; None without consent."""
    consent = segment.edit.consent
    return None if consent is None else dict(consent.to_record())


def _seconds(moment_s: Fraction) -> str:
    return f"{float(moment_s):.6f}".rstrip("0").rstrip(".")

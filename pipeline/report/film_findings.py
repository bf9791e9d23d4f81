"""What the checks of a finished film found, in sentences: for the report's page, the studio and `react1 show`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

_INVISIBLE_DELTA_E, _VISIBLE_DELTA_E = 1.0, 3.0
"""CIE76 distances: a step at a seam below the first is not seen, from the second on it is."""
_MOST_NAMES = 8
"""So many edits are named in one sentence; more are counted."""
_SENTENCES = {
    "sound_identical": "all sound is the source's own, bit for bit",
    "other_sound_identical": "the sound tracks without a new line are the source's own, bit for bit",
    "colour_equal": "the colours are described as in the source",
    "metadata_equal": "the metadata inside the pictures, such as HDR10+ or a timecode, are the source's own",
    "strict_decode": "ffmpeg decodes the film strictly, without an error",
}
"""What is said of a metric that is true."""


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether what it says is as it should be."""

    text: str
    passed: bool


def film_findings(splice: Mapping[str, Any], sound_tracks: int = 2) -> list[Finding]:
    """Return what a splice's metrics say of the film outside its edits.

    Args:
        splice: the metrics of the node `splice`, which are `checks` in `--json`; empty if the run has made no film.
        sound_tracks: how many the source has: nothing is said of tracks that do not exist.
    """
    if not splice:
        return []
    if splice.get("way") == "untouched":
        return [Finding("the film is the source: no take changes anything", True)]
    findings = [_reencoded(splice) if splice.get("way") == "reencoded-picture" else _smart_rendered(splice)]
    empty = {0: ("sound_identical", "other_sound_identical"), 1: ("other_sound_identical",)}.get(sound_tracks, ())
    sentences = {name: text for name, text in _SENTENCES.items() if name in splice and name not in empty}
    return [*findings, *(Finding(text, bool(splice[name])) for name, text in sentences.items())]


def report_findings(report: Mapping[str, Any]) -> list[Finding]:
    """Return what a report says of its film outside the edits; `report` is the content of report.json."""
    source = report.get("source")
    findings = film_findings(report["figures"].get("splice", {}), len(source["audio"]) if source else 2)
    return [*findings, *(Finding(f"{name} as the source", passed) for name, passed in report["checks"].items())]


def _smart_rendered(splice: Mapping[str, Any]) -> Finding:
    border_count, worst_db = splice.get("border_packets", 0), splice.get("least_psnr_db")
    text = "every frame outside the edits is the source's own, bit for bit"
    if border_count:
        quality = "" if worst_db is None else f", at {worst_db} dB or better"
        text += f", except for {border_count} up to the next keyframe, re-encoded{quality}"
    return Finding(text, bool(splice.get("untouched_identical", False)))


def _reencoded(splice: Mapping[str, Any]) -> Finding:
    reason = splice.get("reason") or "its packets cannot be copied"
    text = f"outside the edits the film looks the same; all of it was encoded again, because {reason}"
    return Finding(text, bool(splice.get("pictures_alike", False)))


def seam_findings(splice: Mapping[str, Any]) -> dict[str, Finding]:
    """Return what a splice's metrics say of the seams of each edit, by its name."""
    return {seam["name"]: _seam(seam) for seam in splice.get("seams") or []}


def seam_sentences(splice: Mapping[str, Any]) -> list[Finding]:
    """Return the same for a reader of all edits: one sentence for those whose seams are alike."""
    names: dict[Finding, list[str]] = {}
    for name, finding in seam_findings(splice).items():
        names.setdefault(finding, []).append(name)
    return [
        Finding(f"{', '.join(alike) if len(alike) <= _MOST_NAMES else f'{len(alike)} edits'}: {text}", passed)
        for (text, passed), alike in ((astuple(finding), alike) for finding, alike in names.items())
    ]


def _seam(seam: Mapping[str, Any]) -> Finding:
    step = seam.get("seam_delta_e")
    if step is None:
        look = "not measured"
    elif step < _INVISIBLE_DELTA_E:
        look = "invisible"
    else:
        look = "hardly visible" if step < _VISIBLE_DELTA_E else "visible"
    faults = sum(int(seam.get(name) or 0) for name in ("frozen_frames", "doubled_frames"))
    text = f"the seams are {look}" + (f"; {faults} frames stand still or repeat" if faults else "")
    return Finding(text, look != "visible" and not faults)

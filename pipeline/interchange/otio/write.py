"""Write OpenTimelineIO: the film on V1 with its sound on A1, the clips on V2, their new lines on A2.

Raises  MissingExtra where opentimelineio is not installed.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import MissingExtra
from ..turnover.marker import short_note
from ..turnover.sheet import Piece, Sheet

INSTALL = "timelines are written by opentimelineio, of the extra 'timeline': pip install 'react1-nodes[timeline]'"


def require() -> None:
    """Find out whether timelines can be written.

    Raises:
        MissingExtra: opentimelineio is not installed.
    """
    try:
        import opentimelineio  # noqa: F401
    except ImportError as error:
        raise MissingExtra(INSTALL) from error


def otio(sheet: Sheet) -> str:
    """Spell the timeline as OTIO's JSON."""
    import opentimelineio as io

    timeline = io.schema.Timeline(sheet.title, global_start_time=_time(sheet, sheet.film.start))
    timeline.metadata["react1"] = {"drop_frame": sheet.drop}
    tracks = [_track(sheet, "V1", "Video", [sheet.film]), _track(sheet, "V2", "Video", list(sheet.clips))]
    if sheet.sample_rate_hz:
        tracks.append(_track(sheet, "A1", "Audio", list(sheet.heard)))
    if sheet.sounding:
        tracks.append(_track(sheet, "A2", "Audio", list(sheet.sounding)))
    timeline.tracks.extend(tracks)
    spelled: str = timeline.to_json_string()
    return spelled + "\n"


def _track(sheet: Sheet, name: str, kind: str, pieces: list[Piece]) -> Any:
    import opentimelineio as io

    track, reached = io.schema.Track(name, kind=kind), 0
    for piece in pieces:
        if piece.place > reached:
            track.append(io.schema.Gap(duration=_time(sheet, piece.place - reached)))
        track.append(_clip(sheet, piece))
        reached = piece.place + piece.used
    return track


def _clip(sheet: Sheet, piece: Piece) -> Any:
    import opentimelineio as io

    media = io.schema.ExternalReference(piece.url, _range(sheet, piece.start, piece.count))
    media.name = piece.name
    used = _range(sheet, piece.start + piece.head, piece.used)
    clip = io.schema.Clip(piece.name, media, used, metadata={"react1": {"reel": piece.reel}})
    clip.metadata["cmx_3600"] = {"reel": piece.reel}
    if piece.about:
        marker = io.schema.Marker(short_note(piece.about), io.opentime.TimeRange(used.start_time, _time(sheet, 1)))
        marker.color = io.schema.MarkerColor.GREEN
        marker.metadata["react1"] = piece.about
        clip.markers.append(marker)
    return clip


def _range(sheet: Sheet, start: int, count: int) -> Any:
    import opentimelineio as io

    return io.opentime.TimeRange(_time(sheet, start), _time(sheet, count))


def _time(sheet: Sheet, frames: int) -> Any:
    import opentimelineio as io

    return io.opentime.RationalTime(frames, float(sheet.rate))

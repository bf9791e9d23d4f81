"""Write OpenTimelineIO: the film on V1 with its sound on A1, the clips on V2, their replaced sound on A2."""

from __future__ import annotations

from typing import Any

from ..limits import import_extra
from ..turnover.layout import PlacedFile, TimelineLayout, marker_note


def require_opentimelineio() -> None:
    """Check that timelines can be written.

    Raises:
        MissingExtra: opentimelineio is not installed.
    """
    import_extra("opentimelineio", "writing timelines")


def format_otio(layout: TimelineLayout) -> str:
    """Format the timeline as OTIO JSON."""
    import opentimelineio as io

    timeline = io.schema.Timeline(layout.title, global_start_time=_time(layout, layout.film.start))
    timeline.metadata["react1"] = {"drop_frame": layout.drop}
    tracks = [_track(layout, "V1", "Video", [layout.film]), _track(layout, "V2", "Video", list(layout.clips))]
    if layout.sample_rate_hz:
        tracks.append(_track(layout, "A1", "Audio", list(layout.film_sound_parts)))
    if layout.audible_clips:
        tracks.append(_track(layout, "A2", "Audio", list(layout.audible_clips)))
    timeline.tracks.extend(tracks)
    text: str = timeline.to_json_string()
    return text + "\n"


def _track(layout: TimelineLayout, name: str, kind: str, files: list[PlacedFile]) -> Any:
    import opentimelineio as io

    track, end = io.schema.Track(name, kind=kind), 0
    for file in files:
        if file.place > end:
            track.append(io.schema.Gap(duration=_time(layout, file.place - end)))
        track.append(_clip(layout, file))
        end = file.place + file.used
    return track


def _clip(layout: TimelineLayout, file: PlacedFile) -> Any:
    import opentimelineio as io

    media = io.schema.ExternalReference(file.url, _range(layout, file.start, file.count))
    media.name = file.name
    used = _range(layout, file.start + file.head, file.used)
    clip = io.schema.Clip(file.name, media, used, metadata={"react1": {"reel": file.reel}})
    clip.metadata["cmx_3600"] = {"reel": file.reel}
    if file.about:
        marker = io.schema.Marker(marker_note(file.about), io.opentime.TimeRange(used.start_time, _time(layout, 1)))
        marker.color = io.schema.MarkerColor.GREEN
        marker.metadata["react1"] = file.about
        clip.markers.append(marker)
    return clip


def _range(layout: TimelineLayout, start: int, count: int) -> Any:
    import opentimelineio as io

    return io.opentime.TimeRange(_time(layout, start), _time(layout, count))


def _time(layout: TimelineLayout, frames: int) -> Any:
    import opentimelineio as io

    return io.opentime.RationalTime(frames, float(layout.rate))

"""Any content of a list of edits is either read or refused in one line."""

from __future__ import annotations

import faulthandler
import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from edit_list_samples import film
from mutate import mutated

from react1.pipeline.cli.commands.editing.edits import _find_problems, _table_lines, _to_json
from react1.pipeline.core.errors import PresetError
from react1.pipeline.interchange.classify import classify_entries
from react1.pipeline.interchange.entries import ListFile
from react1.pipeline.interchange.readers import parse_listing
from react1.pipeline.interchange.text.transcript import closest_cues, find_phrase

from .test_places import MARKS, SRT
from .text.test_text_formats import OWN_TABLE, PREMIERE, VTT, WORDS
from .timelines.test_edl import CUT, DROP, MARKERS
from .timelines.test_otio_fcpxml import FCPX

COUNT = int(os.environ.get("REACT1_FUZZ", "320"))
"""Number of texts; the long run is `REACT1_FUZZ=10000`."""
LONGEST_S = 20
"""Limit per text; after it the run ends with a traceback of where it hangs."""
WHISPER = json.dumps(
    {"segments": [{"start": 0.5, "end": 1.0, "text": " I can't", "words": WORDS}] * 3, "language": "en"}
)


def _otio() -> str:
    """Return a timeline with a clip and a marker on it."""

    def at(value: float) -> dict:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": 25.0, "value": value}

    def span(first: float, frames: float) -> dict:
        return {"OTIO_SCHEMA": "TimeRange.1", "start_time": at(first), "duration": at(frames)}

    bare = {"metadata": {}, "effects": [], "markers": [], "source_range": None}
    marker = {"OTIO_SCHEMA": "Marker.2", "name": "react1: angry", "metadata": {}, "marked_range": span(10, 5)}
    media = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "A001/A001C003_0101.mov", "metadata": {}}
    clip = {**bare, "OTIO_SCHEMA": "Clip.1", "name": "one", "markers": [marker], "media_reference": media}
    track = {**bare, "OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [{**clip, "source_range": span(0, 50)}]}
    stack = {**bare, "OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": "t",
        "metadata": {},
        "global_start_time": at(90000),
        "tracks": stack,
    }
    return json.dumps(timeline, indent=1)


SEEDS = [
    (CUT, ".edl"), (DROP, ".edl"), (MARKERS, ".edl"), (MARKS, ".edl"), (_otio(), ".otio"), (FCPX, ".fcpxml"),
    (OWN_TABLE, ".csv"), (PREMIERE, ".tsv"), (SRT, ".srt"), (VTT, ".vtt"), (WHISPER, ".json"),
]  # fmt: skip
FILMS = (
    None,
    film(),
    film("REEL_final.mov", "10:00:00:00"),
    film("show.mov", "01:00:00;00", 9000, "30000/1001"),
    film("x.mov", ""),
)


@pytest.mark.slow
def test_mutated_texts_are_read_or_refused_in_one_line(media_folder_if_any):
    """Every format and several films are processed up to the printed output without a traceback or a hang."""
    seeds = SEEDS + [(path.read_text(), path.suffix) for path in media_folder_if_any]
    read = 0
    for seed in range(COUNT):
        text, suffix = seeds[seed % len(seeds)]
        changed = mutated(text, seed)
        faulthandler.dump_traceback_later(LONGEST_S, exit=True)
        try:
            _process(changed, suffix, seed)
            read += 1
        except PresetError as error:
            assert "\n" not in str(error)
        except (Exception, RecursionError) as error:
            raise AssertionError(f"seed {seed}, {suffix}: {type(error).__name__}: {error}\n{changed[:3000]}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()
    assert COUNT // 4 < read < COUNT  # neither refuses nor accepts everything


def _process(text: str, suffix: str, seed: int) -> None:
    of = FILMS[seed // len(SEEDS) % len(FILMS)]
    clock = ("auto", "record")[seed // 7 % 2]
    listing = parse_listing(text, suffix, f"list{suffix}", of.rate if of else Fraction(25))
    reading = classify_entries(listing, of, ListFile(file="list", clock=clock))
    json.dumps(_to_json(reading, Path("list")))
    _table_lines(reading, Path("list"))
    for problem in _find_problems(reading, Path("list")):
        assert "\n" not in str(problem)
    cues = [entry for entry in listing.entries if entry.kind == "cue"]
    find_phrase(cues, "can't believe")
    closest_cues(cues, "cant beleive")


@pytest.fixture
def media_folder_if_any() -> list[Path]:
    """Lists of real editing systems, if available."""
    folder = Path(os.environ.get("REACT1_MEDIA", Path(__file__).parents[3] / "shared" / "media")) / "timelines"
    return sorted(folder.glob("*.*")) if folder.is_dir() else []

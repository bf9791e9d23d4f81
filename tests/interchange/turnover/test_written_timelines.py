"""Timelines of a turnover are read back by opentimelineio's adapters, and their labels are checked here."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from layout_samples import FILM, SPANS, sample_layout
from takes import film

from react1.pipeline.core.values import Turnover
from react1.pipeline.interchange.classify import classify_entries
from react1.pipeline.interchange.entries import ListFile
from react1.pipeline.interchange.readers import parse_listing
from react1.pipeline.interchange.turnover.layout import build_layout
from react1.pipeline.interchange.turnover.timeline_writers import format_edl, format_fcpxml, format_otio

io = pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
NTSC = Fraction(30000, 1001)


def spans(track) -> list[tuple[str, int, int, int]]:
    """Return the clips of a track: name, first frame of the media, length, position on the film's labels."""
    # The EDL adapter stores the first record label of a track as a negative start.
    position = -track.source_range.start_time.value if track.source_range else 0
    clips = []
    for item in track:
        if isinstance(item, io.schema.Clip):
            first, length = item.source_range.start_time.value, item.duration().value
            clips.append((item.name, round(first), round(length), round(position)))
        position += item.duration().value
    return clips


def read(folder: Path, name: str, text: str, **options):
    """Read a text with opentimelineio."""
    path = folder / name
    path.write_bytes(text.encode())
    root = io.adapters.read_from_file(str(path), **options)
    if isinstance(root, io.schema.Timeline):
        return root
    (child,) = root
    return child if isinstance(child, io.schema.Timeline) else child[0]


@pytest.mark.parametrize(
    "rate", [Fraction(24), Fraction(25), Fraction(50), Fraction(24000, 1001), Fraction(30000, 1001)]
)
def test_otio_round_trip_keeps_spans(tmp_path, rate):
    """V1 has the complete film, V2 the clips, A2 the replaced sound, and A1 a gap under it."""
    start = 3600 * round(rate)
    timeline = read(tmp_path, "t.otio", format_otio(sample_layout(rate, start)))
    tracks = {track.name: track for track in timeline.tracks}

    assert timeline.global_start_time.value == start
    assert spans(tracks["V1"]) == [("a film.mov", start, FILM, 0)]
    assert spans(tracks["A1"]) == [("a film.mov", start, 300, 0), ("a film.mov", start + 340, FILM - 340, 340)]
    expected = [(f"l{n}_react1_v001.mov", start + place, used, place) for n, (place, used) in enumerate(SPANS)]
    assert spans(tracks["V2"]) == expected
    assert spans(tracks["A2"]) == expected[1:]
    clip = tracks["V2"][1]
    assert clip.media_reference.available_range.start_time.value == start + SPANS[0][0] - 8
    assert tracks["V1"][0].media_reference.target_url == "../a%20film.mov"
    assert clip.markers[0].metadata["react1"]["request_id"] == "r-1"
    assert clip.markers[0].name.startswith("react1: prompt=sad temperature=0.6")


@pytest.mark.parametrize(
    ("rate", "drop"), [(Fraction(25), False), (Fraction(24000, 1001), False), (Fraction(30000, 1001), True)]
)
def test_edl_round_trip_keeps_spans(tmp_path, rate, drop):
    """Channels are V, A, V2 and A2; record labels are those of the source; FCM matches."""
    start = 107_892 if drop else 3600 * round(rate)
    text = format_edl(sample_layout(rate, start, drop=drop), "avid")
    timeline = read(tmp_path, "t.edl", text, rate=float(rate))
    tracks = {track.name: track for track in timeline.tracks}

    assert ("FCM: DROP FRAME" in text) == drop and ("FCM: NON-DROP FRAME" in text) != drop
    assert spans(tracks["V"]) == [("a film.mov", start, FILM, start)]
    expected = [(f"l{n}_react1_v001.mov", start + at, used, start + at) for n, (at, used) in enumerate(SPANS)]
    assert spans(tracks["V2"]) == expected
    assert spans(tracks["A2"]) == expected[1:]
    after = ("a film.mov", start + 340, FILM - 340, start + 340)
    assert spans(tracks["A1"]) == [("a film.mov", start, 300, start), after]


def test_film_sound_is_complete_without_replaced_sound():
    """Picture and sound are one EDL event, FCPXML has no volume keyframes, and a silent film has only picture."""
    layout = sample_layout(Fraction(25), 90_000)
    quiet = replace(layout, clips=layout.clips[:1])

    assert "001  A001C002 B     C        01:00:00:00 01:01:12:00" in format_edl(quiet, "avid")
    assert "adjust-volume" not in format_fcpxml(quiet, "final-cut")
    assert "001  A001C002 V     C" in format_edl(replace(quiet, sample_rate_hz=0), "avid")


def test_fcpxml_mutes_the_film_under_replaced_sound():
    """Volume keyframes lie on the frames around the clip, in the film's time."""
    film = ET.fromstring(format_fcpxml(sample_layout(Fraction(25), 90_000), "final-cut").encode()).find(
        ".//spine/asset-clip"
    )

    keys = [(Fraction(key.get("time").rstrip("s")) * 25 - 90_000, key.get("value")) for key in film.iter("keyframe")]

    assert keys == [(299, "0dB"), (300, "-96dB"), (339, "-96dB"), (340, "0dB")]
    assert [child.tag for child in film] == ["adjust-volume", "asset-clip", "asset-clip"]


def test_drop_frame_labels_match_the_clock():
    """An hour of 29.97 is 107,892 frames; frame 100 of the film after it is 01:00:03;10."""
    text = format_edl(sample_layout(NTSC, 107_892, drop=True), "avid")

    assert "01:00:03;10 01:00:06;00 01:00:03;10 01:00:06;00" in text
    assert "001  A001C002 V     C        01:00:00;00 01:01:00;02" in text
    assert "* REEL: A001C002_210101" in text
    assert "* LOC: 01:00:03;10 GREEN   react1: prompt=sad" in text


def test_resolve_markers_are_comments():
    """DaVinci Resolve reads colour, name and length from its own comment format."""
    text = format_edl(sample_layout(Fraction(25), 90_000), "resolve")

    assert " |C:ResolveColorGreen |M:react1: prompt=sad" in text and "* LOC" not in text


def test_labels_wrap_at_midnight():
    """The label after the last one of a day is 00:00:00:00."""
    layout = sample_layout(Fraction(25), 25 * 86_400 - 50)

    assert layout.label(25 * 86_400) == "00:00:00:00"
    assert "00:00:02:00" in next(line for line in format_edl(layout, "avid").splitlines() if " V2 " in line)


def test_fcpxml_has_every_track_and_the_pixel_aspect(context):
    """A rotated film with 4:3 pixels and two tracks has the width and height of the upright file."""
    media = film(context, frames=4, tracks=2, sar=Fraction(4, 3), rotation_deg=90)
    turnover = Turnover(title="cut", source=media, source_path="cut.mp4", reel="cut", dialects=("final-cut",), clips=())

    root = ET.fromstring(format_fcpxml(build_layout(turnover, Path(), 1), "final-cut").encode())

    size = {name: root.find(".//format").get(name) for name in ("width", "height", "paspH", "paspV")}
    assert size == {"width": "180", "height": "320", "paspH": "3", "paspV": "4"}
    assert [root.find(".//asset").get(name) for name in ("audioSources", "audioChannels")] == ["2", "4"]


@pytest.mark.parametrize("kind", ["avid.edl", "resolve.edl", "otio", "fcpxml"])
def test_take_markers_are_ignored_when_read_back(kind):
    """Markers of takes are ignored with the reason, so a returned timeline contributes only new edits."""
    layout = sample_layout(Fraction(25), 90_000)
    texts = {"otio": format_otio(layout), "fcpxml": format_fcpxml(layout, "final-cut")}
    text = texts[kind] if kind in texts else format_edl(layout, kind.partition(".")[0])

    rows = classify_entries(parse_listing(text, f".{kind.rpartition('.')[2]}", "t"), None, ListFile(file="t")).entries

    assert {row.state for row in rows} == {"ignored"}
    assert sum("describes a finished take" in row.reason for row in rows) >= len(SPANS)


def test_url_stays_unchanged():
    """A film from the web is named by its URL, not by a relative path with a quoted colon."""
    film = replace(sample_layout(Fraction(25), 0).film, path="https://films.example/a%20b.mp4?x=1")

    assert film.url == "https://films.example/a%20b.mp4?x=1"


@pytest.mark.parametrize("dialect", ["final-cut", "resolve"])
def test_fcpxml_round_trip_keeps_spans(tmp_path, dialect):
    """Checked at an integer rate, which the adapter handles correctly; clips are connected in lane 1."""
    text = format_fcpxml(sample_layout(Fraction(25), 90_000), dialect)
    film, clips = read(tmp_path, "t.fcpxml", text).tracks

    assert spans(film) == [("a film.mov", 90_000, FILM, 90_000)]
    assert spans(clips) == [
        (f"l{n}_react1_v001.mov", 90_000 + at, used, 90_000 + at) for n, (at, used) in enumerate(SPANS)
    ]


def test_the_library_cuts_fractional_rates_of_fcpxml(tmp_path):
    """It reads 29.97 as 29, so its spans differ from the file's; docs/timelines.md says so."""
    timeline = read(tmp_path, "t.fcpxml", format_fcpxml(sample_layout(NTSC, 107_892), "final-cut"))

    (film, clips) = timeline.tracks
    assert film[0].source_range.start_time.rate == 29
    assert [used for _, _, used, _ in spans(clips)] != [used for _, used in SPANS]


def test_fcpxml_is_exact_at_fractional_rates():
    """Every time is a whole number of frames of 1001/30000 s; checked here because the adapter rounds."""
    rate, start = NTSC, 107_892
    root = ET.fromstring(format_fcpxml(sample_layout(rate, start, drop=True), "final-cut").encode())
    frames = lambda text: Fraction(text.rstrip("s")) * rate  # noqa: E731

    sequence, (film,) = root.find(".//sequence"), root.findall(".//spine/asset-clip")
    assert (sequence.get("tcFormat"), frames(sequence.get("tcStart"))) == ("DF", start)
    assert frames(root.find(".//format").get("frameDuration")) == 1
    connected = film.findall("asset-clip")
    assert [frames(clip.get("offset")) - start for clip in connected] == [place for place, _ in SPANS]
    assert [frames(clip.get("start")) - start for clip in connected] == [place for place, _ in SPANS]
    assert [frames(clip.get("duration")) for clip in connected] == [used for _, used in SPANS]
    assert [clip.get("srcEnable") for clip in connected] == ["video", None]
    assert next(media.get("src") for media in root.iter("media-rep")) == "../a%20film.mov"

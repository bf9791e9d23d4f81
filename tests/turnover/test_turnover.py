"""Clips and folders of a turnover: pictures, samples, labels, and versions that are never written over."""

from __future__ import annotations

import av
import numpy as np
import pytest
from made import frame_number
from seen import planes, psnr
from takes import film, numbered_take, segment, shown

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.clips import Turnover
from react1.pipeline.errors import BadInput
from react1.pipeline.media.probe import probe
from react1.pipeline.run.turnovers import turnover_targets
from react1.pipeline.store.deliver import deliver
from react1.pipeline.store.store import Store
from react1.pipeline.times import Frames

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
SPAN, HANDLE = (10, 22), 4


def turned_over(room, params: TimelineParams | None = None, **changes) -> tuple[Turnover, object]:
    """Hand over one named and one nameless edit of a made film, whose own pictures stand for the finished ones."""
    media = film(room, frames=40, gop=10, **changes).model_copy(update={"start_timecode": "01:00:00:00"})
    takes = [
        numbered_take(room, segment(media, *SPAN, name="line3", prompt="sad", temperature=0.6)),
        numbered_take(room, segment(media, 30, 36)),
    ]
    params = params or TimelineParams(source="films/cut.mp4", handles=Frames(HANDLE))
    return Timeline().run(room, params, media, takes), media


@pytest.mark.parametrize(("codec", "suffix", "coded"), [("prores", ".mov", "prores"), ("source", ".mp4", "h264")])
def test_a_clip_shows_the_films_frames_with_handles(room, codec, suffix, coded):
    """Frame numbers, labels, rate and sound are the film's from `start - handle` to `end + handle`."""
    params = TimelineParams(source="cut.mp4", handles=Frames(HANDLE), codec=codec)
    made, media = turned_over(room, params, audio_codec="aac")
    clip = made.clips[0]
    given = probe(room.path(clip.file), clip.file)

    assert (clip.file.suffix, given.video.codec, given.video.rate) == (suffix, coded, media.video.rate)
    numbers = [frame_number(luma) for _, luma in shown(room.path(clip.file))]
    assert numbers == list(range(SPAN[0] - HANDLE, SPAN[1] + HANDLE))
    assert given.start_timecode == "01:00:00:06"
    lasts_s = (SPAN[1] - SPAN[0] + 2 * HANDLE) / media.video.rate
    assert abs(given.audio[0].duration_s - lasts_s) < 0.03
    assert (clip.head_frames, clip.tail_frames) == (HANDLE, HANDLE)


def test_a_clip_keeps_the_films_pictures_and_colours(room):
    """ProRes lies above 45 dB of the film on every plane, and says the same colours."""
    made, media = turned_over(room)
    clip = made.clips[0]
    theirs = decoded(room.path(media.file))[SPAN[0] - HANDLE : SPAN[1] + HANDLE]
    ours = decoded(room.path(clip.file))
    tags = ("color_range", "color_primaries", "color_transfer", "color_space")
    given = probe(room.path(clip.file), clip.file).video

    assert min(psnr(planes(a), planes(b)) for a, b in zip(theirs, ours, strict=True)) > 45
    said = {name: getattr(media.video, name) for name in tags if getattr(media.video, name)}
    assert {name: getattr(given, name) for name in said} == said


def test_handles_end_with_the_film(room):
    """The second edit ends four frames before the film: its tail is no longer than that."""
    made, _ = turned_over(room, TimelineParams(source="cut.mp4", handles=Frames(12)))

    assert [(clip.name, clip.head_frames, clip.tail_frames) for clip in made.clips] == [
        ("line3", 10, 12),
        ("cut_s30", 12, 4),
    ]


def test_a_film_of_varying_rate_is_refused(room):
    """No timecode counts it; the message says what to do."""
    media = film(room, frames=20, tracks=0)
    loose = media.model_copy(update={"video": media.video.model_copy(update={"constant_rate": False})})

    with pytest.raises(BadInput, match="rate varies"):
        Timeline().run(room, TimelineParams(source="cut.mp4"), loose, [numbered_take(room, segment(media, 5, 7))])


def test_nothing_that_was_handed_over_is_written_over(room, tmp_path):
    """The same turnover stays v001; another one beside it is v002, and v001 keeps its bytes."""
    made, _ = turned_over(room)
    store, folder = Store(tmp_path / "home"), tmp_path / "turnover"
    made = kept_in(store, room, made)
    first = handed_over(store, made, folder)
    again = handed_over(store, made, folder)
    bytes_of = {path: path.read_bytes() for path in first}
    other = handed_over(store, made.model_copy(update={"reel": "B002"}), folder)

    assert again == first and {path.name for path in first} >= {"line3_react1_v001.mov", "cut_react1_v001.avid.edl"}
    assert all("_v002" in path.name for path in other)
    assert {path: path.read_bytes() for path in first} == bytes_of
    assert b"line3_react1_v002.mov" in next(path for path in other if path.name.endswith("avid.edl")).read_bytes()


def decoded(path) -> list[av.VideoFrame]:
    """Decode a film to 8 bits 4:2:0."""
    with av.open(str(path)) as container:
        return [frame.reformat(format="yuv420p") for frame in container.decode(video=0)]


def kept_in(store: Store, room, made: Turnover) -> Turnover:
    """Move a turnover's clips into a store."""
    clips = []
    for clip in made.clips:
        copy = store.room_folder() / f"clip{clip.file.suffix}"
        copy.write_bytes(room.path(clip.file).read_bytes())
        clips.append(clip.model_copy(update={"file": store.keep(copy)}))
    return made.model_copy(update={"clips": tuple(clips)})


def handed_over(store: Store, made: Turnover, folder) -> list:
    """Deliver a turnover as a run does; give its files."""
    wanted = list(turnover_targets(store, made, folder))
    for file, place in wanted:
        if not place.exists():
            deliver(store, file, place, "job", replace=False)
    assert np.all([place.is_file() for _, place in wanted])
    return [place for _, place in wanted]

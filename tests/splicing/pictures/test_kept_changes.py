"""By the changes that are kept in memory, a splice writes the film that it writes from the takes' files."""

from __future__ import annotations

from contextlib import closing

import av
import numpy as np
import pytest
from takes import edited_take, moving_film, segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.media.frames.decode import decode_frames, exact_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing.pictures import frames, kept_changes, seams
from react1.pipeline.splicing.pictures.kept_changes import FrameBoxes, keeping_changes
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes
from react1.pipeline.splicing.pictures.seams import plan_inserts
from react1.pipeline.splicing.splice_params import Seam

NO_LIMITS = {"seam_delta_e": None, "frozen_frames": None, "doubled_frames": None}
SEAMS = {"cut": "cut", "dissolve": {"video": "dissolve", "frames": 3}, "morph": {"video": "morph", "frames": 3}}


@pytest.fixture
def read(monkeypatch):
    """The files of takes that were decoded for a splice, in order."""
    paths = []

    def noted(path, *args, **options):
        paths.append(path)
        return decode_frames(path, *args, **options)

    monkeypatch.setattr(frames, "decode_frames", noted)
    return paths


def source_of(context, **changes):
    return moving_film(context, frames=36, **changes)


def take_of(context, media, start, end, **options):
    """A take as a provider gives it, of a span with handles of 4 frames that was sent losslessly."""
    target = segment(media, start, end, head=4, tail=4)
    path = context.temp_path("sent.mp4")
    with av.open(str(path), "w") as out, closing(decode_frames(context.path(media.file))) as shown:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = media.video.width_px, media.video.height_px, "yuv420p"
        for number, frame in enumerate(shown):
            if number in target.frames:
                copy = frame_from_planes(frame_planes(frame.reformat(format="yuv420p")), "yuv420p")
                copy.pts = number - target.frames[0]
                out.mux(stream.encode(copy))
        out.mux(stream.encode(None))
    sent = _stored(context, path)
    return edited_take(context, target.model_copy(update={"media": sent}), **options)


def _stored(context, path):
    file = context.store(path)
    return probe(context.path(file), file)


def conformed(context, *takes, **params):
    return [Conform().run(context, ConformParams(**params), take) for take in takes]


def spliced(context, media, takes, seam="dissolve"):
    return Splice().run(context, SpliceParams.model_validate({"seam": SEAMS[seam], "checks": NO_LIMITS}), media, takes)


@pytest.mark.slow
@pytest.mark.parametrize("seam", SEAMS)
def test_the_film_is_the_same(context, read, seam):
    """In the ramps, too, where a take is mixed with the source."""
    media = source_of(context)
    take = take_of(context, media, 12, 24)

    with keeping_changes():
        by_changes = spliced(context, media, conformed(context, take), seam)
    read_by_changes = len(read)
    by_files = spliced(context, media, conformed(context, take), seam)

    assert read_by_changes == 0 < len(read)
    assert by_changes.file == by_files.file and by_changes.metrics == by_files.metrics
    assert by_changes.file != media.file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("film", "options", "params"),
    [
        ({"pix_fmt": "yuv420p10le"}, {}, {}),
        ({}, {}, {"composite": "frame"}),
        ({}, {"changed": {7, 8, 9}}, {}),
        ({}, {"levels": (0.97, 5.0)}, {}),
    ],
)
def test_so_it_is_of_other_films_and_takes(context, read, film, options, params):
    """Ten bits, a take used completely, one that changes only three frames, and one of other levels."""
    media = source_of(context, **film)
    take = take_of(context, media, 12, 24, **options)

    with keeping_changes():
        by_changes = spliced(context, media, conformed(context, take, **params))
    read_by_changes = len(read)
    by_files = spliced(context, media, conformed(context, take, **params))

    assert read_by_changes == 0 < len(read) and by_changes.file == by_files.file


@pytest.mark.slow
@pytest.mark.parametrize("changed", [None, {0, 1, 14, 18}])
def test_ramps_are_planned_without_a_look_at_the_source(context, monkeypatch, changed):
    """A take that changes all frames, and one that changes some of the handles: the frames that fade are the same."""
    media = source_of(context)
    take = take_of(context, media, 12, 24, **({"changed": changed} if changed else {}))
    decoded = []

    def noted(*args):
        decoded.append(args)
        return exact_frames(*args)

    monkeypatch.setattr(seams, "exact_frames", noted)
    seam = Seam.model_validate(SEAMS["dissolve"])
    with keeping_changes():
        by_changes = plan_inserts(context, media, conformed(context, take), seam)
    assert not decoded
    assert by_changes == plan_inserts(context, media, conformed(context, take), seam)
    assert decoded


def test_a_dissolve_shows_where_the_mean_is_another():
    """Every difference of eight bits, at every weight of a ramp of three frames and of one."""
    for denominator in (2, 4):
        for numerator in range(1, denominator):
            for difference in range(-255, 256):
                below, above = (max(0, -difference), max(0, difference))
                planes = [[np.full((1, 1), value, np.uint8)] for value in (below, above)]
                mix = frames.dissolve(*planes, numerator, denominator)
                least, largest = min(0, difference), max(0, difference)

                shows = FrameBoxes(reach=(least, largest)).shows_at(numerator, denominator)

                assert shows == (mix[0] != below), (difference, numerator, denominator)


@pytest.mark.slow
def test_where_takes_overlap_their_files_are_read(context, read):
    """The second one lies over pictures that are not the source's."""
    media = source_of(context)
    takes = [take_of(context, media, 8, 16), take_of(context, media, 16, 24)]

    with keeping_changes():
        by_changes = spliced(context, media, conformed(context, *takes))
        assert read
    assert by_changes.file == spliced(context, media, conformed(context, *takes)).file


@pytest.mark.slow
def test_changes_count_for_their_source_and_their_file_only(context):
    """A take may be put into another film, and its file may be replaced."""
    media = source_of(context)
    take = take_of(context, media, 12, 24)

    with keeping_changes():
        (done,) = conformed(context, take)
        path, digest = context.path(done.media.file), media.file.digest
        assert kept_changes.kept_changes(path, digest) is not None
        assert kept_changes.kept_changes(path, "0" * 64) is None
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:-1] + b"\0")
        assert kept_changes.kept_changes(path, digest) is None


@pytest.mark.slow
def test_no_more_is_kept_than_the_limit_and_nothing_after_the_run(context, monkeypatch):
    media = source_of(context)
    take = take_of(context, media, 12, 24)

    with keeping_changes():
        with keeping_changes():
            (done,) = conformed(context, take)
        path, digest = context.path(done.media.file), media.file.digest
        size_bytes = kept_changes.kept_changes(path, digest).size_bytes  # another run still goes on
    assert kept_changes.kept_changes(path, digest) is None
    assert 0 < size_bytes < 20 * 128 * 96 * 1.5  # what the complete pictures take

    monkeypatch.setattr(kept_changes, "MAX_KEPT_BYTES", size_bytes - 1)
    with keeping_changes():
        (done,) = conformed(context, take)
        assert kept_changes.kept_changes(context.path(done.media.file), digest) is None


def test_what_will_not_be_kept_is_not_held_meanwhile(monkeypatch):
    """At 4K a take's changes can take several times the limit while it is conformed."""
    monkeypatch.setattr(kept_changes, "MAX_KEPT_BYTES", 250)
    changes = kept_changes.TakeChanges("0" * 64, "gray")
    held = []
    for _ in range(4):
        changes.add([np.zeros((10, 20), np.uint8)], [(slice(0, 10), slice(0, 10))])
        held.append(sum(part.nbytes for frame in changes.frames for part in frame.pixels))

    assert held == [100, 200, 0, 0] and not changes.is_complete

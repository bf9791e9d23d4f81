"""A take that needs no correction is decoded once, and the result is the same as when it is read again."""

from __future__ import annotations

import numpy as np
import pytest
from takes import edited_take, moving_film, segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.conform import conform, finished_frames, frame_pairs
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes

COUNT = 12


@pytest.fixture
def placed(context):
    """A segment of a film whose colors are those of what is sent, as in films of 720 lines."""
    media = moving_film(context, frames=COUNT)
    video = media.video.model_copy(update={"color_space": "bt709", "color_range": "tv"})
    source = media.model_copy(update={"video": video})
    return Transcode().run(context, TranscodeParams(), segment(source, 0, COUNT))


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded for a comparison, in order."""
    paths = []

    def noted(path, *args, **options):
        paths.append(path)
        return decode_frames(path, *args, **options)

    monkeypatch.setattr(frame_pairs, "decode_frames", noted)
    return paths


def pictures(context, take):
    video = take.media.video
    return [frame_planes(frame) for frame in decode_frames(context.path(take.media.file), video.index)]


@pytest.mark.slow
def test_the_number_of_threads_changes_nothing(context, placed, monkeypatch):
    take = edited_take(context, placed)
    results = []
    for threads in (1, 5):
        monkeypatch.setattr(frame_pairs, "thread_count", lambda threads=threads: threads)
        results.append(Conform().run(context, ConformParams(), take))

    assert results[0].media.file == results[1].media.file and results[0].metrics == results[1].metrics


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "face"])
def test_a_take_in_order_is_decoded_once(context, placed, decoded, monkeypatch, mode):
    take = edited_take(context, placed)

    drafted = Conform().run(context, ConformParams(composite=mode), take)
    once = len(decoded)
    monkeypatch.setattr(conform, "Draft", lambda **options: finished_frames.Draft(**options, max_bytes=0))
    read_again = Conform().run(context, ConformParams(composite=mode), take)

    assert once == 2 and len(decoded) == 6
    assert drafted.metrics == read_again.metrics and drafted.metrics["conform"]["touched_share"] > 0.01
    for first, second in zip(pictures(context, drafted), pictures(context, read_again), strict=True):
        assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


@pytest.mark.parametrize(
    "changes", [{"order": [0, 0, 0, *range(COUNT - 2)]}, {"levels": (1.0, 6.0)}], ids=["late", "brighter"]
)
def test_a_take_that_is_corrected_is_read_again(context, placed, decoded, changes):
    result = Conform().run(context, ConformParams(), edited_take(context, placed, **changes))

    assert len(decoded) > 2
    source = [frame_planes(frame)[0] for frame in decode_frames(context.path(placed.source.file))]
    luma = [parts[0] for parts in pictures(context, result)]
    assert all(np.array_equal(new[:16], old[:16]) for new, old in zip(luma, source, strict=True))
    assert all(abs(float(new[48:50, 60:68].mean()) - 160) < 4 for new in luma[3:-3])

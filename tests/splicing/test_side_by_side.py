"""Ranges are worked on side by side: the same film, byte for byte, as if they were taken one after the other."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from takes import film, numbered_take, segment

from react1.pipeline.core.cancellation import raise_if_stopped, stop_checked_by
from react1.pipeline.core.errors import Interrupted
from react1.pipeline.core.side_by_side import run_side_by_side
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import smart_render, strategies
from react1.pipeline.splicing import splice as splicing

WAIT_S = 60


def spliced(context, monkeypatch, media, takes, workers):
    """Splice with this many workers; return the film's bytes, its metrics, and what `progress` got."""
    for owner in (smart_render, strategies):
        monkeypatch.setattr(owner, "worker_count", lambda *_: workers)
    reported = []
    monkeypatch.setattr(context, "progress", reported.append)
    output = splicing.splice(context, ffmpeg_path(), media, takes, measure_seams=True)
    return output.path.read_bytes(), output.metrics, output.seams, reported


@pytest.mark.slow
def test_one_worker_and_three_give_the_same_film(context, monkeypatch):
    """Packets, metrics and seams, in the order of the edits; two ranges are encoded at the same moment."""
    media = film(context, ".mp4", frames=60, gop=4, tracks=0, size=(64, 64))
    takes = [numbered_take(context, segment(media, at, at + 3)) for at in (5, 21, 37, 53)]
    alone = spliced(context, monkeypatch, media, takes, 1)
    both, real = threading.Barrier(2), smart_render.encode_packets

    def met(*args):
        both.wait(WAIT_S)
        return real(*args)

    monkeypatch.setattr(smart_render, "encode_packets", met)
    together = spliced(context, monkeypatch, media, takes, 2)
    monkeypatch.setattr(smart_render, "encode_packets", real)
    three = spliced(context, monkeypatch, media, takes, 3)

    assert alone[1]["windows"] == 4 and alone[1]["way"] == "exact"
    assert alone == together == three


def test_results_are_in_the_order_of_the_calls():
    """The first call ends last."""
    second_ended = threading.Event()

    def first():
        assert second_ended.wait(WAIT_S)
        return 1

    def second():
        second_ended.set()
        return 2

    assert run_side_by_side([first, second], 2) == [1, 2]


def test_a_call_that_fails_stops_the_others():
    """They end where they ask whether to stop, and its error is the one that is raised."""
    begun = threading.Event()

    def endless():
        begun.set()
        while True:
            raise_if_stopped()

    def fails():
        assert begun.wait(WAIT_S)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_side_by_side([endless, fails, lambda: None], 2)


def test_a_run_that_is_stopped_stops_all_calls():
    """By the check of the call that started them."""
    both, stopped = threading.Barrier(2), threading.Event()

    def check():
        if stopped.is_set():
            raise Interrupted("stopped")

    def endless():
        both.wait(WAIT_S)
        stopped.set()
        while True:
            raise_if_stopped()

    with stop_checked_by(check), pytest.raises(Interrupted):
        run_side_by_side([endless, endless], 2)


@pytest.mark.parametrize(
    ("size", "depth", "encoder", "cores", "workers"),
    [
        ((640, 360), 8, "libx264", 4, 4),
        ((640, 360), 8, "libx264", 64, 14),
        ((1920, 1080), 8, "libx264", 64, 1),
        ((1280, 720), 8, "libx264", 64, 3),
        ((1280, 720), 10, "libx264", 64, 1),
        ((640, 360), 8, "libx265", 64, 1),
        ((3840, 2160), 10, "libx264", 64, 1),
    ],
)
def test_memory_and_cores_bound_the_workers(monkeypatch, size, depth, encoder, cores, workers):
    """However many edits there are; x265 uses all cores alone."""
    monkeypatch.setattr(smart_render, "usable_cores", lambda: cores)
    video = SimpleNamespace(width_px=size[0], height_px=size[1], bit_depth=depth)

    assert smart_render.worker_count(video, encoder) == workers

"""Calls in threads: order, bounds, and that no thread is left running."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from react1.pipeline.core import side_by_side
from react1.pipeline.core.side_by_side import read_ahead, run_ordered
from react1.pipeline.engine.frames.threads import single_threaded_opencv


def engine_threads() -> list[str]:
    return [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("react1-ordered", "react1-reader"))
    ]


def test_results_have_the_order_of_the_calls() -> None:
    """The first call ends after the second, but its result comes first."""
    second_is_done = threading.Event()

    def first() -> int:
        assert second_is_done.wait(30)
        return 1

    def second() -> int:
        second_is_done.set()
        return 2

    assert list(run_ordered(iter([first, second, lambda: 3]), 2, 2)) == [1, 2, 3]


def test_the_queue_is_bounded() -> None:
    """With a queue of two, at most three calls are ahead of the results."""
    read_calls: list[int] = []

    def calls():
        for number in range(20):
            read_calls.append(number)
            yield lambda number=number: number

    with closing(run_ordered(calls(), 2, 2)) as results:
        reach = [len(read_calls) for _ in results]

    assert reach == [*range(3, 20), 20, 20, 20]


def test_read_ahead_is_bounded_and_in_order() -> None:
    """While the first item is in use, three have been read; all arrive in order."""
    requested: list[int] = []
    third = threading.Event()

    def items():
        for number in range(9):
            requested.append(number)
            if number == 2:
                third.set()
            yield number

    with closing(read_ahead(items(), 3)) as read:
        first = next(read)
        assert third.wait(30)
        rest = list(read)

    assert [first, *rest] == requested == list(range(9))
    assert engine_threads() == []


@pytest.mark.parametrize("parallel", [False, True])
def test_exceptions_propagate_and_end_the_threads(parallel: bool) -> None:
    """With an error in the fourth item, three items arrive, then the error, and no thread is left."""

    def item(number: int) -> int:
        if number == 3:
            raise ValueError("the fourth")
        return number

    results: list[int] = []
    calls = (lambda number=number: item(number) for number in range(50))
    work = run_ordered(calls, 2, 4) if parallel else read_ahead(map(item, range(50)), 4)

    with pytest.raises(ValueError, match="the fourth"), closing(work):
        results.extend(iter(work))

    assert results == [0, 1, 2]
    assert engine_threads() == []


def test_closing_early_leaves_no_thread() -> None:
    """After closing at two of a thousand, only the queued calls were started and none runs."""
    started: list[int] = []

    with closing(
        run_ordered((lambda number=number: started.append(number) for number in range(1000)), 2, 4)
    ) as results:
        next(results)
        next(results)

    assert engine_threads() == []
    assert len(started) <= 6


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (64, 4)])
def test_many_cores_do_not_hold_many_frames(monkeypatch, cores: int, threads: int) -> None:
    """Each thread holds pictures, of 4K too."""
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: cores)

    assert side_by_side.thread_count() == threads


def test_opencv_threads_are_restored() -> None:
    """OpenCV uses one thread inside nested blocks, and the previous number afterwards."""
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()

    with single_threaded_opencv():
        with single_threaded_opencv():
            inner = cv2.getNumThreads()
        outer = cv2.getNumThreads()

    assert (inner, outer, cv2.getNumThreads()) == (1, 1, before)

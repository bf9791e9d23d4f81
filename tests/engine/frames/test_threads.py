"""Work side by side: order, bounds, and that nothing runs on when it is left."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from react1.pipeline.engine.frames.threads import read_ahead, run_ordered, single_threaded_opencv


def engine_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("react1-")]


def test_results_come_in_the_order_of_the_calls() -> None:
    """The first call ends only when the second one has: still it is given first."""
    second_is_done = threading.Event()

    def first() -> int:
        assert second_is_done.wait(30)
        return 1

    def second() -> int:
        second_is_done.set()
        return 2

    assert list(run_ordered(iter([first, second, lambda: 3]), 2, 2)) == [1, 2, 3]


def test_no_more_is_read_than_may_wait() -> None:
    """With two that may wait, two more calls are taken than results were given, and the one that is being given."""
    taken: list[int] = []

    def calls():
        for number in range(20):
            taken.append(number)
            yield lambda number=number: number

    with closing(run_ordered(calls(), 2, 2)) as results:
        reach = [len(taken) for _ in results]

    assert reach == [*range(3, 20), 20, 20, 20]


def test_a_reader_reads_ahead_by_so_much_and_in_order() -> None:
    """While the first item is used, three have been asked for; all come, in order."""
    asked: list[int] = []
    third = threading.Event()

    def items():
        for number in range(9):
            asked.append(number)
            if number == 2:
                third.set()
            yield number

    with closing(read_ahead(items(), 3)) as read:
        first = next(read)
        assert third.wait(30)
        rest = list(read)

    assert [first, *rest] == asked == list(range(9))
    assert engine_threads() == []


@pytest.mark.parametrize("side_by_side", [False, True])
def test_what_a_thread_raises_comes_out_and_ends_the_threads(side_by_side: bool) -> None:
    """An error in the fourth item: three come, then the error, and no thread is left."""

    def item(number: int) -> int:
        if number == 3:
            raise ValueError("the fourth")
        return number

    given: list[int] = []
    calls = (lambda number=number: item(number) for number in range(50))
    work = run_ordered(calls, 2, 4) if side_by_side else read_ahead(map(item, range(50)), 4)

    with pytest.raises(ValueError, match="the fourth"), closing(work):
        given.extend(iter(work))

    assert given == [0, 1, 2]
    assert engine_threads() == []


def test_a_consumer_that_leaves_early_leaves_no_thread() -> None:
    """Closed after two of a thousand: no more were begun than may wait, and none runs on."""
    begun: list[int] = []

    with closing(run_ordered((lambda number=number: begun.append(number) for number in range(1000)), 2, 4)) as results:
        next(results)
        next(results)

    assert engine_threads() == []
    assert len(begun) <= 6


def test_opencv_has_its_threads_back_afterwards() -> None:
    """One inside, also in the outer block after the inner one; as before at the end."""
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()

    with single_threaded_opencv():
        with single_threaded_opencv():
            inner = cv2.getNumThreads()
        outer = cv2.getNumThreads()

    assert (inner, outer, cv2.getNumThreads()) == (1, 1, before)

"""A process that pays is killed (SIGKILL) at every step of a call; each call is made once, and its take is never lost.

The 200 kills, and the table of them: benchmarks/crash.py.
"""

from __future__ import annotations

import functools
import sys

import pytest

pytest.importorskip("fastapi", reason="the local server needs the extra server")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")

from crash import KILLED, MOST_TRIES, STAGES, Lab  # noqa: E402

AT_RANDOM = 15


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Servers with faults on, a clip, and processes that pay."""
    with Lab(tmp_path_factory.mktemp("crash")) as lab:
        yield lab


def assert_nothing_doubled_or_lost(row):
    assert row.told == []
    assert (row.doubles, row.lost) == (0, 0), row
    assert row.jobs == row.calls, row


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_killed_at_any_step_is_made_once_and_its_take_is_there_in_the_end(lab, stage):
    """At each point of the stage, with faults on; then left alone, it ends with its own take, from one job."""
    row = lab.stage(stage)

    assert row.missed == []
    assert row.kills >= len(STAGES[stage])
    assert_nothing_doubled_or_lost(row)


def test_a_call_killed_at_random_times_is_made_once_and_its_take_is_there_in_the_end(lab):
    """Up to three times over the length of a run, one call or two under way."""
    row = lab.at_random(AT_RANDOM, lab.length_s())

    assert row.kills >= AT_RANDOM // 2
    assert_nothing_doubled_or_lost(row)


def test_two_processes_that_want_the_same_call_share_one_job(lab):
    """Started at the same time with one home; both end with the same take."""
    case = lab.case()

    first, second = lab.together(lambda: lab.pay(case), lambda: lab.pay(case))

    (temperature,) = case.temperatures
    assert first == second == {"status": 0, "takes": {str(temperature): lab.digest(temperature)}}
    assert lab.jobs()[temperature] == 1


def test_a_process_that_waits_for_another_ones_call_takes_it_over_when_that_one_is_killed(lab):
    """One dies with the answer in its hands; the one that waits finds the job in the history."""
    for _ in range(MOST_TRIES):
        case = lab.case()
        wants = functools.partial(lab.pay, case, "when the call is answered")
        ended = sorted(one["status"] for one in lab.together(wants, wants))
        if ended == [KILLED, 0]:
            break

    assert ended == [KILLED, 0]
    lab.left_alone(case)
    assert case.told == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_nothing_is_sent_where_the_disk_is_too_full_for_the_intention(lab):
    """It is said in one line; with room again, the call is made."""
    case = lab.case()

    ended = lab.pay(case, "the disk is full at «intended»")

    assert (ended["status"], ended["error"]) == (4, "StorageFailed")
    assert "is full; free some space" in ended["message"]
    assert lab.jobs()[case.temperatures[0]] == 0
    lab.left_alone(case)
    assert case.told == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_a_request_id_that_the_disk_will_not_take_is_told_and_found_again(lab):
    """The message names it; the next run finds it in the history and sends nothing."""
    case = lab.case()

    ended = lab.pay(case, "the disk is full at «accepted»")

    assert (ended["status"], ended["error"]) == (4, "StorageFailed")
    assert f"the host has the call as {lab.request_id(case.temperatures[0])}; nothing is sent again" in ended["message"]
    lab.left_alone(case)
    assert case.told == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_a_host_that_answers_nothing_and_lists_nothing_is_given_up_and_the_count_shows_what_it_made(lab):
    """Its history lies, so each call makes a job: that no other test counts two is therefore worth something."""
    case = lab.case(losing=True)

    ended = lab.pay(case, "the history lies")

    assert (ended["status"], ended["error"]) == (4, "HostFailed")
    assert "answered none of 3 calls, and its history lists none of them" in ended["message"]
    assert lab.jobs()[case.temperatures[0]] == 3
    assert lab.row("lies", [case]).doubles == 2

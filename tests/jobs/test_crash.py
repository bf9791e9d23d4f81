"""A paying process is killed (SIGKILL) at every step of a call; each call is made once, and its take is never lost.

The 200 kills, and the table of them: benchmarks/crash.py.
"""

from __future__ import annotations

import functools
import sys

import pytest

pytest.importorskip("fastapi", reason="the local server needs the extra server")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")]

from crash import KILLED, MAX_TRIES, STAGES, Lab  # noqa: E402

RANDOM_CASES = 15


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Servers with faults, a clip, and processes that pay."""
    with Lab(tmp_path_factory.mktemp("crash")) as lab:
        yield lab


def assert_no_double_and_no_loss(row):
    assert row.errors == []
    assert (row.doubles, row.lost) == (0, 0), row
    assert row.jobs == row.calls, row


@pytest.mark.parametrize("stage", STAGES)
def test_call_killed_at_any_step_is_made_once_and_keeps_its_take(lab, stage):
    """Killed at each point of the stage, with faults, a call finishes with its own take from one job."""
    row = lab.stage(stage)

    assert row.missed == []
    assert row.kills >= len(STAGES[stage])
    assert_no_double_and_no_loss(row)


def test_call_killed_at_random_times_is_made_once_and_keeps_its_take(lab):
    """Up to three kills over the length of a run, with one call or two, duplicate and lose nothing."""
    row = lab.at_random(RANDOM_CASES, lab.length_s())

    assert row.kills >= RANDOM_CASES // 2
    assert_no_double_and_no_loss(row)


def test_two_processes_that_want_the_same_call_share_one_job(lab):
    """Started at the same time with one home folder, both get the same take."""
    case = lab.case()

    first, second = lab.together(lambda: lab.pay(case), lambda: lab.pay(case))

    (temperature,) = case.temperatures
    assert first == second == {"status": 0, "takes": {str(temperature): lab.digest(temperature)}}
    assert lab.jobs()[temperature] == 1


def test_waiting_process_takes_over_the_call_of_a_killed_one(lab):
    """One is killed with the response in memory; the waiting one finds the job in the history."""
    for _ in range(MAX_TRIES):
        case = lab.case()
        pay = functools.partial(lab.pay, case, "after the response arrived")
        statuses = sorted(result["status"] for result in lab.together(pay, pay))
        if statuses == [KILLED, 0]:
            break

    assert statuses == [KILLED, 0]
    lab.finish(case)
    assert case.errors == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_nothing_is_sent_if_the_disk_is_too_full_for_the_intention(lab):
    """The error is one line; with space again, the call is made."""
    case = lab.case()

    result = lab.pay(case, "the disk is full at «intended»")

    assert (result["status"], result["error"]) == (4, "StorageFailed")
    assert "is full; free some space" in result["message"]
    assert lab.jobs()[case.temperatures[0]] == 0
    lab.finish(case)
    assert case.errors == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_request_id_that_cannot_be_written_is_in_the_error_and_found_again(lab):
    """The next run finds the job in the history and sends nothing."""
    case = lab.case()

    result = lab.pay(case, "the disk is full at «accepted»")

    assert (result["status"], result["error"]) == (4, "StorageFailed")
    request_id = lab.request_id(case.temperatures[0])
    assert f"the provider accepted the job as {request_id}; it is not resubmitted" in result["message"]
    lab.finish(case)
    assert case.errors == []
    assert lab.jobs()[case.temperatures[0]] == 1


def test_run_gives_up_a_provider_that_answers_nothing_and_lists_nothing(lab):
    """Each submit creates a job, because the history lies; so the count of doubles in the other tests works."""
    case = lab.case(losing=True)

    result = lab.pay(case, "the history lies")

    assert (result["status"], result["error"]) == (4, "ProviderError")
    assert "none of 3 submits got a response, and the provider's history lists none of them" in result["message"]
    assert lab.jobs()[case.temperatures[0]] == 3
    assert lab.count("lies", [case]).doubles == 2

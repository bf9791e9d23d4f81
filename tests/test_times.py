"""SMPTE timecode: labels and frames map one to one, and labels that do not exist are refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.times import (
    Seconds,
    Timecode,
    frame_of_label_number,
    frames_to_timecode,
    is_dropped,
    label_number,
    nominal_rate,
    parse_time,
    timecode_to_frames,
)

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [
    Fraction(24000, 1001), Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(48000, 1001), Fraction(48),
    Fraction(50), NTSC_60, Fraction(60),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "frames"), [(NTSC, 2_589_408), (NTSC_60, 5_178_816)])
def test_all_frames_of_a_drop_frame_day_round_trip(rate, frames):
    """Labels increase, no dropped label is used, all others are, and the day ends at 24 h."""
    nominal, count = nominal_rate(rate), np.arange(frames + 1)

    numbers = label_number(count, nominal, drop=True)

    labels_of_day = np.arange(24 * 3600 * nominal + 1)
    assert np.array_equal(numbers, labels_of_day[~is_dropped(labels_of_day, nominal)])
    assert np.array_equal(frame_of_label_number(numbers, nominal, drop=True), count)


@pytest.mark.parametrize("rate", RATES)
def test_labels_around_every_minute_round_trip(rate):
    """A label and its frame map to each other, with and without drop-frame, also as text."""
    for drop in {False, rate in (NTSC, NTSC_60)}:
        minute = frames_to_timecode(60 * nominal_rate(rate), rate, drop=drop)
        assert minute.minutes == 1
        for minutes in [*range(25), *range(25, 24 * 60 + 1, 35)]:
            near = round(minutes * 60 * rate)
            for count in range(max(near - 3, 0), near + 3):
                label = frames_to_timecode(count, rate, drop=drop)

                assert timecode_to_frames(parse_time(str(label)), rate) == count or label.hours == 24


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(12.4, "12.4"), (0.1 + 0.2, "0.3"), (3 * 1.1, "3.3"), (1e-5, "0.00001"), (1 / 3, "0.333333333"), (-0.0, "0")],
)
def test_a_number_of_seconds_may_have_been_computed(number, seconds):
    """A float is read to the nanosecond, whatever digits it has."""
    assert parse_time(number) == Seconds(Fraction(seconds))


@pytest.mark.parametrize("number", [-0.1, 1e9, float("nan"), float("inf")])
def test_a_number_that_is_no_time_is_refused(number):
    """In one line with the accepted forms."""
    with pytest.raises(ValueError, match=r"is not a time; write HH:MM:SS:FF"):
        parse_time(number)


def test_drop_frame_follows_the_clock():
    """After ten minutes at 29.97 the label says ten minutes; without drop-frame it lags by 18 frames."""
    ten_minutes = round(600 * NTSC)

    assert str(frames_to_timecode(ten_minutes, NTSC, drop=True)) == "00:10:00;00"
    assert str(frames_to_timecode(ten_minutes, NTSC)) == "00:09:59:12"
    assert str(frames_to_timecode(1800, NTSC, drop=True)) == "00:01:00;02"
    assert str(frames_to_timecode(3600, NTSC_60, drop=True)) == "00:01:00;04"


@pytest.mark.parametrize(
    ("label", "rate", "message"),
    [
        ("00:01:00;00", NTSC, "its neighbours are 00:00:59;29 and 00:01:00;02"),
        ("00:01:00;01", NTSC, "its neighbours are 00:00:59;29 and 00:01:00;02"),
        ("10:59:00;03", NTSC_60, "its neighbours are 10:58:59;59 and 10:59:00;04"),
        ("00:00:59;30", NTSC, "only 30 frames; its neighbours are 00:00:59;29 and 00:01:00;02"),
        ("00:00:01:25", Fraction(25), "only 25 frames; its neighbours are 00:00:01:24 and 00:00:02:00"),
        ("00:00:01:24", Fraction(24000, 1001), "only 24 frames; its neighbours are 00:00:01:23 and 00:00:02:00"),
        ("00:00:01;00", Fraction(25), "exists only at 29.97 and 59.94 fps"),
    ],
)
def test_a_label_that_does_not_exist_is_refused_with_its_neighbours(label, rate, message):
    """This holds for dropped labels and for frame numbers that a second does not have."""
    with pytest.raises(ValueError, match=message):
        timecode_to_frames(parse_time(label), rate)


def test_a_day_ends_with_hour_23():
    """`24:00:00:00` is refused, and every tenth minute keeps its first two labels."""
    assert parse_time("23:59:59:24") == Timecode(23, 59, 59, 24)
    assert timecode_to_frames(parse_time("00:10:00;00"), NTSC) == 17982
    with pytest.raises(ValueError, match=r"24:00:00:00 has hour 24"):
        parse_time("24:00:00:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("01:02:03.5", Fraction(7447, 2)),
        ("00:10:00", Fraction(600)),
        ("100:00:00.001", Fraction(360_000_001, 1000)),
        ("12.4", Fraction(62, 5)),
    ],
)
def test_clock_times_are_seconds(text, seconds):
    """Hours, minutes, seconds and their fraction, exactly."""
    assert parse_time(text).value == seconds

"""What a user writes becomes the frame that the film shows then."""

from fractions import Fraction

import pytest
from numbered_clips import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.times import Seconds, frames_to_timecode, parse_time
from react1.pipeline.media.timing.clock import (
    describe_range,
    frame_at,
    frame_time_s,
    frame_tolerance_s,
    label_clock,
    timecode_rate,
    with_start_timecode,
)

NTSC = Fraction(30000, 1001)


@pytest.fixture
def film(tmp_path, probed):
    def make(suffix=".mov", **recipe):
        return probed(make_clip(tmp_path / f"a{suffix}", **({"size": (64, 48), "gop": 250, "frames": 50} | recipe)))

    return make


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), NTSC, Fraction(60000, 1001)])
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_a_time_rounded_to_milliseconds_gives_its_frame(film, rate, suffix):
    """Every frame is found by its own time as a player shows it, in exact and in coarse time bases."""
    media = film(suffix, rate=rate, tracks=0)

    frames = [frame_at(media, parse_time(f"{float(k / rate):.3f}")) for k in range(50)]

    assert frames == list(range(50))


def test_a_time_within_a_frame_gives_that_frame(film):
    """At 25 frames/s, 0.079 s still shows frame 1, and 0.080 s frame 2."""
    media = film(tracks=0)

    assert [frame_at(media, parse_time(text)) for text in ("0.041", "0.079", "0.080")] == [1, 1, 2]


COUNTED = {"suffix": ".avi", "codec": "mjpeg", "pix_fmt": "yuvj420p", "time_base": Fraction(1, 25)}
"""A film whose container counts frames, in place of ticks."""


@pytest.mark.parametrize("recipe", [COUNTED, {"suffix": ".mov"}, {"suffix": ".mkv"}])
def test_a_tick_as_long_as_a_frame_does_not_reach_into_the_next_one(film, recipe):
    """AVI counts frames: at 25 frames/s, 0.065 s shows frame 1 there, too."""
    media = film(**recipe, tracks=0)

    assert [frame_at(media, parse_time(text)) for text in ("0.065", "0.0790", "0.0796")] == [1, 1, 2]


def test_half_a_tick_belongs_to_the_next_frame_where_the_container_rounds(film):
    """A Matroska at 29.97 shows frame 2 at 67 ms; it begins at 66.73."""
    rounded = film(".mkv", rate=NTSC, tracks=0).video

    assert frame_tolerance_s(rounded) == Fraction(1, 1000)
    assert frame_tolerance_s(film(**COUNTED, tracks=0).video) == Fraction(1, 2000)


def test_a_frame_number_gives_that_frame_and_the_count_gives_the_end(film):
    """`50f` of a film of 50 frames is its end; `51f` is outside."""
    media = film(tracks=0)

    assert [frame_at(media, parse_time(text)) for text in ("0f", "49f", "50f", "2.0", "00:00:02.000")] == [
        0,
        49,
        50,
        50,
        50,
    ]
    with pytest.raises(
        InputMediaError, match=r"51f is outside the film, which runs from 00:00:00.000 to 00:00:02.000, 50 frames"
    ):
        frame_at(media, parse_time("51f"))
    with pytest.raises(InputMediaError, match=r"00:00:02.100 is outside"):
        frame_at(media, parse_time("2.1"))


def test_a_timecode_counts_from_the_start_timecode(film):
    """Frames of the label, not of the clock."""
    media = film(tracks=0, timecode="10:00:00:00")

    assert frame_at(media, parse_time("10:00:00:00")) == 0
    assert frame_at(media, parse_time("10:00:01:05")) == 30
    assert frame_at(media, parse_time("10:00:02:00")) == 50
    with pytest.raises(InputMediaError, match=r"timecode 10:00:00:00 to 10:00:02:00"):
        frame_at(media, parse_time("10:00:03:00"))
    with pytest.raises(InputMediaError, match="outside"):
        frame_at(media, parse_time("09:59:59:24"))


@pytest.mark.parametrize("text", ["1:00:00:00", " 01:00:00:00 "])
def test_a_start_timecode_that_is_given_counts_however_it_is_written(film, text):
    """Edits take an hour of one digit, too; it was accepted here, and then passed over."""
    media = with_start_timecode(film(tracks=0), text)

    assert media.start_timecode == "01:00:00:00"
    assert frame_at(media, parse_time("01:00:01:05")) == frame_at(media, parse_time("1:00:01:05")) == 30


def test_a_timecode_may_run_over_midnight(film):
    """23:59:59:00 and a second is 00:00:00:00."""
    media = film(tracks=0, timecode="23:59:59:00")

    assert frame_at(media, parse_time("00:00:00:00")) == 25


def test_drop_frame_timecodes_skip_numbers_and_not_frames(film):
    """After 00:00:59;29 comes 00:01:00;02; the labels between do not exist."""
    media = film(tracks=0, rate=NTSC, timecode="00:00:59;20")

    assert frame_at(media, parse_time("00:00:59;29")) == 9
    assert frame_at(media, parse_time("00:01:00;02")) == 10
    assert frame_at(media, parse_time("00:01:00:02")) == 10
    with pytest.raises(InputMediaError, match=r"neighbours are 00:00:59;29 and 00:01:00;02"):
        frame_at(media, parse_time("00:01:00;00"))


def test_a_drop_frame_timecode_on_a_non_drop_clock_is_an_error(film):
    """It would name another frame than the one that the user sees."""
    media = film(tracks=0, rate=NTSC, timecode="00:00:00:00")

    with pytest.raises(InputMediaError, match=r"drop-frame, but the film's clock is not"):
        frame_at(media, parse_time("00:00:01;00"))


def test_without_a_start_timecode_timecodes_count_from_zero(film):
    """Then the separator decides whether it is drop-frame, if the rate has both."""
    media = film(tracks=0)

    assert frame_at(media, parse_time("00:00:01:05")) == 30
    with pytest.raises(InputMediaError, match=r"29.97 and 59.94"):
        frame_at(media, parse_time("00:00:01;05"))


def test_a_drop_frame_film_at_thirty_is_read(media_folder, probed):
    """A real file says `04:25:50;00` at exactly 30 frames/s; each label of its clock names a frame."""
    media = probed(media_folder / "streams" / "timecode_track_drop_frame.mp4")

    assert frame_at(media, parse_time("04:25:51;00")) == 30
    assert frame_at(media, parse_time("04:26:00;02")) == 300


def test_a_time_before_a_late_picture_gives_its_first_frame(film):
    """The sound starts at zero, the picture at 0.8 s."""
    media = film(start_s=Fraction(4, 5))

    frames = [frame_at(media, parse_time(text)) for text in ("0", "0.79", "0.8", "0.84", "1.0", "0f")]

    assert frames == [0, 0, 0, 1, 5, 0]
    assert frame_time_s(media, 5) == 1


@pytest.mark.parametrize(("late_s", "number"), [(Fraction(0), 0), (Fraction(4, 5), 20), (Fraction(811, 1000), 21)])
def test_the_label_of_a_frame_is_the_timecode_that_finds_it(film, late_s, number):
    """Pages label frames as the command line reads them, also where the picture starts late, between frames."""
    media = film(start_s=late_s, time_base=Fraction(1, 12000), frames=30)

    rate, drop, first = label_clock(media)

    assert (rate, drop, first) == (25, False, number)
    for frame in range(30):
        assert frame_at(media, parse_time(str(frames_to_timecode(first + frame, rate, drop=drop)))) == frame


def test_films_of_varying_rate_use_their_timestamps(film):
    """Half a second in is the frame shown then, however many came before; labels count by the usual rate."""
    pts = (0, 40, 80, 120, 400, 440, 480, 900)
    media = film(frames=8, tracks=0, time_base=Fraction(1, 1000), pts=pts)

    frames = [frame_at(media, parse_time(text)) for text in ("0.120", "0.399", "0.400", "0.5", "0.9", "00:00:00:12")]

    assert frames == [3, 3, 4, 6, 7, 6]
    assert timecode_rate(media.video) == 25
    assert "8 frames" in describe_range(media)


def test_an_out_point_may_lie_in_the_audio_after_the_picture(film):
    """The length that a player shows may be written as the out point."""
    media = film().model_copy(update={"duration_s": Fraction(203, 100)})

    assert frame_at(media, parse_time("2.03")) == 50
    with pytest.raises(InputMediaError, match="outside"):
        frame_at(media.model_copy(update={"duration_s": Fraction(30)}), parse_time("20"))


@pytest.mark.slow
def test_the_time_of_a_frame_of_a_phone_clip_gives_that_frame(media_folder, probed):
    """Its times lie up to a tick off an even grid; the frame's own time counts, not the grid's."""
    media = probed(media_folder / "timing" / "edit_list_hlg10_hevc_rot90.mp4")

    labels = [
        Seconds(Fraction(round(frame_time_s(media, frame) * 1000), 1000)) for frame in range(media.video.frame_count)
    ]

    assert [frame_at(media, label) for label in labels] == list(range(media.video.frame_count))

"""report.json: exact, complete, and without secrets."""

import json
from fractions import Fraction

import pytest
from numbered_clips import make_clip
from records import adopted, record_of, segment_of, take_of

from react1.pipeline.core.values import Timestamps
from react1.pipeline.report.film_link import file_url
from react1.pipeline.report.report_json import describe, frame_position, redact_request


@pytest.fixture
def source(context, tmp_path):
    return adopted(context, make_clip(tmp_path / "film.mp4", frames=50, audio_codec="aac"))


def test_spans_are_frames_and_clock_text(source):
    """Spans are half-open: the end is when the frame after the last edited one is shown."""
    segment = segment_of(source, 10, 20)
    facts = describe(record_of(source, source, [segment], [take_of(segment, source)]), "film")["segments"][0]

    assert (facts["start_frame"], facts["end_frame"]) == (10, 20)
    assert facts["start"] == {"clock": "00:00:00.400"}
    assert facts["end"] == {"clock": "00:00:00.800"}


def test_a_film_with_a_start_timecode_has_timecode_positions(source):
    """01:00:00:00 and 31 frames at 25 frames/s is 01:00:01:06."""
    stamped = source.model_copy(update={"start_timecode": "01:00:00:00"})

    assert frame_position(stamped, 31) == {"clock": "00:00:01.240", "timecode": "01:00:01:06"}


def test_positions_are_labels_as_everywhere_else(context, tmp_path):
    """Over midnight, by the most frequent rate of an uneven film, and drop-frame on a film of exactly 30 frames/s."""
    pts = [number * 40 + (number > 40) * 400 for number in range(50)]
    options = {"frames": 50, "size": (64, 48), "tracks": 0}
    uneven = make_clip(tmp_path / "uneven.mkv", pts=tuple(pts), time_base=Fraction(1, 1000), **options)
    even = make_clip(tmp_path / "even.mp4", rate=Fraction(30), **options)

    films = ((uneven, "01:00:00:00"), (even, "00:00:59;28"), (even, "23:59:59:20"))
    labels = []
    for path, start in films:
        media = adopted(context, path).model_copy(update={"start_timecode": start})
        labels.append(frame_position(media, 31).get("timecode"))

    assert labels == ["01:00:01:06", "00:01:01;01", "00:00:00:21"]


def test_an_impossible_start_timecode_is_omitted(source):
    """Real files have drop-frame timecode at 25 frames/s; the clock position stays."""
    stamped = source.model_copy(update={"start_timecode": "04:25:50;00"})

    assert frame_position(stamped, 31) == {"clock": "00:00:01.240"}


def test_the_end_of_a_film_has_a_position(source):
    """A segment may end with the film."""
    assert frame_position(source, 50) == {"clock": "00:00:02.000"}


def test_a_film_that_lost_a_frame_fails_its_checks(source, context, tmp_path):
    """The frame count and the frame times differ; the shown size does not."""
    short = adopted(context, make_clip(tmp_path / "short.mp4", frames=49, tracks=0))
    checks = describe(record_of(source, short), "film")["checks"]
    same = describe(record_of(source, source), "film")["checks"]

    assert checks["same frame count"] is False
    assert checks["same frame times"] is False
    assert checks["same number of sound tracks"] is False
    assert checks["same shown size"] is True
    assert all(same.values())


def test_the_same_times_in_another_time_base_are_the_same(source, context):
    """One frame that is shown a tick later is another time, and so is a later start."""
    video = source.video
    base = video.time_base

    def checked(ticks, time_base, start_s):
        times = Timestamps.of(ticks, 1)
        film = source.model_copy(
            update={
                "video": video.model_copy(update={"timestamps": times, "time_base": time_base}),
                "start_s": start_s,
            }
        )
        return describe(record_of(source, film), "film")["checks"]["same frame times"]

    ticks = video.timestamps.array
    later = ticks.copy()
    later[20] += 1
    assert checked(3 * ticks, base / 3, source.start_s)
    assert checked(ticks + 5, base, source.start_s + 5 * base)
    assert not checked(later, base, source.start_s)
    assert not checked(ticks, base, source.start_s + base)


def test_urls_lose_signatures_users_and_folders():
    """A presigned query is a key, user information has a password, a folder is private."""
    request = {
        "video_url": "https://user:pw@bucket.example/a/seg.mp4?X-Sig=abc",
        "audio_url": "/home/someone/private/voice.wav",
        "prompt": "happy",
    }

    assert redact_request(request) == {
        "video_url": "https://bucket.example/a/seg.mp4",
        "audio_url": "voice.wav",
        "prompt": "happy",
    }


def test_the_url_of_a_local_file_is_absolute_and_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert file_url("/films/Über uns #1.mp4") == "file:///films/%C3%9Cber%20uns%20%231.mp4"
    assert file_url("film.mp4") == f"file://{tmp_path}/film.mp4"
    assert file_url(None) == file_url("") == ""


def test_metrics_that_are_not_finite_are_null(source):
    """The loudness of silence is minus infinity, which JSON does not have."""
    segment = segment_of(source, 10, 20, metrics={"normalize_audio": {"before_lufs": float("-inf"), "list": [1.5]}})
    content = describe(record_of(source, None, [segment]), "film")
    strict = json.loads(json.dumps(content, allow_nan=False))

    assert strict["segments"][0]["figures"] == {"normalize_audio": {"before_lufs": None, "list": [1.5]}}


def test_costs_and_times_are_summed(source):
    """Costs over all takes, seconds over all steps."""
    segments = [segment_of(source, 5, 9, "a"), segment_of(source, 30, 39, "b")]
    takes = [take_of(segments[0], source, cost_usd=1.25), take_of(segments[1], source, cost_usd=0.5)]
    content = describe(record_of(source, None, segments, takes), "film")

    assert content["cost_usd"] == 1.75
    assert content["seconds"] == pytest.approx(5.1)
    assert [segment["name"] for segment in content["segments"]] == ["a", "b"]
    assert Fraction(content["source"]["video"]["rate"]) == 25

"""What is found at the seams of finished films: colour steps and frames that stand still, and who is named."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from takes import dialogue_line, drawn_take, film, moving_film, numbered_take, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import CheckFailed, ProviderError
from react1.pipeline.splicing.splice_params import Thresholds, require_within_thresholds
from react1.pipeline.splicing.verification import seam_meter as seam_meter_module
from react1.pipeline.splicing.verification.color_difference import (
    MAX_ROUGH_ERROR,
    NOTICEABLE_DELTA_E,
    FramePair,
    delta_e,
    lab_from_rgb,
    lightness_from_rgb,
    rough_squared_distances,
)
from react1.pipeline.splicing.verification.seam_meter import count_still

pytestmark = pytest.mark.slow

START, END = 12, 30


def gentle(parts, number):
    """Lighten a patch, and let the change grow and fade over five frames."""
    depth = min(number - START + 1, END - number, 5) / 5
    if depth > 0:
        parts[0][20:60, 30:90] = np.clip(parts[0][20:60, 30:90] + 14 * depth, 0, 255).astype(np.uint8)
    return parts


def spliced(context, take, seam="dissolve", **checks):
    params = SpliceParams.model_validate({"seam": seam, "checks": checks})
    return Splice().run(context, params, take.segment.source, [take]).metrics["splice"]


def placed(context, head=6, tail=6):
    return segment(moving_film(context), START, END, head=head, tail=tail)


@pytest.mark.parametrize("seam", ["cut", "dissolve"])
def test_honest_work_passes(context, seam):
    """A change that grows and fades: hardly a step, and nothing stands still."""
    figures = spliced(context, drawn_take(context, placed(context), gentle), seam)

    assert 0 <= figures["seam_delta_e"] < 1.5
    assert (figures["frozen_frames"], figures["doubled_frames"]) == (0, 0)
    assert [item["name"] for item in figures["seams"]] == ["s12"]


WRONG = {
    "a hard cut to another picture": ("seam_delta_e", lambda parts, number: [255 - parts[0], *parts[1:]]),
    "a level that jumps": ("seam_delta_e", lambda parts, number: [np.minimum(parts[0], 225) + 25, *parts[1:]]),
    "a colour that jumps": ("seam_delta_e", lambda parts, number: [parts[0], parts[1] + 14, parts[2]]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_jump_across_the_seam_fails(context, wrong):
    """The error tells the segment, the figure, its value and the threshold."""
    key, how = WRONG[wrong]
    take = drawn_take(context, placed(context, 0, 0), lambda parts, n: how(parts, n) if START <= n < END else parts)

    with pytest.raises(CheckFailed, match=rf"s12: {key} is [\d.]+, the limit is 3\.0") as failed:
        spliced(context, take, "cut")

    assert failed.value.segments == ("s12",)
    assert isinstance(failed.value, ProviderError) and failed.value.exit_status == 4
    assert spliced(context, take, "cut", seam_delta_e=None)["seam_delta_e"] > 3


def test_a_take_that_is_shifted_in_time_fails(context):
    """The seam jumps over five frames of motion; the same film with the take at its place does not."""
    late = drawn_take(context, placed(context, 0, 0), gentle, of=lambda number: number + 5)

    with pytest.raises(CheckFailed, match="seam_delta_e"):
        spliced(context, late, "cut")


def test_frozen_and_doubled_frames_are_distinguished(context):
    """Nine frames that stand still are frozen, a single one is doubled, each where the source moves."""
    still = drawn_take(context, placed(context), gentle, of=lambda number: 18 if 18 <= number < 28 else number)
    twice = drawn_take(context, placed(context), gentle, of=lambda number: 20 if number == 21 else number)

    frozen = spliced(context, still, frozen_frames=None, seam_delta_e=None)
    doubled = spliced(context, twice, doubled_frames=None)

    assert (frozen["frozen_frames"], frozen["doubled_frames"]) == (9, 0)
    assert (doubled["frozen_frames"], doubled["doubled_frames"]) == (0, 1)
    with pytest.raises(CheckFailed, match="frozen_frames is 9, the limit is 0"):
        spliced(context, still, seam_delta_e=None)
    with pytest.raises(CheckFailed, match="doubled_frames is 1, the limit is 0"):
        spliced(context, twice)


@pytest.mark.parametrize("speed", [0, 0.05])
def test_a_take_may_stand_still_where_the_source_hardly_moves(context, speed):
    """A film that is still, or drifts by a twentieth of a pixel per frame, has no frozen frames."""
    media = moving_film(context, speed=speed)
    take = drawn_take(
        context, segment(media, START, END, head=6, tail=6), gentle, of=lambda n: 18 if 18 <= n < 22 else n
    )

    figures = spliced(context, take)

    assert (figures["frozen_frames"], figures["doubled_frames"]) == (0, 0)


@pytest.mark.parametrize("seam", ["cut", "dissolve"])
def test_seams_are_measured_while_the_film_is_compared(context, monkeypatch, seam):
    """Long edits, whose middle is not compared, and two of them in one range: the figures of a pass of their own."""
    media = moving_film(context, frames=100)
    spans = [segment(media, 20, 50, head=3, tail=3), segment(media, 52, 80, head=2, tail=6)]
    drawn = [drawn_take(context, span, lambda parts, n: [255 - parts[0] // 2, *parts[1:]]) for span in spans]
    params = SpliceParams.model_validate({"seam": seam, "checks": dict.fromkeys(Thresholds.model_fields, 100)})

    def refuse(*_):
        raise AssertionError("the films are decoded once more")

    with monkeypatch.context() as patch:
        patch.setattr(seam_meter_module, "measure_seams", refuse)
        result = Splice().run(context, params, media, drawn)

    film = context.path(result.file)
    rows = seam_meter_module.measure_seams(context, media, film, result.video, drawn, params.seam)
    assert result.metrics["splice"]["seams"] == [{"name": name, **row} for name, row in rows]
    assert min(row["seam_delta_e"] for _, row in rows) > 3


def test_a_film_that_is_written_once_more_is_measured_itself(context, monkeypatch):
    """The new line of dialogue is muxed into a second file: what the first one showed says nothing."""
    media = film(context, ".mkv", frames=40, tracks=1)
    span = segment(media, 12, 20, head=3, tail=3, audio=dialogue_line(context))
    measured, real = [], seam_meter_module.measure_seams
    monkeypatch.setattr(seam_meter_module, "measure_seams", lambda *value: measured.append(value[2]) or real(*value))
    params = SpliceParams.model_validate({"checks": dict.fromkeys(Thresholds.model_fields) | {"seam_delta_e": 999}})

    take = drawn_take(context, span, lambda parts, number: [parts[0] // 2, *parts[1:]])
    Splice().run(context, params, media, [take])

    assert len(measured) == 1


def test_only_the_take_that_fails_is_named(context):
    """Two takes, one of them wrong."""
    media = moving_film(context)
    good = drawn_take(context, segment(media, 4, 10, head=3, tail=3), lambda parts, number: parts)
    bad = numbered_take(context, segment(media, 20, 26))

    with pytest.raises(CheckFailed) as failed:
        Splice().run(context, SpliceParams(), media, [bad, good])

    assert failed.value.segments == ("s20",)


def test_sound_is_judged_by_its_own_figures():
    """A loud and a soft line alike; a smooth joint passes; the worst is told, and how many more there are."""
    rows = [
        ("a", {"click_db": 3.0}),
        ("b", {"loudness_step_lu": -9.0}),
        ("c", {"click_db": 40.0}),
        ("d", {"click_db": -40.0}),
    ]

    with pytest.raises(CheckFailed, match=r"c: click_db is 40\.0, the limit is 6\.0 \(and 1 more") as failed:
        require_within_thresholds(rows, Thresholds())

    assert set(failed.value.segments) == {"b", "c"}
    require_within_thresholds(rows, Thresholds(**dict.fromkeys(Thresholds.model_fields)))
    require_within_thresholds(rows, Thresholds(click_db=40, loudness_step_lu=9))


def test_what_peaks_keep_a_line_too_soft_by_is_not_failed():
    """No gain could change it; what is missing besides, and a line that is too loud, are."""
    held = {"peak_limited_db": 4.0}
    require_within_thresholds([("a", {"loudness_step_lu": -9.9, **held})], Thresholds())

    for step in (-10.1, 6.1):
        with pytest.raises(CheckFailed, match=rf"a: loudness_step_lu is {step}, the limit is 6\.0"):
            require_within_thresholds([("a", {"loudness_step_lu": step, **held})], Thresholds())


def test_still_frames_are_counted_in_runs():
    """(doubled, frozen)."""
    assert count_still([]) == (0, 0)
    assert count_still([False, True, False, True, True, True]) == (1, 3)
    assert count_still([True, False, True]) == (2, 0)


def test_a_threshold_below_nothing_or_of_no_check_is_refused():
    """Misspelled and negative ones."""
    for wrong in ({"seam_delta_e": -1}, {"seam": 3}, {"frozen_frames": 1.5}):
        with pytest.raises(ValidationError):
            Thresholds.model_validate(wrong)


def test_colours_are_those_of_the_cie():
    """L*a*b* of white, black and the primaries of sRGB under D65, as tables have them, and their distances."""
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)

    matches = lab_from_rgb(colours)[0]

    wanted = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert np.abs(matches - wanted).max() < 0.05
    assert abs(float(delta_e(matches[2], matches[3])) - 170.57) < 0.1


def test_every_visible_difference_is_found():
    """Dark colours, whose steps are the largest, and all others: the same pixels as a comparison of all of them."""
    random = np.random.default_rng(1)
    before = random.integers(0, 256, (4, 20_000, 3), np.uint8)
    before[1] //= 8
    after = np.clip(before + random.integers(-4, 5, before.shape), 0, 255).astype(np.uint8)
    before[2], after[2] = 0, random.integers(0, 3, after[2].shape)

    changed = FramePair(0, before, after).changed

    everywhere = delta_e(lab_from_rgb(before), lab_from_rgb(after)) > NOTICEABLE_DELTA_E
    assert 0.1 < everywhere.mean() < 0.9
    assert np.array_equal(changed, everywhere.ravel())


def test_rough_distances_are_as_near_as_assumed():
    """All steps of dark colors, where the roots are steepest, and many of the others."""
    random = np.random.default_rng(2)
    for top in (16, 48, 256):
        before = random.integers(0, top, (400_000, 3), dtype=np.uint8)
        after = np.clip(before + random.integers(-7, 8, before.shape), 0, 255).astype(np.uint8)

        rough = np.sqrt(rough_squared_distances(before, after))

        assert np.abs(rough - delta_e(lab_from_rgb(before), lab_from_rgb(after))).max() < MAX_ROUGH_ERROR


def test_differences_near_the_limit_are_told_apart_exactly():
    """Many pairs of colors that differ about noticeably: what is found is what the formula says."""
    random = np.random.default_rng(3)
    before = random.integers(0, 256, (600_000, 3), dtype=np.uint8)
    steps = random.integers(-6, 7, before.shape)
    after = np.clip(before.astype(np.int16) + steps, 0, 255).astype(np.uint8)

    distances = np.square(lab_from_rgb(before) - lab_from_rgb(after)).sum(1)

    near = np.abs(np.sqrt(distances) - NOTICEABLE_DELTA_E) < MAX_ROUGH_ERROR
    assert near.sum() > 20_000
    changed = FramePair(0, before, after).changed
    assert np.array_equal(changed, distances > np.float32(NOTICEABLE_DELTA_E**2))


def test_lightness_alone_is_that_of_the_full_conversion():
    """All greys and a row of each primary."""
    colours = np.zeros((4, 256, 3), np.uint8)
    colours[0] = np.arange(256)[:, None]
    for channel in range(3):
        colours[channel + 1, :, channel] = np.arange(256)

    assert np.abs(lightness_from_rgb(colours) - lab_from_rgb(colours)[..., 0]).max() < 1e-4

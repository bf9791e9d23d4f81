"""The quantiser of re-encoded pictures: how it is searched, what it changes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from own_span import frames_of, own_take
from takes import packets, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import rate_match, strategies
from react1.pipeline.splicing.codecs.family import encode_packets, open_encoder
from react1.pipeline.splicing.codecs.quantiser import coarser, has_quantiser, has_thorough_search
from react1.pipeline.splicing.encoders import EncoderSettings
from react1.pipeline.splicing.pictures.likeness import BEST_PSNR_DB, psnr_db, ssim
from react1.pipeline.splicing.rate_match import (
    Choice,
    Trial,
    first_guess,
    most_frames,
    search,
    search_steps,
    trial_span,
)
from react1.pipeline.splicing.splice_params import Thresholds
from react1.pipeline.splicing.verification.picture_diff import PictureDiff

CODINGS = {
    "H.264 by quality": ["-c:v", "libx264", "-preset", "fast", "-crf", "18"],
    "H.264 by rate": ["-c:v", "libx264", "-preset", "fast", "-b:v", "600k"],
    "HEVC": ["-c:v", "libx265", "-preset", "fast", "-crf", "20", "-x265-params", "log-level=none"],
}


def moving_film(context, coding):
    """Code 30 moving pictures in groups of ten: what they show decides about the bits, not the headers."""
    path = context.temp_path("film.mp4")
    picture = "testsrc2=s=160x120:r=25:d=1.2,format=yuv420p"
    context.run_tool([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", picture, *coding, "-g", "10", str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def encoder(bits_at_0, psnr_at_0, loss_at_0=0.001, first=0.0):
    """Return a model of an encoder: bits halve in six steps, a step costs a decibel."""

    def run_trial(steps):
        bit_ratio = bits_at_0 * 2 ** (-steps / 6)
        loss = loss_at_0 * 2 ** (0.25 * steps)
        return Trial(
            steps,
            bit_ratio,
            bit_ratio + first * 2 ** (-steps / 6),
            psnr_at_0 - steps,
            1 - loss,
        )

    return run_trial


@pytest.mark.parametrize(
    ("model", "bit_ratio", "psnr"),
    [
        pytest.param(encoder(4.8, 60.0), 1.05, 46.8, id="the source's bits decide"),
        pytest.param(encoder(1.0, 44.0), 1.0, 44.0, id="no finer than high quality"),
        pytest.param(encoder(2.4, 46.0), 1.58, 42.4, id="PSNR decides"),
        pytest.param(encoder(9.6, 46.5), 5.98, 42.4, id="PSNR is kept at any price"),
        pytest.param(encoder(2.4, 60.0, 0.008), 1.63, 56.7, id="SSIM decides"),
        pytest.param(encoder(2.4, 55.0, first=4.0), 0.56, 42.4, id="a keyframe in a short range costs much"),
    ],
)
def test_the_search_ends_where_the_first_limit_is(model, bit_ratio, psnr):
    """Within three trials, whatever the guess."""
    for guess in (0.0, 4.0, 20.0):
        trial = model(search_steps(model, guess)[0])

        assert trial.bit_ratio == pytest.approx(bit_ratio, rel=0.13)
        assert trial.least_psnr_db == pytest.approx(psnr, abs=1.0)


def test_a_search_without_measurements_changes_nothing():
    """An encoder that cannot be tried is used as it is."""
    assert search_steps(lambda _: None, 4.0) is None
    assert search(lambda *_: None, 4.0, can_be_thorough=True) is None


@pytest.mark.parametrize(
    ("bits_at_0", "can_be_thorough", "expected"),
    [(9.6, True, Choice(5.0, thorough=True)), (9.6, False, Choice(3.5)), (1.6, True, Choice(3.5))],
)
def test_the_encoder_takes_more_time_where_the_limits_cost_much(bits_at_0, can_be_thorough, expected):
    """A more thorough encoder reaches the same quality with a coarser quantiser."""

    def run_trial(steps, thorough):
        return replace(encoder(bits_at_0, 47.5 if thorough else 46.0)(steps), steps=steps)

    assert search(run_trial, 4.0, can_be_thorough=can_be_thorough) == expected


def test_a_search_begins_finer_the_more_bits_a_film_has():
    """And a trial has fewer pictures, the larger they are."""
    assert [first_guess(bits) for bits in (0.0, 0.03, 0.06, 0.12, 9.0)] == [20.0, 17.0, 14.0, 11.0, 6.0]
    sizes = ((640, 360, 8), (3840, 2160, 8), (3840, 2160, 10))
    videos = [SimpleNamespace(width_px=width, height_px=height, bit_depth=depth) for width, height, depth in sizes]
    assert [most_frames(video) for video in videos] == [14, 14, 8]


@pytest.mark.parametrize(
    ("first", "expected"),
    [(0, range(14)), (3, range(3, 17)), (17, range(20, 34)), (20, range(20, 34)), (38, range(38, 40))],
)
def test_the_tried_pictures_are_of_one_group(first, expected):
    """From the range's first picture on, unless a keyframe follows at once."""
    assert trial_span(np.array([0, 20]), first, 40) == expected


@pytest.mark.parametrize("depth", [8, 10])
def test_likeness_falls_with_noise_at_any_depth(depth):
    """The same noise, relative to white, gives the same figures."""
    kind, scale = (np.uint8, 1) if depth == 8 else (np.uint16, 1023 / 255)
    plain = np.tile(np.linspace(40, 200, 64), (48, 1))
    figures = []
    for amount in (0, 2, 8):
        added = np.random.default_rng(2).normal(0, 1, plain.shape) * amount
        pair = [np.round(picture * scale).astype(kind) for picture in (plain, plain + added)]
        figures.append((psnr_db(*pair, depth), ssim(*pair, depth)))

    assert figures[0] == (BEST_PSNR_DB, pytest.approx(1))
    assert [round(psnr) for psnr, _ in figures[1:]] == [42, 30]
    assert 1 > figures[1][1] > figures[2][1] > 0


def test_codecs_without_a_quantiser_are_left_alone():
    """ProRes and the others have one size."""
    assert not has_quantiser(EncoderSettings("prores_ks", "yuv422p10le", {"qscale": "4"}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x264", "x265"])
def test_a_thorough_encoder_codes_otherwise_with_the_same_parameter_sets(context, name):
    """What it gains is measured by benchmarks/size.py."""
    media = moving_film(context, CODINGS["H.264 by quality"])
    params = {f"{name}-params": "bframes=3" + (":log-level=none:info=0" if name == "x265" else "")}
    settings = EncoderSettings(f"lib{name}", "yuv420p", {"preset": "superfast", "crf": "12", **params})
    assert has_thorough_search(settings) and not has_thorough_search(replace(settings, encoder="libvpx-vp9"))
    sizes, sets = [], []
    for thorough in (False, True):
        chosen = coarser(settings, 12.0, thorough=thorough)
        frames = zip(frames_of(context.path(media.file), 0, 0, 8), range(8), strict=True)
        sizes.append(sum(len(packet.data) for packet in encode_packets(frames, media.video, chosen)))
        sets.append(open_encoder(media.video, chosen).extradata)

    assert sets[0] == sets[1] and sizes[1] != sizes[0]


@pytest.mark.slow
def test_a_second_try_of_a_range_makes_no_trials(context, monkeypatch):
    """The choice is stored for the film, the range and the encoder; what is stored and not valid is not used."""
    media = moving_film(context, CODINGS["H.264 by quality"])
    take = own_take(context, segment(media, 12, 16))
    tried, real = [], rate_match._try
    monkeypatch.setattr(rate_match, "_try", lambda *args: tried.append(1) or real(*args))

    first, again = (Splice().run(context, SpliceParams(), media, [take]) for _ in range(2))

    assert 1 <= len(tried) <= 6 and first.file == again.file
    count = len(tried)
    other = Splice().run(context, SpliceParams(), media, [own_take(context, segment(media, 22, 24))])
    assert len(tried) > count and other.metrics["splice"]["coarser_steps"][0] > 0
    count = len(tried)
    for path in context.folder.rglob("*"):
        if path.is_file() and b'"thorough"' in path.read_bytes()[:200]:
            path.chmod(0o644)
            path.write_text('{"steps": 99, "thorough": false}')
    assert Splice().run(context, SpliceParams(), media, [take]).file == first.file and len(tried) > count


@pytest.mark.parametrize(("steps", "crf"), [(0, "4"), (6, "9"), (12, "21"), (18, "31"), (24, "41"), (40, "63")])
def test_a_step_is_as_coarse_with_every_encoder(steps, crf):
    """Six steps double the quantiser's step size: of VP9 and AV1 that is 23 at `crf` 4, 46 at 9.75, 92 at 21.25."""
    settings = EncoderSettings("libvpx-vp9", "yuv420p", {"crf": "4"})

    assert coarser(settings, steps).options == {"crf": crf}


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS.keys())
def test_the_quality_decides_how_large_new_packets_are(context, coding):
    """Both are spliced among the film's own packets with its own parameter sets; the others are the same."""
    media = moving_film(context, coding)
    take = own_take(context, segment(media, 12, 16))
    films = {
        quality: Splice().run(context, SpliceParams(quality=quality), media, [take]) for quality in ("high", "matched")
    }

    source, high, matched = (packets(context.path(item.file)) for item in (media, films["high"], films["matched"]))
    new = [place for place, packet in enumerate(source) if packet not in matched]
    assert 4 <= len(new) < 20
    assert [packet for packet in matched if packet in source] == [packet for packet in high if packet in source]
    sizes = [sum(len(coded[place][2]) for place in new) for coded in (source, matched, high)]
    assert sizes[1] < sizes[2]
    figures = {quality: item.metrics["splice"] for quality, item in films.items()}
    assert {item["way"] for item in figures.values()} == {"exact"}
    assert figures["matched"]["twin"] == figures["high"]["twin"]
    # The decoder gives x265's note to pictures after the first, too: none of the new packets repeats it.
    assert not [data for place in new for data in (matched[place][2], high[place][2]) if b"x265 (build" in data]
    assert "coarser_steps" in figures["matched"] and "coarser_steps" not in figures["high"]


@pytest.mark.slow
@pytest.mark.parametrize("params", [{"x264-params": "bframes=0"}, {"x265-params": "bframes=0:log-level=none"}])
def test_the_first_picture_gets_coarser_with_the_others(context, params):
    """The keyframe with which a range begins is most of the bits of a short one; it is not left at `crf`."""
    media = moving_film(context, CODINGS["H.264 by quality"])
    encoder = "lib" + next(iter(params)).partition("-")[0]
    settings = EncoderSettings(encoder, "yuv420p", {"preset": "superfast", "crf": "12", **params})
    coded = []
    for steps in (4.0, 16.0):
        frames = zip(frames_of(context.path(media.file), 0, 0, 4), range(4), strict=True)
        packets = list(encode_packets(frames, media.video, coarser(settings, steps)))
        coded.append([len(packet.data) for packet in packets])

    assert all(coarse < 0.85 * fine for fine, coarse in zip(*coded, strict=True))


@pytest.mark.parametrize(
    ("diff", "finer_by"),
    [
        (PictureDiff(42.0, mean_ssim=0.985), 0),
        (PictureDiff(41.1, mean_ssim=0.985), 1.7),
        (PictureDiff(42.0, mean_ssim=0.98), 3.0),
        (PictureDiff(20.0, mean_ssim=0.985), 14.5),
        (PictureDiff(43.0, "frame 1 differs"), 15),
    ],
)
def test_each_limit_of_a_finished_range_is_kept(diff, finer_by):
    """The worst picture and SSIM; a range that fails its comparison gets high quality."""
    job = SimpleNamespace(limits=Thresholds())

    assert 15 - strategies._finer_steps(job, diff, (), 15.0) == pytest.approx(finer_by, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["picture", "seam"])
def test_a_range_that_comes_out_too_coarse_is_coded_once_more(context, monkeypatch, limit):
    """Of two edits one has a picture, or a seam, below what matched quality keeps: the other keeps its packets.

    A seam gets high quality, a picture the finest quantiser: high quality may be coarser.
    """
    media = moving_film(context, CODINGS["H.264 by quality"])
    takes = [own_take(context, segment(media, start, start + 2)) for start in (3, 24)]
    matched = Splice().run(context, SpliceParams(quality="matched"), media, takes)
    real = strategies._compare

    def second_too_coarse(job, output, ranges, number, *more):
        diff, rows = real(job, output, ranges, number, *more)
        if number == 1 and limit == "picture":
            diff = replace(diff, min_psnr_db=40.9)
        if number == 1 and limit == "seam":
            rows = [(name, {**row, "seam_delta_e": 1.6}) for name, row in rows]
        return diff, rows

    monkeypatch.setattr(strategies, "_compare", second_too_coarse)
    repaired = Splice().run(context, SpliceParams(quality="matched"), media, takes)
    high = Splice().run(context, SpliceParams(quality="high"), media, takes)

    coded = [packets(context.path(item.file)) for item in (matched, repaired, high)]
    sizes = [sum(len(data) for _, _, data in item[20:]) for item in coded]
    assert coded[1][:10] == coded[0][:10] != coded[2][:10]
    assert (coded[1][20:] == coded[2][20:]) == (limit == "seam") and coded[0][20:] != coded[2][20:]
    assert sizes[0] < sizes[2] <= sizes[1]
    steps = [item.metrics["splice"].get("coarser_steps") for item in (matched, repaired)]
    assert steps[1] == [steps[0][0], 0.0 if limit == "seam" else 0.5] and steps[0][1] > 0.5

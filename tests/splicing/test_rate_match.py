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
from react1.pipeline.splicing import strategies
from react1.pipeline.splicing.codecs.family import encode_packets
from react1.pipeline.splicing.encoders import EncoderSettings, coarser, has_quantiser
from react1.pipeline.splicing.pictures.likeness import BEST_PSNR_DB, psnr_db, ssim
from react1.pipeline.splicing.rate_match import Trial, search_steps, trial_span
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


def encoder(bits_at_0, psnr_at_0, loss_at_0=0.001, first=0.0, spread=0.0):
    """Return a model of an encoder: bits halve in six steps, a step costs a decibel."""

    def run_trial(steps):
        bit_ratio = bits_at_0 * 2 ** (-steps / 6)
        loss = loss_at_0 * 2 ** (0.25 * steps)
        return Trial(
            steps,
            bit_ratio,
            bit_ratio + first * 2 ** (-steps / 6),
            psnr_at_0 - steps,
            psnr_at_0 - steps - spread,
            1 - loss,
        )

    return run_trial


@pytest.mark.parametrize(
    ("model", "bit_ratio", "psnr"),
    [
        pytest.param(encoder(4.8, 60.0), 1.05, 46.8, id="the source's bits decide"),
        pytest.param(encoder(1.0, 44.0), 1.0, 44.0, id="no finer than high quality"),
        pytest.param(encoder(2.4, 46.0), 1.58, 42.4, id="PSNR decides"),
        pytest.param(encoder(2.4, 48.0, spread=3.0), 1.58, 44.4, id="the worst picture decides"),
        pytest.param(encoder(9.6, 46.5), 5.98, 42.4, id="PSNR is kept at any price"),
        pytest.param(encoder(2.4, 60.0, 0.008), 1.63, 56.7, id="SSIM decides"),
        pytest.param(encoder(2.4, 55.0, first=4.0), 0.56, 42.4, id="a keyframe in a short range costs much"),
    ],
)
def test_the_search_ends_where_the_first_limit_is(model, bit_ratio, psnr):
    """Within three trials, whatever the guess."""
    for guess in (0.0, 4.0, 20.0):
        trial = model(search_steps(model, guess))

        assert trial.bit_ratio == pytest.approx(bit_ratio, rel=0.13)
        assert trial.psnr_db == pytest.approx(psnr, abs=1.0)


def test_a_search_without_measurements_changes_nothing():
    """An encoder that cannot be tried is used as it is."""
    assert search_steps(lambda _: None, 4.0) is None


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
    settings = EncoderSettings("libvpx-vp9", "yuv420p", {"crf": "4"})
    assert coarser(settings, 6.4).options == {"crf": "10"}


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
    assert "coarser_steps" in figures["matched"] and "coarser_steps" not in figures["high"]


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
        (PictureDiff(41.0, mean_psnr_db=42.0, mean_ssim=0.985), 0),
        (PictureDiff(41.0, mean_psnr_db=41.1, mean_ssim=0.985), 1.7),
        (PictureDiff(40.1, mean_psnr_db=43.0, mean_ssim=0.985), 1.7),
        (PictureDiff(41.0, mean_psnr_db=43.0, mean_ssim=0.98), 3.0),
        (PictureDiff(43.0, "frame 1 differs", mean_psnr_db=43.0), 15),
    ],
)
def test_each_limit_of_a_finished_range_is_kept(diff, finer_by):
    """The mean, the worst picture and SSIM; a range that fails its comparison gets high quality."""
    job = SimpleNamespace(limits=Thresholds())

    assert 15 - strategies._finer_steps(job, diff, (), 15.0) == pytest.approx(finer_by, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["picture", "seam"])
def test_a_range_that_comes_out_too_coarse_is_coded_once_more(context, monkeypatch, limit):
    """Of two edits one has a picture, or a seam, below what matched quality keeps: the other keeps its packets."""
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
    assert coded[1][:10] == coded[0][:10] != coded[2][:10]
    assert coded[1][20:] == coded[2][20:] != coded[0][20:]
    steps = [item.metrics["splice"].get("coarser_steps") for item in (matched, repaired)]
    assert steps[1] == [steps[0][0], 0.0] and steps[0][1] > 0

"""Compare the pictures of a spliced film with what it should show: the source with the takes blended in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...media.clip_writer import BT709, FULL_RANGE, TV_RANGE
from ...media.frames.color import SPACES, is_hd, is_rgb
from ...media.frames.decode import decode_frames, reformat, visible_rows
from ...media.mp4.sample_tables import Ints
from ...media.probe import VIEWS
from ..codecs.hevc import MASTERING_DISPLAY, mastering_display
from ..container import matching_video_index
from ..job import SpliceJob
from ..pictures.description import changed_color
from ..pictures.fields import PICTURE_METADATA, field_order, side_data_of
from ..pictures.frames import Insert, with_inserts
from ..pictures.likeness import BEST_PSNR_DB, ssim
from ..pictures.planes import MATRICES, Plane, working_format
from .seam_meter import SeamMeter
from .strict_pictures import require_pixels_only

FilmDecoder = Callable[[int, range], Iterator[VideoFrame]]
"""Gives the pictures of a span of a film's stream, pixels alone."""
INTERLACED_FLAG = "the mark of interlaced pictures"
_MIN_PSNR_DB = 38.0
"""Re-encoded pictures were measured at 44 dB or better; a wrong picture of the same shot is far below."""
_BLOCK_PX, _MAX_BLOCK_SHIFT, _MAX_GRAIN_SHIFT = 16, 8.0, 4.0
"""A wrong face is a small part of a frame: no block's mean may move by more than this, in steps of 255. Heavy grain
that an encoder smooths costs decibels too, but hardly moves a mean: that is reported, and is not a failure."""
_COLORS, _MAX_COLOR_SHIFT = 3, 8.0
"""How many planes are compared, without alpha, and by how much a block of chroma, or of red or blue, may move."""
_MAX_MEAN_SHIFT = 0.5
"""By how much blocks of chroma that red, green and blue became may move in the mean: coding heavy grain at 34 dB moved
them by 0.2, and the matrix of BT.601 in place of BT.709 those of a portrait by 0.7 to 1."""
STATIC_HDR = "the static HDR description inside the pictures"
_SEI_LABELS = {
    "SEI_UNREGISTERED": "the camera's own data inside the pictures (unregistered SEI)",
    MASTERING_DISPLAY: STATIC_HDR,
    "CONTENT_LIGHT_LEVEL": STATIC_HDR,
    VIEWS: "how the two views of a picture are packed, inside the pictures",
    **{name: label for name, label in PICTURE_METADATA.items() if name != "S12M_TIMECODE"},
}
"""Side data of a decoded frame, by ffmpeg's names, that a camera or a broadcaster may write for every picture. The
timecode that ffmpeg's H.264 decoder gives with a frame is that of the last packet it has read, so packets tell it."""
_ENCODER_NOTES = (b"x264 - core", b"x265 (build")
"""An encoder's note of its options: new pictures have another."""
_BAND_ROWS = 4 * _BLOCK_PX
"""Pictures are compared in bands that stay in a processor's cache."""
_NEAR_FRAMES = 24
_SSIM_EVERY = 4
"""Of which compared pictures SSIM is measured, where it is wanted."""
_EVERY = 8


@dataclass(frozen=True)
class PictureDiff:
    """How close the film is to what it should show."""

    min_psnr_db: float
    """Luma PSNR of the worst frame that was compared."""
    failure: str = ""
    lost: tuple[str, ...] = ()
    """Metadata of the source's pictures that the film's do not have."""
    mean_ssim: float = 1.0
    """SSIM of the luma on average, if it was measured."""


def diff_metrics(diffs: Sequence[PictureDiff], *, interlaced: bool) -> dict[str, Any]:
    """Return the metrics of one or more comparisons of a film."""
    metrics: dict[str, Any] = {"least_psnr_db": round(min(diff.min_psnr_db for diff in diffs), 1)}
    if interlaced:
        metrics["field_order_equal"] = not any(diff.failure or INTERLACED_FLAG in diff.lost for diff in diffs)
    return metrics


@dataclass
class _Tally:
    """The result of a comparison so far."""

    psnrs_db: list[float] = field(default_factory=list)
    ssims: list[float] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    with_ssim: bool = False

    def add(self, expected: VideoFrame, actual: VideoFrame, *, pixels_only: bool = False) -> str:
        """Compare a frame, or only its pixels; return what is wrong with it, or ""."""
        psnr_db, failure = (_compare_pixels if pixels_only else _compare_frames)(expected, actual)
        if self.with_ssim and len(self.psnrs_db) % _SSIM_EVERY == 0:
            self.ssims.append(_luma_ssim(expected, actual))
        self.psnrs_db.append(psnr_db)
        if not failure and not pixels_only:
            self.lost.update(_lost_metadata(expected, actual))
        return failure

    def result(self, failure: str = "") -> PictureDiff:
        """Return the result; lost metadata counts only if nothing is wrong."""
        return PictureDiff(
            self.min_psnr_db,
            failure,
            () if failure else tuple(sorted(self.lost)),
            float(np.mean(self.ssims or 1.0)),
        )

    @property
    def min_psnr_db(self) -> float:
        """Luma PSNR of the worst frame so far."""
        return min(self.psnrs_db, default=BEST_PSNR_DB)


def compare_pictures(source: Path, output: Path, stream: int, inserts: Sequence[Insert]) -> PictureDiff:
    """Compare every frame of the takes and near them, and every eighth of the others.

    Both films are decoded once, side by side.
    """
    expected = with_inserts(decode_frames(source, stream), inserts)
    actual = decode_frames(output, matching_video_index(source, stream, output))
    tally = _Tally()
    for pair, output_frame in itertools.zip_longest(expected, actual):
        if pair is None or output_frame is None:
            return tally.result("the films do not decode to the same number of frames")
        index, frame = pair
        if index % _EVERY and not _is_near(index, inserts):
            continue
        failure = tally.add(frame, output_frame)
        if failure:
            return tally.result(f"frame {index} {failure}")
    if tally.min_psnr_db < _MIN_PSNR_DB:
        tally.lost.add(f"fine grain (the worst frame has {tally.min_psnr_db:.1f} dB)")
    return tally.result()


def compare_around(
    job: SpliceJob,
    output: Path,
    ranges: Sequence[range],
    number: int,
    meter: SeamMeter | None = None,
    decode: FilmDecoder | None = None,
) -> PictureDiff:
    """Compare range number `number` of re-encoded shown frames, and 24 frames on either side of it.

    Frames outside all ranges must be identical. Both films are read as a player reads them, from a keyframe on; the
    middle of a long take is decoded but not compared. SSIM is measured where matched quality is wanted.

    Args:
        job: the source and what is inserted.
        output: the film.
        ranges: all re-encode ranges, as shown frames.
        number: that of the range.
        meter: sees every frame that it needs.
        decode: gives the film's pictures, pixels alone; of the metadata then only the first new picture's are compared.

    Raises:
        NotShared: pixels alone do not tell.
    """
    source, stream, times, own = job.source, job.video.index, job.video.timestamps.array, ranges[number]
    span = _span_around(own, len(times), meter)
    expected = _expected_frames(source, stream, job.inserts, times, span, meter)
    film_stream = matching_video_index(source, stream, output)
    actual = _decode_span(output, film_stream, times, span) if decode is None else decode(film_stream, span)
    tally = _Tally(with_ssim=job.quality == "matched")
    first: VideoFrame | None = None
    for pair, output_frame in itertools.zip_longest(expected, actual):
        if pair is None or output_frame is None or output_frame.pts != times[pair[0]]:
            return tally.result(f"the frames near frame {own.start} are not shown at their times")
        index, frame = pair
        if meter is not None:
            meter.see_film(index, output_frame)
        if frame is None:
            continue
        if not any(index in item for item in ranges):
            if not _identical(frame, output_frame):
                return tally.result(f"the untouched frame {index} decodes to another picture")
            continue
        if decode is not None:
            require_pixels_only(frame, first, _ENCODER_NOTES)
        if decode is not None and first is None:
            first = frame
            decoded = next(_decode_span(output, film_stream, times, range(index, index + 1)), None)
            failure = tally.add(frame, decoded) if decoded is not None else "does not decode"
        else:
            failure = ""
        failure = failure or tally.add(frame, output_frame, pixels_only=first is not None)
        if failure:
            return tally.result(f"frame {index} {failure}")
    return tally.result()


def _span_around(own: range, frame_count: int, meter: SeamMeter | None) -> range:
    """Return the frames that are seen to compare a range: 24 on either side, and what the meter needs."""
    span = range(max(own.start - _NEAR_FRAMES, 0), min(own.stop + _NEAR_FRAMES, frame_count))
    for needed in meter.spans if meter is not None else ():
        span = range(min(span.start, needed.start), max(span.stop, needed.stop))
    return span


def _expected_frames(
    source: Path, stream: int, inserts: Sequence[Insert], times: Ints, span: range, meter: SeamMeter | None
) -> Iterator[tuple[int, VideoFrame | None]]:
    """Yield what each frame of a span should show; None in the middle of a take, where nothing is blended.

    Without a meter, the source is not decoded there, either.
    """
    position = span.start
    frames = _seen(_decode_span(source, stream, times, span), span.start, meter) if meter is not None else None
    for middle in [*_take_middles(inserts, span), range(span.stop, span.stop)]:
        before = range(position, middle.start)
        if before:
            part = _decode_span(source, stream, times, before) if frames is None else islice(frames, len(before))
            yield from with_inserts(part, inserts, position)
        for index in middle:
            if frames is not None and next(frames, None) is None:
                return
            yield index, None
        position = middle.stop


def _seen(frames: Iterator[VideoFrame], first: int, meter: SeamMeter) -> Iterator[VideoFrame]:
    for index, frame in enumerate(frames, first):
        meter.see_source(index, frame)
        yield frame


def _take_middles(inserts: Sequence[Insert], span: range) -> list[range]:
    """Return the frames that are far from both ends of every take."""
    edges = sorted({edge for insert in inserts for edge in (insert.start, insert.end)})
    gaps = [range(a + _NEAR_FRAMES, b - _NEAR_FRAMES) for a, b in itertools.pairwise(edges)]
    inside = [gap for gap in gaps if gap and any(insert.start <= gap.start < insert.end for insert in inserts)]
    return [gap for gap in inside if span.start <= gap.start and gap.stop <= span.stop]


def _decode_span(path: Path, stream: int, times: Ints, span: range) -> Iterator[VideoFrame]:
    start, end = int(times[span.start]), int(times[span.stop - 1])
    for frame in decode_frames(path, stream, start_pts=start):
        if frame.pts is not None and frame.pts > end:
            return
        if frame.pts is not None and frame.pts >= start:
            yield frame


def _identical(first: VideoFrame, second: VideoFrame) -> bool:
    if first.format.name != second.format.name:
        return False
    return all(np.array_equal(a, b) for a, b in zip(visible_rows(first), visible_rows(second), strict=True))


def _is_near(index: int, inserts: Sequence[Insert]) -> bool:
    return any(insert.start - _NEAR_FRAMES <= index < insert.end + _NEAR_FRAMES for insert in inserts)


def _compare_pixels(expected: VideoFrame, actual: VideoFrame) -> tuple[float, str]:
    """Return the luma PSNR in dB, and what is wrong, in luma or in color, or ""."""
    lost_rgb = is_rgb(expected.format.name) and not is_rgb(actual.format.name)
    if lost_rgb:
        expected = _coded_as(expected, actual)
    pairs = _plane_pairs(expected, actual, working_format(expected.format.name))
    psnr_db, block_shift = _luma_difference(*pairs[0])
    if block_shift > (_MAX_BLOCK_SHIFT if psnr_db >= _MIN_PSNR_DB else _MAX_GRAIN_SHIFT):
        return psnr_db, f"differs from the source (PSNR {psnr_db:.1f} dB, worst block off by {block_shift:.1f} levels)"
    if _chroma_size(expected) != _chroma_size(actual):
        # The same: what chroma loses in another sampling, as that of DV, is no fault of the encoder.
        pairs = _plane_pairs(expected, actual, working_format(actual.format.name))
    color_shift = max((_block_shift(*pair) for pair in pairs[1:]), default=0.0)
    if color_shift > _MAX_COLOR_SHIFT:
        return psnr_db, f"differs from the source in color (worst block off by {color_shift:.1f} levels)"
    mean_shift = max((_mean_block_shift(*pair) for pair in pairs[1:] if lost_rgb), default=0.0)
    if mean_shift > _MAX_MEAN_SHIFT:
        return psnr_db, f"differs from the source in color (blocks off by {mean_shift:.1f} levels in the mean)"
    return psnr_db, ""


def _coded_as(expected: VideoFrame, actual: VideoFrame) -> VideoFrame:
    """Return red, green and blue as the luma and chroma that the colors which the new picture declares make of them.

    So what chroma of half the size loses is no fault, and another matrix than the one that is declared is one.
    """
    space = SPACES.get(int(actual.colorspace), "bt709" if is_hd(actual.width, actual.height) else "smpte170m")
    colors = {"src_color_range": FULL_RANGE, "dst_colorspace": MATRICES.get(space, BT709)}
    ranges = {"dst_color_range": FULL_RANGE if int(actual.color_range) == FULL_RANGE else TV_RANGE}
    coded: VideoFrame = reformat(expected, pix_fmt=working_format(actual.format.name), **colors, **ranges)
    return coded


def _plane_pairs(expected: VideoFrame, actual: VideoFrame, pix_fmt: str) -> list[tuple[ScaledPlane, ScaledPlane]]:
    return list(zip(*(_planes(frame, pix_fmt) for frame in (expected, actual)), strict=True))


def _chroma_size(frame: VideoFrame) -> tuple[int, int]:
    """Return the width and the height of chroma for 16 pixels of luma."""
    return frame.format.chroma_width(16), frame.format.chroma_height(16)


def _compare_frames(expected: VideoFrame, actual: VideoFrame) -> tuple[float, str]:
    """Return the luma PSNR in dB, and what is wrong, or ""; fields and rotation count, too."""
    psnr_db, failure = _compare_pixels(expected, actual)
    if failure:
        return psnr_db, failure
    orders = field_order(expected), field_order(actual)
    if "progressive" not in orders and orders[0] != orders[1]:
        return psnr_db, f"is shown {orders[1]}, in the source {orders[0]}"
    if _side_data_of(expected, "DISPLAYMATRIX") != _side_data_of(actual, "DISPLAYMATRIX"):
        return psnr_db, "has another rotation or mirroring than in the source"
    changed = changed_color(expected, actual)
    return psnr_db, f"declares another {changed} than in the source" if changed else ""


def _lost_metadata(expected: VideoFrame, actual: VideoFrame) -> list[str]:
    """Name what the output frame does not carry: players show captions, and deinterlace by the flag."""
    has_captions = _side_data_of(expected, "A53_CC") == _side_data_of(actual, "A53_CC")
    lost = [] if has_captions else ["captions inside the pictures"]
    for name, label in _SEI_LABELS.items():
        if name == VIEWS and not actual.key_frame:
            continue  # what a keyframe says of that holds on
        wanted = [data for data in _side_data_of(expected, name) if not any(note in data for note in _ENCODER_NOTES)]
        comparable = mastering_display if name == MASTERING_DISPLAY else bytes  # containers write other fractions
        if label not in lost and not {*map(comparable, wanted)} <= {*map(comparable, _side_data_of(actual, name))}:
            lost.append(label)
    if expected.interlaced_frame and not actual.interlaced_frame:
        lost.append(INTERLACED_FLAG)
    return lost


def _side_data_of(frame: Any, name: str) -> list[bytes]:
    return [bytes(data) for data in side_data_of(frame) if data.type.name == name]


def _luma_difference(expected: ScaledPlane, actual: ScaledPlane) -> tuple[float, float]:
    """Return the PSNR of a plane in dB, and the largest shift of a block's mean in steps of 255."""
    (first, step), squares, largest_sum = expected, 0.0, 0.0
    if first.shape != actual[0].shape:
        return 0.0, 255.0
    for difference in _differences(first, actual[0]):
        flat = difference.ravel().astype(np.float32)
        squares += float(flat @ flat)
        largest_sum = max(largest_sum, _largest_sum(difference))
    mean_square = squares / max(first.size, 1) * step**2
    psnr_db = 99.0 if mean_square == 0 else min(10 * float(np.log10(255**2 / mean_square)), 99.0)
    return psnr_db, largest_sum / _BLOCK_PX**2 * step


def _block_shift(expected: ScaledPlane, actual: ScaledPlane) -> float:
    """Return the largest shift of a block's mean in steps of 255, of planes of one size."""
    return max(map(_largest_sum, _differences(expected[0], actual[0])), default=0.0) / _BLOCK_PX**2 * expected[1]


def _mean_block_shift(expected: ScaledPlane, actual: ScaledPlane) -> float:
    """Return the mean shift of a block's mean, either way, in steps of 255, of planes of one size."""
    shifts = [np.abs(_block_sums(band)).ravel() for band in _differences(expected[0], actual[0])]
    every = np.concatenate([*shifts, np.zeros(0)])
    return float(every.mean()) / _BLOCK_PX**2 * expected[1] if every.size else 0.0


def _differences(first: Plane, second: Plane) -> Iterator[NDArray[Any]]:
    """Yield the differences of two planes, in bands."""
    for top in range(0, len(first), _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        yield np.subtract(second[band], first[band], dtype=np.int32 if first.itemsize > 1 else np.int16)


def _largest_sum(difference: NDArray[Any]) -> float:
    return float(np.abs(_block_sums(difference)).max(initial=0))


def _luma_ssim(expected: VideoFrame, actual: VideoFrame) -> float:
    """Return the SSIM of the luma; 0 if the sizes differ."""
    pix_fmt = working_format(expected.format.name)
    (first, step), (second, _) = (_planes(frame, pix_fmt)[0] for frame in (expected, actual))
    return ssim(first, second, round(255 / step).bit_length()) if first.shape == second.shape else 0.0


ScaledPlane = tuple[Plane, float]
"""A plane as coded, and the size of one level in steps of 255."""


def _planes(frame: VideoFrame, pix_fmt: str) -> list[ScaledPlane]:
    """Return luma and chroma, or green, blue and red."""
    converted = reformat(frame, pix_fmt=pix_fmt)
    bits = converted.format.components[0].bits
    kind = np.uint16 if bits > 8 else np.uint8
    return [(rows.view(kind), 255 / ((1 << bits) - 1)) for rows in visible_rows(converted)][:_COLORS]


def _block_sums(plane: NDArray[Any]) -> NDArray[Any]:
    rows, columns = (side // _BLOCK_PX * _BLOCK_PX for side in plane.shape)
    # Rows are added up first, in the plane's own integers: 16 differences of 8 bits fit into 16.
    row_sums = plane[:rows, :columns].reshape(rows // _BLOCK_PX, _BLOCK_PX, columns).sum(1, dtype=plane.dtype)
    sums: NDArray[Any] = np.add.reduceat(row_sums, np.arange(0, columns, _BLOCK_PX), axis=1, dtype=np.int32)
    return sums

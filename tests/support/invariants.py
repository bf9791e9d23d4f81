"""What a splice must leave as it was, told in numbers.

Nothing here asks the splice what it did, but for the figures that it gives to the user, which are held to account.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numbered_clips import click_times_s, draw_frame, frame_number
from seen import Seen, look, psnr, strict_decode
from takes import TAKE_OFFSET

PYRAMID = 4
"""How many pictures before an edit its reordering may draw in: no film here has more B frames in a row."""
PLATE_DB = 40.0
"""What a frame outside the edits that was re-encoded must keep of the source, over all planes."""
TAKE_DB = 38.0
"""What a frame inside an edit must keep of the take's luma."""


@dataclass(frozen=True)
class Preserved:
    """What was counted."""

    packets: int
    identical: int
    """Picture packets that are the source's own at their times: bit for bit, but for the first one after a window of
    HEVC, which is marked as a place to resume."""
    least_db: float
    """The worst frame outside the edits."""


def check(
    was: Seen,
    result: Any,
    index: int,
    spans: list[tuple[int, int]],
    way: str,
    *,
    same_dts: bool = True,
    free: frozenset[str] = frozenset(),
) -> Preserved:
    """Hold a spliced film against its source; `spans` are the edits in shown frames, with numbered takes.

    `way` is `exact`, `reencode` (the same codec) or `other` (another codec); `same_dts` tells whether the container
    stores decoding times and the way keeps them; `free` names what the picture may tell otherwise than before.
    """
    came = look(result.path, index)
    assert strict_decode(result.path) == ""
    _same_description(was, came, index, free | _FREE[way])
    _same_others(was, came, index)
    identical = _picture_packets(was, came, result.metrics, index, same_dts=same_dts)
    return Preserved(len(was.packets[index]), len(identical), _pictures(was, came, spans, identical))


_FREE = {
    "exact": frozenset(),
    "reencode": frozenset({"rate"}),
    "other": frozenset({"rate", "codec", "format", "aspect"}),
}
"""What may differ in a re-encoded picture stream: the average rate that a reader computes, and what the encoder of
another codec cannot keep."""


def _same_description(was: Seen, came: Seen, index: int, free: frozenset[str]) -> None:
    assert len(came.streams) == len(was.streams)
    for number, (item, other) in enumerate(zip(was.streams, came.streams, strict=True)):
        distance = {key: (item[key], other.get(key)) for key in item if item[key] != other.get(key)}
        assert set(distance) <= (free if number == index else set()), f"stream {number}: {distance}"
    assert came.tags == was.tags
    assert came.chapters == was.chapters


def _same_others(was: Seen, came: Seen, index: int) -> None:
    for number, (item, other) in enumerate(zip(was.packets, came.packets, strict=True)):
        assert number == index or other == item, f"stream {number} has other packets"
    for item, other in zip(was.sounds, came.sounds, strict=True):
        assert np.array_equal(item, other)
        assert click_times_s(other[0]) == click_times_s(item[0])


def _picture_packets(was: Seen, came: Seen, figures: dict[str, Any], index: int, *, same_dts: bool) -> set[Fraction]:
    """Return the times of the packets that are unchanged copies."""
    before, after = was.packets[index], came.packets[index]
    # A reader leaves out stored pictures before the first shown one that no shown picture needs; behind a new keyframe
    # these are more.
    times = {pts for pts, _, _ in after}
    before = [packet for packet in before if packet[0] in times or packet[0] >= 0]
    assert len(after) == len(before)
    assert sorted(pts for pts, _, _ in after) == sorted(pts for pts, _, _ in before)
    if same_dts:
        assert [dts for _, dts, _ in after] == [dts for _, dts, _ in before]
    place = {pts: data for pts, _, data in after}
    identical = {pts for pts, _, data in before if place[pts] == data}
    patched: set[Fraction] = set()
    if figures["way"] == "exact" and was.streams[index]["codec"] == "hevc":
        patched = {pts for pts, _, data in before if pts not in identical and same_tail(data, place[pts])}
        assert len(patched) <= figures["relinked_packets"]
    text = figures["copied_packets"] + figures["encoded_packets"] + figures.get("relinked_packets", 0)
    assert text == len(was.packets[index])
    left_out = len(was.packets[index]) - len(before)
    assert len(identical) + len(patched) >= figures["copied_packets"] - left_out
    return identical | patched


def same_tail(item: bytes, other: bytes) -> bool:
    """Tell whether a packet is a film's own but for what stands before its picture: HEVC's way to resume."""
    tail = min(len(item) // 2, 24)
    return tail > 8 and other[-tail:] == item[-tail:]


def _pictures(was: Seen, came: Seen, spans: list[tuple[int, int]], identical: set[Fraction]) -> float:
    """Compare every frame; give the least PSNR outside the edits."""
    assert came.looks == was.looks
    inside = {number for start, end in spans for number in range(start, end)}
    assert [pts for pts, _ in came.frames] == [pts for pts, _ in was.frames]
    least = float("inf")
    for number, ((pts, item), (_, other)) in enumerate(zip(was.frames, came.frames, strict=True)):
        if number in inside:
            _shows_take(other[0], number, came)
        elif pts in identical:
            assert psnr(item, other) == float("inf"), f"frame {number} was copied and decodes to another picture"
        else:
            least = min(least, psnr(item, other, was.depth))
    assert least >= PLATE_DB
    return least


def _shows_take(luma: np.ndarray, number: int, came: Seen) -> None:
    shown = luma >> (came.depth - 8)
    wanted = draw_frame(number + TAKE_OFFSET, shown.shape[::-1])
    if came.full_range:
        wanted = (wanted.astype(float) - 16) * 255 / 219
    assert frame_number(shown) == number + TAKE_OFFSET
    assert psnr([wanted], [shown]) >= TAKE_DB, f"frame {number}"


def most_coded(was: Seen, spans: list[tuple[int, int]], before: int) -> int:
    """Count the frames from `before` an edit to the next key frame at or after its end, for all edits at once."""
    times = [pts for pts, _ in was.frames]
    coded = set()
    for start, end in spans:
        ends = [at for at in range(end, len(times)) if times[at] in was.keys] or [len(times)]
        coded |= set(range(max(0, start - before), ends[0]))
    return len(coded)

"""Takes that come back wrong: each is corrected, or refused with one line, and never passed on as it is.

The films are soft textures that beat, so that a wrong place in time or in the picture shows as an error of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from takes import segment, texture, write_pictures

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.core.errors import ProviderError
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes

pytestmark = pytest.mark.slow

COUNT, SIZE = 24, (192, 120)
FACE = (slice(40, 80), slice(60, 120))
LIFT = 40
EVERY = tuple(range(COUNT))


@dataclass(frozen=True)
class Defect:
    """How a take differs from a good one; `figures` is what must be measured."""

    order: tuple[int, ...] = EVERY
    draw: object = None
    size: tuple[int, int] = SIZE
    metrics: dict = field(default_factory=dict)
    error: float = 2.5
    """The most that finished frames may be off, in mean levels, where the take has its own picture."""


def crop_and_scale(parts, left, top, width, height):
    """Show a window of a picture at full size, as a host that crops does."""
    window = [parts[0][top : top + height, left : left + width]]
    window += [part[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2] for part in parts[1:]]
    frame = frame_from_planes([np.ascontiguousarray(part) for part in window], "yuv420p")
    return frame_planes(frame.reformat(*SIZE, interpolation="BICUBIC"))


def shift(parts, across, down):
    return [
        np.roll(part, (down // share, across // share), (0, 1)) for part, share in zip(parts, (1, 2, 2), strict=True)
    ]


def bend(parts, reach):
    """Shift each row by a wave."""
    return [
        np.stack([np.roll(row, int(reach * np.sin(at * turn))) for at, row in enumerate(part)])
        for part, turn in zip(parts, (0.2, 0.4, 0.4), strict=True)
    ]


def lean(parts, slope):
    """Shift each row by a share of its distance from the middle."""
    return [
        np.stack([np.roll(row, int((at - len(part) / 2) * slope)) for at, row in enumerate(part)]) for part in parts
    ]


def change_levels(parts):
    luma = np.clip(parts[0] * 0.9 + 14, 0, 255).round().astype(np.uint8)
    return [luma, parts[1] + 6, parts[2] - 4]


CORRECTED = {
    "none": Defect(metrics={"lag_frames": 0, "missing": 0, "surplus": 0, "doubled": 0}),
    "a frame short at its end": Defect(order=EVERY[:-1], metrics={"missing": 1}),
    "a frame dropped in its middle": Defect(order=(*EVERY[:11], *EVERY[12:]), metrics={"missing": 1, "lag_frames": 0}),
    "a frame shown twice in its middle": Defect(
        order=(*EVERY[:11], 10, *EVERY[11:]), metrics={"doubled": 1, "missing": 0, "surplus": 0}
    ),
    "one dropped, later one twice": Defect(
        order=(*EVERY[:6], *EVERY[7:16], 15, *EVERY[16:]), metrics={"doubled": 1, "missing": 1}
    ),
    "five frames long": Defect(order=(*EVERY, *(5 * (COUNT - 1,))), metrics={"surplus": 5, "missing": 0}),
    "two frames late": Defect(order=(0, 0, *EVERY[:-2]), metrics={"lag_frames": 2, "missing": 2}),
    "lines added": Defect(size=(192, 128), metrics={"size_given": "192x128"}),
    "moved by some pixels": Defect(
        draw=lambda parts: shift(parts, 6, -4), metrics={"placement": [[1.0, 6.0], [1.0, -4.0]]}
    ),
    "crop_and_scale and scaled up": Defect(draw=lambda parts: crop_and_scale(parts, 8, 4, 176, 110), error=4.0),
    "levels and colours shifted": Defect(draw=change_levels),
    "half size": Defect(size=(96, 60), metrics={"size_given": "96x60"}, error=3.5),
}


def taken(context, defect):
    """Make a film, its segment, and a take of it with a face that is lighter; coded as hosts do."""
    media = write_pictures(context, [draw_waves(number) for number in range(COUNT)])
    placed = Transcode().run(context, TranscodeParams(), segment(media, 0, COUNT))
    source = [frame_planes(frame) for frame in decode_frames(context.path(placed.media.file), placed.media.video.index)]
    return take_of_pictures(context, placed, [draw_take(source[number], defect) for number in defect.order])


def draw_take(parts, defect):
    parts = [part.copy() for part in parts]
    parts[0][FACE] = parts[0][FACE].astype(int) * 0 + lighten(parts[0])[FACE]
    parts = defect.draw(parts) if defect.draw else parts
    height = defect.size[1]
    if defect.size[0] == SIZE[0] and height > SIZE[1]:
        extra = height - SIZE[1]
        parts = [
            np.pad(part, ((0, extra // share), (0, 0)), mode="edge")
            for part, share in zip(parts, (1, 2, 2), strict=True)
        ]
    elif defect.size != SIZE:
        parts = frame_planes(frame_from_planes(parts, "yuv420p").reformat(*defect.size, interpolation="BICUBIC"))
    return parts


def lighten(luma):
    return np.clip(luma.astype(int) + LIFT, 0, 255).astype(np.uint8)


def draw_waves(number):
    """Draw a texture that stays where it is, with waves that stand and beat at rates of their own."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    parts = texture(SIZE, 0)
    first, second = np.sin(columns * 0.13 + rows * 0.02), np.cos(rows * 0.09 - columns * 0.03)
    waves = 16 * first * np.sin(number * 0.23) + 14 * second * np.cos(number * 0.41)
    return [np.clip(parts[0] + waves, 0, 255).round().astype(np.uint8), *parts[1:]]


def take_of_pictures(context, placed, pictures):
    return Take(segment=placed, media=write_pictures(context, pictures), provider="local", request={})


def run_conform(context, take, **params):
    return Conform().run(context, ConformParams(**params), take)


def lumas(context, media):
    return [frame_planes(frame)[0] for frame in decode_frames(context.path(media.file), media.video.index)]


@pytest.mark.parametrize("defect", CORRECTED)
def test_a_fault_is_measured_and_corrected(context, defect):
    """The face of every frame is that frame's, lightened; away from it every frame is the source's to the bit."""
    expected = CORRECTED[defect]
    take = taken(context, expected)

    result = run_conform(context, take)

    metrics = result.metrics["conform"]
    assert {key: metrics[key] for key in expected.metrics} == expected.metrics
    source, new = lumas(context, take.segment.source), lumas(context, result.media)
    inner, rim = (slice(48, 72), slice(70, 110)), (slice(0, 120), slice(170, 192))
    assert len(new) == COUNT
    for number, (before, after) in enumerate(zip(source, new, strict=True)):
        error = np.abs(after[inner].astype(int) - lighten(before)[inner]).mean()
        assert error < expected.error, f"frame {number}: {error:.2f} levels off"
        assert np.array_equal(before[rim], after[rim]) or np.abs(before[rim].astype(int) - after[rim]).mean() < 0.5


REFUSED = {
    "half of it missing": (Defect(order=EVERY[:12]), "no counterpart"),
    "black": (Defect(draw=lambda parts: [np.full_like(parts[0], 16), *parts[1:]]), "does not show what was sent"),
    "another scene": (
        Defect(draw=lambda parts: [np.ascontiguousarray(texture(SIZE, 300)[0][::-1, ::-1]), *parts[1:]]),
        "does not show what was sent",
    ),
    "frozen": (Defect(order=(4,) * COUNT), "is frozen|no counterpart"),
    "turned around": (Defect(draw=lambda parts: [part[::-1] for part in parts]), "does not show what was sent"),
    "bent": (Defect(draw=lambda parts: bend(parts, 8)), "not even moved or scaled"),
    "lean": (Defect(draw=lambda parts: lean(parts, 0.1)), "not even moved or scaled"),
    "another shape": (Defect(size=(192, 180)), "another shape"),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_a_take_that_cannot_be_corrected_is_refused(context, defect):
    """One line that names the segment."""
    wrong, message = REFUSED[defect]

    with pytest.raises(ProviderError, match=f"the take of s0.*({message})") as refused:
        run_conform(context, taken(context, wrong))

    assert "\n" not in str(refused.value)


def test_a_frozen_face_in_a_still_picture_is_refused(context):
    """Most of the picture never moves; the take stands still where the face does not."""
    still, count = texture(SIZE, 0), 24

    def picture(number):
        parts = [part.copy() for part in still]
        parts[0][30:90, 60:120] = texture(SIZE, number * 4)[0][30:90, 60:120]
        return parts

    media = write_pictures(context, [picture(number) for number in range(count)])
    placed = Transcode().run(context, TranscodeParams(), segment(media, 0, count))

    with pytest.raises(ProviderError, match=r"is frozen: it stands still in \d+ of \d+ frames"):
        run_conform(context, take_of_pictures(context, placed, [picture(5)] * count))


def test_a_damaged_take_is_a_provider_error(context):
    """Cut off in the middle of its pictures: refused, or its frames are counted as missing; never a traceback."""
    take = taken(context, Defect())
    data = context.path(take.media.file).read_bytes()
    path = context.temp_path("cut.mp4")
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2 - 4000) + data[-4000:])
    cut = take.model_copy(update={"media": take.media.model_copy(update={"file": context.store(path)})})

    with pytest.raises(ProviderError, match="the take of s0"):
        run_conform(context, cut)

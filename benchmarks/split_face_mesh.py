"""Split the landmark network of MediaPipe where it has operators that LiteRT lacks, into the two files of the package.

python benchmarks/split_face_mesh.py mediapipe/modules/face_landmark/face_landmark_with_attention.tflite FOLDER

The three operators (`Landmarks2TransformMatrix`, `TransformTensorBilinear`, `TransformLandmarks`) are written in
`pipeline/engine/landmarks/face_mesh.py`. Weights are copied. The schema of the files comes with LiteRT.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

PARTS: dict[str, tuple[tuple[int, ...] | None, tuple[int, ...]]] = {
    "face_mesh": (None, (719, 35, 710)),
    "lips_and_eyes": ((199, 200, 201), (697, 700, 703, 704, 707)),
}
"""File → tensors of the whole network that become its inputs and its outputs; None: the network's own inputs.

The first outputs are mesh, feature map and face flag; from the samples of the lips and of the left and right eye come
lips, left eye, left iris, right eye and right iris."""


def split(model: bytes) -> dict[str, bytes]:
    """Return the content of each file."""
    return {name: part(model, inputs, outputs) for name, (inputs, outputs) in PARTS.items()}


def part(model: bytes, inputs: Sequence[int] | None, outputs: Sequence[int]) -> bytes:
    """Return the network from some tensors to others, with nothing that it does not use."""
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    graph = tree.subgraphs[0]
    begin = [int(tensor) for tensor in (graph.inputs if inputs is None else inputs)]
    _keep_operators(graph, begin, outputs)
    _keep_tensors(graph, begin, outputs)
    buffers = _renumber([0, *(tensor.buffer for tensor in graph.tensors)])
    for tensor in graph.tensors:
        tensor.buffer = buffers[tensor.buffer]
    tree.buffers = [tree.buffers[old] for old in buffers]
    codes = _renumber([operator.opcodeIndex for operator in graph.operators])
    for operator in graph.operators:
        operator.opcodeIndex = codes[operator.opcodeIndex]
    tree.operatorCodes = [tree.operatorCodes[old] for old in codes]
    tree.metadata = tree.metadataBuffer = tree.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _keep_operators(graph: Any, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    maker = {int(tensor): number for number, operator in enumerate(graph.operators) for tensor in operator.outputs}
    needed: set[int] = set()
    wanted = [int(output) for output in outputs]
    while wanted:
        tensor = wanted.pop()
        number = None if tensor in inputs else maker.get(tensor)
        if number is not None and number not in needed:
            needed.add(number)
            wanted += [int(read) for read in graph.operators[number].inputs]
    graph.operators = [operator for number, operator in enumerate(graph.operators) if number in needed]


def _keep_tensors(graph: Any, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    used = [int(tensor) for operator in graph.operators for tensor in (*operator.inputs, *operator.outputs)]
    numbers = _renumber([*(tensor for tensor in used if tensor >= 0), *inputs, *outputs])
    graph.tensors = [graph.tensors[old] for old in numbers]
    numbers[-1] = -1  # an input that is left out
    for operator in graph.operators:
        operator.inputs, operator.outputs = _mapped(operator.inputs, numbers), _mapped(operator.outputs, numbers)
    graph.inputs, graph.outputs = _mapped(inputs, numbers), _mapped(outputs, numbers)


def _renumber(used: Sequence[int]) -> dict[int, int]:
    return {old: new for new, old in enumerate(sorted({int(number) for number in used}))}


def _mapped(old: Sequence[int], numbers: dict[int, int]) -> np.ndarray:
    return np.array([numbers[int(number)] for number in old], np.int32)


if __name__ == "__main__":
    for name, content in split(Path(sys.argv[1]).read_bytes()).items():
        (Path(sys.argv[2]) / f"{name}.tflite").write_bytes(content)

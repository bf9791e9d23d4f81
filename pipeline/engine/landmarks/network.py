"""Run one of the face networks with LiteRT; the networks are files of this package, and nothing is downloaded."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import MissingExtra
from ..available import not_installed
from ..quiet import quiet_import, silence_stderr

Tensor = NDArray[np.float32]
FOLDER = Path(__file__).parent / "networks"
RUNTIME = "ai-edge-litert"


def networks_identity() -> str:
    """Return the networks and what runs them as a text for cache keys.

    Raises:
        MissingExtra: LiteRT is not installed.
    """
    try:
        return f"FaceMesh of MediaPipe 0.10.14 in LiteRT {importlib.metadata.version(RUNTIME)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtra(not_installed()) from error


class Network:
    """One network in memory; inputs and outputs are float32 and come in the file's order."""

    def __init__(self, name: str) -> None:
        with quiet_import():
            from ai_edge_litert.interpreter import Interpreter

        with silence_stderr():
            # One thread: the networks are small, and clips are worked on side by side.
            self._interpreter = Interpreter(model_content=(FOLDER / f"{name}.tflite").read_bytes(), num_threads=1)
            self._interpreter.allocate_tensors()
        self._inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self._outputs: list[dict[str, Any]] = self._interpreter.get_output_details()

    def run(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs for these inputs; a leading axis of 1 may be left out of an input."""
        for detail, values in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], values.reshape(detail["shape"]))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

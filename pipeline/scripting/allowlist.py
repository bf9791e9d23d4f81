"""Scripts that may run: only files that the user named, on the command line or in the environment.

A preset can come from anywhere, so it names a function of such a file, never a path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import PresetError

ENVIRONMENT = "REACT1_SCRIPT"
Script = Callable[[Any, dict[str, Any]], Any]
"""`f(clip: moviepy.VideoClip, segment: dict) -> moviepy.VideoClip`."""


def script_file(function: str) -> Path:
    """Return the file that `module:function` belongs to.

    Raises:
        PresetError: the user has not named such a file, or it does not exist.
    """
    module = function.partition(":")[0]
    # Unlike Path.expanduser, this does not raise for a user who does not exist.
    paths = [
        Path(os.path.expanduser(part))  # noqa: PTH111
        for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep)
        if part
    ]
    for path in paths:
        if path.stem == module and path.suffix == ".py":
            if not path.is_file():
                raise PresetError(f"script {path}, named by {ENVIRONMENT} or --script, does not exist; check the path")
            return path
    allowed = f"allowed: {', '.join(path.name for path in paths)}" if paths else "no script is allowed"
    raise PresetError(
        f"script {function!r} is not allowed: a preset cannot bring its own code ({allowed}); "
        f"if you trust {module}.py, give --script /path/to/{module}.py or set {ENVIRONMENT}"
    )


def script_digest(function: str) -> str:
    """Return the SHA-256 of a function's file, in hex: it is part of the step's key."""
    return hashlib.sha256(script_file(function).read_bytes()).hexdigest()


def load_script(function: str) -> Script:
    """Run a function's file and return the function.

    Raises:
        PresetError: the file is not allowed, raises, or has no such function.
    """
    path = script_file(function)
    name = function.partition(":")[2]
    function_object = getattr(_run_file(path), name, None)
    if not callable(function_object):
        raise PresetError(f"script {path.name} has no function {name!r}")
    script: Script = function_object
    return script


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"react1_script_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PresetError(f"script {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PresetError(f"script {path.name} cannot be run: {type(error).__name__}: {error}") from error
    return module

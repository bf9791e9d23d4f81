"""Which functions may run: only those of files that the user named, on the command line or in the environment.

A preset can come from anywhere, so it names a function of such a file and never a path.
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
    """Find the file that `module:function` belongs to.

    Raises:
        PresetError: the user has named no such file, or it is not there.
    """
    module = function.partition(":")[0]
    # Unlike Path.expanduser, this leaves the name of a user who does not exist as it is.
    named = [
        Path(os.path.expanduser(part))  # noqa: PTH111
        for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep)
        if part
    ]
    for path in named:
        if path.stem == module and path.suffix == ".py":
            if not path.is_file():
                raise PresetError(f"script {path} is not there; {ENVIRONMENT} or --script names it")
            return path
    allowed = f"allowed now: {', '.join(path.name for path in named)}" if named else "no script is allowed now"
    raise PresetError(
        f"script {function!r} is not allowed: a preset cannot bring its own code ({allowed}); "
        f"if you trust {module}.py, give --script /path/to/{module}.py or set {ENVIRONMENT}"
    )


def script_digest(function: str) -> str:
    """Give the SHA-256 of the file that a function is taken from, in hex: it is part of the step's key."""
    return hashlib.sha256(script_file(function).read_bytes()).hexdigest()


def load_script(function: str) -> Script:
    """Give the function; its file runs now.

    Raises:
        PresetError: the file is not allowed, does not run, or has no such function.
    """
    path = script_file(function)
    name = function.partition(":")[2]
    found = getattr(_run_file(path), name, None)
    if not callable(found):
        raise PresetError(f"script {path.name} has no function {name!r}")
    script: Script = found
    return script


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"react1_script_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PresetError(f"script {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PresetError(f"script {path.name} does not run: {type(error).__name__}: {error}") from error
    return module

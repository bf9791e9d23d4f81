"""Where things are kept, and what the environment says. Read once, at the edge.

REACT1_HOME      the folder of the store and the runs (default: the user's data folder)
REACT1_FFMPEG    an ffmpeg to use instead of the one that imageio-ffmpeg brings
REACT1_FACE_MODEL  a file with the local engine's face model, where mediapipe does not carry one
REACT1_SCRIPT    files that the `script` node may take functions from
REACT1_MAX_COST  the most that a run may cost, in USD
SEGMIND_API_KEY, SYNC_API_KEY   the keys of the hosts; they are never written down
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from .errors import PresetError

_SET_HOME = "set --home or REACT1_HOME"


def home_folder(given: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Give the absolute folder of store and runs: as asked for, else REACT1_HOME, else the user's data folder.

    Raises:
        PresetError: there is no telling where it is.
    """
    environ = os.environ if environ is None else environ
    if given == "":
        raise PresetError(f"home '' names no folder; {_SET_HOME} to one")
    chosen = given or environ.get("REACT1_HOME")
    try:
        place = Path(chosen).expanduser().absolute() if chosen else _data_folder()
    except (RuntimeError, KeyError, OSError) as error:
        why = str(error).rstrip(".")
        raise PresetError(f"home {str(chosen or '~')!r} cannot be found: {why}; {_SET_HOME} to a folder") from error
    if not place.is_absolute():
        raise PresetError(f"this user has no home folder; {_SET_HOME} to a folder")
    return place


def require_folder(home: Path) -> Path:
    """Give a home back that is a folder, or that can become one.

    Raises:
        PresetError: it is something else, or lies in something else.
    """
    place = home
    try:
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            inside = "" if place == home else f" lies in {place}, which"
            raise PresetError(f"home {home}{inside} is not a folder; {_SET_HOME} to one")
    except (OSError, ValueError) as error:
        raise PresetError(f"home {home} cannot be looked at: {error}; {_SET_HOME} to a folder") from error
    return home


def max_cost_usd(given: float | None, environ: Mapping[str, str] | None = None) -> float | None:
    """Give the budget of a run in USD; None where nobody set one.

    Raises:
        PresetError: what was asked for, or REACT1_MAX_COST, is not an amount.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("REACT1_MAX_COST", "").strip()
    if given is None and not text:
        return None
    try:
        amount = float(text if given is None else given)
    except (TypeError, ValueError):
        amount = math.nan
    if not amount >= 0:
        name, told = ("REACT1_MAX_COST", text) if given is None else ("max cost", str(given))
        raise PresetError(f"{name} {told!r} is not an amount of USD from 0 up")
    return amount


def face_model_path(environ: Mapping[str, str] | None = None) -> Path | None:
    """Give the absolute path in REACT1_FACE_MODEL; None where it is not set. Whether it is a model is not looked at."""
    environ = os.environ if environ is None else environ
    named = environ.get("REACT1_FACE_MODEL", "").strip()
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:
        return Path(named).absolute()


def _data_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("react1", appauthor=False))

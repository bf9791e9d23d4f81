"""Where things are kept, and what the environment says. Read once, at the edge.

REACT1_HOME      the folder of the store and the runs (default: the user's data folder)
REACT1_FFMPEG    an ffmpeg to use instead of the one that imageio-ffmpeg brings
REACT1_SCRIPT    files that the `script` node may take functions from
REACT1_MAX_COST  the most that a run may cost, in USD
SEGMIND_API_KEY, SYNC_API_KEY   the keys of the hosts; they are never written down
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def home_folder(given: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Give the absolute folder of store and runs: as asked for, else REACT1_HOME, else the user's data folder."""
    environ = os.environ if environ is None else environ
    chosen = given or environ.get("REACT1_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("react1", appauthor=False))


def max_cost_usd(given: float | None, environ: Mapping[str, str] | None = None) -> float | None:
    """Give the budget of a run in USD; None where nobody set one.

    Raises:
        ValueError: REACT1_MAX_COST is not a number.
    """
    environ = os.environ if environ is None else environ
    if given is not None:
        return given
    text = environ.get("REACT1_MAX_COST", "").strip()
    return float(text) if text else None

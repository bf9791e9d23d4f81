r"""Settings from the environment, read where the program starts.

REACT1_HOME      the folder of the store and the runs (default: the user's data folder)
REACT1_FFMPEG    an ffmpeg to use instead of the one in imageio-ffmpeg
REACT1_SCRIPT    files from which the `script` node may load functions
REACT1_MAX_COST  the highest cost of a run, in USD
REACT1_BUDGET_MONTH  the highest cost of all calls of a calendar month (UTC), in USD
REACT1_STORE_LIMIT  prune the store to this size when a run ends, such as 50GB
REACT1_STORE     a store that several machines share: s3://bucket/prefix, or a folder
REACT1_PATH_MAP  where folders of other machines are on this one: OLD=NEW, or a file of rules, as below
REACT1_EXECUTOR  where calls run: local, processes, dask://host:port or ray://host:port
REACT1_SILENCE_S  seconds after which workers elsewhere stop the calls of a silent coordinator
REACT1_REQUIRE_CONSENT  1: no face is sent to a provider without a consent in its edit
REACT1_SIGN_CERTIFICATE, REACT1_SIGN_KEY  PEM files that sign films; the key is never copied
SEGMIND_API_KEY, SYNC_API_KEY   the providers' keys; they are never written to a file

Sizes and durations are read as people write them: `50GB`, `30d`.

Paths that lie elsewhere on this machine are mapped by REACT1_PATH_MAP, and by `--map` of a command:

    OLD=NEW;OLD=NEW    what begins with OLD begins with NEW here; the longest OLD that fits counts
    FILE.json          rules of Open Job Description (pathmapping-1.0), as a farm's worker writes them

Only folders are mapped, not beginnings of names. An OLD such as `D:\films` or `//server/films` is of Windows: case
does not matter, and both slashes separate. Jobs, sources, outputs, home folders and shared stores are mapped.

Source: Open Job Description, "How Jobs Are Run", path mapping.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from .errors import PresetError

PATH_MAP = "REACT1_PATH_MAP"
RULE_SEPARATOR = ";"
"""Between rules of a path map; a colon is part of Windows' paths."""
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")
_FORMATS: dict[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}


@dataclass(frozen=True)
class PathRule:
    """What begins with `old`, a path of another machine, begins with `new` here."""

    old: PurePath
    new: str

    def apply(self, path: str) -> str | None:
        """Return the path on this machine; None if the rule is for other paths."""
        written = type(self.old)(path)
        return str(Path(self.new, *written.relative_to(self.old).parts)) if written.is_relative_to(self.old) else None


def map_path(path: str, environ: Mapping[str, str] | None = None) -> str:
    """Return where a path of another machine is on this one; itself if no rule is for it.

    Raises:
        PresetError: REACT1_PATH_MAP cannot be read.
    """
    for rule in path_rules((os.environ if environ is None else environ).get(PATH_MAP, "")):
        mapped = rule.apply(path)
        if mapped is not None:
            return mapped
    return path


def path_in(folder: Path, written: str) -> Path:
    """Return where a path that is written in a file of a folder is on this machine.

    Raises:
        PresetError: REACT1_PATH_MAP cannot be read.
    """
    return folder / map_path(written)


def path_rules(text: str) -> list[PathRule]:
    """Return the rules of a setting, the longest first.

    Raises:
        PresetError: one is no rule, or a file of rules cannot be read.
    """
    rules = [rule for part in filter(None, map(str.strip, text.split(RULE_SEPARATOR))) for rule in _parse_rule(part)]
    return sorted(rules, key=lambda rule: len(rule.old.parts), reverse=True)


def _parse_rule(text: str) -> Iterator[PathRule]:
    old, equals, new = text.partition("=")
    if not equals:
        yield from _read_rules(text)
    elif not old or not Path(new).is_absolute():
        raise PresetError(f"--map or {PATH_MAP}: {text!r} is no rule; write OLD=NEW with an absolute path here")
    else:
        yield PathRule((PureWindowsPath if _WINDOWS.match(old) else PurePosixPath)(old), new)


def _read_rules(name: str) -> Iterator[PathRule]:
    try:
        data: Any = json.loads(Path(name).read_text(encoding="utf-8"))
        for rule in data.get("path_mapping_rules", ()):
            yield PathRule(_FORMATS[rule["source_path_format"]](rule["source_path"]), str(rule["destination_path"]))
    except OSError as error:
        raise PresetError(
            f"--map or {PATH_MAP}: {name!r} is neither OLD=NEW nor a file of rules: {error.strerror or error}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PresetError(f"--map or {PATH_MAP}: {name} has no rules of the form pathmapping-1.0: {error!r}") from error


_UNITS_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS_BYTES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def parse_bytes(text: str, where: str) -> int:
    """Parse a size such as `50GB` or `800 MiB`; a bare number is bytes.

    Raises:
        PresetError: it is not a size; `where` is named in the message.
    """
    return round(_parse_amount(text, where, _UNITS_BYTES, "a size; write it like 50GB or 800MB"))


def parse_duration_s(text: str, where: str) -> float:
    """Parse a duration such as `30d`, `12h` or `90m`, in seconds.

    Raises:
        PresetError: it is not a duration; `where` is named in the message.
    """
    return _parse_amount(text, where, _UNITS_S, "a duration; write it like 30d, 12h or 90m")


def bytes_text(size_bytes: int) -> str:
    """Return a size for people: `1.2 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def _parse_amount(text: str, where: str, units: dict[str, float] | dict[str, int], what: str) -> float:
    match = _AMOUNT.fullmatch(text)
    if match is None or match.group(2).lower() not in units:
        raise PresetError(f"{where}: {text!r} is not {what}")
    return float(match.group(1)) * units[match.group(2).lower()]


_SET_HOME = "set --home or REACT1_HOME"


def home_folder(option: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the absolute folder of store and runs: the option, else REACT1_HOME, else the user's data folder.

    Raises:
        PresetError: the folder cannot be determined.
    """
    environ = os.environ if environ is None else environ
    if option == "":
        raise PresetError(f"home is empty; {_SET_HOME} to a folder")
    folder_text = option or environ.get("REACT1_HOME")
    folder_text = folder_text and map_path(str(folder_text), environ)
    try:
        folder = Path(folder_text).expanduser().absolute() if folder_text else _data_folder()
    except (RuntimeError, KeyError, OSError) as error:
        reason = str(error).rstrip(".")
        shown = str(folder_text or "~")
        raise PresetError(f"home {shown!r} cannot be found: {reason}; {_SET_HOME} to a folder") from error
    if not folder.is_absolute():
        raise PresetError(f"this user has no home folder; {_SET_HOME} to a folder")
    return folder


def require_folder(home: Path) -> Path:
    """Return the home folder if it is a folder or can be created.

    Raises:
        PresetError: it, or the path above it, is not a folder; or its name is not UTF-8, as libraries need it.
    """
    folder = home
    try:
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            inside = "" if folder == home else f" is inside {folder}, which"
            raise PresetError(f"home {home}{inside} is not a folder; {_SET_HOME} to one")
        str(home).encode()
    except UnicodeEncodeError as error:
        raise PresetError(f"the name of home {str(home)!r} is not UTF-8; {_SET_HOME} to another folder") from error
    except (OSError, ValueError) as error:
        raise PresetError(f"home {home} cannot be read: {error}; {_SET_HOME} to a folder") from error
    return home


def require_file_path(path: Path, label: str, instead: str) -> Path:
    """Return a path if a file can be written there: it is no folder, and what is above it is no file.

    Args:
        path: where the file will be written.
        label: the option or setting and its value, for the message.
        instead: what to name in place of a folder.

    Raises:
        PresetError: the path is a folder, or is below a file.
    """
    if path.is_dir():
        raise PresetError(f"{label}: is a folder; name {instead}")
    _require_no_file_above(path, label)
    return path


def require_folder_path(path: Path, label: str, purpose: str) -> Path:
    """Return a path if a folder is there or can be created: neither it nor what is above it is a file.

    Args:
        path: the folder.
        label: the option and its value, for the message.
        purpose: what the folder is for.

    Raises:
        PresetError: the path is a file, or is below one.
    """
    if path.exists() and not path.is_dir():
        raise PresetError(f"{label}: is a file; name a folder for {purpose}")
    _require_no_file_above(path, label)
    return path


def _require_no_file_above(path: Path, label: str) -> None:
    above = next((folder for folder in path.parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise PresetError(f"{label}: {above} is a file; name another folder")


def max_cost_usd(option: float | None, environ: Mapping[str, str] | None = None) -> float | None:
    """Return the budget of a run in USD: the option, else REACT1_MAX_COST, else None.

    Raises:
        PresetError: the value is not an amount.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("REACT1_MAX_COST", "").strip()
    if option is None:
        return _amount_usd("REACT1_MAX_COST", text) if text else None
    return _amount_usd("max cost", option)


def month_budget_usd(environ: Mapping[str, str] | None = None) -> float | None:
    """Return the budget of a calendar month in USD: REACT1_BUDGET_MONTH, else None.

    Raises:
        PresetError: the value is not an amount.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("REACT1_BUDGET_MONTH", "").strip()
    return _amount_usd("REACT1_BUDGET_MONTH", text) if text else None


def _amount_usd(name: str, value: float | str) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if not amount >= 0:
        raise PresetError(f"{name} {str(value)!r} is not an amount of USD; write a number from 0 up")
    return amount


def store_limit_bytes(environ: Mapping[str, str] | None = None) -> int | None:
    """Return the size in bytes to which a finished run prunes the store: REACT1_STORE_LIMIT, else None.

    Raises:
        PresetError: the value is not a size.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("REACT1_STORE_LIMIT", "").strip()
    return parse_bytes(text, "REACT1_STORE_LIMIT") if text else None


def shared_store(environ: Mapping[str, str] | None = None) -> str:
    """Return REACT1_STORE, the place of the store that several machines share; empty: the home folder's own."""
    environ = os.environ if environ is None else environ
    return map_path(environ.get("REACT1_STORE", "").strip(), environ)


def executor_setting(environ: Mapping[str, str] | None = None) -> str:
    """Return REACT1_EXECUTOR, which says where calls run; empty: in this process."""
    environ = os.environ if environ is None else environ
    return environ.get("REACT1_EXECUTOR", "").strip()


def coordinator_silence_s(environ: Mapping[str, str] | None = None) -> float:
    """Return REACT1_SILENCE_S, the seconds after which workers stop the calls of a silent coordinator; default 90.

    Raises:
        PresetError: it is no number above 0.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("REACT1_SILENCE_S", "").strip()
    try:
        seconds = float(text or 90)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise PresetError(f"REACT1_SILENCE_S {text!r} is not a time; write seconds above 0, such as 90")
    return seconds


def requires_consent(environ: Mapping[str, str] | None = None) -> bool:
    """Return whether REACT1_REQUIRE_CONSENT forbids to send a face to a provider without a consent."""
    environ = os.environ if environ is None else environ
    return environ.get("REACT1_REQUIRE_CONSENT", "").strip().lower() in ("1", "true", "yes", "on")


def _data_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("react1", appauthor=False))

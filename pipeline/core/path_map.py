r"""Paths that lie elsewhere on this machine: REACT1_PATH_MAP, and `--map` of a command.

REACT1_PATH_MAP=OLD=NEW;OLD=NEW    what begins with OLD begins with NEW here; the longest OLD that fits counts
REACT1_PATH_MAP=FILE.json          rules of Open Job Description (pathmapping-1.0), as a farm's worker writes them

Only folders are mapped, not beginnings of names. An OLD such as `D:\films` or `//server/films` is of Windows: case
does not matter, and both slashes separate. Jobs, sources, outputs, home folders and shared stores are mapped.

Source: Open Job Description, "How Jobs Are Run", path mapping.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from .errors import PresetError

VARIABLE = "REACT1_PATH_MAP"
SEPARATOR = ";"
"""Between rules; a colon is part of Windows' paths."""
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
    for rule in path_rules((os.environ if environ is None else environ).get(VARIABLE, "")):
        mapped = rule.apply(path)
        if mapped is not None:
            return mapped
    return path


def path_rules(text: str) -> list[PathRule]:
    """Return the rules of a setting, the longest first.

    Raises:
        PresetError: one is no rule, or a file of rules cannot be read.
    """
    rules = [rule for part in filter(None, map(str.strip, text.split(SEPARATOR))) for rule in _parse(part)]
    return sorted(rules, key=lambda rule: len(rule.old.parts), reverse=True)


def _parse(text: str) -> Iterator[PathRule]:
    old, equals, new = text.partition("=")
    if not equals:
        yield from _read_rules(text)
    elif not old or not Path(new).is_absolute():
        raise PresetError(f"{VARIABLE}: {text!r} is no rule; write OLD=NEW with an absolute path of this machine")
    else:
        yield PathRule((PureWindowsPath if _WINDOWS.match(old) else PurePosixPath)(old), new)


def _read_rules(name: str) -> Iterator[PathRule]:
    try:
        data: Any = json.loads(Path(name).read_text(encoding="utf-8"))
        for rule in data.get("path_mapping_rules", ()):
            yield PathRule(_FORMATS[rule["source_path_format"]](rule["source_path"]), str(rule["destination_path"]))
    except OSError as error:
        raise PresetError(
            f"{VARIABLE}: {name!r} is neither OLD=NEW nor a file of rules: {error.strerror or error}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PresetError(f"{VARIABLE}: {name} has no rules of the form pathmapping-1.0: {error!r}") from error

"""The programs of a transport stream: their numbers and names, and which streams belong to each.

ffmpeg copies streams, and puts them all into one program of its own name unless it is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.node import NodeContext

_PROGRAM = re.compile(r"^  Program (\d+)")
_STREAM = re.compile(r"^  Stream #0:(\d+)")
_TAG = re.compile(r"^      (service_name|service_provider)\s*: (.*)$")
_LONE = re.compile(r"^  No Program|^Output #|^Stream mapping:")


@dataclass(frozen=True)
class Program:
    """One program."""

    number: int
    name: str
    provider: str
    streams: tuple[int, ...]


def programs(context: NodeContext, ffmpeg: str, path: Path) -> list[Program]:
    """Ask ffmpeg what programs a transport stream has; nothing is decoded."""
    look = ["-v", "info", "-i", f"file:{path}", "-map", "0:0", "-c", "copy", "-t", "0", "-f", "null", "-"]
    return read(context.run_tool([ffmpeg, "-hide_banner", "-nostdin", *look]))


def read(said: str) -> list[Program]:
    """Read the programs off what ffmpeg says of a file; pure."""
    found: list[Program] = []
    number, tags, streams = None, dict[str, str](), list[int]()
    for line in [*said.splitlines(), "Output #0"]:
        begun, stream, tag = _PROGRAM.match(line), _STREAM.match(line), _TAG.match(line)
        if (begun or _LONE.match(line)) and number is not None:
            name, provider = tags.get("service_name", ""), tags.get("service_provider", "")
            found.append(Program(number, name, provider, tuple(streams)))
            number = None
        if begun:
            number, tags, streams = int(begun[1]), {}, []
        elif number is not None and tag and not streams:
            tags[tag[1]] = tag[2].strip()
        elif number is not None and stream:
            streams.append(int(stream[1]))
        elif _LONE.match(line) and found:
            break
    return found


def options(found: Sequence[Program], places: Mapping[int, int]) -> dict[str, str]:
    """Name the programs to ffmpeg's muxer; `places` gives the place of each source stream in the new file.

    What follows the colon of `program` means nothing to ffmpeg, but keeps several apart, and in order.
    """
    made = {}
    for number, one in enumerate(found):
        told = [f"title={_escaped(one.name)}"] if one.name else []
        told += [f"program_num={one.number}", *(f"st={places[index]}" for index in one.streams if index in places)]
        made[f"program:{number:04}"] = ":".join(told)
        if one.provider:
            made[f"metadata:p:{number}"] = f"service_provider={one.provider}"
    return made


def _escaped(text: str) -> str:
    return re.sub(r"([\\':])", r"\\\1", text)

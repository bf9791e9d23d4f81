"""The programs of a transport stream: their numbers, names, and streams.

When ffmpeg copies a transport stream it puts all streams into one program, unless the programs are given as options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.nodes.node import NodeContext

_PROGRAM = re.compile(r"^  Program (\d+)")
_STREAM = re.compile(r"^  Stream #0:(\d+)")
_TAG = re.compile(r"^      (service_name|service_provider)\s*: (.*)$")
_END = re.compile(r"^  No Program|^Output #|^Stream mapping:")


@dataclass(frozen=True)
class Program:
    """One program."""

    number: int
    name: str
    provider: str
    streams: tuple[int, ...]


def read_programs(context: NodeContext, ffmpeg: str, path: Path) -> list[Program]:
    """List the programs of a transport stream with ffmpeg; nothing is decoded."""
    options = ["-v", "info", "-i", f"file:{path}", "-map", "0:0", "-c", "copy", "-t", "0", "-f", "null", "-"]
    return parse_programs(context.run_tool([ffmpeg, "-hide_banner", "-nostdin", *options]))


def parse_programs(log: str) -> list[Program]:
    """Parse the programs from ffmpeg's log of an input file."""
    programs: list[Program] = []
    number, tags, streams = None, dict[str, str](), list[int]()
    for line in [*log.splitlines(), "Output #0"]:
        header, stream, tag = _PROGRAM.match(line), _STREAM.match(line), _TAG.match(line)
        if (header or _END.match(line)) and number is not None:
            name, provider = tags.get("service_name", ""), tags.get("service_provider", "")
            programs.append(Program(number, name, provider, tuple(streams)))
            number = None
        if header:
            number, tags, streams = int(header[1]), {}, []
        elif number is not None and tag and not streams:
            tags[tag[1]] = tag[2].strip()
        elif number is not None and stream:
            streams.append(int(stream[1]))
        elif _END.match(line) and programs:
            break
    return programs


def program_options(programs: Sequence[Program], output_index: Mapping[int, int]) -> dict[str, str]:
    """Return ffmpeg's muxer options for the programs; `output_index` maps source streams to output streams.

    ffmpeg ignores what follows the colon of `program`; it keeps several options apart, and in order.
    """
    options = {}
    for place, program in enumerate(programs):
        fields = [f"title={_escape(program.name)}"] if program.name else []
        streams = (f"st={output_index[index]}" for index in program.streams if index in output_index)
        fields += [f"program_num={program.number}", *streams]
        options[f"program:{place:04}"] = ":".join(fields)
        if program.provider:
            options[f"metadata:p:{place}"] = f"service_provider={program.provider}"
    return options


def _escape(text: str) -> str:
    return re.sub(r"([\\':])", r"\\\1", text)

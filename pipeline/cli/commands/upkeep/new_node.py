"""`react1 new-node`: write a package with a node of your own, its registration, and tests that pass."""

from __future__ import annotations

import keyword
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ....core.errors import PresetError
from ...messages import out, report_failures

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

_IMPORTED = ("Any", "ClipRecipe", "FolderContext", "NodeTests", "Params", "Path", "Segment")
"""What the module of the node uses after it has defined its class, and its test beside the class."""

_PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "react1-{dashed}"
version = "0.1.0"
description = "A node for react1-nodes."
requires-python = ">=3.11"
dependencies = ["react1-nodes"]

[project.optional-dependencies]
test = ["pytest>=8"]

[project.entry-points."react1.nodes"]
{name} = "react1_{name}.{name}:{cls}"

[tool.setuptools.packages.find]
where = ["src"]

[tool.pytest.ini_options]
pythonpath = ["src"]
"""

_PACKAGE = '"""Nodes for react1-nodes."""\n'

_NODE = '''"""Turn the picture of a segment upside down.

Takes   a segment.
Gives   the same segment with its picture turned; frames, sound and timing stay.
Raises  InputMediaError when the segment has no picture; ToolFailed when ffmpeg fails.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from react1.plugin import InputMediaError, NodeContext, Params, Segment, Workload, ffmpeg_path, probe


class {cls}Params(Params):
    """What to turn."""

    mirror: bool = Field(default=False, description="flip left to right as well")


class {cls}:
    """Turn the picture of a segment upside down."""

    name: ClassVar[str] = "{name}"
    version: ClassVar[int] = 1  # part of the store key: raise it when the same inputs would give other bytes
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    def run(self, context: NodeContext, params: {cls}Params, segment: Segment) -> Segment:
        """Write the turned clip to a new file; the input is never changed."""
        if segment.media.video is None:
            raise InputMediaError(f"{{segment.name}}: the clip has no picture to turn")
        source, target = context.path(segment.media.file), context.temp_path("turned.mov")
        context.run_tool(command(str(source), str(target), params.mirror))
        file = context.store(target)
        return segment.model_copy(update={{"media": probe(context.path(file), file)}})


def command(source: str, target: str, mirror: bool) -> list[str]:
    """Build the ffmpeg command. Pure, so that its flags are tested without ffmpeg."""
    filters = "vflip,hflip" if mirror else "vflip"
    coding = ["-c:v", "libx264", "-crf", "0", "-threads", "4", "-c:a", "copy"]
    return [ffmpeg_path(), "-v", "error", "-y", "-i", source, "-vf", filters, *coding, target]
'''

_TEST = '''"""The node `{name}`."""

from pathlib import Path
from typing import Any

import av
import pytest
from react1.plugin import Segment
from react1.testing import ClipRecipe, FolderContext, NodeTests, frame_number, make_segment
from react1_{name}.{name} import {cls}, {cls}Params, command


class Test{cls}(NodeTests):
    """The conformance suite of react1."""

    node = {cls}

    def inputs(self, context: FolderContext) -> dict[str, Segment]:
        """A short clip whose frames show their numbers."""
        return {{"segment": make_segment(context, ClipRecipe(frames=10))}}


def pictures(context: FolderContext, segment: Segment) -> list[Any]:
    """Decode the clip of a segment: a list of `(height, width, 3) uint8` RGB."""
    with av.open(str(context.path(segment.media.file))) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("mirror", [False, True])
def test_every_frame_is_turned(tmp_path: Path, mirror: bool) -> None:
    """Turned back, each frame shows its number."""
    context = FolderContext(tmp_path)

    turned = {cls}().run(context, {cls}Params(mirror=mirror), make_segment(context, ClipRecipe(frames=10)))

    back = [image[::-1, ::-1] if mirror else image[::-1] for image in pictures(context, turned)]
    assert [frame_number(image) for image in back] == list(range(10))


def test_mirror_adds_a_filter() -> None:
    """The option reaches ffmpeg."""
    assert "vflip,hflip" in command("a.mov", "b.mov", True)
    assert "vflip" in command("a.mov", "b.mov", False)
'''

_README = """# react1-{dashed}

The node `{name}` for react1-nodes.

    pip install -e '.[test]'
    pytest
    react1 nodes            # lists it
"""


def write_package(name: str, folder: Path) -> list[Path]:
    """Write the package of a new node into a new or empty folder.

    Args:
        name: the node's name in presets: lower case, digits, underscores.
        folder: where the package goes.

    Returns:
        The files, in the order in which they are worth reading.

    Raises:
        PresetError: the name cannot be used or is taken, or the folder is not empty.
    """
    from ....core.nodes.registry import load_registry

    cls = "".join(part.title() for part in name.split("_"))
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.iskeyword(cls) or cls in _IMPORTED:
        raise PresetError(f"{name!r} cannot name a node; use lower case, digits and underscores, such as add_grain")
    if name in load_registry().nodes:
        raise PresetError(f"the node {name!r} exists already; choose another name (react1 nodes lists them)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PresetError(f"{folder} is not an empty folder; choose another")
    words = {"name": name, "dashed": name.replace("_", "-"), "cls": cls}
    package = folder / "src" / f"react1_{name}"
    files = {
        package / f"{name}.py": _NODE,
        folder / "tests" / f"test_{name}.py": _TEST,
        package / "__init__.py": _PACKAGE,
        folder / "pyproject.toml": _PYPROJECT,
        folder / "README.md": _README,
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**words), encoding="utf-8")
    return list(files)


EXAMPLES = ("react1 new-node add_grain my-nodes",)


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node's name in presets, such as add_grain.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder for the package.")],
) -> None:
    """Write a package with a node of your own, registered, and with tests that pass."""
    with report_failures():
        for path in write_package(name, folder):
            out(str(path))
        out(f"next: cd {shlex.quote(str(folder))} && pip install -e '.[test]' && pytest")

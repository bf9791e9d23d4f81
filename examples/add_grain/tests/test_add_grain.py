"""The node `add_grain`."""

from pathlib import Path
from typing import Any

import av
import pytest
from react1.plugin import Segment
from react1.testing import ClipRecipe, FolderContext, NodeTests, frame_number, make_segment
from react1_add_grain.add_grain import AddGrain, AddGrainParams, command


class TestAddGrain(NodeTests):
    """The conformance suite of react1."""

    node = AddGrain

    def inputs(self, context: FolderContext) -> dict[str, Segment]:
        """A short clip whose frames show their numbers."""
        return {"segment": make_segment(context, ClipRecipe(frames=10))}


def pictures(context: FolderContext, segment: Segment) -> list[Any]:
    """Decode the clip of a segment: a list of `(height, width, 3) uint8` RGB."""
    with av.open(str(context.path(segment.media.file))) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("mirror", [False, True])
def test_every_frame_is_turned(tmp_path: Path, mirror: bool) -> None:
    """Turned back, each frame shows its number."""
    context = FolderContext(tmp_path)

    turned = AddGrain().run(context, AddGrainParams(mirror=mirror), make_segment(context, ClipRecipe(frames=10)))

    back = [image[::-1, ::-1] if mirror else image[::-1] for image in pictures(context, turned)]
    assert [frame_number(image) for image in back] == list(range(10))


def test_mirror_adds_a_filter() -> None:
    """The option reaches ffmpeg."""
    assert "vflip,hflip" in command("a.mov", "b.mov", True)
    assert "vflip" in command("a.mov", "b.mov", False)

"""The public API as users call it. Only type-checked, by mypy --strict and pyright, against an installed copy."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, assert_type

from react1 import Edit, Pipeline, Plan, arun, load_preset, plan, run
from react1.plugin import File, InputMediaError, Media, NodeContext, Params, Segment, Take, Workload, probe
from react1.testing import ClipRecipe, FakeClock, FolderContext, NodeTests, make_clip, make_segment

edit = Edit(in_="00:00:01.200", out="00:00:02.400", prompt="happy")
assert_type(edit, Edit)
Edit(in_="30f", out="60f", prompt="sad", temperature=0.6, audio="line.wav", audio_mix="mix", audio_gain=-3.0)
Edit(in_=1.5, out=2.5, sync_mode="silence", name="s01", snap="shot")
Edit(at={"text": "never again"}, prompt="angry", takes={"prompt": ["happy", "sad"]})
Edit(in_="1", out="2", prompt="hapy")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Edit(in_="1", out="2", promt="happy")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

preset = load_preset("emotion-edit")
result = run(preset, source="interview.mp4", edits=[edit], max_cost=5.0, yes=True)
assert_type(result.output, Path | None)
assert_type(result.report, Path | None)
assert_type(result.cost_usd, float)
for segment in result.segments:
    assert_type(segment.name, str)
    assert_type(segment.request_id, str | None)
run("job.yaml", provider="local", home=Path("store"))
run("emotion-edit", source="a.mp4", edits="1-2:happy:0.5")
assert_type(plan("emotion-edit", source="a.mp4", edits="1-2:happy"), Plan)
assert_type(Pipeline().fetch("a.mp4").trim(edits=[edit]).to_yaml(), str)
assert_type(Pipeline.from_yaml("steps: [upload]"), Pipeline)


async def run_in_a_loop() -> None:
    """Await a run."""
    assert_type((await arun(preset, source="a.mp4", edits=[edit])).cost_usd, float)


class FlipParams(Params):
    """Nothing to choose."""


class Flip:
    """A node as a plug-in writes it."""

    name: ClassVar[str] = "flip"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    def run(self, context: NodeContext, params: FlipParams, segment: Segment) -> Segment:
        """Return the segment with another file."""
        if segment.media.video is None:
            raise InputMediaError("no picture")
        target = context.temp_path("flipped.mov")
        assert_type(context.run_tool(["ffmpeg", str(target)], duration_s=1.0), str)
        file = context.store(target)
        assert_type(file, File)
        assert_type(probe(context.path(file), file), Media)
        return segment.model_copy(update={"media": probe(context.path(file), file)})


class TestFlip(NodeTests):
    """The suite, as a plug-in's tests use it."""

    node = Flip

    def inputs(self, context: FolderContext) -> dict[str, Segment]:
        """Return the inputs of `run`."""
        return {"segment": make_segment(context, ClipRecipe(frames=5))}


def uses_takes(take: Take, folder: Path) -> None:
    """Read the fields of a take."""
    assert_type(take.segment.start_frame, int)
    assert_type(take.cost_usd, float)
    assert_type(take.notes, tuple[str, ...])
    assert_type(make_clip(folder / "a.mov", ClipRecipe(frames=3)), Path)
    assert_type(FakeClock().elapsed_s, float)

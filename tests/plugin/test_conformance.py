"""`react1.testing`: the suite passes for a right node, and each of its tests fails for a wrong one."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
from pydantic import ConfigDict, Field

from react1.plugin import InputMediaError, NodeContext, Params, Segment, ToolFailed, Workload, ffmpeg_path, probe
from react1.testing import ClipRecipe, FolderContext, NodeTests, frame_numbers, make_clip, make_segment

pytestmark = pytest.mark.slow


class CopyParams(Params):
    """No choice but one."""

    loud: bool = Field(default=False, description="nothing that is heard")


class Copy:
    """Copy the clip of a segment packet by packet."""

    name: ClassVar[str] = "copy"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    def run(self, context: NodeContext, params: CopyParams, segment: Segment) -> Segment:
        if segment.media.video is None:
            raise InputMediaError(f"{segment.name}: no picture")
        target = context.temp_path("copy.mov")
        source = str(context.path(segment.media.file))
        context.run_tool([ffmpeg_path(), "-v", "error", "-i", source, "-c", "copy", "-bitexact", str(target)])
        for share in (0.5, 1.0):
            context.progress(share)
        file = context.store(target)
        return segment.model_copy(update={"media": probe(context.path(file), file)})


class CopyTests(NodeTests):
    """The suite, filled in; not collected under this name."""

    node = Copy

    def inputs(self, context):
        return {"segment": make_segment(context, ClipRecipe(frames=5))}

    def failures(self, context):
        silent = make_segment(context, ClipRecipe(frames=5))
        media = silent.media.model_copy(update={"video": None})
        yield self.params(), {"segment": silent.model_copy(update={"media": media})}, InputMediaError


class TestCopy(CopyTests):
    """A right node passes."""


SUITE = [name for name in dir(NodeTests) if name.startswith("test_")]


def run_test(name, node, tmp_path, **overrides):
    """Run one test of the suite on a node."""
    suite = type("Suite", (CopyTests,), {"node": node, **overrides})()
    test = getattr(suite, name)
    test(tmp_path) if "tmp_path" in test.__code__.co_varnames else test()


def variant(**changes):
    """Return a node that differs from `Copy`."""
    return type("Copy", (Copy,), {"__doc__": Copy.__doc__, **changes})


class BareParams(Params):
    bare: bool = False


class OpenParams(Params):
    model_config = ConfigDict(frozen=True, extra="ignore")


def with_params(model):
    def run(self, context, params, segment):
        return Copy().run(context, CopyParams(), segment)

    run.__annotations__ = {"context": NodeContext, "params": model, "segment": Segment, "return": Segment}
    return variant(run=run)


def changed_run(change):
    """Return a node whose `run` does something wrong after the right thing."""

    def run(self, context: NodeContext, params: CopyParams, segment: Segment) -> Segment:
        return change(context, segment, Copy().run(context, params, segment))

    return variant(run=run)


_COUNT = itertools.count()


def swallowing(self, context: NodeContext, params: CopyParams, segment: Segment) -> Segment:
    try:
        return Copy().run(context, params, segment)
    except BaseException:
        (context.folder / "store").mkdir(parents=True, exist_ok=True)
        (context.folder / "store" / "half.mov").write_bytes(b"half")
        raise


def stubborn(self, context: NodeContext, params: CopyParams, segment: Segment) -> Segment:
    try:
        return Copy().run(context, params, segment)
    except BaseException:
        return segment


def overwriting(context, segment, result):
    with context.path(segment.media.file).open("ab") as stream:
        stream.write(b"x")
    return result


def falling(context, segment, result):
    context.progress(0.2)
    return result


WRONG = [
    ("test_the_header_follows_the_contract", variant(__doc__="")),
    ("test_the_header_follows_the_contract", variant(version=0)),
    ("test_every_parameter_is_described_and_unknown_ones_are_refused", with_params(BareParams)),
    ("test_every_parameter_is_described_and_unknown_ones_are_refused", with_params(OpenParams)),
    ("test_the_result_is_of_the_declared_type", changed_run(lambda _context, _segment, result: [result])),
    ("test_the_result_is_of_the_declared_type", changed_run(lambda _context, segment, _result: segment.media)),
    (
        "test_the_same_inputs_give_the_same_result",
        changed_run(lambda _c, _s, result: result.model_copy(update={"notes": (f"run {next(_COUNT)}",)})),
    ),
    (
        "test_the_result_survives_json",
        changed_run(lambda _c, _s, result: result.model_copy(update={"metrics": {"sizes": (1, 2)}})),
    ),
    ("test_inputs_are_not_changed", changed_run(overwriting)),
    ("test_progress_rises", changed_run(falling)),
    ("test_a_stop_passes_through_and_leaves_no_half_file", variant(run=swallowing)),
    ("test_a_stop_passes_through_and_leaves_no_half_file", variant(run=stubborn)),
]


@pytest.mark.parametrize(("name", "node"), WRONG)
def test_a_wrong_node_fails(name, node, tmp_path):
    """In the test that is there for it."""
    with pytest.raises((AssertionError, TypeError)):
        run_test(name, node, tmp_path)


def test_a_key_without_the_version_fails(monkeypatch, tmp_path):
    """A raised version must give another key; else old results would be used for ever."""
    from react1.testing import node_tests as public

    monkeypatch.setattr(public, "make_parts", lambda node, params, inputs, tools: {"node": node.name})
    with pytest.raises(AssertionError):
        run_test("test_the_key_is_stable_and_follows_the_version", Copy, tmp_path)


def test_parameters_that_json_changes_fail(tmp_path):
    """A parameter that does not survive JSON would be another one when the run is resumed."""

    class Shifty(Params):
        value: float = Field(default=float("nan"), description="never equal to itself")

    with pytest.raises((AssertionError, ValueError)):
        run_test("test_parameters_survive_json", with_params(Shifty), tmp_path, params=lambda self: Shifty())


def test_a_failure_that_is_not_raised_fails(tmp_path):
    """Inputs that the node must refuse and does not."""

    def failures(self, context):
        yield self.params(), self.inputs(context), ToolFailed

    with pytest.raises(AssertionError, match="did not raise ToolFailed"):
        run_test("test_declared_failures_are_raised_in_one_line", Copy, tmp_path, failures=failures)


def test_every_test_of_the_suite_is_seen_to_fail():
    """Those above, by name."""
    alone = {
        "test_the_key_is_stable_and_follows_the_version",
        "test_parameters_survive_json",
        "test_declared_failures_are_raised_in_one_line",
    }

    assert {name for name, _ in WRONG} | alone == set(SUITE)


def test_the_public_clip_carries_its_truth(tmp_path):
    """Each frame shows its number."""
    clip = make_clip(tmp_path / "clip.mov", frames=7, size=(160, 90))

    assert frame_numbers(clip) == list(range(7))


def test_a_context_that_is_stopped_raises_from_then_on(tmp_path):
    """As the runner's does."""
    from react1.plugin import Interrupted

    context = FolderContext(tmp_path, stop_after=1)
    context.temp_path("a")

    for _ in range(2):
        with pytest.raises(Interrupted):
            context.progress(0.5)

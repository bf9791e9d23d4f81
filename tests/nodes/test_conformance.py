"""The shipped nodes pass the suite that plug-ins use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from film_cache import cached_film
from layers import ROOT

from react1.nodes.compare import Compare, CompareParams
from react1.nodes.conform import Conform
from react1.nodes.normalize_audio import NormalizeAudio
from react1.nodes.splice import Splice, SpliceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.values import Take
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.server.worker import mark_argv
from react1.plugin import Edit, InputMediaError
from react1.testing import ClipRecipe, NodeTests, make_clip, make_segment, probe_clip

pytestmark = pytest.mark.slow

FILM = ClipRecipe(frames=20, size=(192, 108), gop=5)


def film(context, recipe=FILM):
    """Return a film as a source of the node; a test that stops its node asks for it again and again."""
    path = cached_film(scratch_path(context, "film.mov"), recipe, lambda path: make_clip(path, recipe))
    return probe_clip(context, path)


def scratch_path(context, name):
    """Return the path of a file that is not stored."""
    folder = context.folder / "made"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def take(context):
    """Return a take of a segment from the middle of a film, which shows what was sent."""
    source = film(context)
    segment = make_segment(context, replace(FILM, frames=8, first_number=6))
    segment = segment.model_copy(
        update={"source": source, "start_frame": 6, "end_frame": 14, "frames": tuple(range(6, 14))}
    )
    return Take(segment=segment, media=segment.media, provider="local", request={})


def marked_take(context):
    """Return that take with a lighter square: one that changes nothing cannot be conformed."""
    sent = take(context)
    path = cached_film(
        scratch_path(context, "marked.mp4"),
        ("marked", sent.media.file.digest),
        lambda path: run_tool(mark_argv(ffmpeg_path(), context.path(sent.media.file), path)),
    )
    return sent.model_copy(update={"media": probe_clip(context, path)})


class TestTrim(NodeTests):
    """Two spans of one film."""

    node = Trim

    def params(self):
        return TrimParams(edits=[Edit(in_="5f", out="8f"), Edit(in_="12f", out="15f")], handles="2f")

    def inputs(self, context):
        return {"source": film(context)}

    def failures(self, context):
        yield TrimParams(edits=[Edit(in_="15f", out="30f")]), {"source": film(context)}, InputMediaError
        overlapping = TrimParams(edits=[Edit(in_="5f", out="0.4"), Edit(in_="8f", out="0.5")])
        yield overlapping, {"source": film(context)}, InputMediaError


class TestTranscode(NodeTests):
    """A short clip, for the preview."""

    node = Transcode

    def params(self):
        return TranscodeParams(profile="preview")

    def inputs(self, context):
        return {"segment": make_segment(context, FILM)}


class TestNormalizeAudio(NodeTests):
    """A clip with a tone and a click."""

    node = NormalizeAudio

    def inputs(self, context):
        return {"segment": make_segment(context, FILM)}


class TestCompare(NodeTests):
    """A film beside itself."""

    node = Compare

    def params(self):
        return CompareParams(max_height_px=64)

    def inputs(self, context):
        return {"before": film(context), "after": film(context)}


class TestConform(NodeTests):
    """A take that shows what was sent, with a mark."""

    node = Conform

    def inputs(self, context):
        return {"take": marked_take(context)}


class TestSplice(NodeTests):
    """A conformed take, put back into its film."""

    node = Splice

    def params(self):
        return SpliceParams()

    def inputs(self, context):
        one_take = take(context).model_copy(update={"conformed": True})
        return {"source": one_take.segment.source, "takes": [one_take]}


def test_the_nodes_that_are_not_here_are_known():
    """They need a network, a provider, a run or a script; their own tests cover them."""
    tested = {"trim", "transcode", "normalize_audio", "compare", "conform", "splice"}
    others = {
        "disclose",
        "face",
        "fetch",
        "online",
        "react1",
        "relink",
        "report",
        "script",
        "script_take",
        "sign",
        "timeline",
        "upload",
    }

    assert tested | others == {path.stem for path in (ROOT / "nodes").glob("*.py")} - {"__init__"}

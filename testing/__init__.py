"""Test your own nodes: a context on a temporary folder, clips that carry their truth, a clock, and a conformance suite.

    from react1.testing import ClipRecipe, NodeTests, make_segment

    class TestFlip(NodeTests):
        node = Flip

        def params(self):
            return FlipParams(both=True)

        def inputs(self, context):
            return {"segment": make_segment(context, ClipRecipe(frames=20))}

Everything that is not in `__all__` is private and may change.
"""

from __future__ import annotations

from .clips import (
    ClipRecipe,
    click_times_s,
    draw_frame,
    frame_number,
    frame_numbers,
    make_clip,
    make_segment,
    probe_clip,
)
from .executor_tests import ExecutorTests
from .fake_provider import FakeProvider
from .folder_context import FakeClock, FolderContext
from .node_tests import NodeTests
from .provider_tests import ProviderTests, ProviderTrial
from .scripted_host import Failure, HostJob, HostReply, HostRequest, ScriptedHost
from .store_tests import StoreTests

__all__ = [
    "ClipRecipe",
    "ExecutorTests",
    "Failure",
    "FakeClock",
    "FakeProvider",
    "FolderContext",
    "HostJob",
    "HostReply",
    "HostRequest",
    "NodeTests",
    "ProviderTests",
    "ProviderTrial",
    "ScriptedHost",
    "StoreTests",
    "click_times_s",
    "draw_frame",
    "frame_number",
    "frame_numbers",
    "make_clip",
    "make_segment",
    "probe_clip",
]

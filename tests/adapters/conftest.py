"""Fixtures for tests of ComfyUI's boxes: a stand-in server, and a film in its input folder."""

from __future__ import annotations

import comfyui
import pytest
from comfyui_jobs import Renderer, foreign_nodes
from numbered_clips import make_clip

from react1.nodes import react1 as react1_node
from react1.pipeline.adapters.comfyui import all_boxes
from react1.pipeline.adapters.comfyui.interfaces import mappings
from react1.pipeline.providers.local import LocalProvider


@pytest.fixture
def renderer(monkeypatch):
    """Replace the local engine."""
    double = Renderer()
    monkeypatch.setattr(react1_node, "render_take", double)
    monkeypatch.setattr(LocalProvider, "require", lambda self: None)
    monkeypatch.setattr("react1.pipeline.report.page.render_page", lambda *args: "<p>the report</p>")
    monkeypatch.setattr(react1_node.React1, "cache_salt", classmethod(lambda cls, params: ""))
    for name in ("SEGMIND_API_KEY", "SYNC_API_KEY", "REACT1_MAX_COST", "REACT1_HOME", "REACT1_COMFYUI_FOLDERS"):
        monkeypatch.delenv(name, raising=False)
    return double


@pytest.fixture
def server(monkeypatch, tmp_path, renderer):
    """Run a stand-in for ComfyUI with the pack, and a film in its input folder."""
    host = comfyui.install(monkeypatch, tmp_path / "ComfyUI")
    host.classes = {**mappings(all_boxes())[0], **foreign_nodes()}
    host.film = make_clip(tmp_path / "ComfyUI" / "input" / "film.mp4", frames=40, size=(160, 90), audio_codec="aac")
    host.renderer = renderer
    return host

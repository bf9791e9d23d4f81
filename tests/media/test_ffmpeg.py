"""Which tools do the work."""

import sys

import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path, tool_version


def test_the_bundled_ffmpeg_is_used_unless_another_is_configured(monkeypatch):
    """A system ffmpeg is never picked up by chance."""
    monkeypatch.delenv("REACT1_FFMPEG", raising=False)
    bundled = ffmpeg_path()
    monkeypatch.setenv("REACT1_FFMPEG", sys.executable)

    assert "imageio_ffmpeg" in bundled
    assert ffmpeg_path() == sys.executable


def test_a_missing_ffmpeg_is_a_preset_error(monkeypatch):
    """The variable and its value are named."""
    monkeypatch.setenv("REACT1_FFMPEG", "/nowhere/ffmpeg")

    with pytest.raises(PresetError, match=r"REACT1_FFMPEG='/nowhere/ffmpeg'"):
        ffmpeg_path()


def test_versions_of_tools_are_read(monkeypatch):
    """Of ffmpeg by asking it, of packages by their metadata, and nothing for what is not there."""
    monkeypatch.delenv("REACT1_FFMPEG", raising=False)

    assert tool_version("ffmpeg")[:1] in "n0123456789"
    assert tool_version("av").split(".")[0].isdigit()
    assert tool_version("no-such-tool") == ""

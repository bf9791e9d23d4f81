"""Every shipped preset runs on a small talking clip with the local engine."""

from __future__ import annotations

import functools
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from seen import gray_pictures

from react1.pipeline.api import run
from react1.pipeline.config.presets.shipped import shipped_names

pytestmark = pytest.mark.slow

SPAN = "0.6-1.4"
FIRST, LAST = 15, 35
COVERED = {"emotion-edit", "preview", "lips-only", "adr-replace", "from-web", "prepare", "turnover"}


def _frames(path):
    return gray_pictures(path).astype(np.int16)


def _packets(path, kind):
    with av.open(str(path)) as film:
        stream = next(stream for stream in film.streams if stream.type == kind)
        return [(p.pts, bytes(p)) for p in film.demux(stream) if p.size]


def _changed(before, after):
    """Return the frames that differ by more than re-encoding explains."""
    return [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if np.abs(a - b).max() > 40]


def test_every_shipped_preset_has_a_test_here():
    """A new preset must be added here."""
    assert set(shipped_names()) == COVERED


@pytest.mark.parametrize("preset", ["emotion-edit", "preview", "lips-only"])
def test_a_preset_changes_the_span_and_nothing_else(preset, talking_clip, home, tmp_path):
    """Frame count and audio packets stay the same, and the face changes only in the span."""
    out = tmp_path / "film.mp4"

    result = run(preset, source=talking_clip, edits=[f"{SPAN}:surprised:1"], out=out, home=home)

    before, after = _frames(talking_clip), _frames(out)
    assert before.shape == after.shape
    changed = _changed(before, after)
    assert changed
    assert FIRST <= changed[0] <= FIRST + 6
    assert LAST - 6 <= changed[-1] < LAST
    assert _packets(talking_clip, "audio") == _packets(out, "audio")
    assert result.checks["frames_equal"] is True
    assert result.checks["timestamps_equal"] is True
    assert set(result.checks) <= _documented_checks()
    assert [(s.start_frame, s.end_frame, s.provider) for s in result.segments] == [(FIRST, LAST, "local")]
    assert "preview" in result.report.read_text()


def _documented_checks():
    """Return the keys that the reference explains."""
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "json.md"
    rows = page.read_text("utf-8").partition("## `checks`")[2].split("\n| `")[1:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", "`" + row.partition("|")[0])}


def test_adr_replace_puts_the_new_line_into_the_span(talking_clip, home, tmp_path):
    """The film's audio is the new line in the span, and the source's outside of it."""
    line = _tone(tmp_path / "line.wav")
    out = tmp_path / "film.mp4"
    edit = {"in": "0.6", "out": "1.4", "prompt": "neutral", "audio": str(line)}

    result = run("adr-replace", source=talking_clip, edits=[_edit(edit)], out=out, home=home)

    before, after = _sound(talking_clip), _sound(out)
    assert len(before) == len(after)
    assert _tone_share(after[int(0.7 * 48000) : int(1.3 * 48000)]) > 0.8
    assert _tone_share(before[int(0.7 * 48000) : int(1.3 * 48000)]) < 0.3
    assert np.abs(before[: int(0.5 * 48000)] - after[: int(0.5 * 48000)]).max() < 0.02
    assert len(_frames(out)) == len(_frames(talking_clip))
    assert set(result.checks) <= _documented_checks()


def test_turnover_writes_a_clip_and_timelines(talking_clip, home, tmp_path):
    """The clip has the frames of the finished film, and the timelines have relative paths."""
    pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
    out, folder = tmp_path / "film.mp4", tmp_path / "turnover"

    edits = [{"in": "0.6", "out": "1.4", "prompt": "surprised", "temperature": 1, "name": "line3"}]
    result = run("turnover", source=talking_clip, edits=edits, out=out, turnover=folder, home=home, provider="local")

    assert (result.output, result.turnover) == (out, folder)
    shown = _frames(folder / "line3_react1_v001.mov")
    assert len(shown) == LAST - FIRST + 2 * 12
    assert np.abs(shown - _frames(out)[FIRST - 12 : LAST + 12]).max() < 16
    (avid,) = folder.glob("*.avid.edl")
    assert "00:00:00:15 00:00:01:10 00:00:00:15 00:00:01:10" in avid.read_text()
    assert len(list(folder.glob("*.otio"))) == len(list(folder.glob("*.fcpxml"))) == 2
    (otio,) = folder.glob("*.resolve.otio")
    assert "line3_react1_v001.mov" in otio.read_text() and str(tmp_path) not in otio.read_text()


def test_prepare_writes_video_and_audio_and_sends_nothing(talking_clip, home, tmp_path):
    """The folder has one video and one audio file per segment, with handles."""
    out = tmp_path / "segments"

    result = run("prepare", source=talking_clip, edits=[f"{SPAN}:happy"], out=out, home=home)

    assert sorted(path.name for path in out.iterdir()) == ["s01.mp4", "s01.voice.wav"]
    assert len(_frames(out / "s01.mp4")) == LAST - FIRST + 16
    assert result.segments[0].provider is None
    assert result.output == out


def test_from_web_downloads_a_url(talking_clip, home, tmp_path):
    """A film behind an HTTP URL is downloaded completely and edited locally."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(talking_clip.parent))
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{talking_clip.name}"
        out = tmp_path / "film.mp4"
        run("from-web", source=address, edits=[f"{SPAN}:surprised:1"], out=out, home=home, provider="local")
        server.shutdown()

    changed = _changed(_frames(talking_clip), _frames(out))
    assert changed
    assert changed[0] >= FIRST
    assert changed[-1] < LAST


def _edit(fields):
    from react1 import Edit

    return Edit.model_validate(fields)


def _tone(path):
    import wave

    samples = (np.sin(2 * np.pi * 1000 * np.arange(int(0.8 * 48000)) / 48000) * 12000).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 48000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    return path


def _sound(path):
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48000)
    with av.open(str(path)) as film:
        parts = [part.to_ndarray() for frame in film.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts, axis=1)[0]


def _tone_share(samples):
    """Return the share of the power at 1 kHz."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    near = round(1000 * len(samples) / 48000)
    return power[near - 5 : near + 6].sum() / power.sum()

"""Films of every codec, container, group of pictures and rate that the splice meets, each made once."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from numbered_clips import make_clip

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

FRAMES, GROUP = 36, 8
QUIET = "log-level=none"
_X265 = {"preset": "ultrafast"}

CODECS: dict[str, dict[str, Any]] = {
    "h264": {},
    "h264-10": {"pix_fmt": "yuv420p10le"},
    "h264-422": {"pix_fmt": "yuv422p"},
    "hevc": {"codec": "libx265"},
    "hevc-10": {"codec": "libx265", "pix_fmt": "yuv420p10le"},
    "prores": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {"qmin": "1", "qmax": "4"}},
    "dnxhr": {"codec": "dnxhd", "pix_fmt": "yuv422p", "options": {"profile": "dnxhr_hq"}, "size": (256, 128)},
    "ffv1": {"codec": "ffv1", "options": {"level": "3"}},
    "av1": {"codec": "libsvtav1"},
    "vp9": {"codec": "libvpx-vp9"},
}
PLACES: dict[str, list[tuple[int, int]]] = {
    "start": [(0, 3)],
    "end": [(33, FRAMES)],
    "one": [(13, 14)],
    "over-key": [(14, 19)],
    "adjacent": [(9, 11), (11, 14)],
    "whole": [(0, FRAMES)],
}
_FIRST = {"dnxhr": ".mov", "ffv1": ".mkv"}
"""Where PyAV writes a codec first: it asks the muxer, which does not own up to all that it takes."""
_SOUND = {".mov": "pcm_s16le", ".webm": "libopus"}
_UNEVEN = [512, 300, 900, 512, 77, 2000, 640, 512, 512, 640, 33, 512]
RATES: dict[str, Fraction] = {
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "23.976": Fraction(24000, 1001),
    "vfr": Fraction(25),
}
_CHAPTERS = """;FFMETADATA1
title=A film
artist=Nobody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=One
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1400
title=Two
"""
_WORDS = "1\n00:00:00,100 --> 00:00:00,600\nA word\n\n2\n00:00:00,700 --> 00:00:01,200\nAnother\n"


def recipe(codec: str, suffix: str, groups: str, rate: str) -> dict[str, Any]:
    """Describe a film for `make_clip`."""
    result = {"frames": FRAMES, "size": (128, 64), "colour": (1, 1, 1, 1), "sar": Fraction(4, 3), **CODECS[codec]}
    if codec == "mjpeg":
        result["colour"] = (2, 1, 1, 1)
    result |= {"rate": RATES[rate], "audio_codec": _SOUND.get(suffix, "aac")}
    if rate == "vfr":
        steps = _UNEVEN * (FRAMES // len(_UNEVEN))
        result["pts"] = tuple(sum(steps[:n]) for n in range(FRAMES))
    if suffix == ".mov":
        result |= {"rotation_deg": 180, "timecode": "01:00:00:00"}
    result["gop"] = {"intra": 1, "one": 250}.get(groups, GROUP)
    result["options"] = {**result.get("options", {}), **_group_options(codec, groups)}
    if codec.startswith("h264") and groups == "intra":
        result["bframes"] = 0
    return result


def _group_options(codec: str, groups: str) -> dict[str, str]:
    is_open = int(groups == "open")
    if codec.startswith("h264"):
        return {"x264-params": f"open-gop={is_open}:scenecut=0"}
    if codec.startswith("hevc"):
        return {
            **_X265,
            "x265-params": f"{QUIET}:open-gop={is_open}:scenecut=0:bframes={0 if groups == 'intra' else 2}",
        }
    if codec == "av1":
        every = ":keyint=1" if groups == "intra" else ""
        return {"preset": "11", "crf": "20", "svtav1-params": f"lp=1:irefresh-type={1 if is_open else 2}{every}"}
    if codec == "vp9":
        # `open` stands for alternate reference frames: hidden pictures in the packets of shown ones.
        hidden = {"auto-alt-ref": "1", "lag-in-frames": "12", "arnr-maxframes": "0"} if is_open else {}
        return {"deadline": "good" if is_open else "realtime", "cpu-used": "5", "crf": "10", "b": "0", **hidden}
    return {}


@cache
def shaped(folder: Path, codec: str, suffix: str, groups: str, rate: str) -> Path:
    """Make a film with tags, chapters and, where the container takes them, words and a timecode, in `folder`."""
    folder = folder / f"{codec}-{groups}-{rate}-{suffix[1:]}"
    bare = make_clip(folder / f"bare{_FIRST.get(codec, suffix)}", **recipe(codec, suffix, groups, rate))
    return dressed(bare, folder / f"film{suffix}")


def dressed(bare: Path, path: Path) -> Path:
    """Add tags, chapters and words to a film, its packets copied."""
    chapters, words = path.with_suffix(".txt"), path.with_suffix(".srt")
    chapters.write_text(_CHAPTERS, encoding="utf-8")
    words.write_text(_WORDS, encoding="utf-8")
    argv = [ffmpeg_path(), "-v", "error", "-i", f"{bare}", "-i", f"{chapters}", "-i", f"{words}"]
    argv += ["-map", "0:v", "-map", "0:a", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy"]
    written = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"}.get(path.suffix)
    if written:
        argv += ["-map", "2", "-c:s", written, "-metadata:s:a:0", "language=deu", "-metadata:s:s:0", "language=eng"]
    subprocess.run([*argv, str(path)], check=True, capture_output=True)
    return path

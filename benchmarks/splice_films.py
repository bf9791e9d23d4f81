"""The films of the splice benchmark: an encoded clip of ten seconds, repeated by stream copy, and a take."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

RATE, CLIP_S, EDIT_FRAMES = 30, 10, 240
CODING = ["-c:v", "libx264", "-preset", "medium", "-crf", "20", "-g", "60", "-pix_fmt", "yuv420p"]
"""The encoder options of the film, and of everything that re-encodes pictures here."""
LOSSLESS = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p"]


@dataclass(frozen=True)
class Film:
    """A film of 1920x1080 at 30 frames/s with one AAC track, and an edit of 8 s in its middle."""

    path: Path
    take: Path
    """The content of the edit: the span upside down, lossless."""
    minutes: int

    @property
    def frames(self) -> int:
        """The number of frames."""
        return self.minutes * 60 * RATE

    @property
    def start(self) -> int:
        """The first frame of the edit, away from any keyframe."""
        return self.frames // 2 + 17

    @property
    def end(self) -> int:
        """The first frame after the edit."""
        return self.start + EDIT_FRAMES


def ffmpeg(*argv: str) -> list[str]:
    """Return a command line of ffmpeg that is silent and overwrites."""
    return [ffmpeg_path(), "-nostdin", "-v", "error", "-y", *argv]


def make_clip(folder: Path) -> Path:
    """Encode ten seconds of a moving test picture with grain, and a tone."""
    clip = folder / "clip.mp4"
    picture = f"testsrc2=size=1920x1080:rate={RATE}:duration={CLIP_S},noise=alls=2:allf=t"
    sound = f"sine=frequency=440:sample_rate=48000:duration={CLIP_S}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run(ffmpeg(*inputs, *CODING, "-c:a", "aac", "-b:a", "128k", str(clip)), check=True)
    return clip


def make_film(folder: Path, clip: Path, minutes: int) -> Film:
    """Repeat the clip to the length of the film, and encode the take."""
    film = Film(folder / f"film{minutes}.mp4", folder / f"take{minutes}.mov", minutes)
    repeats = str(minutes * 60 // CLIP_S - 1)
    subprocess.run(ffmpeg("-stream_loop", repeats, "-i", str(clip), "-c", "copy", str(film.path)), check=True)
    # The clip's sound is a little longer than its picture: at each repetition a frame lasts 5 ms longer.
    seek = ["-ss", f"{max(film.start / RATE - 5, 0):.6f}"]
    cut = f"trim=start_frame=0:end_frame={EDIT_FRAMES},setpts=PTS-STARTPTS,vflip"
    subprocess.run(ffmpeg(*seek, "-i", str(film.path), "-an", "-vf", cut, *LOSSLESS, str(film.take)), check=True)
    return film

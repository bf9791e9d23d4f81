"""Measure how large re-encoded pictures are, and how close to the source's, at both qualities of the splice.

    .venv/bin/python benchmarks/size.py [--films FILE…] [--seconds 2] [--curve]

The edit is the film's own pictures, so every re-encoded picture can be compared with the source's decoded one. Without
`--films` clips are made: a talk, strong grain, hard edges, each as x264 codes them by `crf` and by bit rate, HEVC of 8
and 10 bits, VP9. `grain` is the energy of the finest detail relative to the source's. `--curve` adds a row per step of
the quantiser.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from splice_films import ffmpeg

from react1.pipeline.core.errors import React1Error
from react1.pipeline.core.file import File
from react1.pipeline.core.values import VideoStream
from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe, require_video
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing.codecs.family import encode_packets, open_encoder
from react1.pipeline.splicing.codecs.quantiser import coarser
from react1.pipeline.splicing.encoders import EncoderSettings
from react1.pipeline.splicing.job import SpliceJob
from react1.pipeline.splicing.packet_index import PacketIndex, index_film
from react1.pipeline.splicing.pictures.frames import Insert
from react1.pipeline.splicing.pictures.likeness import luma_plane, psnr_db, ssim
from react1.pipeline.splicing.rate_match import decode_packets, match_rate
from react1.pipeline.splicing.smart_render import RenderPlan, plan_render
from react1.testing.folder_context import FolderContext

X264 = ["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p", "-g", "48"]
X265 = ["-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=none:keyint=48", "-tag:v", "hvc1"]
HDR = ["-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
GRAIN = "noise=alls=18:allf=t"
CODINGS = {
    "x264 crf 23": [*X264, "-crf", "23"],
    "x264 crf 14": [*X264, "-crf", "14"],
    "x264 1 Mbit/s": [*X264, "-b:v", "1M"],
    "x265 crf 28": [*X265, "-crf", "28", "-pix_fmt", "yuv420p"],
    "x265 HDR10 crf 24": [*X265, "-crf", "24", *HDR],
    "VP9 crf 33": ["-c:v", "libvpx-vp9", "-crf", "33", "-b:v", "0", "-cpu-used", "8", "-g", "48"],
}


@dataclass(frozen=True)
class Figures:
    """What was measured of the re-encoded pictures of a film."""

    frames: int
    source_bits: int
    coded_bits: int
    psnr_db: float
    least_psnr_db: float
    ssim: float
    grain: float
    cpu_s: float

    def row(self, name: str) -> str:
        """Return one line of the table."""
        factor = self.coded_bits / self.source_bits
        bits = f"{self.source_bits / 1000:9.0f} {self.coded_bits / 1000:9.0f} {factor:6.2f}"
        quality = f"{self.psnr_db:6.1f} ({self.least_psnr_db:.1f})  {self.ssim:.4f} {self.grain:6.2f}"
        return f"  {name:<34} {self.frames:5} {bits}   {quality} {self.cpu_s:7.2f}"


HEAD = f"  {'':<34} {'':5} {'kbit src':>9} {'coded':>9} {'×':>6}   {'PSNR (least)':>13}"
HEAD += f"  {'SSIM':>6} {'grain':>6} {'CPU s':>7}"


def make_clips(folder: Path, only: str) -> Iterator[tuple[str, Path]]:
    """Encode the made clips, 3 s of 640x360 at 24 frames/s."""
    talk = folder / "talk.mov"
    make_demo_clip(talk.with_suffix(".mp4"), seconds=3, size=(640, 360), rate=24, progress=lambda _: None)
    sources = {
        "talk": ["-i", str(talk.with_suffix(".mp4"))],
        "grain": ["-i", str(talk.with_suffix(".mp4")), "-vf", GRAIN],
        "edges": ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=3"],
    }
    for content, inputs in sources.items():
        for coding, options in CODINGS.items():
            if only not in f"{content}, {coding}":
                continue
            path = folder / f"{content}-{coding.replace(' ', '-').replace('/', '')}.mp4"
            subprocess.run(ffmpeg(*inputs, "-an", *options, str(path)), check=True)
            yield f"{content}, {coding}", path


def frames_of(source: Path, video: VideoStream, index: PacketIndex, first: int, end: int) -> list[VideoFrame]:
    """Return the stored pictures [first, end), in presentation order."""
    start, options = int(index.grid.stored_times(first, first + 1)[0]), index.grid.demuxer_options
    frames: list[VideoFrame] = []
    with closing(decode_frames(source, video.index, options=options, start_pts=start)) as decoded:
        for frame in decoded:
            if frame.pts is not None and frame.pts >= start:
                frames.append(frame)
            if len(frames) == end - first:
                break
    return frames


def detail(plane: np.ndarray) -> float:
    """Return the mean absolute Laplacian of a plane: grain, noise and the finest edges."""
    pixels = plane.astype(np.int32)
    inner = 4 * pixels[1:-1, 1:-1] - pixels[:-2, 1:-1] - pixels[2:, 1:-1] - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    return float(np.abs(inner).mean())


def measure(
    source: Path, video: VideoStream, index: PacketIndex, plan: RenderPlan, settings: Sequence[EncoderSettings]
) -> Figures:
    """Encode the ranges of a plan from the source's own pictures, and compare every picture."""
    sizes = index.grid.samples.sizes[np.argsort(index.grid.rank)]
    source_bits = coded_bits = 0
    psnrs, ssims, grains = [], [], []
    began = time.process_time()
    for item, chosen in zip(plan.ranges, settings, strict=True):
        frames = frames_of(source, video, index, item.first, item.end)
        numbered = ((frame, number) for number, frame in enumerate(frames))
        coded = list(encode_packets(numbered, video, chosen))
        packets, header = [packet.data for packet in coded], open_encoder(video, chosen).extradata
        source_bits += 8 * int(sizes[item.first : item.end].sum())
        coded_bits += 8 * sum(len(plan.encoder.convert_packet(packet.data, packet.key)) for packet in coded)
        for frame, picture in zip(frames, decode_packets(packets, video.codec, header), strict=True):
            pair = luma_plane(frame), luma_plane(picture)
            psnrs.append(psnr_db(*pair, video.bit_depth))
            ssims.append(ssim(*pair, video.bit_depth))
            grains.append(detail(pair[1]) / max(detail(pair[0]), 1e-6))
    cpu_s = time.process_time() - began
    means = float(np.mean(psnrs)), min(psnrs), float(np.mean(ssims)), float(np.mean(grains))
    return Figures(len(psnrs), source_bits, coded_bits, *means, cpu_s)


def report(name: str, path: Path, folder: Path, seconds: float, *, curve: bool) -> None:
    """Print the rows of one film."""
    try:
        media = probe(path, File(digest="0" * 64, size_bytes=path.stat().st_size, suffix=path.suffix))
        video = require_video(media)
        index = index_film(path, media)
        length = max(1, round(seconds * video.rate))
        start = min(video.frame_count * 2 // 5, max(0, video.frame_count - length - 1))
        insert = Insert(start, min(start + length, video.frame_count - 1), path, skip=start)
        plan = plan_render(path, video, index, [insert])
        context = FolderContext(folder / name.replace("/", ""))
        job = SpliceJob(context, ffmpeg_path(), media, video, path, (insert,), ())
        began = time.process_time()
        matched = match_rate(job, index, plan)
        search_s = time.process_time() - began
    except (NotApplicable, React1Error) as error:
        print(f"  {name}: not spliced packet by packet ({error})", flush=True)
        return
    ranges = range(len(plan.ranges))
    steps = ", ".join(f"{step:g}" for step in matched.coarser_steps) or "no quantiser"
    print(measure(path, video, index, plan, [plan.settings(n) for n in ranges]).row(f"{name}: high"), flush=True)
    figures = measure(path, video, index, plan, [matched.settings(n) for n in ranges])
    print(
        figures.row("  matched") + f"  steps {steps}, search {search_s:.2f} s{' thorough' if matched.thorough else ''}",
        flush=True,
    )
    for step in range(4, 25, 4) if curve else ():
        settings = [coarser(plan.encoder.settings, float(step)) for _ in ranges]
        print(measure(path, video, index, plan, settings).row(f"  {step} steps"), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", nargs="*", type=Path, help="films instead of made clips")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of the edit, from two fifths of the film on")
    parser.add_argument("--only", default="", help="only clips with this in their name")
    parser.add_argument("--curve", action="store_true", help="every fourth step of the quantiser, from 4 on, too")
    args = parser.parse_args()
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        films = ((path.name[:26], path) for path in args.films) if args.films else make_clips(Path(folder), args.only)
        for name, path in films:
            if args.only in name:
                report(name, path, Path(folder), args.seconds, curve=args.curve)


if __name__ == "__main__":
    main()

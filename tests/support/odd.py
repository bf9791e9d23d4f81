"""Films that are made to trip: cut short, patched by hand, or written in ways that few programs write."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from numbered_clips import make_clip

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

PLAIN = {"frames": 24, "size": (96, 64), "gop": 6, "audio_codec": "aac"}
X264 = "scenecut=0:open-gop=0"


def ffmpeg(*argv: object) -> None:
    """Run ffmpeg; what it cannot do is a fault of the test."""
    done = subprocess.run([ffmpeg_path(), "-y", "-v", "error", *map(str, argv)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def plain(folder: Path, suffix: str = ".mp4", **changes) -> Path:
    """Make a small film of closed groups."""
    return make_clip(folder / f"plain{suffix}", **{**PLAIN, **changes})


def copied(folder: Path, *options: object, suffix: str = ".mp4", before: tuple[object, ...] = (), **changes) -> Path:
    """Make a film and copy its packets with ffmpeg's options."""
    result = folder / f"copied{suffix}"
    ffmpeg(*before, "-i", plain(folder, **changes), "-map", "0", "-c", "copy", *options, result)
    return result


def cut_short(path: Path, share: float) -> Path:
    """Keep the first part of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def patched(path: Path, way: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> Path:
    """Change the body of one box of the first track; `moov` must stand behind the pictures, so that none moves."""
    data = path.read_bytes()
    *before, (kind, body) = boxes(data)
    assert kind == b"moov" and before
    path.write_bytes(data[: len(data) - len(body) - 8] + box(b"moov", _changed(body, way, change)))
    return path


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Part bytes into boxes: (kind, body) of each; sizes of 64 bits are not met here."""
    matches, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        matches.append((data[at + 4 : at + 8], data[at + 8 : at + size]))
        at += size
    return matches


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box as bytes."""
    return struct.pack(">I", len(body) + 8) + kind + body


def _changed(body: bytes, way: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    if not way:
        return change(body)
    parts = boxes(body)
    place = [kind for kind, _ in parts].index(way[0])
    parts[place] = (way[0], _changed(parts[place][1], way[1:], change))
    return b"".join(box(*part) for part in parts)


STBL = (b"trak", b"mdia", b"minf", b"stbl")


def without_own_sets(stsd: bytes) -> bytes:
    """Take the parameter sets out of an avcC, which keeps its size."""
    at = stsd.index(b"avcC") + 4
    size = int.from_bytes(stsd[at - 8 : at - 4], "big") - 8
    return stsd[: at + 5] + b"\xe0" + bytes(size - 6) + stsd[at + size :]


def two_descriptions(stsd: bytes) -> bytes:
    """Say the one sample entry twice."""
    return stsd[:4] + struct.pack(">I", 2) + stsd[8:] * 2


def edits(*segments: tuple[int, int]) -> Callable[[bytes], bytes]:
    """Write an edit list of (duration in the film's units, first media time) segments."""

    def change(_: bytes) -> bytes:
        rows = b"".join(struct.pack(">IiHH", duration, start, 1, 0) for duration, start in segments)
        return struct.pack(">II", 0, len(segments)) + rows

    return change


def short_lengths(path: Path, result: Path) -> Path:
    """Write an H.264 film again with lengths of two bytes before its NAL units, as some cameras do."""
    with av.open(str(path)) as original, av.open(str(result), "w") as other:
        source = original.streams.video[0]
        stream = other.add_stream_from_template(source)
        config = bytearray(source.codec_context.extradata)
        config[4] = 0xFC | 1
        stream.codec_context.extradata = bytes(config)
        for packet in original.demux(source):
            if packet.size:
                short = av.Packet(_shortened(bytes(packet)))
                short.pts, short.dts, short.duration = packet.pts, packet.dts, packet.duration
                short.time_base, short.stream, short.is_keyframe = packet.time_base, stream, packet.is_keyframe
                other.mux(short)
    return result


def _shortened(sample: bytes) -> bytes:
    parts, at = [], 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        parts.append(struct.pack(">H", size) + sample[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)


def two_sizes(folder: Path, suffix: str = ".ts") -> Path:
    """Make a film whose picture gets another size half way."""
    first, second, result = folder / f"first{suffix}", folder / f"second{suffix}", folder / f"both{suffix}"
    make_clip(first, **PLAIN)
    make_clip(folder / f"small{suffix}", **{**PLAIN, "size": (144, 80)})
    ffmpeg("-i", folder / f"small{suffix}", "-c", "copy", "-output_ts_offset", 24 / 25, second)
    result.write_bytes(first.read_bytes() + second.read_bytes())
    return result


def pulled_down(folder: Path) -> Path:
    """Make an MPEG-2 film every other frame of which asks to be shown for longer."""
    result = folder / "pulled.ts"
    raw = folder / "raw.m2v"
    ffmpeg(
        "-i",
        plain(folder, ".ts", codec="mpeg2video", audio_codec="mp2", time_base=Fraction(1, 25)),
        "-map",
        "0:v",
        "-c",
        "copy",
        raw,
    )
    data = bytearray(raw.read_bytes())
    at, count = data.find(b"\0\0\1\xb5"), 0
    while at >= 0:
        if data[at + 4] >> 4 == 8:  # ISO/IEC 13818-2, 6.2.3.1: picture coding extension, repeat_first_field
            data[at + 7] |= 2 if count % 2 else 0
            count += 1
        at = data.find(b"\0\0\1\xb5", at + 4)
    raw.write_bytes(data)
    ffmpeg("-i", raw, "-c", "copy", "-bsf:v", "setts=ts=N*48000", result)
    return result


def attached(folder: Path) -> Path:
    """Make a Matroska film with a font, tags beyond ASCII and chapters."""
    font, message, result = folder / "font.ttf", folder / "told.txt", folder / "attached.mkv"
    font.write_bytes(FONT)
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={start + 400}\ntitle=Ch {start}\n" for start in (0, 400)
    )
    message.write_text(f";FFMETADATA1\ntitle=Über a\\=b\\; 日本\n{chapters}", encoding="utf-8")
    argv = ["-i", plain(folder, ".mkv"), "-i", message, "-map", "0", "-map_metadata", "1", "-map_chapters", "1"]
    ffmpeg(*argv, "-c", "copy", "-attach", font, "-metadata:s:t", "mimetype=font/ttf", result)
    return result


FONT = bytes(range(256)) * 20


def attachment(path: Path, folder: Path) -> bytes:
    """Give the first attachment of a film; ffmpeg wants an output beside it."""
    out = folder / "dumped.bin"
    ffmpeg("-dump_attachment:t:0", out, "-i", path, "-frames:v", 1, "-f", "null", "-")
    return out.read_bytes()


def with_data(folder: Path) -> Path:
    """Make a transport stream with a stream of data that no decoder knows."""
    data, result = folder / "data.bin", folder / "data.ts"
    data.write_bytes(b"\x06\x0e\x2b\x34" + bytes(60))
    ffmpeg("-i", plain(folder, ".ts"), "-f", "data", "-i", data, "-map", 0, "-map", 1, "-c", "copy", result)
    return result


def two_programs(folder: Path) -> Path:
    """Make a transport stream of two programs."""
    first, second, result = plain(folder, ".ts"), folder / "second.ts", folder / "programs.ts"
    make_clip(second, **{**PLAIN, "size": (80, 48)})
    programs = ["title=One:program_num=3:st=0:st=1", "title=Two:program_num=9:st=2:st=3"]
    message = [word for program in programs for word in ("-program", program)]
    ffmpeg("-i", first, "-i", second, "-map", 0, "-map", 1, "-c", "copy", *message, result)
    return result


def programs(path: Path) -> list[str]:
    """Name the programs of a transport stream, each by its number and its service."""
    printed = subprocess.run([ffmpeg_path(), "-i", str(path)], capture_output=True, text=True).stderr.splitlines()
    lines = [line.strip() for line in printed if "Program" in line or "service_name" in line]
    return [line.partition(": ")[2] or line for line in lines]


def sound_alone(folder: Path) -> Path:
    """Make a film without its picture."""
    result = folder / "sound.m4a"
    ffmpeg("-i", plain(folder), "-map", "0:a", "-c", "copy", result)
    return result


def with_cover(folder: Path) -> Path:
    """Make a sound file with a picture on its cover."""
    cover, result = folder / "cover.jpg", folder / "cover.m4a"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
    ffmpeg(
        "-i",
        sound_alone(folder),
        "-i",
        cover,
        "-c",
        "copy",
        "-map",
        0,
        "-map",
        1,
        "-disposition:v",
        "attached_pic",
        result,
    )
    return result


def without_frames(folder: Path) -> Path:
    """Make a film whose picture track has no packet."""
    return copied(folder, "-bsf:v", "noise=drop=1")


def empty(folder: Path) -> Path:
    """Make a file of no bytes."""
    result = folder / "empty.mp4"
    result.write_bytes(b"")
    return result


def encrypted(folder: Path) -> Path:
    """Make a film that nobody can read without its key."""
    key, number = "76a6c65c5ea762046bd749a2e632ccbb", "a7e61c373e219033c21091fa607bf3b8"
    return copied(folder, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", number)

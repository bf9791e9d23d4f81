"""Real footage: each film gets its own decoded pictures back as a take, so that whatever differs is a loss.

Late pictures, uneven rates, hidden VP8 frames, edit lists, rotation, HDR, coarse and damaged films.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from invariants import same_tail
from own_span import alone_db, frames_of, mean_db, own_take, record_encoder_choices
from seen import plane_views, psnr, strict_decode
from takes import packets, segment

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.nal_units import hevc_picture_type
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.pictures.fields import side_data_of
from react1.pipeline.splicing.pictures.likeness import luma_plane, psnr_db, ssim

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Film:
    """Where a film is edited, and what is looked at."""

    place: tuple[float, float] = (0.45, 0.55)
    """The edit, as shares of the film; of a long one at most 24 frames. All up to the next keyframe is encoded again,
    so that in a large picture it lies shortly before one."""
    looked_at: int = 400
    """How many frames are decoded and compared."""
    seconds: int = 0
    """How much of it is used, where each of its many large frames is decoded for every later one; 0 for all."""
    within_db: float = 0.5
    """How far the edit may lie below its pictures coded alone; x265 spends more on a film that begins with them."""
    side_data: tuple[str, ...] = ()
    """What ffmpeg gives with each picture of the source, and must give with each of the film's, byte for byte."""


FILES = {
    "damaged/moviepy_failing_audio.mp4": Film(),
    "faces/cuts_crowd_handmic_video_starts_late_10s.mp4": Film(),
    "faces/face_vp8_400x300_31s_no_audio.webm": Film(),
    "faces/hand_over_face_23976_silent.mp4": Film(),
    "faces/talk_h264_700x700_vfr_6s.mp4": Film(),
    "faces/talk_hevc_1080x1920_25p_10s_one_keyframe.mp4": Film(place=(0.96, 1), seconds=2, within_db=0.75),
    "faces/talk_mpeg1_360x288_3s.mpg": Film(),
    "streams/chapters.mp4": Film(),
    "streams/hdr10_pq_hevc_1080p.mp4": Film(place=(0.93, 0.97), side_data=("DYNAMIC_HDR_PLUS",)),
    "streams/pcm_1080p.mov": Film(place=(0.95, 0.97)),
    "streams/srt.mkv": Film(),
    "streams/timecode_track_drop_frame.mp4": Film(),
    "streams/two_video_two_audio_two_subtitle_2997.mp4": Film(),
    "timing/audio_delayed_3.9s.mov": Film(),
    "timing/cursed_vfr.mp4": Film(place=(0.42, 0.46)),
    "timing/edit_list_hlg10_hevc_rot90.mp4": Film(
        place=(0.62, 0.64), within_db=1.5, side_data=("DOVI_RPU_BUFFER", "AMBIENT_VIEWING_ENVIRONMENT")
    ),
    "timing/long_6min_1080p.mp4": Film(place=(0.0222, 0.0227), looked_at=300),
    "timing/rotate_and_reflect.mp4": Film(),
    "timing/rotated180_2997_people.mp4": Film(),
    "timing/trim_optimization_failure.mp4": Film(),
}
MOST_FRAMES = 24
CRA = 21
"""The type of HEVC's pictures that may become broken links (nal_unit_type)."""
MATCHED = {
    "faces/cuts_crowd_handmic_video_starts_late_10s.mp4": 1.5,
    "faces/hand_over_face_23976_silent.mp4": 1.5,
    "faces/talk_h264_700x700_vfr_6s.mp4": 1.5,
    "faces/talk_mpeg1_360x288_3s.mpg": 1.5,
    "streams/srt.mkv": 1.5,
    "streams/two_video_two_audio_two_subtitle_2997.mp4": 1.5,
    "timing/rotated180_2997_people.mp4": 1.5,
}
"""Films that are spliced at the default quality, and how many times the source's bits the new packets may have."""
DAMAGED = ("damaged/androidx_invalid_nalu.mp4", "damaged/decord_corrupted.mp4")
PLATE_DB, EDIT_DB = 44.0, 40.0
"""At high quality: what a frame outside the edit keeps, and what the edit keeps."""


def _spliced(context, path):
    file = context.add_external(path)
    return context.path(file), probe(context.path(file), file)


@pytest.mark.parametrize("name", FILES)
def test_a_real_film_gets_its_own_pictures_back(context, media_folder, monkeypatch, name):
    """Packets outside the windows to the bit, sound to the bit, and inside no loss but the encoder's own."""
    film = FILES[name]
    path, media = _spliced(context, _beginning(context, media_folder / name, film.seconds))
    count, index = media.video.frame_count, media.video.index
    start = int(count * film.place[0])
    end = min(max(int(count * film.place[1]), start + 1), start + MOST_FRAMES)
    take, choices = own_take(context, segment(media, start, end, head=1)), record_encoder_choices(monkeypatch)

    output = splicing.splice(context, ffmpeg_path(), media, [take], require_exact=True, quality="high")

    copied = _same_packets(output, path, media)
    inside = _inside_db(path, output.path, index, range(start, end), copied, min(count, film.looked_at))
    alone = alone_db(context, take, choices[-1])
    assert inside >= alone - film.within_db, f"{inside} dB, alone {alone} dB"
    assert inside >= EDIT_DB
    # Past the frames that are looked at, which go on beyond the edit's group, all packets are the source's own.
    times = media.video.timestamps.array[: film.looked_at]
    most_s = math.ceil((times[-1] - times[0]) * media.video.time_base) + 1
    text = strict_decode(output.path, most_s)
    assert not text or set(text.splitlines()) <= set(strict_decode(path, most_s).splitlines())
    if film.side_data:
        before, after = (_side_data(item, index, count, film.side_data) for item in (path, output.path))
        assert before == after and all(len(row) == len(film.side_data) for row in before)


@pytest.mark.parametrize("name", MATCHED)
def test_at_the_default_quality_every_picture_keeps_its_limits(context, media_folder, name):
    """42 dB of luma in the worst picture, 0.985 of SSIM on average, and about the source's own bits."""
    path, media = _spliced(context, media_folder / name)
    start = int(media.video.frame_count * FILES[name].place[0])
    take = own_take(context, segment(media, start, start + 12, head=1))

    output = splicing.splice(context, ffmpeg_path(), media, [take])

    assert output.metrics["way"] == "exact"
    film, place = media.video, sum(item.kind == "video" and item.index < media.video.index for item in media.others)
    was, came = ({pts: data for pts, _, data in packets(item, "video", place)} for item in (path, output.path))
    new = {pts for pts, data in was.items() if came[pts] != data}
    sizes = [sum(len(coded[pts]) for pts in new) for coded in (was, came)]
    psnrs, ssims = [], []
    for item, other in zip(*(frames_of(each, film.index, 0, start + 400) for each in (path, output.path)), strict=True):
        if item.pts in new:
            pair = luma_plane(item), luma_plane(other)
            psnrs.append(psnr_db(*pair, film.bit_depth))
            ssims.append(ssim(*pair, film.bit_depth))
    assert len(psnrs) == output.metrics["encoded_packets"] == len(new) >= 12
    assert min(psnrs) >= 42.0
    assert sum(ssims) / len(ssims) >= 0.985
    assert sizes[1] <= MATCHED[name] * sizes[0]


def _side_data(path, index, count, names):
    """List the side data of these names of each frame."""
    rows = [side_data_of(frame) for frame in frames_of(path, index, 0, count)]
    return [[bytes(data) for data in row if data.type.name in names] for row in rows]


def _beginning(context, path, seconds):
    """Return the film, or a copy of its first packets."""
    if not seconds:
        return path
    beginning = context.temp_path("beginning.mp4")
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(path), "-t", str(seconds), "-c", "copy", str(beginning)])
    return beginning


def _steps(listed):
    """Give the decode times from the first one on; Matroska keeps none, and a reader does not make all of them up."""
    times = [dts for _, dts, _ in listed]
    return [dts - times[0] for dts in times] if None not in times else []


def _same_packets(output, path, media):
    """Give the times of the picture packets that are the source's own; hold them and the sound to account."""
    place = sum(other.kind == "video" and other.index < media.video.index for other in media.others)
    was, came = (packets(item, "video", place) for item in (path, output.path))
    assert sorted(pts for pts, _, _ in came) == sorted(pts for pts, _, _ in was)
    # Readers move all of them together by what they make of the least composition offset.
    assert _steps(came) == _steps(was)
    placed = {pts: data for pts, _, data in came}
    copied = {pts for pts, _, data in was if placed[pts] == data}
    if media.video.codec == "hevc":
        # Each packet ends with the film's own bytes where these are Dolby Vision's.
        links = {pts: data for pts, _, data in was if hevc_picture_type(data, annexb=False) == CRA}
        patched = {pts for pts in links.keys() - copied if same_tail(links[pts], placed[pts])}
        assert len(patched) <= output.metrics["windows"]
        copied |= patched
    assert len(copied) >= output.metrics["copied_packets"]
    assert output.metrics["copied_packets"] > 0
    for track in range(len(media.audio)):
        item, other = (packets(each, "audio", track) for each in (path, output.path))
        assert [packet[2] for packet in other] == [packet[2] for packet in item]
    return copied


def _inside_db(path, output, index, edit, copied, count):
    """Compare all decoded frames outside the edit, to the bit where the packet was copied; give the PSNR inside."""
    inside = []
    for number, (item, other) in enumerate(
        zip(*(frames_of(film, index, 0, count) for film in (path, output)), strict=True)
    ):
        assert other.pts == item.pts
        if number in edit:
            inside.append((item, other))
            continue
        was, came = plane_views(item), plane_views(other)
        if item.pts in copied:
            assert all(np.array_equal(a, b) for a, b in zip(was, came, strict=True)), f"frame {number}"
        else:
            assert psnr(was, came, item.format.components[0].bits) >= PLATE_DB, f"frame {number}"
    return mean_db(inside)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_film_is_refused_in_one_line(context, media_folder, name):
    """It cannot be decoded to its end, so nobody can tell whether the result is right."""
    _, media = _spliced(context, media_folder / name)
    placed = segment(media, 0, 1)

    with pytest.raises(InputMediaError, match="the picture is damaged and cannot be decoded to its end") as caught:
        splicing.splice(context, ffmpeg_path(), media, [own_take(context, placed)])

    assert "\n" not in str(caught.value)


def test_every_film_at_hand_is_tested(media_folder):
    """A film that is added to the folder is added here too."""
    matches = {str(path.relative_to(media_folder)) for path in media_folder.rglob("*")}
    films = {name for name in matches if name.endswith((".mp4", ".mov", ".mkv", ".webm", ".mpg"))}

    assert films <= set(FILES) | set(DAMAGED)

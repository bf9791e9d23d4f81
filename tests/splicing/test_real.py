"""Real footage: late pictures, uneven rates, hidden VP8 frames, edit lists, rotation."""

from __future__ import annotations

import av
import numpy as np
import pytest
from takes import numbered_take, packets, segment

from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import film as splicing

FILES = {
    "faces/cuts_crowd_handmic_video_starts_late_10s.mp4": "exact",
    "faces/talk_h264_700x700_vfr_6s.mp4": "exact",
    "timing/rotate_and_reflect.mp4": "exact",
    "streams/timecode_track_drop_frame.mp4": "exact",
    "streams/two_video_two_audio_two_subtitle_2997.mp4": "exact",
    "faces/talk_mpeg1_360x288_3s.mpg": "reencoded-picture",
    "streams/srt.mkv": "reencoded-picture",
}


@pytest.mark.parametrize("name", FILES)
def test_a_real_film_keeps_frames_times_and_sound(room, media_folder, name):
    """Outside the edit every frame is the source's: to the bit where packets are copied, else above 45 dB."""
    file = room.adopt(media_folder / name)
    path = room.path(file)
    media = probe(path, file)
    count = media.video.frame_count
    start, end = int(count * 0.4), max(int(count * 0.55), int(count * 0.4) + 1)

    made = splicing.splice(room, ffmpeg_path(), media, [numbered_take(room, segment(media, start, end))])

    assert made.figures["way"] == FILES[name], made.figures["reason"]
    assert made.figures["timestamps_equal"] and made.figures["sound_identical"]
    if media.audio:
        assert [p[2] for p in packets(made.path, "audio")] == [p[2] for p in packets(path, "audio")]
    same = worst = 0
    for number, (was, came) in enumerate(zip(luma(path, media), luma(made.path, media), strict=True)):
        error = float(((was.astype(float) - came) ** 2).mean())
        same += error == 0
        if not start <= number < end:
            worst = max(worst, error)
    assert worst < 255**2 / 10**4.4
    assert same >= made.figures["copied_packets"]


def luma(path, media):
    """Give the luma of one frame after the other."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams[media.video.index]):
            yield np.asarray(frame.to_ndarray(format="gray"))

"""The demo clip: a face that speaks, filmed by a moving camera."""

import hashlib
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from react1.pipeline.core.errors import MissingExtra
from react1.pipeline.demo import demo_clip
from react1.pipeline.demo.demo_clip import camera, camera_frame, make_demo_clip, plate

pytestmark = pytest.mark.slow

pytest.importorskip("skimage", reason="the extra `demo` is not installed")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    pytest.importorskip("ai_edge_litert", reason="the extra `local` is not installed")
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    shares = []
    make_demo_clip(path, seconds=1, size=(640, 360), rate=25, progress=shares.append)
    return path, shares


def test_the_clip_has_the_requested_format(clip):
    """Frames, size, rate, codecs, color, and the index in front of the video."""
    path, shares = clip
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        times = [frame.pts * video.time_base for frame in container.decode(video)]
        context = video.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.width, context.height) == (640, 360)
        assert (context.colorspace, context.color_range) == (1, 1)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 48000, 1)
    content = path.read_bytes()

    assert times == [Fraction(index, 25) for index in range(25)]
    assert content.index(b"moov") < content.index(b"mdat")
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_clip_has_the_same_bytes_every_time(clip, tmp_path):
    """A second clip, in another folder, is identical."""
    second = tmp_path / "second.mp4"
    make_demo_clip(second, seconds=1, size=(640, 360), rate=25, progress=lambda share: None)

    assert digest(second) == digest(clip[0])


def test_an_interrupted_clip_has_no_name(tmp_path, monkeypatch):
    """It would be taken for the complete one, which is made only once."""

    def pictures(still, *_):
        yield from [still] * 60
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_clip, "speaking_pictures", pictures)
    with pytest.raises(KeyboardInterrupt):
        make_demo_clip(tmp_path / "demo.mp4", seconds=3, size=(320, 180), progress=lambda share: None)

    assert list(tmp_path.iterdir()) == []


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_mouth_moves_and_the_photograph_behind_it_does_not(clip):
    """Without the camera's movement the mouth changes from frame to frame far more than the background."""
    cv2 = pytest.importorskip("cv2")
    with av.open(str(clip[0])) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    steady = []
    for index, frame in enumerate(frames):
        to_plate = cv2.invertAffineTransform(camera(index / (len(frames) - 1), (640, 360)))
        steady.append(cv2.warpAffine(frame, to_plate, (1440, 810)))
    places = np.s_[470:570, 640:790], np.s_[150:350, 950:1100]
    mouth, background = (np.std([picture[place].mean(axis=2) for picture in steady], axis=0).mean() for place in places)
    assert mouth > 3 * background


def test_the_command_makes_the_clip_once(react1, interview, monkeypatch):
    """`react1 demo` makes the clip where there is none, and edits the one that is there."""
    clips = []

    def make_short_clip(out, *, progress):
        shutil.copyfile(interview / "interview.mp4", out)
        clips.append(out)

    monkeypatch.setattr(demo_clip, "make_demo_clip", make_short_clip)
    wrong = react1("demo", "--edit", "x")
    assert (wrong.status, clips) == (2, [])

    first, second = react1("demo", "--edit", "2-2.4:happy"), react1("demo", "--edit", "2-2.4:happy", "--json")

    assert (first.status, second.status) == (0, 0), first.err + second.err
    assert clips == [Path.cwd() / "react1-demo" / "talking.mp4"]
    assert {path.name for path in clips[0].parent.iterdir()} == {
        "talking.mp4", "talking.react1.mp4", "report.html", "report.json",
    }  # fmt: skip
    assert second.json["segments"][0]["start_frame"] == 50


def test_the_camera_stays_on_the_photograph():
    """No corner of any frame is outside the plate."""
    corners = np.array([[0, 0], [1280, 0], [0, 720], [1280, 720]], float)
    for share in np.linspace(0, 1, 40):
        to_frame = camera(float(share), (1280, 720))
        on_plate = (corners - to_frame[:, 2]) @ np.linalg.inv(to_frame[:, :2]).T
        assert (on_plate >= 0).all()
        assert (on_plate <= [1440, 810]).all()


def test_a_frame_has_the_requested_size():
    """The size is a parameter."""
    assert camera_frame(plate(), 0.5, (320, 180)).shape == (180, 320, 3)


def test_a_missing_extra_names_what_to_install(monkeypatch):
    """Without scikit-image there is no photograph."""
    monkeypatch.setitem(sys.modules, "skimage", None)

    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[demo\]'"):
        plate()


def test_the_smile_of_the_photograph_is_gone_from_the_first_frame_on(clip):
    """The engine's fade is cut off: the mouth differs from the photograph's in the first frame already."""
    cv2 = pytest.importorskip("cv2")
    with av.open(str(clip[0])) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    smiling = camera_frame(plate(), 0, (640, 360)).astype(float)
    to_frame = camera(0, (640, 360))
    left, top, right, bottom = (
        *cv2.transform(np.array([[[640.0, 470.0]]]), to_frame)[0, 0].astype(int),
        *cv2.transform(np.array([[[790.0, 570.0]]]), to_frame)[0, 0].astype(int),
    )
    difference = np.abs(first - smiling).mean(axis=2)

    assert difference[top:bottom, left:right].mean() > 3 * difference[:, 400:500].mean() + 3

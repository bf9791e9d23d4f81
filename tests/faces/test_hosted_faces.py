"""A named face at hosts: told by a point, or sent as a crop; a strength or another codec makes no new call."""

from __future__ import annotations

import subprocess

import astronaut
import av
import numpy as np
import pytest
import two_faces
from fal_host import FalHost
from replicate_host import ReplicateHost
from server_client import open_server
from sync_server import open_sync_server

from react1.pipeline.api import run
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source
from react1.pipeline.splicing.pictures.planes import frame_planes

pytestmark = pytest.mark.slow

KEY = "SG_secret0123456789abcdef"
COUNT, SIZE = 16, (480, 216)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A film of two people with a voice, and the same pictures in another codec."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    folder = tmp_path_factory.mktemp("hosted-faces")
    people = [
        (two_faces.portrait("warm", height=150), two_faces.still(125, 108)),
        (two_faces.portrait("cold", mirrored=True, height=150), two_faces.still(350, 108)),
    ]
    picture = two_faces.write_people(folder / "picture.mp4", people, size=SIZE, frames=COUNT)
    astronaut.write_wav(folder / "voice.wav", astronaut.syllables(COUNT / 25))
    for name, codec in (("film.mkv", ["-c:v", "copy"]), ("other.mkv", ["-c:v", "ffv1", "-level", "3"])):
        inputs = ["-i", str(picture), "-i", str(folder / "voice.wav")]
        subprocess.run(
            [ffmpeg_path(), "-v", "error", *inputs, *codec, "-c:a", "pcm_s16le", str(folder / name)], check=True
        )
    return folder


@pytest.fixture
def segmind(folder, tmp_path, monkeypatch):
    """A server that marks what it receives."""
    with open_server(tmp_path / "server", {"engine": "mark"}, renderer=mark_source, key=KEY) as client:
        monkeypatch.setenv("REACT1_SEGMIND_URL", client.url)
        monkeypatch.setenv("SEGMIND_API_KEY", KEY)
        client.jobs = lambda: JobStore(tmp_path / "server").jobs()
        yield client


def edited(folder, tmp_path, film="film.mkv", provider="segmind", until=None, **edit):
    out = None if until else tmp_path / "out.mkv"
    edits = [{"in": "2f", "out": "14f", "prompt": "sad", **edit}]
    return run(
        "emotion-edit", source=folder / film, out=out, home=tmp_path / "home", provider=provider, edits=edits,
        yes=True, until=until, checks={"seam_delta_e": None},
    )  # fmt: skip


def test_segmind_gets_a_crop_and_is_paid_once(segmind, folder, tmp_path):
    """A strength, and a film with the same pictures in another codec, make no new call."""
    result = edited(folder, tmp_path, face="right")

    (job,) = segmind.jobs()
    with av.open(_sent(segmind, job, tmp_path)) as sent:
        assert (sent.streams.video[0].width, sent.streams.video[0].height) == (720, 720)
    assert result.segments[0].face == "face 2 of 2 (right)"
    assert "cannot be told which of several faces" in " ".join(result.notes)
    assert result.cost_usd > 0

    for changed in ({"strength": 0.5}, {"film": "other.mkv"}, {"film": "other.mkv", "strength": "0f:0,6f:1"}):
        assert edited(folder, tmp_path, face="right", until="react1", **changed).cost_usd == 0
    assert len(list(segmind.jobs())) == 1
    assert edited(folder, tmp_path, face="left", until="react1").cost_usd > 0


def _sent(client, job, tmp_path):
    path = tmp_path / "sent.mp4"
    path.write_bytes(client.get(job.sent["video_url"]).content)
    return str(path)


def marked(content, tmp_path):
    """Return a film with a bright square in the middle of its pictures, as a host's take."""
    source, target = tmp_path / "received.mp4", tmp_path / "answer.mp4"
    source.write_bytes(content)
    square = "drawbox=x=iw*3/8:y=ih*3/8:w=iw/4:h=ih/4:color=white:t=fill"
    coded = ["-c:v", "libx264", "-crf", "4", "-preset", "ultrafast"]
    subprocess.run(
        [ffmpeg_path(), "-v", "error", "-y", "-i", str(source), "-vf", square, *coded, str(target)], check=True
    )
    return target.read_bytes()


@pytest.mark.parametrize(
    ("provider", "make_host", "key"),
    [("fal", FalHost, "FAL_KEY"), ("replicate", ReplicateHost, "REPLICATE_API_TOKEN")],
)
def test_a_host_without_a_parameter_for_a_face_gets_the_crop(folder, tmp_path, monkeypatch, provider, make_host, key):
    """It is what is uploaded; the change comes back at the chosen face, and all else is the film's to the bit."""
    host = make_host()
    host.decorate = lambda job, content: marked(content, tmp_path)  # which keeps what was received
    with host.serve() as url:
        monkeypatch.setenv(f"REACT1_{provider.upper()}_URL", url)
        monkeypatch.setenv(key, host.key)
        monkeypatch.setenv("REACT1_POLL_S", "0.05")
        result = edited(
            folder, tmp_path, film="other.mkv", provider=provider, face="right", **{"in": "6f", "out": "11f"}
        )

    (job,) = host.jobs.values()
    assert not {"face", "coordinates", "active_speaker_detection"} & job.sent.keys()
    with av.open(str(tmp_path / "received.mp4")) as sent:
        assert (sent.streams.video[0].width, sent.streams.video[0].height) == (720, 720)
    assert result.segments[0].face == "face 2 of 2 (right)"
    film, new = (np.stack(luma_of(path)).astype(int) for path in (folder / "other.mkv", tmp_path / "out.mkv"))
    change = np.abs(new - film)
    assert change[8, 60:160, 300:400].max() > 60
    assert not change[:, :, :240].any()
    assert not change[[0, 1, 2, -1]].any()


def luma_of(path):
    return [frame_planes(frame)[0] for frame in decode_frames(path)]


def test_segmind_is_not_paid_for_a_face_that_it_cannot_be_told(segmind, folder, tmp_path):
    """With the crop off."""
    with pytest.raises(InputMediaError, match="names a face, and segmind cannot be told which"):
        edited(folder, tmp_path, face="right", crop="off")

    assert not list(segmind.jobs())


def test_sync_is_told_the_face_by_a_point(folder, tmp_path, monkeypatch):
    """A frame of what is sent, and the middle of the face in it; without a named face neither."""
    with open_sync_server("k") as (sync, url):
        monkeypatch.setenv("REACT1_SYNC_URL", url)
        monkeypatch.setenv("SYNC_API_KEY", "k")
        edited(folder, tmp_path, provider="sync", face="right", until="react1")
        edited(folder, tmp_path, provider="sync", prompt="happy", until="react1")

    named, default = (
        generation["body"]["options"]["active_speaker_detection"] for generation in sync.generations.values()
    )
    assert named["auto_detect"] is False
    assert 0 <= named["frame_number"] < COUNT
    assert named["coordinates"][0] == pytest.approx(350, abs=15) and named["coordinates"][1] == pytest.approx(
        118, abs=25
    )
    assert default == {"auto_detect": False}

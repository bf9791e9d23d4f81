"""The vendor's SDK against a real server with the real engine: its documented calls, with another base_url."""

import base64
import importlib

import astronaut
import av
import numpy as np
import pytest
from server_client import MODEL, open_server

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.server.renderers import copy_source, render_in_process
from react1.pipeline.server.sources import check_video, probe_file

pytestmark = pytest.mark.slow

segmind = pytest.importorskip("segmind", reason="the vendor's SDK is not installed")


@pytest.fixture(scope="module")
def rendering(tmp_path_factory):
    """A server that renders."""
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    with open_server(tmp_path_factory.mktemp("sdk"), renderer=render_in_process) as client:
        yield client


@pytest.fixture(scope="module")
def sdk(rendering):
    """The SDK's client; the two base URLs that it does not derive from base_url are set by name."""
    files, generations = (importlib.import_module(f"segmind.{name}") for name in ("files", "generations"))
    history = f"{rendering.url}/inference-request/request-history"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.Files, "STORAGE_BASE_URL", rendering.url)
        patch.setattr(generations, "REQUEST_HISTORY_URL", history)
        yield segmind.SegmindClient(api_key="SG_any", base_url=f"{rendering.url}/v1", timeout=60)


@pytest.fixture(scope="module")
def uploaded(sdk, talking_clip):
    """The talking clip, uploaded once."""
    return sdk.files.upload(str(talking_clip))["file_urls"][0]


def test_run_sync_returns_a_take(sdk, uploaded, talking_clip, tmp_path):
    """An mp4 with every frame of the clip, and a changed face."""
    response = sdk.run_sync(MODEL, video_url=uploaded, audio_url=uploaded, prompt="surprised", temperature=1.0)

    assert response.headers["content-type"] == "video/mp4"
    assert float(response.headers["x-cost"]) == pytest.approx(2 * 0.167)
    take = tmp_path / "take.mp4"
    take.write_bytes(response.content)
    before, after = frames(talking_clip), frames(take)
    assert before.shape == after.shape == (50, 180, 320, 3)
    moved = np.abs(before[25].astype(int) - after[25]).max(axis=2) > 24
    assert 0.0015 * moved.size < moved.sum() < 0.3 * moved.size


def test_submit_and_wait_returns_the_final_body(sdk, rendering, uploaded, tmp_path):
    """Submit, poll, result; the take is at `output`, as long as its voice, and the history has its cost."""
    voice = astronaut.write_wav(tmp_path / "voice.wav", astronaut.syllables(0.4))
    data = "data:audio/wav;base64," + base64.b64encode(voice.read_bytes()).decode()
    sound = rendering.post("/upload-asset", json={"data_urls": [data]}).json()["file_urls"][0]
    job = sdk.submit_async(MODEL, video_url=uploaded, audio_url=sound, prompt="happy", sync_mode="cut_off")

    body = job.wait(timeout=60, interval=0.1)

    assert body["status"] == "COMPLETED"
    output = sdk._client.get(body["output"])
    assert output.headers["content-type"] == "video/mp4"
    (tmp_path / "take.mp4").write_bytes(output.content)
    assert len(frames(tmp_path / "take.mp4")) == 10
    row = sdk.generations.get(job.request_id)
    assert row["request_body"]["prompt"] == "happy"
    assert row["credits_deduction"] == body["metrics"]["cost"]
    assert job.request_id in [row["request_id"] for row in sdk.generations.history(status="COMPLETED")["data"]]


def test_a_failed_request_raises_with_its_detail(sdk, rendering, uploaded):
    """InferenceFailed: the audio is not media."""
    from segmind.v2 import InferenceFailed

    job = sdk.submit_async(MODEL, video_url=uploaded, audio_url=f"{rendering.url}/openapi.json")

    with pytest.raises(InferenceFailed) as caught:
        job.wait(timeout=60, interval=0.1)

    assert "audio_url" in caught.value.detail
    assert caught.value.status_body["status"] == "FAILED"


def test_an_unknown_request_and_an_invalid_value_raise_with_status_and_detail(sdk, uploaded):
    """SegmindError, as for the provider's own errors."""
    from segmind.exceptions import SegmindError

    with pytest.raises(SegmindError) as caught:
        sdk.run_sync(MODEL, video_url=uploaded, audio_url=uploaded, temperature=2)
    assert (caught.value.status, "temperature" in caught.value.detail) == (400, True)
    with pytest.raises(SegmindError) as caught:
        sdk.generations.get("nothing")
    assert caught.value.status == 404


def test_a_video_longer_than_15_s_is_400(rendering, tmp_path):
    """An upload is checked at once, on v1 and v2; nothing is queued."""
    long = write_clip(tmp_path / "long.mp4", seconds=16)
    data = "data:video/mp4;base64," + base64.b64encode(long.read_bytes()).decode()
    url = rendering.post("/upload-asset", json={"data_urls": [data]}).json()["file_urls"][0]

    for call in (rendering.submit, rendering.run_sync):
        response = call(video_url=url, audio_url=url)
        assert response.status_code == 400
        assert response.json()["error"] == "video_url is 16.00 s long; the model accepts 15 s: split it"
    check_video(probe_file(write_clip(tmp_path / "fits.mp4", seconds=15), "video_url"))
    with pytest.raises(InputMediaError, match="video_url is 16"):
        check_video(probe_file(long, "video_url"))


def test_the_engine_copy_returns_an_upload_without_fetching_it(tmp_path, talking_clip):
    """The take is the uploaded file, whatever query its URL has."""
    with open_server(tmp_path, {"engine": "copy"}, renderer=copy_source) as server:
        data = "data:video/mp4;base64," + base64.b64encode(talking_clip.read_bytes()).decode()
        url = server.post("/upload-asset", json={"data_urls": [data]}).json()["file_urls"][0]

        response = server.run_sync(video_url=f"{url}?nonce=1", audio_url=url)

        assert response.content == talking_clip.read_bytes()
        assert not list((tmp_path / "server" / "scratch").iterdir())


def frames(path):
    """Decode all frames, (count, height, width, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def write_clip(path, seconds):
    """Write a small grey clip of 5 frames/s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(seconds * 5):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

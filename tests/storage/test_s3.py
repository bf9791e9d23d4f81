"""S3 uploads to a real S3 server over HTTP."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
import s3_sink
from memory import MemoryGrowth, write_sparse

from react1.pipeline.core.errors import Interrupted, MissingExtra, PresetError, ProviderError
from react1.pipeline.storage.s3 import S3Storage

pytest.importorskip("obstore", reason="the extra s3 is not installed")

from bucket import Bucket, open_bucket

pytestmark = pytest.mark.slow

NONCE = "11111111-2222-4333-8444-555555555555"
NOW = datetime.now(UTC)


@pytest.fixture
def bucket():
    pytest.importorskip("moto", reason="the S3 server of the tests is not installed")
    with open_bucket() as served:
        yield served


@pytest.fixture
def film(tmp_path) -> Path:
    """A little over two parts, no two of which are alike."""
    path = tmp_path / "film.mp4"
    path.write_bytes(np.arange((17 << 20) // 4, dtype=">u4").tobytes())
    return path


def storage(bucket, **changed):
    return S3Storage(lifetime_s=7200, environ=bucket.environ | changed, now=lambda: NOW)


def put(bucket, path, progress=lambda _: None, **changed):
    return asyncio.run(storage(bucket, **changed).put(path, NONCE, path.suffix, progress))


def test_film_is_sent_in_parts_and_read_by_its_signed_url(bucket, film):
    """Every byte, under a name that has the nonce, with its content type."""
    stored = put(bucket, film)

    response = httpx.get(stored.url, trust_env=False)
    assert response.content == film.read_bytes()
    assert response.headers["content-type"] == "video/mp4"
    assert stored.name == f"{NONCE}.mp4"
    assert bucket.names() == [stored.key] == [f"for/react1/{NONCE}.mp4"]
    assert sum("partNumber" in path for _, path in bucket.requests) == 3


def test_small_file_is_sent_in_one_request(bucket, tmp_path):
    """Such as a voice of some seconds."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF" * 1000)

    stored = put(bucket, voice)

    assert bucket.count("PUT") == len(bucket.requests) == 1
    assert httpx.get(stored.url, trust_env=False).content == voice.read_bytes()


def test_url_is_signed_for_longer_than_its_lifetime(bucket, film):
    """To allow for clock skew."""
    stored = put(bucket, film)

    signed_for_s = int(parse_qs(urlsplit(stored.url).query)["X-Amz-Expires"][0])
    assert stored.expires_at == NOW + timedelta(seconds=7200)
    assert signed_for_s > 7200
    assert "Signature" not in repr(stored)


def test_deleted_upload_is_gone(bucket, film):
    """Deleting it again is not an error."""
    stored = put(bucket, film)
    s3 = storage(bucket)

    asyncio.run(s3.delete(stored))
    asyncio.run(s3.delete(stored))

    assert bucket.names() == []
    assert httpx.get(stored.url, trust_env=False).status_code == 404


def test_progress_rises_to_one_and_its_error_stops_the_upload(bucket, film):
    """Nothing of it stays in the bucket."""
    shares: list[float] = []
    put(bucket, film, shares.append)

    def stop(share: float) -> None:
        if share > 0.6:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        asyncio.run(storage(bucket).put(film, NONCE.replace("1", "9"), ".mp4", stop))

    assert shares == sorted(shares)
    assert (len(shares) > 5, shares[-1]) == (True, 1.0)
    assert bucket.names() == [f"for/react1/{NONCE}.mp4"]


def test_temporary_failure_is_tried_again(bucket, film, waits_s):
    """The library tries again at once, the storage after a wait."""
    bucket.failures = {("PUT", number): "503 Slow Down" for number in range(1, 60)}
    with pytest.raises(ProviderError) as caught:
        put(bucket, film)

    assert waits_s == [1.0, 2.0, 4.0]
    assert "failed 4 times: 503: Injected: a test wants this" in str(caught.value)
    assert (caught.value.retryable, caught.value.billed) == (True, False)
    assert bucket.names() == []

    bucket.requests.clear()
    bucket.failures = {("PUT", 2): "500 Internal Server Error"}
    assert httpx.get(put(bucket, film).url, trust_env=False).content == film.read_bytes()


@pytest.mark.parametrize("status", ["403 Forbidden", "400 Bad Request"])
def test_refusal_is_reported_at_once(bucket, tmp_path, status, waits_s):
    """In one line, without URL, key or signature."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF")
    bucket.failures = {("PUT", 1): status}

    with pytest.raises(ProviderError) as caught:
        put(bucket, voice)

    place = f"s3 bucket films at {bucket.url}"
    assert str(caught.value) == f"the upload to {place} was refused: {status[:3]}: Injected: a test wants this"
    assert (waits_s, caught.value.retryable, caught.value.billed) == ([], False, False)


def test_missing_bucket_and_missing_server_are_reported(bucket, tmp_path):
    """The first at once, the second after its attempts."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF")

    with pytest.raises(ProviderError, match="refused: 404: NoSuchBucket"):
        put(bucket, voice, REACT1_S3_URL="s3://other")
    with pytest.raises(ProviderError, match="failed 4 times"):
        put(bucket, voice, AWS_ENDPOINT_URL="http://127.0.0.1:9")


def test_failed_removal_is_reported(bucket, film):
    """With the file's name."""
    stored = put(bucket, film)
    bucket.requests.clear()
    bucket.failures = {("POST", 1): "403 Forbidden"}

    with pytest.raises(ProviderError, match=r"removing .* from s3 bucket \S+ at http://127\S+ failed: 403: Injected"):
        asyncio.run(storage(bucket).delete(stored))


def test_large_film_needs_little_memory(tmp_path):
    """Only the parts in flight, of 300 MB over a slow connection."""
    film = write_sparse(tmp_path / "large.mp4", 300 << 20)
    with s3_sink.open_sink(part_s=0.05) as (url, sizes):
        s3 = storage(Bucket(url))
        growth = MemoryGrowth()
        asyncio.run(s3.put(film, NONCE, ".mp4", growth))

    assert sum(sizes) == 300 << 20
    assert growth.samples > 300
    assert growth.most_bytes < 40 << 20


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"REACT1_S3_URL": ""}, "needs REACT1_S3_URL, such as s3://bucket/prefix; it is 'not set'"),
        ({"REACT1_S3_URL": "https://bucket"}, "it is 'https://bucket'"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "needs AWS_SECRET_ACCESS_KEY: set it"),
        ({"AWS_ENDPOINT_URL": "http://minio.example:9000"}, "is plain http; films are sent over https only"),
    ],
)
def test_wrong_setting_is_reported_before_anything_runs(changed, message):
    """Each by its name."""
    bucket = Bucket("http://127.0.0.1:9")
    storage(bucket).require()

    with pytest.raises(PresetError) as caught:
        storage(bucket, **changed).require()

    assert message in str(caught.value)
    assert "secret/of" not in str(caught.value)


def test_lifetime_over_seven_days_is_refused():
    """A signature is valid for 7 days at most."""
    bucket = Bucket("http://127.0.0.1:9")
    with pytest.raises(PresetError, match="at most 7 days"):
        S3Storage(lifetime_s=7 * 86400, environ=bucket.environ).require()


def test_missing_library_is_reported_with_its_extra(monkeypatch):
    """And how to install it."""
    bucket = Bucket("http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[s3\]'"):
        storage(bucket).require()

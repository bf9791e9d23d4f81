"""A bucket, at a real S3 server over HTTP."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sink
from memory import MemoryGrowth, write_sparse

from react1.pipeline.core.errors import Interrupted, MissingExtra, PresetError, ProviderError
from react1.pipeline.storage.s3 import S3Storage

pytest.importorskip("moto", reason="the S3 server of the tests is not installed")
pytest.importorskip("obstore", reason="the extra s3 is not installed")

from bucket import Bucket, opened

NONCE = "11111111-2222-4333-8444-555555555555"
NOW = datetime.now(UTC)


@pytest.fixture
def bucket():
    with opened() as served:
        yield served


@pytest.fixture
def film(tmp_path) -> Path:
    """A little over two parts, no two of which are alike."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range((17 << 20) // 4)))
    return path


def storage(bucket, waits=None, **changed):
    async def sleep(seconds):
        (waits if waits is not None else []).append(seconds)

    return S3Storage(lifetime_s=7200, environ=bucket.environ | changed, now=lambda: NOW, sleep=sleep)


def put(bucket, path, progress=lambda _: None, **more):
    return asyncio.run(storage(bucket, **more).put(path, NONCE, path.suffix, progress))


def test_a_film_is_sent_in_parts_and_read_by_its_signed_address(bucket, film):
    """Every byte, under a name that holds the nonce, as what it is."""
    stored = put(bucket, film)

    got = httpx.get(stored.url, trust_env=False)
    assert got.content == film.read_bytes()
    assert got.headers["content-type"] == "video/mp4"
    assert stored.name == f"{NONCE}.mp4"
    assert bucket.names() == [stored.key] == [f"for/react1/{NONCE}.mp4"]
    assert sum("partNumber" in place for _, place in bucket.asked) == 3


def test_a_small_file_is_sent_in_one_request(bucket, tmp_path):
    """A voice of some seconds."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF" * 1000)

    stored = put(bucket, voice)

    assert bucket.times("PUT") == len(bucket.asked) == 1
    assert httpx.get(stored.url, trust_env=False).content == voice.read_bytes()


def test_the_address_outlives_what_was_asked_for(bucket, film):
    """It is signed for longer than it is said to last."""
    stored = put(bucket, film)

    signed_for_s = int(parse_qs(urlsplit(stored.url).query)["X-Amz-Expires"][0])
    assert stored.expires_at == NOW + timedelta(seconds=7200)
    assert signed_for_s > 7200
    assert "Signature" not in repr(stored)


def test_what_is_deleted_is_gone(bucket, film):
    """And deleting it once more is no fault."""
    stored = put(bucket, film)
    there = storage(bucket)

    asyncio.run(there.delete(stored))
    asyncio.run(there.delete(stored))

    assert bucket.names() == []
    assert httpx.get(stored.url, trust_env=False).status_code == 404


def test_progress_goes_up_to_one_and_what_it_raises_stops_the_upload(bucket, film):
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


def test_a_failure_that_may_pass_is_tried_again(bucket, film):
    """The library does so at once, we do after a while."""
    waits: list[float] = []
    bucket.fail = {("PUT", number): "503 Slow Down" for number in range(1, 60)}
    with pytest.raises(ProviderError) as caught:
        put(bucket, film, waits=waits)

    assert waits == [1.0, 2.0, 4.0]
    assert "failed 4 times: 503: Told: a test wants this" in str(caught.value)
    assert (caught.value.retryable, caught.value.billed) == (True, False)
    assert bucket.names() == []

    bucket.asked.clear()
    bucket.fail = {("PUT", 2): "500 Internal Server Error"}
    assert httpx.get(put(bucket, film).url, trust_env=False).content == film.read_bytes()


@pytest.mark.parametrize("status", ["403 Forbidden", "400 Bad Request"])
def test_a_refusal_is_told_at_once(bucket, tmp_path, status):
    """In one line, without address, key or signature."""
    waits: list[float] = []
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF")
    bucket.fail = {("PUT", 1): status}

    with pytest.raises(ProviderError) as caught:
        put(bucket, voice, waits=waits)

    assert str(caught.value) == f"the upload to s3 was refused: {status[:3]}: Told: a test wants this"
    assert (waits, caught.value.retryable, caught.value.billed) == ([], False, False)


def test_a_bucket_that_is_not_there_and_a_server_that_is_not_there_are_told(bucket, tmp_path):
    """The first at once, the second after its tries."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"RIFF")

    with pytest.raises(ProviderError, match="refused: 404: NoSuchBucket"):
        put(bucket, voice, REACT1_S3_URL="s3://other")
    with pytest.raises(ProviderError, match="failed 4 times"):
        put(bucket, voice, AWS_ENDPOINT_URL="http://127.0.0.1:9")


def test_what_cannot_be_removed_is_told(bucket, film):
    """With its name."""
    stored = put(bucket, film)
    bucket.asked.clear()
    bucket.fail = {("POST", 1): "403 Forbidden"}

    with pytest.raises(ProviderError, match=f"removing {NONCE}.mp4 from s3 failed: 403: Told"):
        asyncio.run(storage(bucket).delete(stored))


def test_a_large_film_needs_little_memory(tmp_path):
    """Only the parts that are under way, of 300 MB over a slow line."""
    film = write_sparse(tmp_path / "large.mp4", 300 << 20)
    with sink.opened(part_s=0.05) as (address, sizes):
        there = storage(Bucket(address))
        growth = MemoryGrowth()
        asyncio.run(there.put(film, NONCE, ".mp4", growth))

    assert sum(sizes) == 300 << 20
    assert growth.samples > 300
    assert growth.most_bytes < 40 << 20


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"REACT1_S3_URL": ""}, "needs REACT1_S3_URL, such as s3://bucket/prefix; it is 'not set'"),
        ({"REACT1_S3_URL": "https://bucket"}, "it is 'https://bucket'"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "needs AWS_SECRET_ACCESS_KEY: set it"),
        ({"AWS_ENDPOINT_URL": "http://minio.example:9000"}, "is plain http; films are sent by https only"),
    ],
)
def test_a_setting_that_is_wrong_is_told_before_anything_runs(bucket, changed, says):
    """Each by its name."""
    storage(bucket).require()

    with pytest.raises(PresetError) as caught:
        storage(bucket, **changed).require()

    assert says in str(caught.value)
    assert "secret/of" not in str(caught.value)


def test_an_address_that_cannot_be_signed_for_so_long_is_refused(bucket):
    """A signature lasts 7 days at most."""
    with pytest.raises(PresetError, match="7 days at most"):
        S3Storage(lifetime_s=7 * 86400, environ=bucket.environ).require()


def test_without_its_library_the_extra_is_named(bucket, monkeypatch):
    """What to install."""
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(MissingExtra, match=r"pip install 'react1-nodes\[s3\]'"):
        storage(bucket).require()

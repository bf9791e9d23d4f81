"""A compressed body is decompressed in pieces of at most 1 MiB, however far it expands."""

from __future__ import annotations

import gzip
import zlib

import pytest

from react1.pipeline.net.http_pool import PIECE_BYTES, BodyDecoder, BodyError

CONTENT = bytes(range(256)) * 500


def decode(encoding, chunks):
    decoder = BodyDecoder(encoding)
    pieces = [piece for chunk in chunks for piece in decoder.decode(chunk)]
    decoder.finish()
    return pieces


def split(body, size=1000):
    return [body[at : at + size] for at in range(0, len(body), size)]


def raw_deflate(content):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("Identity", bytes),
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
)
def test_body_is_decompressed_whatever_its_chunks_are(encoding, compress):
    """In one chunk or in many."""
    body = compress(CONTENT)

    assert b"".join(decode(encoding, [body])) == CONTENT
    assert b"".join(decode(encoding, split(body))) == CONTENT


@pytest.mark.slow
def test_bomb_comes_in_small_pieces():
    """24 MiB from one chunk of 24 kB."""
    bomb = gzip.compress(bytes(24 << 20), 9)
    decoder = BodyDecoder("gzip")

    sizes = [len(piece) for piece in decoder.decode(bomb)]

    assert (sum(sizes), max(sizes)) == (24 << 20, PIECE_BYTES)
    decoder.finish()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encoding_is_refused(encoding):
    """None was asked for."""
    with pytest.raises(BodyError, match="although none was asked for"):
        BodyDecoder(encoding)


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(CONTENT)[:-9], "truncated"),
        ("gzip", b"no gzip at all", "damaged"),
        ("deflate", b"\xff" * 50, "damaged"),
    ],
)
def test_damaged_body_is_an_error(encoding, body, message):
    """It is never taken for a complete one."""
    with pytest.raises(BodyError, match=message):
        decode(encoding, [body])

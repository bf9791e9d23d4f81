"""Decompress a response body piece by piece, so that no chunk of a bomb expands in memory all at once.

Source: RFC 9110, 8.4.1 (deflate is a zlib stream; some servers send it without the zlib header).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE_BYTES = 1 << 20
"""Longest piece that is returned at once."""
_GZIP_OR_ZLIB, _RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class BodyError(Exception):
    """A body is compressed in a way that cannot be read, or damaged."""


class BodyDecoder:
    """Decompress one body with the encoding of its `Content-Encoding` header."""

    def __init__(self, encoding: str) -> None:
        """Read nothing yet.

        Raises:
            BodyError: the encoding is neither gzip nor deflate nor identity; only identity is asked for.
        """
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BodyError(f"the response is compressed with {name[:40]!r}, although none was asked for")
        self._inflate = None if name in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._may_be_raw = name == "deflate"

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk decompresses to, in pieces of at most PIECE_BYTES; a plain chunk as it is.

        Raises:
            BodyError: the body is damaged.
        """
        if self._inflate is None:
            yield chunk
            return
        piece = self._decompress(chunk)
        while piece:
            yield piece
            piece = self._decompress(self._inflate.unconsumed_tail)

    def finish(self) -> None:
        """Check that the body was complete.

        Raises:
            BodyError: it was not.
        """
        if self._inflate is not None and not self._inflate.eof:
            raise BodyError("the compressed response is truncated")

    def _decompress(self, data: bytes) -> bytes:
        assert self._inflate is not None
        may_be_raw, self._may_be_raw = self._may_be_raw, False
        try:
            return self._inflate.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            if not may_be_raw:
                raise BodyError("the compressed response is damaged") from error
        self._inflate = zlib.decompressobj(_RAW)
        return self._decompress(data)

"""What the media tests share."""

import pytest

from react1.pipeline.core.file import File
from react1.pipeline.media.probe import probe


@pytest.fixture
def probed():
    """Probe a file that is in no store."""

    def read(path):
        return probe(path, File(digest="0" * 64, suffix=path.suffix.lower(), size_bytes=path.stat().st_size))

    return read

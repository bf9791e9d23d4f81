"""`upload` passes a segment on by its content; nothing is sent."""

import pytest
from numbered_clips import make_clip

from react1.nodes.trim import Trim, TrimParams
from react1.nodes.upload import UploadParams, UploadSegment
from react1.pipeline.media.probe import probe


@pytest.fixture
def segment(context):
    file = context.add_external(make_clip(context.temp_path("film.mov"), frames=10, tracks=0, size=(64, 48)))
    edits = [{"in": "2f", "out": "5f"}]
    return Trim().run(context, TrimParams(edits=edits), probe(context.path(file), file))[0]


def test_the_urls_name_the_content(context, segment):
    """The picture by its digest; no voice has no address."""
    upload = UploadSegment().run(context, UploadParams(), segment)

    assert upload.segment == segment
    assert upload.video_url == f"store:{segment.media.file.digest}"
    assert (upload.audio_url, upload.expires_at) == ("", "")


def test_a_voice_has_its_own_url(context, segment):
    """Any file of the store will do as one here."""
    voiced = segment.model_copy(update={"voice": segment.source.file})

    upload = UploadSegment().run(context, UploadParams(storage="none"), voiced)

    assert upload.audio_url == f"store:{segment.source.file.digest}"

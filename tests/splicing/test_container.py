"""A film's name says nothing, or something wrong: its container decides."""

from __future__ import annotations

import shutil
from fractions import Fraction

import pytest
from numbered_clips import frame_number, make_clip
from takes import edited_take, film, shown

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.splice import Splice, SpliceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing.container import container_suffix
from react1.pipeline.splicing.splice_params import Thresholds

pytestmark = pytest.mark.slow

NO_CHECKS = Thresholds(**dict.fromkeys(Thresholds.model_fields))
WEB = {"codec": "libvpx", "audio_codec": "libopus", "options": {"deadline": "realtime"}}
MPEG = {"codec": "mpeg2video", "audio_codec": "mp2", "time_base": Fraction(1, 25)}
FILMS = {
    "mp4": (".mp4", {"audio_codec": "aac"}, "exact"),
    "mov": (".mov", {}, "exact"),
    "hevc": (".mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}, "tracks": 0}, "exact"),
    "mkv": (".mkv", {}, "exact"),
    "webm": (".webm", WEB, "exact"),
    "ts": (".ts", {"audio_codec": "aac"}, "exact"),
    "mpg": (".mpg", MPEG, "exact"),
}


def named(context, suffix, name, **changes):
    """Make a film, and give it another name."""
    result = make_clip(context.temp_path(f"film{suffix}"), **changes)
    place = context.temp_path(name)
    shutil.move(result, place)
    file = context.store(place)
    return probe(context.path(file), file)


@pytest.mark.parametrize("name", ["noext", "film.bin"])
@pytest.mark.parametrize("container", FILMS)
def test_a_film_without_a_known_suffix_goes_through_every_node(context, container, name):
    """Trim, transcode, conform and splice: the film has its container's suffix and all its frames."""
    suffix, changes, way = FILMS[container]
    source = named(context, suffix, name, frames=20, gop=6, **changes)

    (segment,) = Trim().run(context, TrimParams.model_validate({"edits": [{"in": "5f", "out": "9f"}]}), source)
    take = edited_take(context, Transcode().run(context, TranscodeParams(), segment))
    conformed = Conform().run(context, ConformParams(), take)
    result = Splice().run(context, SpliceParams(checks=NO_CHECKS), source, [conformed])

    assert result.file.suffix == suffix and result.container == source.container
    figures = result.metrics["splice"]
    assert figures["way"] == way, figures["reason"]
    pictures = shown(context.path(result.file))
    outside = [n for n in range(20) if not 5 <= n < 9]
    assert len(pictures) == 20 and [frame_number(pictures[n][1]) for n in outside] == outside
    assert result.video.timestamps == source.video.timestamps


@pytest.mark.parametrize(("suffix", "stored"), [(".MOV", ".mov"), (".m4v", ".m4v"), (".mkv", ".mp4"), (".txt", ".mp4")])
def test_a_suffix_stays_where_it_fits_the_container(context, suffix, stored):
    """An MP4 may be called by any name of its family, but not by that of another."""
    media = film(context, ".mp4", frames=2, tracks=0)
    renamed = media.model_copy(update={"file": media.file.model_copy(update={"suffix": suffix.lower()})})

    assert container_suffix(renamed) == stored

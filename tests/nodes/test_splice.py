"""The node splice: which takes count, and what the film says of itself."""

from __future__ import annotations

import pytest
from numbered_clips import frame_number
from takes import TAKE_OFFSET, film, numbered_take, segment, shown

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import PresetError
from react1.pipeline.splicing.splice_params import Thresholds

UNCHECKED = SpliceParams(checks=Thresholds(**dict.fromkeys(Thresholds.model_fields)))
"""Takes that show numbers look nothing like the film."""


@pytest.mark.slow
def test_the_film_describes_how_it_was_made(context):
    """The result is probed again, keeps the container, and carries the figures."""
    media = film(context, frames=20, gop=4)
    take = numbered_take(context, segment(media, 5, 7))

    output = Splice().run(context, UNCHECKED, media, [take])

    assert output.file.suffix == media.file.suffix
    assert output.video.timestamps == media.video.timestamps
    assert output.metrics["splice"]["way"] == "exact"
    assert output.metrics["splice"]["copied_packets"] + output.metrics["splice"]["encoded_packets"] == 20


@pytest.mark.slow
def test_a_take_that_kept_its_original_changes_nothing(context):
    """Only the take that was done is spliced; with none of them the film is the source."""
    media = film(context, frames=20, gop=4, tracks=0)
    done = numbered_take(context, segment(media, 5, 7))
    failed = numbered_take(context, segment(media, 12, 14)).model_copy(update={"status": "original"})

    output = Splice().run(context, UNCHECKED, media, [done, failed])
    none = Splice().run(context, UNCHECKED, media, [failed])

    numbers = [frame_number(luma) for _, luma in shown(context.path(output.file))]
    assert numbers == [n + TAKE_OFFSET if n in (5, 6) else n for n in range(20)]
    assert none.file == media.file and none.metrics["splice"]["way"] == "untouched"


def test_a_take_that_is_not_on_the_grid_is_refused(context):
    """The message says what to put before splice."""
    media = film(context, frames=10, tracks=0)
    loose = numbered_take(context, segment(media, 5, 7)).model_copy(update={"conformed": False})

    with pytest.raises(PresetError, match="conform"):
        Splice().run(context, UNCHECKED, media, [loose])


@pytest.mark.slow
def test_the_source_is_never_written_to(context):
    """Its bytes are the same before and after."""
    media = film(context, frames=20, gop=4, audio_codec="aac")
    path = context.path(media.file)
    before = path.read_bytes()

    Splice().run(context, UNCHECKED, media, [numbered_take(context, segment(media, 5, 7))])

    assert path.read_bytes() == before

"""`trim` parts what is too long for one clip at a shot cut or a pause, and keeps handles inside the limit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import frame_number, make_clip
from speech import abut, bursts, narrow, speaking_film, wave_of

from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.values import Segment
from react1.pipeline.media.frames import decode
from react1.pipeline.media.probe import probe
from react1.pipeline.media.trim import container_time_s

pytestmark = pytest.mark.slow

LONGEST_S = 15
PAUSES_S = ((4.0, 4.3), (10.8, 11.6), (18.0, 18.4))


def parts_of(context, media, *edits, longest_s=LONGEST_S, **params):
    requested = [{"in": start, "out": end} | dict(more) for start, end, *more in edits]
    return Trim().run(context, TrimParams(edits=requested, longest_s=longest_s, **params), media)


def numbers(context, part):
    return [frame_number(narrow(image)) for _, image in decode.images(context.path(part.media.file), part.media.video)]


def spans(parts):
    return [(part.start_frame, part.end_frame) for part in parts]


def handles(parts):
    return [(part.head_frames, part.tail_frames) for part in parts]


def length_s(part):
    return container_time_s(part.source.video, part.last_frame) - container_time_s(part.source.video, part.first_frame)


def test_a_long_span_is_split_in_its_best_pause(context):
    """22 s become two parts that abut in the middle of the long pause; each file holds its frames and handles."""
    media = speaking_film(context, 600, bursts(24.0, *PAUSES_S))

    parts = parts_of(context, media, ("25f", "575f"))

    assert [part.name for part in parts] == ["s01-1", "s01-2"]
    assert spans(parts) == [(25, 280), (280, 575)]
    assert handles(parts) == [(8, 8), (8, 8)]
    assert [numbers(context, part) for part in parts] == [list(range(17, 288)), list(range(272, 583))]
    assert [part.frames for part in parts] == [tuple(range(17, 288)), tuple(range(272, 583))]
    assert {(part.edit_start_frame, part.edit_end_frame) for part in parts} == {(25, 575)}
    assert {part.edit_span for part in parts} == {(25, 575)}
    assert all(length_s(part) < LONGEST_S for part in parts)
    assert Segment.model_validate_json(parts[0].model_dump_json(by_alias=True)) == parts[0]


def test_without_a_limit_nothing_is_split(context):
    """As before: one segment, which is whole."""
    media = speaking_film(context, 600, bursts(24.0, *PAUSES_S))

    (complete,) = parts_of(context, media, ("25f", "575f"), longest_s=None)

    assert (complete.edit_start_frame, complete.edit_end_frame, complete.edit_span) == (None, None, (25, 575))


def test_a_cut_is_preferred_and_no_handle_crosses_it(context):
    """The parts meet at the cut without overlap; outside, the film's other cuts shorten the handles too."""
    media = speaking_film(context, 600, bursts(24.0, *PAUSES_S), cuts=(22, 300, 578))

    parts = parts_of(context, media, ("25f", "575f"))

    assert spans(parts) == [(25, 300), (300, 575)]
    assert handles(parts) == [(3, 0), (0, 3)]


def test_a_short_edit_keeps_its_handles_from_crossing_a_cut(context):
    """Only where there is a limit: the hosted model wants one shot, the local engine does not mind."""
    media = speaking_film(context, 100, None, cuts=(28, 52))

    (free,) = parts_of(context, media, ("30f", "50f"), longest_s=None)
    (stored,) = parts_of(context, media, ("30f", "50f"))

    assert handles([free, stored]) == [(8, 8), (2, 2)]


def test_handles_are_shortened_where_only_they_are_too_long(context):
    """A frame of slack is left, since the clip is sent at another rate; exactly the limit itself is sent bare."""
    media = speaking_film(context, 420, None)

    near, bare = (parts_of(context, media, ("20f", end))[0] for end in ("385f", "395f"))

    assert spans([near, bare]) == [(20, 385), (20, 395)]
    assert handles([near, bare]) == [(4, 4), (0, 0)]
    assert length_s(near) <= LONGEST_S - Fraction(1, 24) < length_s(near) + Fraction(2, 25)


def test_a_new_line_says_where_to_split(context):
    """The film speaks through; the line pauses at 9 s and ends at 18 s, after which all is pause."""
    media = speaking_film(context, 800, bursts(32.0))
    line = context.store(wave_of(context, bursts(18.0, (9.0, 9.4))))

    parts = parts_of(context, media, ("25f", "575f", ("audio", line)))
    longer = parts_of(context, media, ("25f", "775f", ("audio", line)))

    assert spans(parts) == [(25, 255), (255, 575)]
    assert len(longer) == 3 and abut(spans(longer), 25, 775)
    assert longer[0].end_frame == 255 and longer[1].end_frame > 25 + 18 * 25


@pytest.mark.parametrize("voice", [None, np.zeros((1, 24 * 48000), np.float32)])
def test_where_nobody_speaks_any_frame_will_do(context, voice):
    """No sound track, and a silent one: even parts."""
    media = speaking_film(context, 600, voice)

    parts = parts_of(context, media, ("0f", "600f"))

    assert spans(parts) == [(0, 300), (300, 600)]
    assert handles(parts) == [(0, 8), (8, 0)]


def test_no_safe_place_is_an_error_that_says_where_it_was_looked_for(context):
    """Which edit, how long, the limit, from when to when, what was looked for, what to do."""
    media = speaking_film(context, 600, bursts(24.0, (4.0, 4.3)))

    with pytest.raises(InputMediaError) as caught:
        parts_of(context, media, ("25f", "575f", ("name", "speech")))

    assert caught.value.message == (
        "edit speech (25f–575f) lasts 22.000 s, longer than the 15 s of one clip, and cannot be split: between frames "
        "202 (00:00:08.080) and 477 (00:00:19.080) there is no shot cut and no pause of 200 ms in the voice; "
        "make two edits of it, or a shorter one"
    )


def test_uneven_frames_are_split_by_their_times(context):
    """Held frames last as long as they are shown: fewer frames fit."""
    pts = tuple(int(tick) for tick in np.cumsum([0, *([40] * 100), *([200] * 99)]))
    file = context.store(
        make_clip(context.temp_path("film.mov"), frames=200, tracks=0, time_base=Fraction(1, 1000), pts=pts)
    )
    media = probe(context.path(file), file)

    parts = parts_of(context, media, ("0f", "200f"), longest_s=13)

    assert len(parts) == 2 and abut(spans(parts), 0, 200)
    assert all(length_s(part) <= 13 for part in parts)


def test_names_of_parts_are_unique(context):
    """An edit that is called like a part keeps its name; a long name is shortened to fit."""
    media = speaking_film(context, 1000, None)
    edits = [("0f", "400f", ("name", "a")), ("410f", "420f", ("name", "a-2")), ("430f", "900f", ("name", "b" * 64))]

    names = [part.name for part in parts_of(context, media, *edits)]

    assert names == ["ax-1", "ax-2", "a-2", "b" * 62 + "-1", "b" * 62 + "-2"]

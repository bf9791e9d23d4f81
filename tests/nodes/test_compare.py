"""Before and after in one clip: every frame beside its own counterpart."""

from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_clips import click_times_s, frame_number, make_clip, read_sound
from records import adopted

from react1.nodes.compare import Compare, CompareParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.report.compare import picture_size, wipe_position

pytestmark = pytest.mark.slow


def pictures(context, media):
    with av.open(str(context.path(media.file))) as container:
        video = container.streams.video[0]
        return [(frame.pts * video.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(video)]


@pytest.fixture
def films(context, tmp_path):
    """Frame numbers alike, the second bluish."""
    before = make_clip(tmp_path / "before.mp4", frames=50, audio_codec="aac")
    after = make_clip(tmp_path / "after.mp4", frames=50, chroma=(170, 110), audio_codec="aac")
    return adopted(context, before), adopted(context, after)


@pytest.mark.parametrize("layout", ["side-by-side", "stacked"])
def test_each_frame_is_beside_its_counterpart(context, films, layout):
    """All 50 numbers in both halves, at the source's times; the second half is the bluish film."""
    output = Compare().run(context, CompareParams(layout=layout), *films)
    shown = pictures(context, output)
    halves = [np.split(picture, 2, axis=1 if layout == "side-by-side" else 0) for _, picture in shown]

    assert output.video.rate == 25
    assert [at for at, _ in shown] == [k / films[0].video.rate for k in range(50)]
    assert [(frame_number(unlabelled(a)), frame_number(unlabelled(b))) for a, b in halves] == [
        (k, k) for k in range(50)
    ]
    assert halves[20][1][..., 2].mean() > halves[20][0][..., 2].mean() + 20


def unlabelled(picture):
    """Paint the corner white again that the label stands on, as in the made clips."""
    complete = picture.copy()
    complete[:30, :53] = 200
    return complete


def test_the_labels_say_which_is_which(context, films):
    """Ink in the upper left corner of each half, and of another shape in each."""
    output = Compare().run(context, CompareParams(), *films)
    _, picture = pictures(context, output)[10]
    left, right = (half[:25, :53].mean(axis=2) > 225 for half in np.split(picture, 2, axis=1))

    assert left.sum() > 20
    assert right.sum() > 20
    assert (left != right).sum() > 10


def test_the_wipe_sweeps_from_after_to_before_and_back(context, films):
    """At 1 s it stands in the middle: the source on its left, the film on its right, of one frame number."""
    output = Compare().run(context, CompareParams(layout="wipe"), *films)
    shown = pictures(context, output)
    middle = shown[25][1]

    assert output.video.shown_size_px == (320, 180)
    assert len(shown) == 50
    assert wipe_position(0) == 1
    assert wipe_position(1) == pytest.approx(0.5)
    assert middle[60:170, 170:310, 2].mean() > middle[60:170, 10:150, 2].mean() + 20


def test_the_sound_is_that_of_the_second_film_in_its_place(context, tmp_path):
    """The click of each second, to within the length of an AAC frame's ringing."""
    before = adopted(context, make_clip(tmp_path / "before.mp4", frames=60, tracks=0))
    after = adopted(context, make_clip(tmp_path / "after.mp4", frames=60, audio_codec="aac"))
    output = Compare().run(context, CompareParams(), before, after)
    samples, rate = read_sound(context.path(output.file))

    assert click_times_s(samples[0], rate, threshold=0.2) == pytest.approx(
        click_times_s(read_sound(context.path(after.file))[0][0], threshold=0.2), abs=0.002
    )


def test_a_film_rate_that_no_float_has_keeps_every_frame(context, tmp_path):
    """At 24000/1001 frames/s none is doubled, none is lost."""
    film = adopted(context, make_clip(tmp_path / "film.mp4", frames=60, rate=Fraction(24000, 1001)))
    output = Compare().run(context, CompareParams(layout="stacked"), film, film)
    lower = [frame_number(unlabelled(np.split(picture, 2)[1])) for _, picture in pictures(context, output)]

    assert lower == list(range(60))
    assert output.video.rate == Fraction(24000, 1001)


def test_films_of_other_lengths_do_not_compare(context, films, tmp_path):
    """And both lengths are told."""
    short = adopted(context, make_clip(tmp_path / "short.mp4", frames=49))

    with pytest.raises(InputMediaError, match="50 frames, after has 49"):
        Compare().run(context, CompareParams(), films[0], short)


def test_the_same_films_give_the_same_bytes(context, films):
    """So that the result can be stored by its content."""
    first, second = (Compare().run(context, CompareParams(max_height_px=90), *films) for _ in range(2))

    assert first.file == second.file


def test_a_picture_is_made_smaller_but_never_larger():
    """Its sides stay even."""
    assert picture_size((1920, 1080), 540) == (960, 540)
    assert picture_size((321, 181), 540) == (320, 180)

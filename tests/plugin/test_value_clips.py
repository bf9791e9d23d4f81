"""Values as MoviePy clips and back: exact frames, exact samples where nothing changed, and one line without MoviePy."""

from __future__ import annotations

import sys

import av
import numpy as np
import pytest
from records import segment_of, take_of

from react1.pipeline.core.errors import InputMediaError, MissingExtra
from react1.pipeline.executors.base import CallMonitor, StoreContext
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes
from react1.pipeline.store.store import Store
from react1.plugin import Media
from react1.testing import ClipRecipe, frame_number, make_clip, probe_clip

COUNT, RATE = 10, 25


@pytest.fixture
def media(context, tmp_path):
    """A film of ten numbered frames with sound."""
    return probe_clip(context, make_clip(tmp_path / "film.mov", ClipRecipe(frames=COUNT, size=(64, 48))))


def numbers(clip):
    return [frame_number(clip.get_frame(index / RATE)) for index in range(round(clip.duration * RATE))]


def planes(context, media):
    return [frame_planes(frame) for frame in decode_frames(context.path(media.file))]


def sound(context, media):
    with av.open(str(context.path(media.file))) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def dimmed(clip, first):
    """Darken all frames from one on."""
    return clip.transform(lambda get, at_s: get(at_s) // 2 if at_s * RATE > first - 0.5 else get(at_s))


@pytest.mark.parametrize("kind", ["segment", "take"])
def test_a_segment_and_a_take_become_clips_and_come_back(context, media, kind):
    """With exactly their frames; those that the clip leaves alone keep their samples, and the sound its packets."""
    segment = segment_of(media, 3, 7)
    value = segment if kind == "segment" else take_of(segment, media)

    with value.clip(context) as clip:
        changed = value.with_clip(context, dimmed(clip, 6))
        assert numbers(clip) == list(range(COUNT))
        assert clip.audio is not None

    before, after = planes(context, media), planes(context, changed.media)
    same = [
        all(np.array_equal(*pair) for pair in zip(*frames, strict=True)) for frames in zip(before, after, strict=True)
    ]
    assert same == [True] * 6 + [False] * 4
    assert after[8][0].mean() < 0.7 * before[8][0].mean()
    assert sound(context, changed.media) == sound(context, media)
    assert changed.model_copy(update={"media": media}) == value


def test_a_clip_becomes_media_of_its_own(context, media):
    """With the frames and the sound of the clip, not of what it was made from."""
    new = Media.from_clip(context, media.clip(context).subclipped(2 / RATE, 6 / RATE))

    assert numbers(new.clip(context)) == [2, 3, 4, 5]
    assert (new.video.frame_count, len(new.audio)) == (4, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clip: clip.subclipped(0, 0.2), "the clip has 5 frames instead of 10 frames"),
        (lambda clip: clip.resized(0.5), "the clip has 32x24 pixels instead of 64x48"),
        (lambda clip: "a film", "expected a MoviePy clip, not str"),
    ],
)
def test_a_clip_of_another_length_or_size_is_refused(context, media, change, message):
    """In one line that says what differs."""
    with pytest.raises(InputMediaError, match=message):
        media.with_clip(context, change(media.clip(context)))


def test_the_context_of_a_run_gives_clips_too(media, context, tmp_path):
    """What `with_clip` makes is stored."""
    run_context = StoreContext(Store(tmp_path / "home"), CallMonitor(), deadline=float("inf"))
    stored = probe_clip_in(run_context, context.path(media.file))

    changed = stored.with_clip(run_context, dimmed(stored.clip(run_context), 0))
    run_context.close()

    assert run_context.path(changed.file).is_file()
    assert planes(run_context, changed)[0][0].mean() < planes(run_context, stored)[0][0].mean()


def probe_clip_in(run_context, path):
    from react1.plugin import probe

    copy = run_context.temp_path("film.mov")
    copy.write_bytes(path.read_bytes())
    file = run_context.store(copy)
    return probe(run_context.path(file), file)


def test_without_moviepy_a_clip_is_one_line(context, media, monkeypatch):
    """It is looked for when a clip is made, and not before."""
    monkeypatch.setitem(sys.modules, "moviepy", None)
    take = take_of(segment_of(media, 3, 7), media)

    with pytest.raises(MissingExtra, match=r"pip install 'moviepy>=2.1,<3'") as caught:
        take.clip(context)

    assert "\n" not in str(caught.value)

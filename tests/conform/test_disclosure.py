"""A label is drawn into the edited frames of a take, and into nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from takes import film, numbered_take, segment

from react1.nodes.disclose import Disclose, DiscloseParams
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes


def lumas(context, media) -> np.ndarray:
    frames = decode_frames(context.path(media.file), media.video.index)
    return np.stack([frame_planes(frame)[0] for frame in frames]).astype(int)


def changes(context, take, **params) -> np.ndarray:
    """Return by how much each luma pixel of the labelled take differs from the take's."""
    labelled = Disclose().run(context, DiscloseParams(**params), take)
    return np.abs(lumas(context, labelled.media) - lumas(context, take.media))


def test_only_the_edited_frames_get_the_label(context):
    """In the lower right corner; the handles and the rest of the picture keep every pixel."""
    take = numbered_take(context, segment(film(context, frames=20, tracks=0), 6, 12, 3, 3))

    change = changes(context, take)

    assert [bool(frame.any()) for frame in change] == [False] * 3 + [True] * 6 + [False] * 3
    height, width = change[0].shape
    assert change[:, height - height // 6 :, width // 2 :].any()
    assert not change[:, : height - height // 6].any()
    assert not change[:, :, : width // 2].any()


@pytest.mark.parametrize(
    "changed",
    [{"label": "altered with a model"}, {"where": "top-left"}, {"size": 0.15}],
    ids=lambda item: next(iter(item)),
)
def test_each_parameter_changes_the_label(context, changed):
    """Its words, its corner, its size."""
    take = numbered_take(context, segment(film(context, frames=6, tracks=0), 1, 4))

    assert not np.array_equal(changes(context, take), changes(context, take, **changed))


def test_a_label_on_the_complete_film_is_refused():
    """It would re-encode every picture; the message says what to write."""
    assert DiscloseParams(span="edits") == DiscloseParams()
    with pytest.raises(ValueError, match="packets outside an edit stay bit-identical here; write `span: edits`"):
        DiscloseParams(span="film")


@pytest.mark.parametrize(("turn", "corner"), [(90, "top"), (180, "top"), (270, "bottom")])
def test_the_label_is_upright_in_a_turned_film(context, turn, corner):
    """Stored sideways or upside down, it lies where the lower right corner is coded."""
    take = numbered_take(context, segment(film(context, frames=6, tracks=0, rotation_deg=turn), 1, 4))

    rows = np.flatnonzero(changes(context, take).any((0, 2)))

    middle = take.segment.source.video.height_px / 2
    assert bool(rows.mean() < middle) is (corner == "top")


def test_ten_bits_stay_ten_bits(context):
    """White is white at the film's depth."""
    take = numbered_take(context, segment(film(context, frames=6, tracks=0, pix_fmt="yuv420p10le"), 1, 4))

    labelled = Disclose().run(context, DiscloseParams(size=0.2), take)

    assert labelled.media.video.bit_depth == 10
    assert lumas(context, labelled.media).max() >= 900


def test_a_label_in_red_green_and_blue_is_grey(context):
    """In a film without luma and chroma, too: black and white letters, and no colour."""
    media = film(context, ".mov", frames=6, tracks=0, codec="png", pix_fmt="rgb24")

    take = Take(segment=segment(media, 0, 6), media=media, provider="local", request={}, conformed=True)

    labelled = Disclose().run(context, DiscloseParams(size=0.2), take)

    before, after = (
        next(iter(decode_frames(context.path(each.media.file), 0))).to_ndarray(format="rgb24").astype(int)
        for each in (take, labelled)
    )
    changed = (before != after).any(2)
    assert after[changed].max() == 255
    assert (np.ptp(after, axis=2) <= np.ptp(before, axis=2)).all()


def test_a_job_asks_for_the_label(tmp_path, context):
    """The step comes before the splice, and only where it is asked for."""
    path = context.path(film(context, frames=20, tracks=0).file)
    options = {"registry": load_registry(), "edits": ["6f-12f:sad"], "base": tmp_path, "out": f"out{path.suffix}"}

    plain = load_job("emotion-edit", sets={"source": str(path)}, **options)
    asking = load_job("emotion-edit", sets={"source": str(path), "disclosure": "{where: top-left}"}, **options)

    assert "disclose" not in [step.id for step in plain.steps]
    ids = [step.id for step in asking.steps]
    assert ids[ids.index("disclose") + 1] == "splice"
    (step,) = [step for step in asking.steps if step.id == "disclose"]
    assert (step.params.label, step.params.where) == ("AI-edited", "top-left")
    with pytest.raises(PresetError, match="top-middle"):
        load_job("emotion-edit", sets={"source": str(path), "disclosure": "{where: top-middle}"}, **options)

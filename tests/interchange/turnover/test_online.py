"""From proxies to camera originals: found by name and clock, refused with the reason, and paid for once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made import make_clip
from takes import numbered_take, segment

from react1.nodes.online import Online, OnlineParams
from react1.nodes.relink import Relink, RelinkParams
from react1.pipeline.api import run
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.core.registry import load_registry
from react1.pipeline.interchange.turnover.originals import find_original, frame_offset
from react1.pipeline.media.probe import probe_outside

FRAMES = 40


def film(path: Path, timecode: str = "01:00:00:00", **changes) -> Path:
    """Make a film with a clock."""
    return make_clip(path, **{"frames": FRAMES, "tracks": 0, "timecode": timecode, **changes})


def test_the_original_is_found_by_its_name(tmp_path):
    """Of two that hold the proxy's span, the one whose name begins the proxy's; without it, neither."""
    film(tmp_path / "shoot" / "day1" / "A001.mov")
    film(tmp_path / "shoot" / "B001.mov")
    proxy = film(tmp_path / "A001_proxy.mp4", frames=30)
    nameless = film(tmp_path / "cut.mp4", frames=30)

    assert find_original(proxy, tmp_path / "shoot").name == "A001.mov"
    with pytest.raises(InputMediaError, match=r"2 films in .* fit cut.mp4: B001.mov, A001.mov"):
        find_original(nameless, tmp_path / "shoot")


def test_the_film_that_shares_most_of_the_name_comes_first(tmp_path):
    """`A.mov` and `A_001.mov` both begin the proxy's name; `A_00.mov` ends within a word, and is another clip."""
    for name in ("A.mov", "A_001.mov", "A_00.mov"):
        film(tmp_path / "shoot" / name)
    proxy = film(tmp_path / "A_001_proxy.mp4", frames=30)

    assert find_original(proxy, tmp_path / "shoot").name == "A_001.mov"


def test_the_original_is_found_by_its_clock(tmp_path):
    """Names say nothing here: the one that holds 01:00:00:05 to 01:00:01:05 at 25 frames/s is it."""
    film(tmp_path / "shoot" / "one.mov", "02:00:00:00")
    film(tmp_path / "shoot" / "two.mov", rate=Fraction(30))
    wanted = film(tmp_path / "shoot" / "three.mov")
    proxy = film(tmp_path / "cut.mp4", "01:00:00:05", frames=25)

    assert find_original(proxy, tmp_path / "shoot") == wanted
    assert frame_offset(probe_outside(proxy), probe_outside(wanted)) == 5


def test_what_was_looked_at_is_told(tmp_path):
    """None fits: every film and its reason stand in the line."""
    film(tmp_path / "shoot" / "one.mov", "02:00:00:00")
    film(tmp_path / "shoot" / "two.mov", rate=Fraction(30))
    proxy = film(tmp_path / "cut.mp4", frames=25)

    with pytest.raises(InputMediaError) as told:
        find_original(proxy, tmp_path / "shoot")

    assert "one.mov: the original, 40 frames from 02:00:00:00, does not hold its proxy" in str(told.value)
    assert "two.mov: the original runs at 30 frames/s, its proxy at 25" in str(told.value)


def test_other_pictures_are_refused(context, tmp_path, talking_clip):
    """The clocks agree and the pictures do not."""
    with av.open(str(talking_clip)) as container:
        count = container.streams.video[0].frames
    wrong = make_clip(tmp_path / "wrong.mp4", frames=count, tracks=0)
    proxy = context.store(_copy(talking_clip, context.temp_path("proxy.mp4")))
    params = RelinkParams(original=context.store(_copy(wrong, context.temp_path("wrong.mp4"))))

    with pytest.raises(InputMediaError, match="does not show what frame"):
        Relink().run(context, params, probe_outside(context.path(proxy)).model_copy(update={"file": proxy}))


def test_a_take_is_placed_by_the_clock(context, tmp_path):
    """Every frame number moves by the proxy's offset; what was sent stays."""
    original, proxy = film(tmp_path / "A001.mov"), film(tmp_path / "cut.mp4", "01:00:00:05", frames=30)
    take = numbered_take(context, segment(probe_outside(proxy), 10, 14, 2, 2))

    placed = Online().run(context, OnlineParams(), probe_outside(original), take)
    moved = placed.segment

    assert Online().run(context, OnlineParams(), probe_outside(original), placed) is placed
    assert (moved.start_frame, moved.end_frame, moved.frames) == (15, 19, tuple(range(13, 21)))
    assert moved.media == take.segment.media
    assert moved.source.file == probe_outside(original).file


def test_the_steps_stand_behind_the_one_that_makes_takes(tmp_path):
    """The film that was not named is called after the original; a preset without takes is refused."""
    film(tmp_path / "shoot" / "A001.mov")
    proxy = film(tmp_path / "A001_proxy.mp4")
    asked = {"registry": load_registry(), "sets": {"source": str(proxy)}, "edits": ["0.2-0.4:sad"], "base": tmp_path}

    job = load_job("emotion-edit", online="shoot", **asked)

    ids = [step.id for step in job.steps]
    assert ids[ids.index("react1") :] == ["react1", "relink", "online", "conform", "splice", "report"]
    assert job.inputs["out"] == str(tmp_path / "A001.react1.mov")
    with pytest.raises(PresetError, match="prepare has no step react1"):
        load_job("prepare", online="shoot", **asked)


def test_other_pictures_are_refused_before_anything_is_paid(talking_clip, tmp_path):
    """When the job is read: the name and the clock fit, and the pictures do not."""
    with av.open(str(talking_clip)) as container:
        count = container.streams.video[0].frames
    film(tmp_path / "shoot" / "A001.mov", frames=count)
    proxy = _cut(talking_clip, tmp_path / "A001_proxy.mp4", 0, "01:00:00:00")
    asked = {"registry": load_registry(), "sets": {"source": str(proxy)}, "edits": ["0.2-0.4:sad"], "base": tmp_path}

    with pytest.raises(PresetError, match="does not show what frame"):
        load_job("emotion-edit", online="shoot", **asked)


def test_a_take_of_the_proxy_goes_onto_the_original(talking_clip, tmp_path):
    """It is not made anew; the original changes in the span, 5 frames later than in the proxy, and nowhere else."""
    shoot = tmp_path / "shoot"
    shoot.mkdir()
    original = _cut(talking_clip, shoot / "A001.mp4", 0, "01:00:00:00")
    proxy = _cut(talking_clip, tmp_path / "A001_proxy.mp4", 5, "01:00:00:05")
    edits, home = ["0.4-1.2:surprised:1"], tmp_path / "home"
    run("emotion-edit", source=proxy, edits=edits, home=home, provider="local")

    result = run("emotion-edit", source=proxy, edits=edits, home=home, provider="local", online=shoot)

    (told,) = result.segments
    assert (told.reused, told.start_frame, told.end_frame) == (True, 15, 35)
    assert result.output == tmp_path / "A001.react1.mp4"
    changed = [n for n, (a, b) in enumerate(zip(_luma(original), _luma(result.output), strict=True)) if _far(a, b)]
    assert 15 <= changed[0] <= 21
    assert 29 <= changed[-1] < 35


def _copy(path: Path, to: Path) -> Path:
    to.write_bytes(path.read_bytes())
    return to


def _cut(path: Path, to: Path, first: int, timecode: str) -> Path:
    with av.open(str(path)) as source, av.open(str(to), "w") as out:
        out.metadata["timecode"] = timecode
        seen = source.streams.video[0]
        stream = out.add_stream("libx264", rate=seen.average_rate, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = seen.width, seen.height, "yuv420p"
        for number, frame in enumerate(source.decode(seen)):
            if number >= first:
                frame.pts, frame.time_base = number - first, Fraction(1) / seen.average_rate
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return to


def _luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]


def _far(before: np.ndarray, after: np.ndarray) -> bool:
    return bool(np.abs(before - after).max() > 40)

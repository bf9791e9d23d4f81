"""Camera originals of proxies are found by name and timecode, refused with the reason, and takes are paid once."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered_clips import make_clip
from takes import numbered_take, segment

from react1.nodes.online import Online, OnlineParams
from react1.nodes.relink import Relink, RelinkParams
from react1.pipeline.api import run
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.interchange.turnover.originals import find_original, frame_offset
from react1.pipeline.media.probe import probe, probe_path
from react1.pipeline.runner.external_inputs import ingest
from react1.pipeline.runner.planning.forecast import check_steps_after
from react1.pipeline.runner.planning.plan import plan_job
from react1.pipeline.store.store import Store

pytestmark = pytest.mark.slow

FRAMES = 40


def film(path: Path, timecode: str = "01:00:00:00", **changes) -> Path:
    """Write a film with timecode."""
    return make_clip(path, **{"frames": FRAMES, "tracks": 0, "timecode": timecode, **changes})


def test_original_is_found_by_name(tmp_path):
    """Of two films that contain the proxy's span, the one whose name begins the proxy's is used; else neither."""
    film(tmp_path / "shoot" / "day1" / "A001.mov")
    film(tmp_path / "shoot" / "B001.mov")
    proxy = film(tmp_path / "A001_proxy.mp4", frames=30)
    nameless = film(tmp_path / "cut.mp4", frames=30)

    assert find_original(proxy, tmp_path / "shoot").name == "A001.mov"
    with pytest.raises(InputMediaError, match=r"2 films in .* fit cut.mp4: B001.mov, A001.mov"):
        find_original(nameless, tmp_path / "shoot")


def test_longest_shared_name_comes_first(tmp_path):
    """`A.mov` and `A_001.mov` begin the proxy's name; `A_00.mov` ends within a word and does not match."""
    for name in ("A.mov", "A_001.mov", "A_00.mov"):
        film(tmp_path / "shoot" / name)
    proxy = film(tmp_path / "A_001_proxy.mp4", frames=30)

    assert find_original(proxy, tmp_path / "shoot").name == "A_001.mov"


def test_original_is_found_by_timecode(tmp_path):
    """Without matching names the film that contains 01:00:00:05 to 01:00:01:05 at 25 frames/s is used."""
    film(tmp_path / "shoot" / "one.mov", "02:00:00:00")
    film(tmp_path / "shoot" / "two.mov", rate=Fraction(30))
    expected = film(tmp_path / "shoot" / "three.mov")
    proxy = film(tmp_path / "cut.mp4", "01:00:00:05", frames=25)

    assert find_original(proxy, tmp_path / "shoot") == expected
    assert frame_offset(probe_path(proxy), probe_path(expected)) == 5


def test_refusal_lists_every_film(tmp_path):
    """If none fits, the message gives every film with its reason."""
    film(tmp_path / "shoot" / "one.mov", "02:00:00:00")
    film(tmp_path / "shoot" / "two.mov", rate=Fraction(30))
    proxy = film(tmp_path / "cut.mp4", frames=25)

    with pytest.raises(InputMediaError) as refused:
        find_original(proxy, tmp_path / "shoot")

    assert "one.mov: the original, 40 frames from 02:00:00:00, does not contain its proxy" in str(refused.value)
    assert "two.mov: the original runs at 30 frames/s, its proxy at 25" in str(refused.value)


def test_relink_refuses_other_pictures(context, tmp_path, talking_clip):
    """The timecodes match and the pictures do not."""
    with av.open(str(talking_clip)) as container:
        count = container.streams.video[0].frames
    wrong = make_clip(tmp_path / "wrong.mp4", frames=count, tracks=0)
    proxy = context.store(_copy(talking_clip, context.temp_path("proxy.mp4")))
    params = RelinkParams(original=context.store(_copy(wrong, context.temp_path("wrong.mp4"))))

    with pytest.raises(InputMediaError, match="does not show what frame"):
        Relink().run(context, params, probe_path(context.path(proxy)).model_copy(update={"file": proxy}))


def test_take_is_placed_by_timecode(context, tmp_path):
    """Every frame number is shifted by the proxy's offset; the uploaded media is unchanged."""
    original, proxy = film(tmp_path / "A001.mov"), film(tmp_path / "cut.mp4", "01:00:00:05", frames=30)
    take = numbered_take(context, segment(probe_path(proxy), 10, 14, 2, 2))

    placed = Online().run(context, OnlineParams(), probe_path(original), take)
    moved = placed.segment

    assert Online().run(context, OnlineParams(), probe_path(original), placed) is placed
    assert (moved.start_frame, moved.end_frame, moved.frames) == (15, 19, tuple(range(13, 21)))
    assert moved.media == take.segment.media
    assert moved.source.file == probe_path(original).file


def test_relink_steps_follow_the_react1_step(tmp_path):
    """A default output is named after the original; a preset without takes is refused."""
    film(tmp_path / "shoot" / "A001.mov")
    proxy = film(tmp_path / "A001_proxy.mp4")
    options = {"registry": load_registry(), "sets": {"source": str(proxy)}, "edits": ["0.2-0.4:sad"], "base": tmp_path}

    job = load_job("emotion-edit", online="shoot", **options)

    ids = [step.id for step in job.steps]
    assert ids[ids.index("react1") :] == ["react1", "relink", "online", "conform", "splice", "report"]
    assert job.inputs["out"] == str(tmp_path / "A001.react1.mov")
    timeline = load_job("turnover", online="shoot", **options).steps[-2]
    assert (timeline.info.name, timeline.params.source) == ("timeline", str(tmp_path / "shoot" / "A001.mov"))
    with pytest.raises(PresetError, match="prepare has no step that renders takes"):
        load_job("prepare", online="shoot", **options)


def test_other_pictures_are_refused_before_anything_is_paid(talking_clip, tmp_path):
    """Loading the job refuses an original whose name and timecode match but whose pictures do not."""
    with av.open(str(talking_clip)) as container:
        count = container.streams.video[0].frames
    film(tmp_path / "shoot" / "A001.mov", frames=count)
    proxy = _cut(talking_clip, tmp_path / "A001_proxy.mp4", 0, "01:00:00:00")
    options = {"registry": load_registry(), "sets": {"source": str(proxy)}, "edits": ["0.2-0.4:sad"], "base": tmp_path}

    with pytest.raises(PresetError, match="does not show what frame"):
        load_job("emotion-edit", online="shoot", **options)


def test_take_of_the_proxy_is_spliced_into_the_original(talking_clip, tmp_path):
    """The take is reused; the original changes only in its span, 5 frames later than in the proxy."""
    shoot = tmp_path / "shoot"
    shoot.mkdir()
    original = _cut(talking_clip, shoot / "A001.mp4", 0, "01:00:00:00")
    proxy = _cut(talking_clip, tmp_path / "A001_proxy.mp4", 5, "01:00:00:05")
    edits, home = ["0.4-1.2:surprised:1"], tmp_path / "home"
    run("emotion-edit", source=proxy, edits=edits, home=home, provider="local")

    result = run("emotion-edit", source=proxy, edits=edits, home=home, provider="local", online=shoot)

    (segment_result,) = result.segments
    assert (segment_result.reused, segment_result.start_frame, segment_result.end_frame) == (True, 15, 35)
    assert result.output == tmp_path / "A001.react1.mp4"
    assert result.report is not None
    report = json.loads(result.report.with_suffix(".json").read_text())
    assert report["source"]["video"]["frames"] == report["film"]["video"]["frames"]
    assert report["checks"] and all(report["checks"].values())
    assert report["segments"][0]["start"]["timecode"] == "01:00:00:15"
    changed = [n for n, (a, b) in enumerate(zip(_luma(original), _luma(result.output), strict=True)) if _far(a, b)]
    assert 15 <= changed[0] <= 21
    assert 29 <= changed[-1] < 35


def test_the_plan_describes_the_splice_into_the_original(tmp_path):
    """Before any take is made: of ProRes only the span and its seams are re-encoded, of the proxy a GOP and more."""
    original = film(tmp_path / "shoot" / "A001.mov", codec="prores_ks", pix_fmt="yuv422p10le", bframes=0)
    proxy = film(tmp_path / "A001_proxy.mp4")
    options = {"registry": load_registry(), "sets": {"source": str(proxy)}, "edits": ["0.4-0.8:sad"], "base": tmp_path}

    of_proxy, of_original = (
        next(row.splice for row in plan_job(job, Store(tmp_path / "home")) if row.splice)
        for job in (
            load_job("emotion-edit", provider="local", online=online, **options)
            for online in (None, str(original.parent))
        )
    )

    assert (of_proxy["encoder"], of_original["encoder"]) == ("libx264", "prores_ks")
    assert of_original["coded_frames"] < of_proxy["coded_frames"]


def test_what_is_refused_before_paying_is_the_splice_into_the_original(tmp_path):
    """`exact: require` looks at the original: a proxy in MPEG-4 part 2 does not matter, an original in it does."""
    shoot, proxy = tmp_path / "shoot", film(tmp_path / "A001_proxy.mp4", codec="mpeg4", bframes=0)
    film(shoot / "A001.mov", codec="prores_ks", pix_fmt="yuv422p10le", bframes=0)
    store = Store(tmp_path / "home")
    file = store.add_external(proxy)
    segments = [segment(probe(store.path(file), file), 10, 20)]

    def check(online: str | None) -> None:
        job = load_job(
            "emotion-edit",
            registry=load_registry(),
            sets={"source": str(proxy), "exact": "require"},
            edits=["0.4-0.8:sad"],
            base=tmp_path,
            online=online,
        )
        steps = [ingest(step, store) for step in job.steps]
        paid = next(step for step in steps if step.id == "react1")
        check_steps_after(paid, steps, segments, {"fetch": segments[0].source}, store)

    check(str(shoot))
    with pytest.raises(InputMediaError, match="cannot be smart-rendered"):
        check(None)


def test_a_step_of_segments_is_not_forecasts_again_before_paying(tmp_path, monkeypatch):
    """It has run; its forecast would look for faces once more, in the coordinator."""
    proxy = film(tmp_path / "A001_proxy.mp4")
    store = Store(tmp_path / "home")
    file = store.add_external(proxy)
    segments = [segment(probe(store.path(file), file), 10, 20)]
    job = load_job(
        "emotion-edit", registry=load_registry(), sets={"source": str(proxy)}, edits=["0.4-0.8:sad"], base=tmp_path
    )
    steps, forecasts = [ingest(step, store) for step in job.steps], []
    face, paid = (next(step for step in steps if step.id == name) for name in ("face", "react1"))
    real = face.info.cls.forecast
    monkeypatch.setattr(face.info.cls, "forecast", lambda *inputs: forecasts.append(inputs) or real(*inputs))

    check_steps_after(paid, steps, segments, {"fetch": segments[0].source}, store)

    assert forecasts == []


def _copy(path: Path, to: Path) -> Path:
    to.write_bytes(path.read_bytes())
    return to


def _cut(path: Path, to: Path, first: int, timecode: str) -> Path:
    with av.open(str(path)) as source, av.open(str(to), "w") as out:
        out.metadata["timecode"] = timecode
        input_stream = source.streams.video[0]
        stream = out.add_stream("libx264", rate=input_stream.average_rate, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = input_stream.width, input_stream.height, "yuv420p"
        for number, frame in enumerate(source.decode(input_stream)):
            if number >= first:
                frame.pts, frame.time_base = number - first, Fraction(1) / input_stream.average_rate
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return to


def _luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]


def _far(before: np.ndarray, after: np.ndarray) -> bool:
    return bool(np.abs(before - after).max() > 40)

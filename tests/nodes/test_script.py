"""Functions of the user's: only from files that the user named, and never another length."""

import av
import numpy as np
import pytest
from numbered_clips import click_times_s, frame_number, make_clip, read_sound
from records import adopted, segment_of

from react1.nodes.script import Script, ScriptParams
from react1.pipeline.core.errors import InputMediaError, PresetError, ToolFailed
from react1.pipeline.media.frames.decode import images

GRADE = '''
from moviepy import vfx

def same(clip, segment):
    return clip

def from_frame_ten(clip, segment):
    """Darken all frames from the tenth on."""
    def dim(get, at_s):
        picture = get(at_s)
        return picture // 2 if at_s * segment["rate"] > 9.5 else picture
    return clip.transform(dim)

def backwards(clip, segment):
    return clip.with_effects([vfx.TimeMirror()])

def shorter(clip, segment):
    return clip.subclipped(0, 1)

def smaller(clip, segment):
    return clip.resized(0.5)

def slower(clip, segment):
    return clip.with_fps(12)

def nothing(clip, segment):
    return None

def broken(clip, segment):
    raise KeyError("colour")

def breaks_late(clip, segment):
    def act(get, at_s):
        if at_s > 1:
            raise ValueError("late")
        return get(at_s)
    return clip.transform(act)

def spot(clip, segment):
    def black_corner(get, at_s):
        picture = get(at_s).copy()
        picture[:8, :8] = 0
        return picture
    return clip.transform(black_corner)

value = 3
'''


@pytest.fixture
def grade(tmp_path, monkeypatch):
    path = tmp_path / "my scripts" / "grade.py"
    path.parent.mkdir()
    path.write_text(GRADE)
    monkeypatch.setenv("REACT1_SCRIPT", str(path))
    return path


@pytest.fixture
def segment(context, tmp_path):
    source = adopted(context, make_clip(tmp_path / "film.mp4", frames=40, audio_codec="aac"))
    return segment_of(source, 10, 30)


def run(context, name, segment):
    return Script().run(context, ScriptParams(function=f"grade:{name}"), segment)


def coded(context, media):
    with av.open(str(context.path(media.file))) as container:
        return [(frame.time, samples(frame)) for frame in container.decode(video=0)]


def samples(frame):
    readable = frame if "12" not in frame.format.name else frame.reformat(format="yuv444p16le")
    return readable.to_ndarray()


@pytest.mark.slow
def test_a_function_that_changes_nothing_loses_nothing(context, grade, segment):
    """Every sample of every frame, every time, the rate, the format, and the sound are as they were."""
    result = run(context, "same", segment).media
    before, after = coded(context, segment.media), coded(context, result)

    assert [at for at, _ in after] == [at for at, _ in before]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))
    assert result.video.pix_fmt == segment.media.video.pix_fmt
    assert result.video.rate == segment.media.video.rate
    assert click_times_s(read_sound(context.path(result.file))[0][0], threshold=0.2) == pytest.approx(
        click_times_s(read_sound(context.path(segment.media.file))[0][0], threshold=0.2), abs=1e-3
    )


@pytest.mark.slow
def test_only_the_frames_that_the_function_changes_are_changed(context, grade, segment):
    """Frames 10 to 39 are darker, 0 to 9 are bit for bit as before, and it is said how many."""
    arguments = run(context, "from_frame_ten", segment)
    before, after = coded(context, segment.media), coded(context, arguments.media)
    same = [np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True)]

    assert same == [True] * 10 + [False] * 30
    assert after[20][1][:180].mean() < 0.7 * before[20][1][:180].mean()
    assert "changed 30 of 40 frames" in arguments.notes[-1]


@pytest.mark.slow
def test_a_function_may_reach_for_any_frame(context, grade, segment):
    """Played backwards the numbers fall; the rounding of float times costs no frame."""
    result = run(context, "backwards", segment).media
    numbers = [frame_number(luma[:180]) for _, luma in coded(context, result)]

    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) >= 39


def test_a_turned_picture_is_given_upright_and_put_back(context, tmp_path, grade):
    """The function sees 180 by 320; the file stays as coded, with its turn."""
    source = adopted(context, make_clip(tmp_path / "turned.mp4", frames=20, rotation_deg=90))
    result = run(context, "from_frame_ten", segment_of(source, 5, 15)).media
    before, after = coded(context, source), coded(context, result)

    assert result.video.rotation_deg == 90
    assert np.array_equal(before[3][1], after[3][1])
    ratio = after[15][1][:180] / before[15][1][:180]
    assert ratio.std() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p", "yuv420p12le"])
def test_a_pixel_format_is_kept(context, tmp_path, grade, pix_fmt):
    """Frames that are not changed keep all of their bits, and all keep their times."""
    source = adopted(context, make_clip(tmp_path / "deep.mkv", frames=20, pix_fmt=pix_fmt, codec="ffv1"))
    result = run(context, "from_frame_ten", segment_of(source, 5, 15)).media
    before, after = coded(context, source), coded(context, result)

    assert result.video.pix_fmt == pix_fmt
    assert all(np.array_equal(before[k][1], after[k][1]) for k in range(10))
    assert [at for at, _ in after] == pytest.approx([at for at, _ in before], abs=1e-4)


@pytest.mark.parametrize("matrix", [6, 8, 10, 14])
def test_pictures_are_written_by_the_matrix_that_they_were_read_by(context, tmp_path, grade, matrix):
    """Also where the library has none of that name (YCgCo, constant luminance, ICtCp), and another stands for it."""
    colors = {"chroma": (90, 170), "colour": (1, 9, 14, matrix), "codec": "ffv1", "size": (96, 64), "frames": 3}
    source = adopted(context, make_clip(tmp_path / "colors.mkv", **colors))
    result = run(context, "spot", segment_of(source, 1, 2)).media

    before, after = (next(images(context.path(each.file), each.video))[1].astype(int) for each in (source, result))
    assert before[:4, :4].max() > 40 > after[:4, :4].max()
    assert np.abs(after - before)[16:].max() <= 3


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shorter", "25 frames instead of 40 frames"),
        ("smaller", "160x90 pixels instead of 320x180"),
        ("slower", "12 frames/s instead of 25"),
    ],
)
def test_another_length_rate_or_size_is_refused(context, grade, segment, name, why):
    """And what differs is told."""
    with pytest.raises(InputMediaError, match=why):
        run(context, name, segment)


@pytest.mark.parametrize(("name", "why"), [("broken", "KeyError"), ("breaks_late", "late"), ("nothing", "NoneType")])
def test_a_function_that_fails_is_reported_in_one_line(context, grade, segment, name, why):
    """At its call and at any frame."""
    with pytest.raises(ToolFailed, match=why) as caught:
        run(context, name, segment)

    assert "\n" not in str(caught.value)


def test_a_function_runs_only_from_a_file_that_the_user_named(context, grade, segment, monkeypatch):
    """Not from another file beside it, and the message says how to allow one."""
    (grade.parent / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(PresetError, match=r"--script .*evil\.py or set REACT1_SCRIPT"):
        Script().run(context, ScriptParams(function="evil:run"), segment)

    monkeypatch.delenv("REACT1_SCRIPT")
    with pytest.raises(PresetError, match="no script is allowed"):
        run(context, "same", segment)


@pytest.mark.parametrize("function", ["/tmp/evil.py:run", "../evil:run", "os.path:join", "grade", "grade:", "a:b:c"])
def test_a_preset_cannot_name_a_path(function):
    """A module's bare name and a function's, nothing else."""
    with pytest.raises(ValueError, match="pattern"):
        ScriptParams(function=function)


@pytest.mark.parametrize("name", ["absent", "value"])
def test_a_missing_function_is_an_error_of_the_preset(context, grade, segment, name):
    """So is a name that is no function."""
    with pytest.raises(PresetError, match=f"no function '{name}'"):
        run(context, name, segment)


def test_a_script_that_does_not_run_or_is_gone_is_reported(context, grade, segment):
    """With the error's own words."""
    grade.write_text("import no_such_module_here")
    with pytest.raises(PresetError, match="ModuleNotFoundError"):
        run(context, "same", segment)

    grade.unlink()
    with pytest.raises(PresetError, match="does not exist"):
        run(context, "same", segment)


def test_the_key_follows_the_content_of_the_script(grade):
    """An edited script is another step."""
    params = ScriptParams(function="grade:same")
    first = Script.cache_salt(params)
    grade.write_text(GRADE + "\n# a change\n")

    assert Script.cache_salt(params) != first

"""The board of takes: which frames its clips and its contact sheet show, their positions, and its size."""

from __future__ import annotations

import base64
import io
import json

import av
import numpy as np
import pytest
from browser import ask, find_browser
from numbered_clips import frame_number, make_clip
from PIL import Image
from records import adopted, record_of, segment_of, take_of

from react1.nodes.report import ReportNode, ReportParams
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.edits.takes import Matrix
from react1.pipeline.report.stills import Region, changed_region, picture_of, still_data_url
from react1.pipeline.report.take_board import board_of, grid_of

START, END, FIRST, LAST = 10, 20, 6, 24
SIZE = (160, 90)


@pytest.fixture
def offered(context, tmp_path):
    """A segment with four takes of different colours; the last one has failed."""
    source = adopted(context, make_clip(tmp_path / "film.mp4", frames=40, size=SIZE, audio_codec="aac"))
    axes = {"prompt": ["happy", "sad"], "temperature": [0.4, 0.8], "model_mode": ["face"]}
    edit = Edit.model_validate({"in": f"{START}f", "out": f"{END}f", "takes": axes})
    segment = segment_of(source, START, END, edit=edit, frames=tuple(range(FIRST, LAST)))
    takes = []
    for number, combination in enumerate(edit.takes.takes):
        path = tmp_path / f"{combination.name}.mp4"
        media = adopted(
            context, make_clip(path, frames=LAST - FIRST, size=SIZE, chroma=(90 + 25 * number, 140), tracks=0)
        )
        single = segment.model_copy(update={"edit": edit.model_copy(update={**combination.choices, "takes": None})})
        takes.append(take_of(single, media, name=combination.name, cost_usd=0.25))
    takes[3] = takes[3].model_copy(update={"status": "original", "notes": ("no <face> here",)})
    return segment, takes


def _numbers(url):
    """Decode a clip; return (time, frame number) of each picture, and the types of its streams."""
    head, _, body = url.partition(",")
    assert head == "data:video/mp4;base64"
    with av.open(io.BytesIO(base64.b64decode(body))) as clip:
        video = clip.streams.video[0]
        pictures = [
            (float(frame.pts * video.time_base), frame_number(frame.to_ndarray(format="rgb24")))
            for frame in clip.decode(video)
        ]
        return pictures, [stream.type for stream in clip.streams]


@pytest.mark.slow
def test_every_clip_shows_its_frame_at_the_time_of_the_source(context, offered):
    """The source by the film's frame numbers, the takes by theirs, from the handle on; the source has audio."""
    segment, takes = offered

    board = board_of(segment, takes, context.path, 1_000_000)

    source, streams = _numbers(board.source_clip)
    clips = [_numbers(cell.clip) for row in board.cells for cell in row if cell.clip]
    assert [number for _, number in source] == list(range(FIRST, LAST))
    assert streams == ["video", "audio"]
    assert [kinds for _, kinds in clips] == [["video", "audio"]] * 3
    assert all([number for _, number in shown] == list(range(LAST - FIRST)) for shown, _ in clips)
    assert all([at for at, _ in shown] == [at for at, _ in source] for shown, _ in clips)
    assert (board.first_frame, board.cropped, board.has_sound, board.takes_have_sound) == (FIRST, False, True, True)


@pytest.mark.slow
def test_the_contact_sheet_shows_one_moment_of_the_source_and_of_each_take(context, offered):
    """The middle of the edit; the source is first in each row; the cell of a failed take is empty."""
    segment, takes = offered

    board = board_of(segment, takes, context.path, 1_000_000)

    sheet = np.asarray(Image.open(io.BytesIO(board.sheet)).convert("RGB"))
    wide, high = board.size_px
    lefts = [96 + column * (wide + 8) for column in range(3)]
    tops = [44 + row * (high + 30) for row in range(2)]
    seen = [[sheet[top : top + high, left : left + wide] for left in lefts] for top in tops]
    middle = (START + END - 1) // 2
    assert board.still_frame == middle
    assert [frame_number(row[0]) for row in seen] == [middle, middle]
    assert [frame_number(picture) for picture in (*seen[0][1:], seen[1][1])] == [middle - FIRST] * 3
    with pytest.raises(ValueError, match="picture"):
        frame_number(seen[1][2])
    assert base64.b64decode(board.sheet_url.partition(",")[2]) == board.sheet


@pytest.mark.slow
def test_each_take_is_heard_with_the_new_line_of_dialogue(context, offered, tmp_path):
    """In place of the film's own sound."""
    segment, takes = offered
    line = adopted(context, make_clip(tmp_path / "line.mp4", frames=LAST - FIRST, size=SIZE, audio_codec="aac")).file
    spoken = segment.model_copy(update={"voice": line, "edit": segment.edit.model_copy(update={"audio": line})})

    own, new = (board_of(item, takes, context.path, 1_000_000) for item in (segment, spoken))

    def sound(url):
        with av.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as clip:
            return np.concatenate([frame.to_ndarray() for frame in clip.decode(audio=0)], axis=1)

    clips = [[sound(cell.clip) for row in board.cells for cell in row if cell.clip] for board in (own, new)]
    assert len(clips[1]) == 3
    assert all(np.array_equal(clip, clips[1][0]) for clip in clips[1])
    assert not np.array_equal(clips[0][0], clips[1][0])


@pytest.mark.slow
def test_the_clips_keep_within_the_size_limit(context, tmp_path):
    """Noise, at a limit far below what it would take, is compressed further."""
    noise = np.random.default_rng(1).integers(0, 255, (50, 90, 160, 3), np.uint8)
    path = tmp_path / "noise.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=25, width=160, height=90, pix_fmt="yuv420p", options={"crf": "18"})
        for picture in noise:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode(None))
    source = adopted(context, path)
    edit = Edit.model_validate({"in": "4f", "out": "46f", "takes": {"prompt": ["sad", "happy"]}})
    segment = segment_of(source, 4, 46, edit=edit)
    takes = [take_of(segment, source, name=name) for name in ("sad", "happy")]

    sizes = {limit: _bytes_of(board_of(segment, takes, context.path, limit)) for limit in (60_000, 9_000_000)}

    assert sizes[60_000] < 1.5 * 60_000 < 300_000 < sizes[9_000_000]


def _bytes_of(board):
    urls = [board.source_clip, *(cell.clip for row in board.cells for cell in row)]
    return sum(len(base64.b64decode(url.partition(",")[2])) for url in urls)


@pytest.mark.slow
def test_the_page_and_the_json_have_every_take(context, offered):
    """Number, name, cost, why one failed, and the command that chooses it; text of a provider cannot run."""
    segment, takes = offered
    record = record_of(segment.source, None, [segment], []).model_copy(update={"offered": tuple(takes)})

    report = ReportNode().run(context, ReportParams(), record)

    text = context.path(report.page).read_text("utf-8")
    content = json.loads(context.path(report.data).read_text("utf-8"))
    (facts,) = content["segments"]
    assert (facts["status"], facts["cost_usd"], content["cost_usd"]) == ("choose", 1.0, 1.0)
    assert [(take["number"], take["name"], take["status"]) for take in facts["takes"]] == [
        (1, "happy-0.4-face", "done"),
        (2, "happy-0.8-face", "done"),
        (3, "sad-0.4-face", "done"),
        (4, "sad-0.8-face", "original"),
    ]
    assert 'data-command="react1 pick run-1 line sad-0.4-face"' in text
    assert "failed: no &lt;face&gt; here" in text
    assert "<face>" not in text
    assert text.count("<video") == 4
    assert [name for name, file in report.sheets.items() if context.path(file).read_bytes()[:2] == b"\xff\xd8"] == [
        "takes-line.jpg"
    ]


PROBE = """async () => {
  const board = document.querySelector(".board"), clips = [...board.querySelectorAll("video")], times = [];
  const ready = (name) => Promise.all(clips.map((clip) => new Promise((done) => {
    if (name === "seeked" ? !clip.seeking : clip.readyState > 2) done();
    else clip.addEventListener(name, done, {once: true});
  })));
  const read = async (key) => {
    if (key) board.dispatchEvent(new KeyboardEvent("keydown", {key}));
    await ready("canplay");
    await ready("seeked");
    times.push(clips.map((clip) => clip.currentTime));
  };
  for (const key of ["", "ArrowRight", "Home", "2", "4"]) await read(key);
  const played = clips.map((clip) => new Promise((done) => clip.addEventListener("playing", done, {once: true})));
  board.dispatchEvent(new KeyboardEvent("keydown", {key: " "}));
  await Promise.all(played);
  const select = document.querySelector(".sound"), heard = {};
  for (const {value} of select.options) {
    select.value = value;
    select.dispatchEvent(new Event("change"));
    heard[value] = clips.map((clip) => !clip.muted);
  }
  const copied = await new Promise((done) => {
    document.addEventListener("copy", () => done(String(getSelection())), {once: true});
    navigator.clipboard.writeText = async (text) => done(text);
    document.querySelector(".copy").click();
  });
  return {times, heard, copied, command: document.querySelector(".command").textContent};
}"""


@pytest.mark.slow
def test_one_key_moves_and_plays_every_clip(context, offered, tmp_path):
    """In a browser: a step is one frame in all clips, one is heard, a digit chooses a take, and it can be copied."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on the PATH: the players of takes were not tested")
    segment, takes = offered
    record = record_of(segment.source, None, [segment], []).model_copy(update={"offered": tuple(takes)})
    page = context.path(ReportNode().run(context, ReportParams(), record).page).read_text("utf-8")

    state = ask(browser, page, PROBE, tmp_path / "profile")

    middle, step, home, *_ = state["times"]
    assert [len(set(times)) for times in state["times"]] == [1] * 5
    assert step[0] - middle[0] == pytest.approx(0.04)
    assert home[0] == pytest.approx((START - FIRST + 0.5) * 0.04)
    assert state["heard"] == {
        "before": [True, False, False, False],
        "take1": [False, True, False, False],
        "take2": [False, False, True, False],
        "take3": [False, False, False, True],
        "off": [False] * 4,
    }
    assert state["copied"] == state["command"] == "react1 pick run-1 line happy-0.8-face"


@pytest.mark.parametrize(
    ("axes", "rows", "columns", "first_row", "same"),
    [
        ({"prompt": ["sad", "happy"]}, ("",), ("sad", "happy"), ["sad", "happy"], ""),
        (
            {"prompt": ["sad"], "temperature": [0, 1], "model_mode": ["lips", "face"]},
            ("0", "1"), ("lips", "face"), ["sad-0-lips", "sad-0-face"], "prompt sad",
        ),
        (
            {"prompt": ["sad", "angry"], "temperature": [0, 1], "auto_active_speaker_detection": [True, False]},
            ("sad", "angry"), ("0 · speaker", "0 · no-speaker", "1 · speaker", "1 · no-speaker"),
            ["sad-0-speaker", "sad-0-no-speaker", "sad-1-speaker", "sad-1-no-speaker"], "",
        ),
        ({"prompt": ["sad"]}, ("",), ("",), ["sad"], "prompt sad"),
    ],
)  # fmt: skip
def test_the_first_axis_that_varies_gives_the_rows(axes, rows, columns, first_row, same):
    """The others give the columns; what does not vary is named once."""
    grid = grid_of(Matrix.model_validate(axes))

    assert (grid.rows, grid.columns, grid.same) == (rows, columns, same)
    assert [take.name for take in grid.takes[0]] == first_row


def test_the_changed_region_has_a_margin():
    """A face in a corner; if everything or nothing changes, the region is the full picture."""
    before = [np.full((180, 320, 3), 90, np.uint8)] * 2
    faint = before[0] + np.uint8(3)
    face, large = faint.copy(), faint.copy()
    face[40:80, 200:240] += 30
    large[40:120, 90:230] += 30

    region = changed_region(before, [[before[0], face], before])
    full = changed_region(before, [[large, faint]])
    unchanged = changed_region(before, [[faint, faint]])

    assert (region.left, region.top, region.right, region.bottom) == pytest.approx(
        (0.569, 0.122, 0.806, 0.544), abs=0.01
    )
    assert region.cut(face).shape == (76, 76, 3)
    assert full == unchanged == Region()


def test_noise_of_stills_is_no_change():
    """A small face in a wide shot, seen in JPEGs of a film and of its re-encoded frames, can be zoomed on."""
    random = np.random.default_rng(7)
    grey = np.kron(random.integers(60, 195, (45, 80)), np.ones((8, 8)))  # edges everywhere
    film = np.repeat(grey[:, :, None], 3, axis=2)
    coded = np.clip(film + random.normal(0, 4, film.shape), 0, 255).astype(np.uint8)
    face = coded.copy()
    face[160:192, 160:184] = np.clip(face[160:192, 160:184].astype(int) + 14, 0, 255)

    stills = [picture_of(still_data_url(picture)) for picture in (film.astype(np.uint8), face)]
    region = changed_region(stills[:1], [stills[1:]])

    assert (region.left, region.top) == pytest.approx((0.179, 0.4), abs=0.02)
    assert (region.right, region.bottom) == pytest.approx((0.359, 0.58), abs=0.02)

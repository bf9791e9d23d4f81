"""The player of the report in a browser: keys, modes, loops, zoom, waveforms, and the link to the film."""

from __future__ import annotations

import re

import pytest
from browser import ask, find_browser, print_page
from numbered_clips import make_clip
from records import adopted, record_of, segment_of, take_of

from react1.nodes.report import ReportNode, ReportParams
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.report.film_link import FILM_SLOT, with_film_link, without_film_link

START, END, FIRST, LAST = 10, 20, 6, 24
PROBE = """async () => {
  const find = (name) => document.querySelector(name), player = find(".player"), stage = find(".stage"), seen = {};
  const clips = [...document.querySelectorAll("video")], frames = [];
  player.addEventListener("frame", (event) => frames.push(event.detail));
  await Promise.all(clips.map((clip) => new Promise((done) => {
    if (clip.readyState > 2) done();
    else clip.addEventListener("canplay", done, {once: true});
  })));
  const key = (name, kind = "keydown") => stage.dispatchEvent(new KeyboardEvent(kind, {key: name}));
  const once = (isTrue) => new Promise((done) => {
    const look = () => (isTrue() ? done() : requestAnimationFrame(look));
    look();
  });
  const mode = () => stage.dataset.mode || "wipe";
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {  // as in WebKit, which may never answer for a clip that plays
    const isPlaying = !this.paused, started = play.call(this);
    return isPlaying ? new Promise(() => {}) : started;
  };
  key("Home");
  seen.home = find(".where").textContent;
  key("ArrowLeft");
  seen.handle = find(".where").textContent;
  seen.modes = [];
  for (const [name, kind] of [["b"], ["b", "keyup"], ["a"], ["a"], ["s"], ["d"], ["d"]]) {
    key(name, kind);
    seen.modes.push(mode());
  }
  const scale = () => new DOMMatrix(getComputedStyle(clips[1]).transform).a;
  key("z");
  seen.zoom = scale();
  key("z");
  seen.wide = scale();
  seen.loops = [];
  for (let press = 0; press < 3; press++) {
    key("r");
    seen.loops.push(player.dataset.loop);
  }
  key("r");
  key("Home");
  frames.length = 0;
  key("l");
  await once(() => frames.filter((frame, index) => index && frame < frames[index - 1]).length > 1);
  key("k");
  seen.looped = [Math.min(...frames), Math.max(...frames)];
  key("End");
  frames.length = 0;
  key("j");
  await once(() => frames.at(-1) <= 16);
  key("k");
  seen.backwards = frames.slice(0, 3);
  const stopped = frames.at(-1);
  await new Promise((done) => setTimeout(done, 200));
  seen.stands = frames.at(-1) === stopped;
  player.requestFullscreen = () => (seen.full = true);
  key("f");
  seen.heard = {};
  for (const {value} of find(".sound").options) {
    find(".sound").value = value;
    find(".sound").dispatchEvent(new Event("change"));
    seen.heard[value] = clips.map((clip) => !clip.muted);
  }
  seen.waves = [...document.querySelectorAll("canvas.wave")].map((canvas) => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Uint32Array(data.buffer).some((pixel) => pixel);
  });
  seen.link = find(".made-film a").href;
  seen.text = find(".made-film a").textContent;
  seen.overflow = document.documentElement.scrollWidth - innerWidth;
  return seen;
}"""


@pytest.fixture
def page(context, tmp_path):
    """A report on ten frames in which a corner turns red; the film has its own sound."""
    film = make_clip(tmp_path / "film.mp4", frames=40, size=(160, 90), audio_codec="aac")
    red = tmp_path / "red.mp4"
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-y", "-i", str(film), "-vf", "drawbox=x=100:y=10:w=40:h=30:color=red:t=fill",
         "-crf", "2",
         "-c:a", "copy", str(red)]
    )  # fmt: skip
    source, changed = adopted(context, film), adopted(context, red)
    segment = segment_of(source, START, END)
    report = ReportNode().run(
        context, ReportParams(), record_of(source, changed, [segment], [take_of(segment, changed)])
    )
    return context.path(report.page).read_text("utf-8")


@pytest.mark.slow
def test_an_editor_judges_a_film_by_keys(page, tmp_path):
    """Each key does what the page says; frames are counted from 0, and the last one of a span is in it."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on the PATH: the player of the report was not tested")

    seen = ask(browser, with_film_link(page, tmp_path / "my <film>.mp4"), PROBE, tmp_path / "profile")

    assert seen["home"] == "00:00:00:10 · frame 10 · edited"
    assert seen["handle"] == "00:00:00:09 · frame 9 · handle"
    assert seen["modes"] == ["before", "wipe", "before", "after", "side", "difference", "wipe"]
    assert seen["zoom"] > 1.1
    assert seen["wide"] == 1
    assert seen["loops"] == ["edit", "handles", ""]
    assert seen["looped"][0] >= START - 1
    assert seen["looped"][1] <= END
    assert seen["backwards"] == sorted(seen["backwards"], reverse=True)
    assert seen["stands"]
    assert seen["full"]
    assert seen["heard"] == {"after": [False, True], "before": [True, False], "off": [False, False]}
    assert seen["waves"]
    assert all(seen["waves"])
    assert seen["link"] == (tmp_path / "my <film>.mp4").as_uri()
    assert seen["text"] == "my <film>.mp4"
    assert seen["overflow"] <= 0


def test_the_link_to_the_film_is_put_in_after_the_page_is_made(page, tmp_path):
    """A page that is stored names no path of this machine, and one that is served elsewhere has no dead link."""
    assert FILM_SLOT in page
    assert str(tmp_path) not in page

    linked = with_film_link(page, tmp_path / "film.mp4")

    assert f'href="{(tmp_path / "film.mp4").as_uri()}"' in linked
    assert str(tmp_path) not in without_film_link(linked)
    assert "The film: film.mp4" in without_film_link(linked)


@pytest.mark.slow
def test_a_report_is_printed_without_empty_pages(page, tmp_path):
    """Each edit with all of its stills on a page, which follows that of the film; closed lists are left out."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on the PATH: the report was not printed")
    report, printed = tmp_path / "report.html", tmp_path / "printed.pdf"
    report.write_text(page, "utf-8")

    print_page(browser, report, printed, tmp_path / "profile")

    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) == 2

"""The page: what it shows is what the files hold, and nothing in it can reach out or run."""

import base64
import io
import json
from fractions import Fraction
from html.parser import HTMLParser

import av
import jinja2
import numpy as np
import pytest
from numbered_clips import frame_number, make_clip
from PIL import Image
from records import adopted, record_of, segment_of, take_of

from react1.nodes.report import ReportNode, ReportParams
from react1.pipeline.media.clip_writer import rgb_frame
from react1.pipeline.report import before_after, stills
from react1.pipeline.splicing.pictures.planes import plane_views

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._inside = [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.text += data

    def all(self, tag, css_class=None):
        return [attrs for name, attrs in self.tags if name == tag and css_class in (None, attrs.get("class"))]


def drawn(context, record, **params):
    report = ReportNode().run(context, ReportParams(**params), record)
    text = context.path(report.page).read_text("utf-8")
    return Page(text), json.loads(context.path(report.data).read_text("utf-8")), text


def numbers(address):
    """Read the frame numbers off a clip in a `data:` address."""
    with av.open(io.BytesIO(content(address))) as container:
        video = container.streams.video[0]
        return [
            (float(frame.pts * video.time_base), frame_number(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video)
        ]


def content(address):
    head, _, body = address.partition(",")
    assert head.endswith(";base64")
    return base64.b64decode(body)


def still_number(address):
    return frame_number(np.asarray(Image.open(io.BytesIO(content(address))).convert("RGB")))


@pytest.fixture
def source(context, tmp_path):
    return adopted(context, make_clip(tmp_path / "film.mp4", frames=50, audio_codec="aac"))


@pytest.fixture
def film(context, tmp_path):
    """The same frames by number, in other pictures: bluish."""
    return adopted(context, make_clip(tmp_path / "new.mp4", frames=50, chroma=(170, 110), audio_codec="aac"))


def test_both_clips_show_the_frames_of_the_span_at_the_same_times(context, source, film):
    """Frames 6 to 23 of 10 to 20 with handles of four, in the source and in the film."""
    segment = segment_of(source, 10, 20)
    page, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))
    (before,), (after,) = page.all("video", "before"), page.all("video", "after")

    due = [(pytest.approx(k / 25, abs=1e-4), 6 + k) for k in range(18)]
    assert numbers(before["src"]) == due
    assert numbers(after["src"]) == due


def test_the_stills_are_both_sides_of_the_seams_and_the_middle(context, source, film):
    """Frame 9 | 10 … 14 … 19 | 20, before and after; the film's are bluish."""
    segment = segment_of(source, 10, 20)
    page, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))
    shown = [still_number(image["src"]) for image in page.all("img")]
    blue = [np.asarray(Image.open(io.BytesIO(content(i["src"]))))[..., 2].mean() for i in page.all("img")]

    assert shown == [9, 9, 10, 10, 14, 14, 19, 19, 20, 20]
    assert all(after > before + 20 for before, after in zip(blue[::2], blue[1::2], strict=True))


def test_a_segment_at_the_ends_of_the_film_has_no_frames_beyond_it(context, source, film):
    """The whole film is edited: no still before the first and none after the last."""
    segment = segment_of(source, 0, 50)
    page, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))

    assert [still_number(image["src"]) for image in page.all("img")] == [0, 0, 24, 24, 49, 49]


def test_a_variable_rate_keeps_its_times(context, tmp_path):
    """The player's clips show each frame when the film does."""
    pts = tuple(int(tick) for tick in np.cumsum([0] + [40, 20, 60, 40] * 10))
    clip = make_clip(tmp_path / "vfr.mkv", frames=41, pts=pts, time_base=Fraction(1, 1000))
    source = adopted(context, clip)
    segment = segment_of(source, 10, 20)
    page, _, _ = drawn(context, record_of(source, source, [segment]))
    shown = numbers(page.all("video", "before")[0]["src"])

    assert [number for _, number in shown] == list(range(6, 24))
    assert [at for at, _ in shown] == pytest.approx([(pts[k] - pts[6]) / 1000 for k in range(6, 24)], abs=2e-4)


def test_a_turned_film_is_shown_upright(context, tmp_path):
    """Its numbers can be read, which they cannot where the picture lies on its side."""
    source = adopted(context, make_clip(tmp_path / "turned.mp4", frames=30, rotation_deg=90))
    page, _, _ = drawn(context, record_of(source, source, [segment_of(source, 10, 20)]))

    assert still_number(page.all("img")[0]["src"]) == 9
    assert numbers(page.all("video", "before")[0]["src"])[0][1] == 6


def test_a_preset_that_sends_nothing_shows_what_was_prepared(context, source, tmp_path):
    """The segment's own file beside the source, by the frames that it stands for."""
    prepared = adopted(context, make_clip(tmp_path / "segment.mp4", frames=18))
    segment = segment_of(source, 10, 20, media=prepared, frames=tuple(range(6, 24)))
    page, message, _ = drawn(context, record_of(source, None, [segment]))

    assert [number for _, number in numbers(page.all("video", "after")[0]["src"])] == list(range(18))
    assert "Prepared" in page.text
    assert message["segments"][0]["status"] == "prepared"
    assert message["film"] is None


def test_a_run_without_segments_has_a_page(context, source):
    """It says so."""
    page, message, _ = drawn(context, record_of(source, None))

    assert "This run has no segments" in page.text
    assert message["segments"] == []


def test_nothing_in_the_page_leads_outside(context, source, film):
    """Every address is data of the page itself or a place in it, and the policy allows nothing else."""
    segment = segment_of(source, 10, 20)
    page, _, text = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href", "poster") if attrs.get(key)]
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]

    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert policy.startswith("default-src 'none'")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_names_that_are_no_text_are_written(context, source, film):
    """Python's names of files may have bytes that are no UTF-8; read as JSON they are the same names again."""
    name = "caf\udce9.mp4"

    record = record_of(source, film).model_copy(update={"title": name})
    _, data, text = drawn(context, record)

    assert data["title"] == name
    assert "caf\\udce9.mp4" in text


def test_names_cannot_run(context, source, film):
    """A title, a warning, a request and a figure with markup are text; the only script is the page's own."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    segment = segment_of(source, 10, 20, notes=(evil,), metrics={evil: evil})
    take = take_of(segment, film, request={"prompt": evil, evil: 1}, request_id=evil, provider=evil)
    page, message, text = drawn(context, record_of(source, film, [segment], [take]), title=evil)

    assert len(page.all("script")) == 1
    assert not [attrs for attrs in page.all("img") if attrs.get("src") == "x"]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "<script>alert" not in text
    assert message["title"] == evil


def test_the_local_engine_is_never_mistaken_for_react_1(context, source, film):
    """The page says what made it; a hosted take has no such badge."""
    segment = segment_of(source, 10, 20)
    local, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))
    hosted, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film, provider="segmind")]))

    assert "local preview engine — not React-1" in local.text
    assert "local preview engine" not in hosted.text


def test_every_picture_and_control_has_a_name(context, source, film):
    """For a reader that cannot see them."""
    segment = segment_of(source, 10, 20)
    page, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))

    assert all(image["alt"] for image in page.all("img"))
    assert all(video["aria-label"] for video in page.all("video"))
    assert page.all("html")[0]["lang"] == "en"


def test_twenty_segments_are_on_the_timeline_in_their_places(context, source):
    """One bar each, left to right, to scale."""
    segments = [segment_of(source, 2 * k, 2 * k + 2, f"s{k}", head_frames=0, tail_frames=0) for k in range(20)]
    page, _, _ = drawn(context, record_of(source, None, segments))
    bars = [attrs["style"] for attrs in page.all("a", "span")]

    assert bars == [f"left:{4.0 * k}%;width:4.0%" for k in range(20)]


def test_the_same_record_gives_the_same_bytes(context, source, film):
    """A page can be stored by its content."""
    segment = segment_of(source, 10, 20)
    record = record_of(source, film, [segment], [take_of(segment, film)])
    first, second = (ReportNode().run(context, ReportParams(), record) for _ in range(2))

    assert first == second


def test_the_source_side_is_rendered_once_for_all_takes(context, source, film, monkeypatch):
    """A second take decodes only the film again, and the page shows the same clip and stills of the source."""
    segment = segment_of(source, 10, 20)
    first, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))
    decoded = []
    frames = before_after.exact_frames
    monkeypatch.setattr(before_after, "exact_frames", lambda path, *span: decoded.append(path) or frames(path, *span))

    second, _, _ = drawn(context, record_of(source, film, [segment], [take_of(segment, film)]))

    assert decoded == [context.path(film.file)]
    assert first.all("video", "before") == second.all("video", "before")
    assert first.all("img") == second.all("img")


def test_the_page_s_template_is_compiled_once(context, source, film, monkeypatch):
    """The second page is drawn by what the first one left in the cache."""
    record = record_of(source, film, [segment_of(source, 10, 20)], [])
    first, _, _ = drawn(context, record)

    def refuse(*_args, **_options):
        raise AssertionError("a template is compiled again")

    monkeypatch.setattr(jinja2.Environment, "_generate", refuse)
    second, _, _ = drawn(context, record)

    assert second.all("img") == first.all("img")


@pytest.mark.parametrize("color", [{}, {"color_space": "smpte170m", "color_range": "pc"}], ids=["bt709", "full range"])
def test_a_frame_for_a_player_shows_what_the_still_shows(context, source, color):
    """It is converted in one step, and the still by way of RGB."""
    video = source.video.model_copy(update=color)
    ((_, frame),) = stills.exact_frames(context.path(source.file), source.video, 3, 4)

    direct = stills.screen_frame(frame, video, (64, 48))

    by_rgb = rgb_frame(stills.screen_picture(frame, video, (64, 48)))
    for plane, other in zip(plane_views(direct), plane_views(by_rgb), strict=True):
        assert np.abs(plane.astype(int) - other).mean() < 1.5
    assert direct.format.name == "yuv420p" and (direct.width, direct.height) == (64, 48)


def test_a_damaged_preview_in_the_cache_is_rendered_again(context, source, film, monkeypatch):
    """A cached file that is not a preview, as after a crash."""
    segment = segment_of(source, 10, 20)
    record = record_of(source, film, [segment], [take_of(segment, film)])
    first, _, _ = drawn(context, record)
    damaged = context.temp_path("damaged.json")
    damaged.write_text('{"stills": {}}')
    monkeypatch.setattr(context, "cache_get", lambda _parts: damaged)

    second, _, _ = drawn(context, record)

    assert first.all("video", "before") == second.all("video", "before")

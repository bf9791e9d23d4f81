"""`fetch` keeps a film whole, wherever it comes from, and says in one line why it cannot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from web import open_web, send_file, status

from react1.nodes.fetch import Fetch, FetchParams, VideoFilter, build_options, choose_suffix, convert_error, file_name
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError, Interrupted, ProviderError, StorageFailed
from react1.pipeline.core.times import parse_time
from react1.pipeline.interchange.places import PlaceFinder, PlaceOptions
from react1.pipeline.media.timing.clock import frame_at
from react1.pipeline.net.download import download
from react1.testing import FolderContext

FRAMES = 20


@pytest.fixture
def web(monkeypatch):
    """A web server on loopback, reached without any proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with open_web() as server:
        yield server


def film(path: Path, *, picture: bool = True, sound: bool = True) -> bytes:
    """Make a clip of 20 frames at 25 frames/s whose grey is 10 times the frame's number, and 0.8 s of a tone."""
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", 25, options={"qp": "0"}) if picture else None
        audio = container.add_stream("aac", 48_000, layout="mono") if sound else None
        if video:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for number in range(FRAMES):
                frame = av.VideoFrame(64, 48, "yuv420p")
                for plane, value in zip(frame.planes, (10 * number, 128, 128), strict=True):
                    plane.update(bytes([value]) * plane.buffer_size)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        if audio:
            tone = np.sin(np.arange(38_400) / 20).astype(np.float32)[None] / 4
            block = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            block.sample_rate, block.pts = 48_000, 0
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4")


def greys(context: FolderContext, media) -> list[int]:
    """Read the frame numbers off the picture."""
    with av.open(context.path(media.file)) as opened:
        return [round(int(frame.to_ndarray()[0, 0]) / 10) for frame in opened.decode(video=0)]


def fetch(context, uri, **params):
    return Fetch().run(context, FetchParams(uri=uri, **params))


def test_a_file_in_the_store_is_only_probed(context, clip, tmp_path):
    """Nothing is copied and nothing is made."""
    (tmp_path / "clip.mp4").write_bytes(clip)
    file = context.add_external(tmp_path / "clip.mp4")

    media = fetch(context, file)

    assert media.file == file
    assert (media.video.frame_count, media.video.rate, len(media.audio)) == (FRAMES, 25, 1)
    assert context._temporary == 0


def test_a_url_of_a_media_file_gives_that_file(context, web, clip):
    """Byte for byte, with its suffix and its progress."""
    media = fetch(context, web.serve("/a%20film.MP4?key=1", clip))

    assert context.path(media.file).read_bytes() == clip
    assert media.file.suffix == ".mp4"
    assert context.shares[-1] == 1.0


def test_a_download_that_breaks_off_goes_on(context, web, clip, monkeypatch):
    """The node uses the resuming download as it is."""
    monkeypatch.setitem(download.__kwdefaults__, "sleep", lambda _: None)
    cuts = iter([1000, None])
    web.routes["/film.mp4"] = lambda request: send_file(request, clip, cut_after_bytes=next(cuts))

    media = fetch(context, web.url + "/film.mp4")

    assert context.path(media.file).read_bytes() == clip
    assert web.sent_headers("Range")[1] == "bytes=1000-"


@pytest.mark.parametrize(
    ("path", "content_type", "suffix"),
    [("/a.MOV", "", ".mov"), ("/a", "video/mp4", ".mp4"), ("/a.b c", "video/webm", ".webm"), ("/a", "x/y", ".bin")],
)
def test_the_suffix_comes_from_the_url_or_the_type(path, content_type, suffix):
    """Tools look at it, so it is never made of anything odd."""
    assert choose_suffix(path, content_type) == suffix


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ['<video src="/film.mp4"></video>', '<meta property="og:video" content="{0}/film.mp4">']
)
def test_a_page_with_a_video_gives_the_video(context, web, clip, page):
    """yt-dlp's generic reader finds it; the file is not touched."""
    web.serve("/film.mp4", clip)
    address = web.serve("/watch", f"<!doctype html><html>{page.format(web.url)}</html>".encode(), "text/html")

    media = fetch(context, address)

    assert context.path(media.file).read_bytes() == clip
    assert greys(context, media) == list(range(FRAMES))
    assert context.shares[-1] == 1.0


@pytest.mark.slow
def test_the_best_picture_and_sound_are_put_together(context, web, tmp_path):
    """A DASH manifest keeps them apart; what arrives is one mp4 with every frame."""
    serve_dash(web, tmp_path)

    media = fetch(context, web.url + "/film.mpd")

    assert media.file.suffix == ".mp4"
    assert greys(context, media) == list(range(FRAMES))
    assert [track.codec for track in media.audio] == ["aac"]


def serve_dash(web, tmp_path) -> None:
    web.serve("/picture.mp4", film(tmp_path / "picture.mp4", sound=False))
    web.serve("/sound.m4a", film(tmp_path / "sound.mp4", picture=False), "audio/mp4")
    manifest = """<?xml version="1.0"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT0.8S"><Period>
    <AdaptationSet mimeType="video/mp4">
    <Representation id="1" codecs="avc1.64000a" width="64" height="48" bandwidth="9">
    <BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>
    <AdaptationSet mimeType="audio/mp4"><Representation id="2" codecs="mp4a.40.2" bandwidth="9">
    <BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet></Period></MPD>"""
    web.serve("/film.mpd", manifest.encode(), "application/dash+xml")


SUBTITLED = b"""<!doctype html><html><video><source src="/film.mp4" type="video/mp4">
<track kind="subtitles" srclang="en" src="/en.vtt"></video></html>"""


@pytest.mark.slow
def test_subtitles_of_a_page_end_up_inside_the_file(context, web, clip):
    """As a track of their own, with the picture as it was."""
    web.serve("/film.mp4", clip)
    web.serve("/en.vtt", b"WEBVTT\n\n00:00.100 --> 00:00.700\nHello there\n", "text/vtt")
    address = web.serve("/watch", SUBTITLED, "text/html")

    media = fetch(context, address, subtitles=True)

    assert [(each.kind, each.language) for each in media.others] == [("subtitle", "eng")]
    assert greys(context, media) == list(range(FRAMES))

    at_words = Edit.model_validate({"at": {"text": "hello, there!"}})
    start, end, _ = PlaceFinder(context, media, PlaceOptions())(at_words)
    assert (start, end) == (frame_at(media, parse_time(0.1)), frame_at(media, parse_time(0.7)))


def test_a_start_timecode_given_by_the_user_is_the_film_s(context, clip, tmp_path):
    """It counts before what the film says; one that the rate does not have is refused with its neighbours."""
    (tmp_path / "clip.mp4").write_bytes(clip)
    file = context.add_external(tmp_path / "clip.mp4")

    assert Fetch().run(context, FetchParams(uri=file, start_tc="10:00:00:00")).start_timecode == "10:00:00:00"
    with pytest.raises(InputMediaError, match="its neighbours are"):
        Fetch().run(context, FetchParams(uri=file, start_tc="10:00:00:99"))
    with pytest.raises(ValueError, match="is not a timecode"):
        FetchParams(uri=file, start_tc="12.5")


def test_a_manifest_given_by_the_user_belongs_to_a_downloaded_film_too(context, web, clip, tmp_path):
    """It is a file; its URL is refused, since nothing would read it."""
    (tmp_path / "clip.c2pa").write_bytes(b"manifest")
    manifest = context.add_external(tmp_path / "clip.c2pa")

    assert fetch(context, web.serve("/film.mp4", clip), manifest=manifest).sidecar == manifest
    with pytest.raises(ValueError, match="is a URL; download the manifest"):
        FetchParams(uri="film.mp4", manifest="https://example.com/film.mp4.c2pa")


@pytest.mark.slow
def test_a_page_without_the_requested_subtitles_adds_a_note(context, web, clip):
    """The film comes all the same."""
    web.serve("/film.mp4", clip)
    address = web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html")

    assert fetch(context, address, subtitles=("de",)).notes == ("the page has no subtitles in the requested languages",)


@pytest.mark.slow
def test_a_page_without_a_video_is_bad_input(context, web):
    """In one line that names the page without its key."""
    address = web.serve("/watch?token=SECRET", b"<!doctype html><html><p>Hello</p></html>", "text/html")

    with pytest.raises(InputMediaError, match=r"/watch\?token=…: the page has no video that yt-dlp can read") as caught:
        fetch(context, address)

    assert "SECRET" not in str(caught.value)


@pytest.mark.slow
def test_a_page_with_several_videos_is_refused(context, web, clip):
    """Which one was meant cannot be guessed."""
    web.serve("/a.mp4", clip)
    web.serve("/b.mp4", clip)
    page = b'<!doctype html><html><video src="/a.mp4"></video><video src="/b.mp4"></video></html>'

    with pytest.raises(InputMediaError, match="playlist of 2 videos; use the URL of one video"):
        fetch(context, web.serve("/watch", page, "text/html"))


@pytest.mark.slow
def test_a_list_of_one_video_is_that_video(context, web, clip):
    """A feed with a single entry leaves no doubt."""
    link = web.serve("/film.mp4", clip)
    item = f"<title>t</title><item><link>{link}</link></item>"
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel>{item}</channel></rss>'

    media = fetch(context, web.serve("/feed", feed.encode(), "text/html"))

    assert context.path(media.file).read_bytes() == clip


@pytest.mark.slow
def test_a_video_of_a_page_keeps_to_the_size_limit(context, web, clip):
    """Whatever yt-dlp does of its own, no more than that arrives."""
    web.serve("/film.mp4", clip)
    address = web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html")

    with pytest.raises(InputMediaError, match=r"exceeds the limit of 0\.001 MB"):
        fetch(context, address, max_size_mb=0.001)


@pytest.mark.slow
def test_a_stop_ends_the_reading_of_a_page(context, web, clip):
    """What the room raises from inside yt-dlp's hook comes out as it is."""
    web.serve("/film.mp4", clip)
    address = web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html")

    def stop(_share):
        raise Interrupted("stopped")

    context.progress = stop

    with pytest.raises(Interrupted):
        fetch(context, address)


@pytest.mark.slow
def test_a_video_that_does_not_exist_any_more_is_a_failure_of_the_host(context, web, monkeypatch):
    """The page is there and the film is not."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    web.routes["/film.mp4"] = status(404)
    address = web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html")

    with pytest.raises(ProviderError, match="404"):
        fetch(context, address)


def test_what_is_not_media_is_bad_input(context, web):
    """The probe has the last word."""
    with pytest.raises(InputMediaError):
        fetch(context, web.serve("/notes.mp4", b"just some text, no film" * 50, "text/plain"))


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ftp://host/a.mp4", "data:,a", "missing.mp4"])
def test_other_urls_are_refused(context, uri):
    """Before anything is asked."""
    with pytest.raises(InputMediaError):
        fetch(context, uri)


@pytest.mark.slow
def test_yt_dlp_writes_nothing_to_the_terminal(context, web, clip, capfd):
    """Neither on success nor on failure."""
    web.serve("/film.mp4", clip)
    fetch(context, web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html"))

    with pytest.raises(InputMediaError):
        fetch(context, web.serve("/empty", b"<!doctype html><html></html>", "text/html"))

    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_folder_is_not_expanded_by_yt_dlp(web, clip, tmp_path):
    """A dollar, a percent sign or a brace in the folder's name are just that."""
    context = FolderContext(tmp_path / "a $HOME %(id)s 100% ~'\"ü")
    web.serve("/film.mp4", clip)

    media = fetch(
        context, web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html")
    )

    assert context.path(media.file).read_bytes() == clip
    assert list(tmp_path.iterdir()) == [context.folder]


@pytest.mark.parametrize(
    ("ext", "name"), [("webm", "fetched.webm"), (None, "fetched.mp4"), ("/../../x", "fetched.x"), ("..", "fetched.bin")]
)
def test_a_page_does_not_choose_where_its_file_goes(ext, name):
    """Of the suffix that it tells, letters and digits are kept."""
    assert file_name({"ext": ext}) == name


def test_yt_dlp_gets_no_way_out():
    """No cookies, no netrc, no commands, no local files, no section cut."""
    video_filter = VideoFilter(lambda _: None, 10, "https://host/a")
    chosen = build_options(FetchParams(uri="https://host/a"), video_filter, "ffmpeg")

    assert chosen["noplaylist"]
    assert not (chosen["cachedir"] or chosen["usenetrc"] or chosen["enable_file_urls"])
    assert not {"cookiesfrombrowser", "cookiefile", "postprocessors", "download_ranges", "netrc_cmd"} & set(chosen)


@pytest.mark.parametrize(
    ("info", "expected_text"),
    [
        ({"is_live": True}, "live"),
        ({"live_status": "is_upcoming"}, "live"),
        ({"n_entries": 3}, "3 videos"),
        ({"filesize": 11}, "exceeds the limit"),
        ({"live_status": "was_live", "n_entries": 1, "filesize": 9}, ""),
    ],
)
def test_the_filter_accepts_one_finished_video_that_is_small_enough(info, expected_text):
    """Everything else is refused with a reason."""
    assert expected_text in (VideoFilter(lambda _: None, 10, "https://host/a").refuse(info) or "")


@pytest.mark.parametrize(
    ("message", "kind", "expected_text"),
    [
        (
            "\x1b[0;31mERROR:\x1b[0m [youtube] x: Private video. Sign in",
            ProviderError,
            "https://h/a: [youtube] x: Private video. Sign in",
        ),
        ("ERROR: boom; please report this issue on https://github.com/x\n more", ProviderError, "https://h/a: boom"),
        (
            "ERROR: [generic] Unsupported URL: https://h/a?k=1",
            InputMediaError,
            "https://h/a: the page has no video that yt-dlp can read",
        ),
        (
            "ERROR: unable to write data: [Errno 28] No space left on device",
            StorageFailed,
            "https://h/a: the disk is full",
        ),
        ("ERROR: [x] geo restricted in your country", ProviderError, "https://h/a: [x] geo restricted in your country"),
    ],
)
def test_what_yt_dlp_says_becomes_one_clean_line(message, kind, expected_text):
    """Without colours and without its own advice."""
    error = convert_error(message, "https://h/a")

    assert type(error) is kind
    assert error.message == expected_text


@pytest.mark.slow
def test_plug_ins_of_yt_dlp_are_not_loaded(context, web, clip, tmp_path, monkeypatch):
    """A plug-in on the path is not even imported."""
    place = tmp_path / "path" / "yt_dlp_plugins" / "extractor"
    place.mkdir(parents=True)
    (place / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    monkeypatch.setattr("yt_dlp.globals.all_plugins_loaded.value", False)
    web.serve("/film.mp4", clip)

    fetch(context, web.serve("/watch", b'<!doctype html><html><video src="/film.mp4"></video></html>', "text/html"))

    assert not (tmp_path / "ran").exists()

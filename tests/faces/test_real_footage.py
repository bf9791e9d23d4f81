"""Choosing a face on films of real people: an audience behind a cut, and a hand in front of a face."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a store that the tests share, so that the faces of a span are searched once."""
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def listed(react1, media_folder, home):
    """Run `react1 faces` on a span of a real film; return its only segment."""

    def run(film: str, span: str):
        film = media_folder / "faces" / film
        result = react1("faces", film, "--edit", span, "--json", "--quiet", "--home", home)
        return json.loads(result.out)["segments"][0]

    return run


def test_the_shots_of_a_singer_and_of_an_audience(listed):
    """The singer is one face in all frames; the audience, in profile, has several, numbered from left to right."""
    segment = listed("cuts_crowd_handmic_video_starts_late_10s.mp4", "84f-250f")

    singer, audience = segment["shots"]
    assert (singer["end_frame"], audience["start_frame"]) == (211, 211)
    assert [face["frames_seen"] for face in singer["faces"]] == [127]
    places = [face["at"][0] for face in audience["faces"]]
    assert len(places) >= 3 and places == sorted(places)
    assert [face["number"] for face in audience["faces"]] == list(range(1, len(places) + 1))


@pytest.mark.parametrize(("wish", "chosen"), [("left", 0), ("right", -1), ("1", 0)])
def test_one_of_an_audience_is_chosen(listed, wish, chosen):
    """By the side or by the number; the same span has the same numbers every time."""
    segment = listed("cuts_crowd_handmic_video_starts_late_10s.mp4", f"212f-250f@{wish}")

    (shot,) = segment["shots"]
    assert [face["number"] for face in shot["faces"] if face["chosen"]] == [shot["faces"][chosen]["number"]]


def test_the_singer_is_not_taken_for_somebody_of_the_audience(listed):
    """The refusal names the shot, how alike the nearest face is, and what to write."""
    segment = listed("cuts_crowd_handmic_video_starts_late_10s.mp4", "84f-250f@1")

    assert "shot 2 has no face that is clearly face 1 of shot 1 (likeness 0." in segment["problem"]
    assert "faces: {shot 2: left}" in segment["problem"]


def test_a_hand_over_the_face_does_not_lose_the_face(listed):
    """In 3 s a hand covers the mouth and then an eye."""
    segment = listed("hand_over_face_23976_silent.mp4", "70f-150f")

    (shot,) = segment["shots"]
    (face,) = shot["faces"]
    assert face["frames_seen"] >= 0.9 * 80 and not segment["problem"]

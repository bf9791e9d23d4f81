"""What the checks of a film found, in sentences: each metric that is not as it should be shows."""

import pytest

from react1.pipeline.report.film_findings import film_findings, report_findings, seam_findings, seam_sentences

EXACT = {
    "way": "exact",
    "border_packets": 12,
    "least_psnr_db": 44.2,
    "untouched_identical": True,
    "sound_identical": True,
    "colour_equal": True,
    "metadata_equal": True,
    "strict_decode": True,
}
REENCODED = {"way": "reencoded-picture", "reason": "it is MPEG-2", "pictures_alike": True, "strict_decode": True}


@pytest.mark.parametrize(
    ("metrics", "number"),
    [
        *((EXACT | {name: False}, number) for number, name in enumerate(list(EXACT)[3:])),
        (REENCODED | {"pictures_alike": False}, 0),
    ],
)
def test_only_what_failed_is_not_as_it_should_be(metrics, number):
    """In the order of the sentences: picture, sound, colours, metadata, decode."""
    passed = [finding.passed for finding in film_findings(metrics, 1)]

    assert passed == [place != number for place in range(len(passed))]


def test_the_frames_that_are_re_encoded_beside_the_edits_are_counted():
    """With the quality of the worst; none are mentioned where an edit ends at keyframes."""
    assert "except for 12 up" in film_findings(EXACT)[0].text
    assert "44.2 dB" in film_findings(EXACT)[0].text
    assert "except" not in film_findings(EXACT | {"border_packets": 0})[0].text


@pytest.mark.parametrize(
    ("metrics", "tracks", "count"),
    [
        (EXACT, 0, 4),
        (EXACT, 1, 5),
        ({"way": "exact", "untouched_identical": True, "other_sound_identical": True}, 1, 1),
        ({"way": "exact", "untouched_identical": True, "other_sound_identical": True}, 2, 2),
    ],
)
def test_nothing_is_said_of_sound_that_a_film_does_not_have(metrics, tracks, count):
    """Nor of the other tracks of a film whose only one has a new line."""
    assert len(film_findings(metrics, tracks)) == count


def test_a_film_that_no_take_changed_is_as_it_should_be():
    """And a run that made no film says nothing."""
    untouched = {"way": "untouched", "reason": "no take changed anything"}

    assert [finding.passed for finding in film_findings(untouched)] == [True]
    assert film_findings({}) == []


@pytest.mark.parametrize(
    ("seam", "text", "passed"),
    [
        ({"seam_delta_e": 0.4}, "the seams are invisible", True),
        ({"seam_delta_e": 2.0}, "the seams are hardly visible", True),
        ({"seam_delta_e": 3.0}, "the seams are visible", False),
        ({"seam_delta_e": None}, "the seams are not measured", True),
        (
            {"seam_delta_e": 0.4, "frozen_frames": 2, "doubled_frames": 1},
            "the seams are invisible; 3 frames stand still or repeat",
            False,
        ),
    ],
)
def test_a_seam_is_told_by_its_step_and_by_frames_that_stand_still(seam, text, passed):
    """Each edit has its own."""
    finding = seam_findings({"seams": [{"name": "s01", **seam}]})["s01"]

    assert (finding.text, finding.passed) == (text, passed)


def test_edits_whose_seams_are_alike_share_a_sentence():
    """Their names are in it, as long as they are few."""
    seams = [{"name": name, "seam_delta_e": step} for name, step in (("a", 0.1), ("b", 2.0), ("c", 0.2))]
    many = [{"name": f"s{number}", "seam_delta_e": 0.1} for number in range(9)]

    assert [finding.text for finding in seam_sentences({"seams": seams})] == [
        "a, c: the seams are invisible",
        "b: the seams are hardly visible",
    ]
    assert [finding.text for finding in seam_sentences({"seams": many})] == ["9 edits: the seams are invisible"]


def test_a_report_also_compares_the_film_with_its_source():
    """Of a source without sound nothing is said of sound."""
    report = {
        "source": {"audio": []},
        "figures": {"splice": EXACT},
        "checks": {"same frame count": True, "same shown size": False},
    }
    findings = report_findings(report)

    assert [finding.passed for finding in findings] == [True, True, True, True, True, False]
    assert findings[-1].text == "same shown size as the source"

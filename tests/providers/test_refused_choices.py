"""What a host cannot do is refused before the run: nothing is read, uploaded or paid for."""

from __future__ import annotations

import pytest

from react1 import run
from react1.pipeline.core.errors import PresetError


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"auto_active_speaker_detection": True}, ["auto_active_speaker_detection"]),
        ({"occlusion_detection_enabled": True}, ["occlusion_detection_enabled"]),
        ({"takes": {"occlusion_detection_enabled": [False, True]}}, ["occlusion_detection_enabled"]),
        (
            {"auto_active_speaker_detection": True, "occlusion_detection_enabled": True},
            ["auto_active_speaker_detection", "occlusion_detection_enabled"],
        ),
    ],
)
@pytest.mark.parametrize(("provider", "key"), [("fal", "FAL_KEY"), ("replicate", "REPLICATE_API_TOKEN")])
def test_an_edit_that_a_host_cannot_do_is_refused(tmp_path, monkeypatch, provider, key, edit, named):
    """By the name of the edit, also if only one take of a matrix asks for it; the film is not even opened."""
    monkeypatch.setenv(key, "k")
    edits = [{"in": "1", "out": "2", "name": "door", **edit}]

    with pytest.raises(PresetError) as caught:
        run("emotion-edit", source=tmp_path / "none.mp4", edits=edits, provider=provider, home=tmp_path / "home")

    assert [problem.message for problem in caught.value.problems] == [
        f"edit door: {name}: true is not possible at {provider}; leave it out, or choose another provider"
        for name in named
    ]


def test_other_providers_are_not_limited(tmp_path, monkeypatch):
    """Segmind can do both; the run then fails because there is no film."""
    monkeypatch.setenv("SEGMIND_API_KEY", "k")
    edits = [{"in": "1", "out": "2", "auto_active_speaker_detection": True}]

    with pytest.raises(Exception, match=r"none\.mp4"):
        run("emotion-edit", source=tmp_path / "none.mp4", edits=edits, provider="segmind", home=tmp_path / "home")


@pytest.mark.parametrize(("provider", "key"), [("fal", "FAL_KEY"), ("replicate", "REPLICATE_API_TOKEN")])
def test_a_host_without_its_key_is_refused(tmp_path, monkeypatch, provider, key):
    """By the name of the variable."""
    monkeypatch.delenv(key, raising=False)

    with pytest.raises(PresetError, match=f"provider '{provider}' needs a key: set {key}"):
        run("emotion-edit", source=tmp_path / "none.mp4", edits="1-2:sad", provider=provider, home=tmp_path / "home")


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_they_are_never_chosen_by_auto(monkeypatch, provider):
    """A key for other models must not begin to pay for this one."""
    from react1.pipeline.providers.choose_provider import resolve_provider_name

    assert resolve_provider_name("auto", {"FAL_KEY": "k", "REPLICATE_API_TOKEN": "k"}) == "local"
    assert resolve_provider_name(provider, {}) == provider

"""The user's function on a take: the same craft, and the take's account stays."""

import av
import pytest
from numbered_clips import frame_number, make_clip
from records import adopted, segment_of, take_of

from react1.nodes.script_take import ScriptTake, ScriptTakeParams
from react1.pipeline.core.errors import PresetError

INVERT = """
def invert(clip, segment):
    assert segment["name"] == "line"
    return clip.image_transform(lambda picture: 255 - picture)
"""


@pytest.fixture
def take(context, tmp_path):
    source = adopted(context, make_clip(tmp_path / "film.mp4", frames=40, audio_codec="aac"))
    value = adopted(context, make_clip(tmp_path / "take.mp4", frames=18, audio_codec="aac"))
    return take_of(segment_of(source, 10, 20), value)


def test_the_take_is_changed_and_its_account_is_kept(context, tmp_path, monkeypatch, take):
    """18 frames in their order, inverted; request, cost and figures as they were."""
    script = tmp_path / "post.py"
    script.write_text(INVERT)
    monkeypatch.setenv("REACT1_SCRIPT", str(script))
    result = ScriptTake().run(context, ScriptTakeParams(function="post:invert"), take)
    with av.open(str(context.path(result.media.file))) as container:
        numbers = [frame_number(255 - frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]

    assert numbers == list(range(18))
    assert result.model_copy(update={"media": take.media, "notes": take.notes}) == take
    assert "changed 18 of 18 frames" in result.notes[-1]


def test_a_script_that_nobody_allowed_does_not_run(context, monkeypatch, take):
    """Here as well."""
    monkeypatch.delenv("REACT1_SCRIPT", raising=False)

    with pytest.raises(PresetError, match="not allowed"):
        ScriptTake().run(context, ScriptTakeParams(function="post:invert"), take)

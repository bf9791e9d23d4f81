"""Messages in the words of the page: one table of what the command line and the job file call things otherwise.

`PageText` is the type of every field of an answer that carries a message, so none reaches the page in other words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from ..core.errors import Interrupted, OverBudget, PresetError, React1Error, in_terms

EDIT_LABELS = {
    "at": "Place",
    "in": "In",
    "out": "Out",
    "name": "Name",
    "snap": "Snap",
    "takes": "Takes",
    "consent": "Consent",
    "prompt": "Emotion",
    "emotion": "Emotion",
    "temperature": "Temperature",
    "strength": "Strength",
    "crop": "Crop",
    "face": "Face",
    "faces": "Face",
    "allow_missing_face": "Accept missing faces",
    "resync": "Resync",
    "model_mode": "Region",
    "sync_mode": "Length",
    "occlusion_detection_enabled": "Hands and objects",
    "auto_active_speaker_detection": "The face that speaks",
    "audio": "Line",
    "audio_mix": "In the span",
    "audio_gain": "Gain",
}
"""The controls of an edit, by the fields of a job."""
FILM_LABELS = {
    "source": "Film",
    "edits": "Edits",
    "out": "New film",
    "start_tc": "Timecode of the first frame",
    "cues": "Spoken lines",
    "timeline": "Timeline with markers",
    "snap": "Snap in and out",
    "in_place": "In place",
    "composite": "Part of the take",
    "seam": "Seams",
    "sound": "Sound of new lines",
    "checks": "Limits of checks",
    "handles": "Handles",
    "exact": "Copied packets",
    "quality": "Quality",
    "consent": "Consent",
    "codec": "Codec",
    "disclosure": "Label in the picture",
    "provenance": "Provenance",
    "subtitles": "Subtitles of the page",
    "max_size_mb": "Largest download",
    "turnover": "Turnover",
    "system": "Editing system",
    "on_failure": "When a take fails",
    "project": "Project",
    "preset": "Preset",
}
"""The controls of a film, by the inputs of a job."""
_LABELS = {**FILM_LABELS, **EDIT_LABELS, "out": "Out"}

_NEW_FILM = f"“{FILM_LABELS['out']}”"
_TERMS: tuple[tuple[str, str], ...] = (
    (r"^out (?=\S+ (?:exists|cannot|is))", "the new film "),
    (r"give --replace to replace it, or another --out", f"name another file at {_NEW_FILM}, or move that one away"),
    (r"choose another --out", f"name another file at {_NEW_FILM}"),
    (r"run again with --replace to replace it, or with another --out", f"name another file at {_NEW_FILM}"),
    (r"pass it with --out or --set \S+, or add --allow-outside", "choose a place there"),
    (r"pass --pay or --yes, and --max-cost USD for a limit", "agree to what it costs first"),
    (r"raise --max-cost, or edit less", "agree to what it costs now, or edit less"),
    (r"\(REACT1_BUDGET_MONTH\) ", ""),
    (r", and REACT1_REQUIRE_CONSENT is set: give the edit or the job .*?(?=;|$)", ", which is required"),
    (r"use --provider local \(a preview\)", "let the local preview engine make it"),
    (r"a hosted provider \(--provider [^)]*\)", "another provider"),
    (r"set [A-Z0-9_]+_KEY, or", "set it where the studio is started, or"),
    (r"raise `checks: \{\S+ …\}` of splice", f"allow more at “{FILM_LABELS['checks']}”"),
    (r"(drop such takes|keep the original footage) with `on_failure: keep-original`",
     rf"\1: set “{FILM_LABELS['on_failure']}” to keep-original"),
    (r"give --start-tc if that is wrong", f"set “{FILM_LABELS['start_tc']}” if that is wrong"),
    (r": set it in a job as `.*", ": set it in the film options"),
    (r"request some with `takes: …` in an edit", "make some on the tab Takes"),
    (r"; or use `seam: dissolve`", f"; or set “{FILM_LABELS['seam']}” to dissolve"),
    (r"keep it with `audio_mix: keep`", "keep the film's sound on the tab Line"),
    (r", such as the text `[^`]*`", ""),
    (r": pip install '[^']*'", ", which is not installed here"),
)  # fmt: skip
"""What the command line and the job file say, and what to do on the page; keys are replaced afterwards."""
_SEGMENT = re.compile(r"\[([^\]]+)\]")
"""Of where an error was raised, what the page has too: the edit; it knows no steps."""
_COMMAND = re.compile(r"(?<![\w-])--[a-z][a-z-]*|`?\breact1 [a-z]+|\bREACT1_[A-Z0-9_]+")
_NOT_ADVICE = re.compile(rf"{_COMMAND.pattern}|\bpip |\bthe steps? `?[a-z]|`(?:upload|trim)`")
"""What advice names that nobody can follow on the page: an option, a command, a variable, a step of a preset."""
_KEYS = "|".join(sorted(_LABELS, key=len, reverse=True))
_QUOTED = re.compile(rf"`({_KEYS})(?:: ?([^`]*))?`")
_LEADING = re.compile(rf"^({_KEYS})(?:\.[\w.]+)?: ")
_PLAIN = re.compile(rf"(?<![\w./“-])({'|'.join(key for key in _LABELS if '_' in key)})(?![\w./”-])")


def page_message(error: BaseException) -> str:
    """Return one line: what went wrong and, where the page can do it, what to do."""
    if isinstance(error, Interrupted):
        return "stopped; make it again to go on: what was finished is kept"
    if isinstance(error, OverBudget):
        return in_page_words(str(error)) or "this would cost more than was agreed to; nothing was sent"
    if isinstance(error, PresetError) and error.problems:
        return "; ".join(_placed(problem.path, problem.message) for problem in error.problems)
    if isinstance(error, React1Error):
        segment = _SEGMENT.search(error.where)
        return in_page_words(f"{segment[1]}: {error.message}" if segment else error.message)
    return " ".join(f"internal error (please report): {type(error).__name__}: {error}".split())


@lru_cache(maxsize=512)
def in_page_words(text: str) -> str:
    """Return a message with the names of controls, and without options, commands and variables of the environment."""
    parts = [part for part in re.split(r";\s+", in_terms(text, _TERMS)) if part.strip()]
    cause = [_COMMAND.sub("a setting of the studio", part) for part in parts[:1]]
    text = "; ".join([*cause, *(part for part in parts[1:] if not _NOT_ADVICE.search(part))])
    text = _LEADING.sub(lambda match: f"{_LABELS[match[1]]}: ", text)
    text = _QUOTED.sub(lambda match: " ".join(filter(None, (f"“{_LABELS[match[1]]}”", match[2]))), text)
    text = _PLAIN.sub(lambda match: f"“{_LABELS[match[1]]}”", text)
    return text.replace("`", "")


PageText = Annotated[str, AfterValidator(in_page_words)]
"""A message of an answer, in the words of the page."""


def label_of(name: str) -> str:
    """Return the name of the control of an input of the film."""
    return FILM_LABELS.get(name, name.replace("_", " ").capitalize())


def _placed(path: str, message: str) -> str:
    """Return a message with the control that it is about, if the path of its problem ends in one."""
    words, text = path.split("."), in_page_words(message)
    label = next((_LABELS[word] for word in reversed(words) if word in _LABELS and word != "edits"), "")
    return text if not label or label.lower() in text.lower() else f"{label}: {text}"

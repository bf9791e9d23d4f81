"""Messages on the page name its controls: no option of the command line and no key of the job file reaches it."""

from __future__ import annotations

import functools
import re
import typing
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")

from error_texts import error_texts
from pydantic import BaseModel

from react1.pipeline import studio
from react1.pipeline.config.presets.json_schema import JOB_OPTIONS
from react1.pipeline.config.presets.shipped import load_preset_info
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError, OverBudget, PresetError, Problem
from react1.pipeline.studio.answers import film_answers, general_answers, job_answers
from react1.pipeline.studio.page_words import EDIT_LABELS, FILM_LABELS, PageText, in_page_words, page_message

PRESETS = Path(__import__("react1").__file__).parent / "presets"
FIELDS = {field.alias or name for name, field in Edit.model_fields.items()}


@functools.cache
def inputs() -> set[str]:
    """Return the names of all inputs of presets; not when the tests are collected, which every worker does."""
    return {name for path in PRESETS.glob("*.yaml") for name in load_preset_info(path.stem, PRESETS).inputs}


def foreign_pattern() -> re.Pattern[str]:
    """Return what only a command line or a job file says."""
    keys = FIELDS | inputs() | set(JOB_OPTIONS)
    return re.compile(
        rf"(?<![\w-])--[a-z]|\breact1 [a-z]+|\bREACT1_|`|^(?:{'|'.join(keys)})(?:\.\w+)*: "
        rf"|(?<![\w./])(?:{'|'.join(name for name in keys if '_' in name)})(?![\w./])"
    )


@pytest.mark.slow
def test_no_text_of_the_package_reaches_the_page_with_an_option_or_a_key():
    """Every error, problem and note in the source, with `X` for its values."""
    texts = error_texts()
    foreign = foreign_pattern()

    words_of = {text: in_page_words(text) for text in texts}

    assert len(texts) > 600
    assert sum(foreign.search(text) is not None for text in texts) > 80
    assert [texts[text] for text, words in words_of.items() if not words] == []
    assert {texts[text]: words for text, words in words_of.items() if foreign.search(words)} == {}


def test_themes_differ_in_colours_only():
    """So that whatever axe-core finds in one theme, but for colours, it finds in the other."""
    styles = [path.read_text("utf-8") for path in sorted((Path(studio.__file__).parent / "page").glob("*.css"))]

    rules = re.findall(r"([^{}]*(?:data-theme|prefers-color-scheme)[^{}]*)\{([^{}]*)\}", "".join(styles))

    ((selector, text),) = rules
    values = dict(declaration.split(":") for declaration in text.split(";"))
    assert (selector.strip(), values.pop("color-scheme")) == (":root[data-theme=light]", "light")
    assert all(name.startswith("--") and re.fullmatch("#[0-9a-f]{3,8}", value) for name, value in values.items())


def test_every_key_has_the_name_of_a_control():
    """A field or an input that is added gets its name here."""
    assert FIELDS - set(EDIT_LABELS) == set()
    assert (inputs() | set(JOB_OPTIONS)) - set(FILM_LABELS) == set()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("audio_gain: Input should be less than or equal to 20", "Gain: Input should be less than or equal to 20"),
        ("out: 3f is before in 9f", "Out: 3f is before in 9f"),
        ("out /a/b.mp4 exists; give --replace to replace it, or another --out",
         "the new film /a/b.mp4 exists; name another file at “New film”, or move that one away"),
        ("segment e has no face; drop such takes with `on_failure: keep-original`",
         "segment e has no face; drop such takes: set “When a take fails” to keep-original"),
        ("shot 3 is not there; there is no shot 3 in `faces`", "shot 3 is not there; there is no shot 3 in “Face”"),
        ("3 calls would cost about $2.00 and are not approved; pass --pay or --yes, and --max-cost USD for a limit",
         "3 calls would cost about $2.00 and are not approved; agree to what it costs first"),
        ("stopped; resume with: react1 resume 2026", "stopped"),
        ("job a waits; continue with `react1 resume`, or check `react1 jobs`", "job a waits"),
        ("/films/start_tc.mp4 does not exist", "/films/start_tc.mp4 does not exist"),
    ],
)  # fmt: skip
def test_a_text_is_put_in_the_words_of_the_page(text, words):
    """Once; a second time changes nothing."""
    assert in_page_words(text) == words
    assert in_page_words(words) == words


def test_a_problem_of_a_job_names_its_control():
    """Which its path ends in; other errors say what to do on the page."""
    problems = [
        Problem("expected a number, not 'loud'", "edits.0.audio_gain"),
        Problem("Seams are wrong", "seam.video"),
    ]

    assert page_message(PresetError(problems)) == "Gain: expected a number, not 'loud'; Seams are wrong"
    assert page_message(OverBudget("about $2 is more than the budget of $1; raise --max-cost, or edit less")) == (
        "about $2 is more than the budget of $1; agree to what it costs now, or edit less"
    )


def test_an_error_of_a_step_names_the_edit_and_no_step():
    """The page has no steps."""
    of_edit, of_film = InputMediaError("no face found in frames 4–24"), InputMediaError("the film has no video")
    of_edit.where, of_film.where = "normalize_audio [edit-1 sad-0.7]", "trim"

    assert page_message(of_edit) == "edit-1 sad-0.7: no face found in frames 4–24"
    assert page_message(of_film) == "the film has no video"


def test_every_message_of_an_answer_is_in_the_words_of_the_page():
    """By its type, so that no route can forget it."""
    spoken, plain = 0, []
    for module in (general_answers, film_answers, job_answers):
        for model in vars(module).values():
            if isinstance(model, type) and issubclass(model, BaseModel):
                hints = typing.get_type_hints(model, include_extras=True)
                for name in {"error", "problem", "notes", "missing"} & set(model.model_fields):
                    spoken += 1
                    if hints[name] not in (PageText, list[PageText]):
                        plain.append(f"{model.__name__}.{name}")
    assert plain == []
    assert spoken >= 10

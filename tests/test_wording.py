"""Names, docstrings, messages and documents are in plain technical English."""

import ast

import pytest
from layers import ROOT, package_files, tree_of
from wording import descriptions, message_texts, repeated_modules, vague_docstrings, vague_names, vague_texts

PACKAGE = package_files()
CODE = sorted(
    {
        *PACKAGE,
        *(
            path.relative_to(ROOT).as_posix()
            for folder in ("tests", "benchmarks", "examples")
            for path in ROOT.glob(f"{folder}/**/*.py")
        ),
    }
)
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "pipeline/**/*.html",
        "pipeline/**/*.js",
        "presets/*.yaml",
        "examples/**/*.md",
    )
    for path in ROOT.glob(pattern)
)


def test_docstrings_begin_with_a_verb_of_the_field():
    """No docstring of the package begins with Give, Tell, Spell or the like."""
    violations = [line for path in PACKAGE for line in vague_docstrings(path, tree_of(path))]

    assert not violations, "\n".join(violations)


def test_names_say_what_the_value_is():
    """In the package, in its tests and in the benchmarks."""
    violations = [line for path in CODE for line in vague_names(path, tree_of(path))]

    assert not violations, "\n".join(violations)


def test_messages_use_plain_words():
    """Errors, notes, reports and command-line texts."""
    violations = [line for path in PACKAGE for line in vague_texts(path, message_texts(tree_of(path)))]

    assert not violations, "\n".join(violations)


def test_tests_are_described_in_plain_words():
    """Names and docstrings of the tests and their helpers."""
    violations = [
        line
        for path in CODE
        if path.startswith("tests/") and path not in ("tests/test_wording.py", "tests/support/wording.py")
        for line in vague_texts(path, descriptions(tree_of(path)))
    ]

    assert not violations, "\n".join(violations)


def test_documents_use_plain_words():
    """README, docs, changelog, presets and the report's page."""
    texts = {path: list(enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)) for path in PAGES}

    violations = [line for path, lines in texts.items() for line in vague_texts(path, lines)]

    assert not violations, "\n".join(violations)


def test_module_names_are_unique():
    """Except for one role in parallel folders, such as read and write per format."""
    assert list(repeated_modules(PACKAGE)) == []


PLANTED = [
    (lambda: vague_docstrings("a.py", ast.parse('def f():\n    """Give the frame."""')), "begins with 'Give'"),
    (lambda: vague_names("a.py", ast.parse("told = 1")), "'told'"),
    (lambda: vague_names("a.py", ast.parse("def f(said): ...")), "'said'"),
    (lambda: vague_names("a.py", ast.parse("[one for one in x]")), "'one'"),
    (lambda: vague_names("a.py", ast.parse("class Room: ...")), "'room'"),
    (lambda: vague_texts("a.py", message_texts(ast.parse("raise E(f'{x} stands twice')"))), "stands twice"),
    (lambda: vague_texts("a.py", descriptions(ast.parse("def test_it_is_parted(): ..."))), "parted"),
    (lambda: vague_texts("a.py", descriptions(ast.parse('"""Coded anew."""'))), "anew"),
    (lambda: vague_texts("a.md", [(1, "The picture is encoded anew.")]), "anew"),
    (lambda: repeated_modules(["pipeline/a/plan.py", "pipeline/b/plan.py"]), "plan: pipeline/a/plan.py"),
]


@pytest.mark.parametrize(("violations", "text"), PLANTED)
def test_each_rule_finds_a_planted_violation(violations, text):
    """A rule that never fires would hold nothing."""
    assert any(text in line for line in violations())


def test_what_is_plain_passes():
    """A rule that fires at everything would be switched off."""
    tree = ast.parse(
        'def frames(label):\n    """Return the frames."""\n    message = f"{label} is listed twice"\n    return message'
    )

    assert not [*vague_docstrings("a.py", tree), *vague_names("a.py", tree), *vague_texts("a.py", message_texts(tree))]

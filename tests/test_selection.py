"""Modules that a mark expression leaves out are not imported; no other module is left out."""

from __future__ import annotations

import pytest
from selection import selects_nothing

ALL_SLOW = "import pytest\n\npytestmark = pytest.mark.slow\n\n\ndef test_it(): ...\n"
LISTED = "import pytest\n\npytestmark = [\n    pytest.mark.slow,\n    pytest.mark.skipif(False, reason=''),\n]\n"
MIXED = "import pytest\n\n\n@pytest.mark.slow\ndef test_it(): ...\n\n\ndef test_more(): ...\n"
FAST = "def test_it(): ...\n"


@pytest.mark.parametrize(
    ("expression", "left_out"),
    [("not slow", [ALL_SLOW, LISTED]), ("slow", [FAST]), ("", []), ("slow or not slow", []), ("not slow and x", [])],
)
def test_a_module_is_left_out_if_nothing_in_it_is_selected(expression, left_out):
    """In doubt it is imported."""
    assert [text for text in (ALL_SLOW, LISTED, MIXED, FAST) if selects_nothing(text, expression)] == left_out

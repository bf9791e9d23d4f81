"""Tell from a test module's text that a mark expression selects none of its tests, so that it need not be imported."""

from __future__ import annotations

import re

_SLOW = "pytest.mark.slow"
_ALL_SLOW = re.compile(rf"^pytestmark = (?:\[\s*)?{re.escape(_SLOW)}\b", re.MULTILINE)


def selects_nothing(source: str, expression: str) -> bool:
    """Check whether `-m EXPRESSION` selects no test of a module; False in doubt."""
    if expression == "not slow":
        return _ALL_SLOW.search(source) is not None
    return expression == "slow" and _SLOW not in source

"""The page of environment variables and the code name the same ones."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_variable_of_the_page_is_read_by_the_code():
    """A setting that nothing reads would change nothing, and say nothing."""
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py"))

    built = set()
    if 'f"REACT1_{name.upper()' in code:  # a provider's URL, by the provider's name
        built = {"REACT1_FAL_URL", "REACT1_REPLICATE_URL"}

    assert len(documented) > 20
    unread = {name for name in documented - built if not re.search(rf"[\"'`]{name}[\"'`]", code)}
    assert unread == {"REACT1_MEDIA"}  # it is for the tests

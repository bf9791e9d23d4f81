"""A distribution with entry points, written into a folder that is then put on the path."""

from __future__ import annotations

from pathlib import Path


def install_distribution(site: Path, name: str, modules: dict[str, str], **groups: dict[str, str]) -> Path:
    """Write version 1.2 of a distribution: its modules by file name, and its entry points by group of `react1`."""
    info = site / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines: list[str] = []
    for group, entries in groups.items():
        lines += [f"[react1.{group}]", *(f"{key} = {value}" for key, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, text in modules.items():
        path = site / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site

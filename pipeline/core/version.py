"""The version of the installed distribution."""

from __future__ import annotations

from importlib import metadata


def version_text() -> str:
    """Give the version, or `unknown` where the folder is used without being installed."""
    try:
        return metadata.version("react1-nodes")
    except metadata.PackageNotFoundError:
        return "unknown"

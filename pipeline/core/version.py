"""The version of the installed distribution."""

from __future__ import annotations

from importlib import metadata


def version_text() -> str:
    """Return the version, or `unknown` if the package is not installed."""
    try:
        return metadata.version("react1-nodes")
    except metadata.PackageNotFoundError:
        return "unknown"

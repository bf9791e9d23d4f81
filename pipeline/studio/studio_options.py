"""Options of the studio's server, and the token that its page needs."""

from __future__ import annotations

import importlib.util
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import MissingExtra, PresetError
from ..store.atomic import write_text

NEEDED = ("fastapi", "uvicorn", "cv2")
UPLOAD_BYTES = 8 << 30
"""The largest film that may be dropped on the page."""
LINE_BYTES = 200 << 20
"""The largest line of dialogue that may be dropped on the page."""
_TOKEN_LENGTH = 16
"""The fewest characters of a token that other machines may try to guess."""


@dataclass(frozen=True)
class StudioOptions:
    """How the studio was started."""

    home: Path
    folders: tuple[Path, ...]
    """The folders whose films and jobs the page may open; nothing else is readable."""
    open_first: Path | None = None
    """The film or job that the page opens by itself."""
    host: str = "127.0.0.1"
    port: int = 8792
    """0 selects a free port."""
    token: str = ""
    """What the address of the page must contain; by default one that is kept in the home folder."""


def require_studio() -> None:
    """Check that the studio's libraries are installed.

    Raises:
        MissingExtra: they are not.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"react1 studio needs {' and '.join(missing)}, the extra 'studio': pip install 'react1-nodes[studio]'"
        )


def kept_token(home: Path) -> str:
    """Return the token of this home folder, made once, so that an open page works on after a restart of the server.

    Raises:
        StorageFailed: it cannot be written.
    """
    path = home / "studio" / "token"
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if len(token) < 32:
        token = secrets.token_urlsafe(32)
        write_text(path, token, private=True)
    return token


def require_safe_host(options: StudioOptions) -> None:
    """Refuse to listen to other machines with a token that nobody chose, or that can be guessed.

    Raises:
        PresetError: the host is not loopback, and no token was named, or a short one.
    """
    from ..server.server_options import is_loopback

    if not is_loopback(options.host) and len(options.token) < _TOKEN_LENGTH:
        raise PresetError(
            f"--host {options.host} lets other machines reach the studio, over a connection that is not encrypted; "
            f"name a --token of at least {_TOKEN_LENGTH} characters, and put a proxy with TLS in front of it"
        )

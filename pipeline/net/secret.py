"""Hide an API key in text that a server sent, also where the server has encoded it.

A server may repeat the key as it is, in another case, as HTML entities, percent-encoded, as JSON escapes, in base64, or
in several of these at once.
"""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import unquote

HIDDEN = "…"
MIN_LENGTH = 8
"""A shorter key occurs in ordinary text by chance; it is hidden only where it stands as it is."""
_MAX_DECODINGS = 3
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def hide_secret(text: str, secret: str) -> str:
    """Return a text without a secret; a text that contains it in an encoded form is decoded first."""
    if len(secret) < MIN_LENGTH:
        return text.replace(secret, HIDDEN) if secret else text
    pattern = _pattern(secret)
    text = pattern.sub(HIDDEN, text)
    decoded = text
    for _ in range(_MAX_DECODINGS):
        decoded = _decode(decoded)
        if pattern.search(decoded):
            return hide_secret(pattern.sub(HIDDEN, decoded), secret)
    return text


def reveals_secret(text: str, secret: str) -> bool:
    """Return whether a text contains a secret in any form; False for a secret that is too short to tell."""
    return len(secret) >= MIN_LENGTH and hide_secret(text, secret) != text


def _pattern(secret: str) -> re.Pattern[str]:
    in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
    return re.compile(f"{re.escape(secret)}|{re.escape(in_base64)}={{0,2}}", re.IGNORECASE)


def _decode(text: str) -> str:
    """Undo one layer of each encoding."""
    return _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), unquote(html.unescape(text)))

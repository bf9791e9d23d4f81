"""What a storage says of an upload: its words as one line of ours, and the addresses that it gives.

Raises  HostFailed when an address cannot be used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from ..errors import BadInput, HostFailed
from .address import masked, shown, web_address
from .choose import is_loopback
from .pool import Reply

LONGEST_WORDS = 200
_MOST_READ = 4000
"""How much of a host's text is looked at."""
_SAID = re.compile(r"<(title|message)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")
_HINTS = {
    401: "; check the key",
    403: "; the key does not allow it, or the address has expired",
    413: "; choose another storage, such as s3",
}


def readable(address: object, storage: str) -> str:
    """Give an address back that a host can be told and a file be sent to: https, or http on this machine.

    Raises:
        HostFailed: it is something else.
    """
    try:
        found = web_address(address if isinstance(address, str) else "")
    except BadInput as error:
        shape = repr(in_one_line(address)) if isinstance(address, str) and address else "nothing"
        why = f"the upload to {storage} was answered with {shape} where an address is wanted"
        raise HostFailed(why, billed=False) from error
    if urlsplit(found).scheme.lower() != "https" and not is_loopback(found):
        raise HostFailed(f"storage {storage} gave {shown(found)}, which is not https; it is not used", billed=False)
    return found


def last_part(address: str) -> str:
    """Give the last part of an address's path: the file's name."""
    return urlsplit(address).path.rsplit("/", 1)[-1]


def as_it_is(text: str) -> str:
    """Hide nothing in a text."""
    return text


def told(reply: Reply, hidden: Callable[[str], str] = as_it_is) -> str:
    """Say what a refusal says: its status, and its words in JSON or on a page, without the secrets of addresses.

    Args:
        reply: the refusal.
        hidden: takes other secrets out; it sees the text before it is cut, for half a key would stay.
    """
    said = _words(reply, hidden)
    return f"{reply.status}{': ' + said if said else ''}"


def _words(reply: Reply, hidden: Callable[[str], str]) -> str:
    body = reply.object()
    inner = body.get("error")
    for found in (inner.get("message") if isinstance(inner, dict) else inner, body.get("message"), body.get("detail")):
        if isinstance(found, str) and found:
            return in_one_line(hidden(found))
    if body or reply.kind == "application/json":
        return ""
    text = hidden(reply.body.decode("utf-8", "replace"))[:_MOST_READ]
    said = _SAID.search(text)
    return in_one_line(said[2] if said else _MARKUP.sub(" ", text))


def in_one_line(text: str) -> str:
    """Give foreign words as one short line, without the secrets of addresses."""
    looked_at = text if len(text) <= _MOST_READ else text[:_MOST_READ].rsplit(None, 1)[0]
    line = " ".join(masked("".join(c if c.isprintable() else " " for c in looked_at)).split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"


def hint(status: int) -> str:
    """Say what to do about a refusal."""
    return _HINTS.get(status, "")

"""What a storage says of an upload: its words as one line of ours, and the addresses that it gives.

Raises  HostFailed when an address cannot be used.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..core.errors import InputMediaError, ProviderError
from ..net.error_text import Hide, as_it_is, in_one_line, words_of
from ..net.http_pool import Reply
from ..net.url import shown, web_address
from .upload_storage import is_loopback

LONGEST_WORDS = 200
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
    except InputMediaError as error:
        shape = repr(in_one_line(address, most=LONGEST_WORDS)) if isinstance(address, str) and address else "nothing"
        why = f"the upload to {storage} was answered with {shape} where an address is wanted"
        raise ProviderError(why, billed=False) from error
    if urlsplit(found).scheme.lower() != "https" and not is_loopback(found):
        raise ProviderError(f"storage {storage} gave {shown(found)}, which is not https; it is not used", billed=False)
    return found


def last_part(address: str) -> str:
    """Give the last part of an address's path: the file's name."""
    return urlsplit(address).path.rsplit("/", 1)[-1]


def told(reply: Reply, hidden: Hide = as_it_is) -> str:
    """Say what a refusal says: its status, and its words in JSON or on a page, without the secrets of addresses.

    Args:
        reply: the refusal.
        hidden: takes other secrets out; it sees the text before it is cut, for half a key would stay.
    """
    said = words_of(reply, hidden, LONGEST_WORDS)
    return f"{reply.status}{': ' + said if said else ''}"


def hint(status: int) -> str:
    """Say what to do about a refusal."""
    return _HINTS.get(status, "")

"""A process that pays for takes and dies where it is told to; forked from one that has imported everything already.

Takes   orders as lines of JSON on its standard input, one after the other; see `Order`.
Gives   for each a line of JSON: how the child ended (a status; negative: by that signal) and what it said.

    python paying.py < orders
"""

from __future__ import annotations

import asyncio
import errno
import inspect
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.core.errors import React1Error
from react1.pipeline.core.values import Upload
from react1.pipeline.executors.base import StoreContext, to_json
from react1.pipeline.jobs import ledger as book
from react1.pipeline.jobs import manager as paid_desk
from react1.pipeline.jobs import take_download
from react1.pipeline.jobs.budget import Terms
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.manager import Desk
from react1.pipeline.jobs.request import Ask
from react1.pipeline.jobs.submit import Sender
from react1.pipeline.jobs.uploads import Uploads
from react1.pipeline.net.api_client import Host
from react1.pipeline.providers.contract import Done
from react1.pipeline.providers.provider_settings import segmind
from react1.pipeline.providers.segmind import client as segmind_client
from react1.pipeline.providers.segmind.client import SegmindClient
from react1.pipeline.store import atomic
from react1.pipeline.store import store as stored
from react1.pipeline.store.store import Store

WIRE_S = 0.01
"""How long a call has been on its way when its sender is killed."""
LONGEST_S = 90.0
"""A child that takes longer hangs."""
Do = Literal["before", "during", "after", "fail", "lie"]
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(frozen=True)
class Point:
    """A moment: before a function does its work, while it waits, or after; or else it fails there instead."""

    owner: Any
    name: str
    do: Do
    when: Callable[..., bool] = lambda *given, **named: True
    """Looks at what the function is given; the first call that it accepts is the moment."""
    gave: Callable[[Any], bool] = lambda made: True
    """Looks at what it gave."""
    error: Exception = FULL
    """With `fail`: how."""
    lie: Any = None
    """With `lie`: what it gives instead of the truth."""

    def set(self) -> None:
        """Wait for the moment."""
        real = getattr(self.owner, self.name)
        setattr(self.owner, self.name, (self._waiting if inspect.iscoroutinefunction(real) else self._called)(real))

    def _called(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if not self.when(*given, **named):
                return real(*given, **named)
            self._first()
            made = real(*given, **named)
            self._last(made)
            return self.lie if self.do == "lie" else made

        return call

    def _waiting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*given: Any, **named: Any) -> Any:
            if not self.when(*given, **named):
                return await real(*given, **named)
            self._first()
            sending = asyncio.ensure_future(real(*given, **named))
            if self.do == "during":
                await asyncio.sleep(WIRE_S)
                _die()
            made = await sending
            self._last(made)
            return made

        return call

    def _first(self) -> None:
        if self.do == "before":
            _die()
        if self.do == "fail":
            raise self.error

    def _last(self, made: Any) -> None:
        if self.do == "after" and self.gave(made):
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(LONGEST_S)


def _state(name: str, do: Do) -> Point:
    return Point(Ledger, "add", do, lambda ledger, entry, state, note: state == name)


def _name(name: str, do: Do) -> Point:
    return Point(atomic, "_link_new", do, lambda part, path: path.name.endswith(f"-{name}.json"))


def _writing(name: str) -> dict[str, Point]:
    """Give the moments of writing one state down."""
    return {
        f"before «{name}» is written": _state(name, "before"),
        f"when «{name}» is written and has no name": _name(name, "before"),
        f"when «{name}» has its name": _name(name, "after"),
        f"when «{name}» is on the disk": _state(name, "after"),
    }


def _submit(do: Do) -> Point:
    return Point(Host, "post", do, lambda host, place, *given, **named: place.startswith("v2/"))


def _object(do: Do) -> Point:
    return Point(stored, "publish", do, lambda made, final: final.parent.parent.name == "objects")


def moved(share: float) -> None:
    """Hear of progress."""


_OWN = sys.modules[__name__]
POINTS: dict[str, Point] = {
    "before the upload": Point(Uploads, "send", "before"),
    "while the picture is sent": Point(_OWN, "moved", "before"),
    "before its address is noted": Point(Uploads, "_note", "before"),
    "when its address is noted": Point(Uploads, "_note", "after"),
    "when picture and voice are sent": Point(Sender, "_uploaded", "after"),
    "before the intention": Point(Ledger, "intend", "before"),
    "when room is taken for the answer": Point(book, "_reserve", "after"),
    "when «intended» is written and has no name": _name("intended", "before"),
    "when «intended» has its name": _name("intended", "after"),
    "when «intended» is on the disk": Point(Ledger, "intend", "after"),
    "before the call leaves": Point(SegmindClient, "submit", "before"),
    "while the call is on the wire": _submit("during"),
    "when the call is answered": _submit("after"),
    "when the answer is read": Point(SegmindClient, "submit", "after"),
    **_writing("accepted"),
    **_writing("unknown"),
    **_writing("void"),
    "before the history is asked": Point(SegmindClient, "recover", "before"),
    "when the history has told": Point(SegmindClient, "recover", "after", gave=bool),
    "before the first look": Point(SegmindClient, "poll", "before"),
    "after the first look": Point(SegmindClient, "poll", "after"),
    "when it is seen to be finished": Point(SegmindClient, "poll", "after", gave=lambda found: isinstance(found, Done)),
    "before the take is fetched": Point(take_download, "download", "before"),
    "while the take is fetched": Point(StoreContext, "progress", "before"),
    "when the take has arrived": Point(take_download, "download", "after"),
    "when the take is decoded": Point(take_download, "damage", "after"),
    "before the take is in the store": _object("before"),
    "when the take is in the store": _object("after"),
    **_writing("done"),
    "before the result is put": Point(Store, "put_result", "before"),
    "when the result is put": Point(Store, "put_result", "after"),
    "before uploads are cleared away": Point(Uploads, "clear", "before"),
    "when the desk is closed": Point(Desk, "__aexit__", "after"),
}
TROUBLE: dict[str, Point] = {
    "the disk is full at «intended»": _name("intended", "fail"),
    "the disk is full at «accepted»": _name("accepted", "fail"),
    "the history lies": Point(segmind_client, "judge", "lie", lie="other"),
}
"""Where a process lives on, but something goes wrong."""


@dataclass(frozen=True)
class Order:
    """What a child is to do."""

    home: str
    files: list[str]
    """The picture and the voice, which are adopted."""
    upload: dict[str, Any]
    """An `Upload`."""
    server: str
    temperatures: list[float]
    """One call each."""
    settle_after_s: float
    point: str = ""
    """Where it dies, or what goes wrong."""
    after_s: float | None = None
    """When it is killed, from outside."""


async def pay(order: Order) -> dict[str, str]:
    """Do what a run does around its paid calls; give the digest of each take."""
    store = Store(Path(order.home))
    store.sweep()
    for path in order.files:
        store.adopt(Path(path))
    provider = segmind(
        {
            "REACT1_SEGMIND_URL": order.server,
            "SEGMIND_API_KEY": "k",
            "REACT1_POLL_S": "0.05",
            "REACT1_SETTLE_AFTER_S": str(order.settle_after_s),
        }
    )
    upload = Upload.model_validate(order.upload)
    asks = [Ask(upload, React1Choices(temperature=one), provider, deadline_s=LONGEST_S) for one in order.temperatures]
    async with Desk(store, Terms(agreed=True), run="crash") as desk:
        await desk.admit(asks, stop=True)
        made = await asyncio.gather(*(desk.make(ask, lambda share: moved(share)) for ask in asks))
        for ask, one in zip(asks, made, strict=True):
            store.put_result(ask.call.key, to_json(one.take), {}, one.take.seconds)
    store.close()
    return {str(one.take.request["temperature"]): one.take.media.file.digest for one in made}


def _child(order: Order) -> dict[str, Any]:
    paid_desk.look = lambda ask, store: ((), None)  # a made clip has no face
    if order.point:
        (POINTS | TROUBLE)[order.point].set()
    try:
        return {"takes": asyncio.run(pay(order))}
    except React1Error as error:
        return {"error": type(error).__name__, "message": error.message}


def _forked(order: Order) -> dict[str, Any]:
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(told)
        status = 1
        try:
            said = _child(order)
            os.write(tell, json.dumps(said).encode())
            status = 0 if "takes" in said else 4
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(tell)
    status = _ended(child, order.after_s)
    with os.fdopen(told) as stream:
        said = stream.read()
    return {"status": status, **(json.loads(said) if said else {})}


def _ended(child: int, after_s: float | None) -> int:
    began, most_s = time.monotonic(), LONGEST_S if after_s is None else after_s
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - began > most_s:
            os.kill(child, signal.SIGKILL)
            most_s = LONGEST_S
        time.sleep(0.002)


def main() -> None:
    """Do one order after the other."""
    for line in sys.stdin:
        print(json.dumps(_forked(Order(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()

"""Asks of the desk over a made clip of 1 s, and a desk in front of a local server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import takes
from rooms import FolderRoom

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.core.values import Upload
from react1.pipeline.jobs import manager as paid_desk
from react1.pipeline.jobs.budget import Terms
from react1.pipeline.jobs.manager import Desk
from react1.pipeline.jobs.request import Ask
from react1.pipeline.providers.provider_settings import segmind
from react1.pipeline.store.store import Store

KEY = "SG_secret0123456789"
COST_USD = 0.167


class Counter:
    """A home, a clip in its store, and the calls that are made from there."""

    def __init__(self, folder: Path, server: str, **environ: str) -> None:
        self.store = Store(folder / "home")
        self.environ = {
            "REACT1_SEGMIND_URL": server,
            "SEGMIND_API_KEY": KEY,
            "REACT1_POLL_S": "0.05",
            "REACT1_SETTLE_AFTER_S": "0.5",
            **environ,
        }
        context = FolderRoom(folder / "clip")
        clip = takes.film(context, frames=25, size=(160, 120), tracks=0)
        voice = takes.a_line(context, seconds=1)
        for file in (clip.file, voice):
            self.store.adopt(context.path(file))
        self.segment = takes.segment(clip, 0, 25).model_copy(update={"voice": voice})
        self.notes: list[str] = []

    def ask(self, version: str = "v2", name: str = "s01", **choices) -> Ask:
        upload = Upload(
            segment=self.segment.model_copy(update={"name": name}), video_url="store:v", audio_url="store:a"
        )
        return Ask(upload, React1Choices(**choices), segmind(self.environ, version), deadline_s=60)

    def make(self, *asks: Ask, terms: Terms | None = None, stop: bool = True):
        """Admit asks and make them, in a run of their own."""

        async def run():
            async with Desk(self.store, terms or Terms(agreed=True), run="r", say=self.notes.append) as desk:
                await desk.admit(asks, stop=stop)
                return [await desk.make(ask) for ask in asks]

        return asyncio.run(run())


@pytest.fixture
def no_look(monkeypatch):
    """A made clip has no face; what is looked at is another test's matter."""
    monkeypatch.setattr(paid_desk, "look", lambda ask, store: ((), None))

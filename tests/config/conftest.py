"""A folder with presets and jobs, loaded against the sample nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_nodes import REGISTRY

from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import PresetError

PRESET = """\
name: mine
about: a chain of sample nodes
inputs:
  source: {kind: media, about: the film}
  edits: {kind: edits}
  out: {kind: path, default: "{source.stem}.react1{source.suffix}"}
  loud: {kind: number, default: -16}
  track: {kind: integer, default: null}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits, handles: 8f}
  - transcode
  - normalize_audio: {target_lufs: $loud, track: $track}
  - upload:
  - react1:
  - conform:
  - splice: {out: $out}
  - report:
"""


class JobFolder:
    """Write presets and jobs into a folder, and load them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("mine.yaml", PRESET)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, what: str = "mine.yaml", **options):
        return load_job(what, registry=REGISTRY, base=options.pop("base", self.folder), **options)

    def job(self, text: str, **options):
        self.write("job.yaml", text)
        return self.load("job.yaml", **options)

    def problems(self, what: str, **options) -> list[str]:
        """Load and return every problem as the user reads it, without the folder."""
        with pytest.raises(PresetError) as caught:
            self.load(what, **options)
        return [str(problem).replace(f"{self.folder}/", "") for problem in caught.value.problems]

    def job_problems(self, text: str | bytes, **options) -> list[str]:
        self.write("job.yaml", text)
        return self.problems("job.yaml", **options)


@pytest.fixture
def job_folder(tmp_path: Path) -> JobFolder:
    """A folder with one good preset, mine.yaml."""
    return JobFolder(tmp_path)

"""Judge the local engine on its output: every emotion, temperature and region, on a made clip and on real people.

    .venv/bin/python benchmarks/engine.py [--people NAME…] [--regions face…] [--sheets FOLDER]

Moves are in eye distances, up is positive, at temperature 0.2 / 0.5 / 1. `sharp` is the variance of the Laplacian in
the face without its mouth, whose content changes, take by source; `flicker` the second difference in time in the face,
take by source; `strays` the share of pixels outside the region that moves. With `head` all of it moves, so that these
are told and not judged. Sheets of real people are for looking at: they are not to be published.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from engine_measures import PATCHES, Face, flicker, luma, moved, sharpness, strayed
from engine_people import Rgb, clips, landmarks, pictures
from engine_sheet import sheet
from engine_voice import follows

from react1.pipeline.core.choices import ModelMode, Prompt, React1Choices
from react1.pipeline.engine.render.render import render_takes
from react1.pipeline.engine.take_job import TakeJob

TEMPERATURES = (0.2, 0.5, 1.0)
SIGNS: dict[str, tuple[tuple[str, int], ...]] = {
    "happy": (("mouth corner", 1),),
    "sad": (("mouth corner", -1), ("inner brow", 1)),
    "angry": (("inner brow", -1),),
    "surprised": (("inner brow", 1), ("outer brow", 1)),
    "disgusted": (("nostril", 1), ("upper lip", 1), ("inner brow", -1)),
    "neutral": (),
}
"""What tells an emotion, and which way it goes; a mouth that talks hides more of it, and lips that smiled sink."""
JUDGED = {
    "lips": ("mouth corner", "upper lip"),
    "face": ("mouth corner", "nostril", "inner brow", "outer brow"),
    "head": (),
}
SEEN_UNITS, UNEVEN_UNITS = 0.015, 0.008
"""From here on a move is seen, and below here the template's own noise."""


@dataclass(frozen=True)
class Row:
    """One emotion in one region on one person, by temperature."""

    person: str
    emotion: str
    region: str
    moves: dict[str, list[float]]
    sharp: list[float]
    flicker: list[float]
    strays: list[float]

    @property
    def faults(self) -> list[str]:
        """Say what is not as it should be."""
        found = []
        for patch, sign in SIGNS[self.emotion]:
            low, half, full = (sign * value for value in self.moves[patch])
            if patch not in JUDGED[self.region]:
                continue
            if half < SEEN_UNITS:
                found.append(f"{patch} unseen")
            if low > half + UNEVEN_UNITS or half > full + UNEVEN_UNITS:
                found.append(f"{patch} not monotonic")
        if self.region == "head":  # what moves with the head cannot be held against where it was
            return found
        found += ["soft"] * (min(self.sharp) < 0.9) + ["flicker"] * (max(self.flicker) > 1.05)
        return found + ["strays"] * (max(self.strays) > 0.001)

    def __str__(self) -> str:
        moves = " ".join(f"{'/'.join(f'{value:+.3f}' for value in values):>20}" for values in self.moves.values())
        rest = f"{min(self.sharp):5.2f} {max(self.flicker):5.2f} {max(self.strays):7.4f}"
        return f"{self.person:15}{self.emotion:10}{self.region:5} {moves} {rest}  {', '.join(self.faults) or 'ok'}"


def rows(person: str, clip: Path, regions: list[str], looks: dict[tuple[str, str, float], Rgb]) -> Iterator[Row]:
    """Render and measure every take of one person; the middle frame of each goes into `looks`."""
    source = pictures(clip)
    middle = len(source) // 2
    face, before = Face(landmarks(source[middle])), [luma(picture) for picture in source]
    near = face.around(source[middle].shape)
    looks["source", "", 0.0] = source[middle][near]
    wanted = [
        React1Choices(prompt=prompt, temperature=how, model_mode=mode)
        for mode in regions
        for prompt in get_args(Prompt)
        for how in TEMPERATURES
    ]
    jobs = [TakeJob(clip.with_name(f"take{place}.mp4"), one) for place, one in enumerate(wanted)]
    render_takes(clip, jobs, progress=lambda _: None)
    for place in range(0, len(jobs), len(TEMPERATURES)):
        three = jobs[place : place + len(TEMPERATURES)]
        asked, takes = three[0].choices, [pictures(job.out) for job in three]
        for job, take in zip(three, takes, strict=True):
            looks[asked.prompt, asked.model_mode, job.choices.temperature] = take[middle][near]
        yield _row(person, asked.prompt, asked.model_mode, before, takes, face, middle)


def _row(person: str, emotion: str, region: str, before: list, takes: list[list[Rgb]], face: Face, middle: int) -> Row:
    after = [[luma(picture) for picture in take] for take in takes]
    still = slice(middle - 4, middle + 5)
    return Row(
        person,
        emotion,
        region,
        {patch: [moved(before[middle], take[middle], face, patch) for take in after] for patch in PATCHES},
        [sharpness(take[middle], face) / sharpness(before[middle], face) for take in after],
        [flicker(take[still], face) / flicker(before[still], face) for take in after],
        [strayed(before[middle], take[middle], face, region) for take in after],
    )


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--people", nargs="*", help="parts of names; all where left out")
    asked.add_argument("--regions", nargs="*", default=list(get_args(ModelMode)))
    asked.add_argument("--sheets", type=Path, help="where contact sheets go")
    given = asked.parse_args()
    head = " ".join(f"{name:>20}" for name in PATCHES)
    print(f"{'person':15}{'emotion':10}{'':5} {head} sharp flick  strays")
    every: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for person, clip in clips(Path(folder)):
            if given.people and not any(part in person for part in given.people):
                continue
            looks: dict[tuple[str, str, float], Rgb] = {}
            for row in rows(person, clip, given.regions, looks):
                print(row, flush=True)
                every.append(row)
            if given.sheets:
                sheet(looks, TEMPERATURES).save(given.sheets / f"{person.replace(', ', '-')}.png")
            print(follows(person, clip), flush=True)
    faulty = [row for row in every if row.faults]
    print(f"{len(every) - len(faulty)} of {len(every)} rows without a fault")


if __name__ == "__main__":
    main()

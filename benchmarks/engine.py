"""Evaluate the output of the local engine: every emotion, temperature and region, on a synthetic clip and real people.

    .venv/bin/python benchmarks/engine.py [--people NAME…] [--regions face…] [--sheets FOLDER]

Moves are in eye distances, up is positive, at temperature 0.2 / 0.5 / 1. `sharp` is the variance of the Laplacian in
the face without its mouth, whose content changes, take by source; `flicker` the second difference in time in the face,
take by source; `strays` the share of pixels outside the region that moves. With `head` everything moves, so that these
are reported and not judged. Contact sheets of real people are for inspection and must not be published.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from engine_measures import PATCHES, Face, flicker, luma, rise, sharpness, stray_share
from engine_people import Rgb, clips, landmarks, pictures
from engine_sheet import sheet
from engine_voice import speech_line

from react1.pipeline.core.edits.choices import ModelMode, Prompt, React1Choices
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
"""Characteristic patches of an emotion and their direction; talking mouths hide more, lips that smiled sink."""
JUDGED = {
    "lips": ("mouth corner", "upper lip"),
    "face": ("mouth corner", "nostril", "inner brow", "outer brow"),
    "head": (),
}
SEEN_UNITS, UNEVEN_UNITS = 0.015, 0.008
"""A displacement is visible from the first value on; the second is the noise of template matching."""


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
        """What is not as expected."""
        faults = []
        for patch, sign in SIGNS[self.emotion]:
            low, half, full = (sign * value for value in self.moves[patch])
            if patch not in JUDGED[self.region]:
                continue
            if half < SEEN_UNITS:
                faults.append(f"{patch} unseen")
            if low > half + UNEVEN_UNITS or half > full + UNEVEN_UNITS:
                faults.append(f"{patch} not monotonic")
        if self.region == "head":  # patches that move with the head cannot be compared to their old place
            return faults
        faults += ["soft"] * (min(self.sharp) < 0.9) + ["flicker"] * (max(self.flicker) > 1.05)
        return faults + ["strays"] * (max(self.strays) > 0.001)

    def __str__(self) -> str:
        moves = " ".join(f"{'/'.join(f'{value:+.3f}' for value in values):>20}" for values in self.moves.values())
        rest = f"{min(self.sharp):5.2f} {max(self.flicker):5.2f} {max(self.strays):7.4f}"
        return f"{self.person:15}{self.emotion:10}{self.region:5} {moves} {rest}  {', '.join(self.faults) or 'ok'}"


def rows(person: str, clip: Path, regions: list[str], stills: dict[tuple[str, str, float], Rgb]) -> Iterator[Row]:
    """Render and measure every take of one person; add the middle frame of each to `stills`."""
    source = pictures(clip)
    middle = len(source) // 2
    face, before = Face(landmarks(source[middle])), [luma(picture) for picture in source]
    near = face.around(source[middle].shape)
    stills["source", "", 0.0] = source[middle][near]
    requests = [
        React1Choices(prompt=prompt, temperature=how, model_mode=mode)
        for mode in regions
        for prompt in get_args(Prompt)
        for how in TEMPERATURES
    ]
    jobs = [TakeJob(clip.with_name(f"take{place}.mp4"), choices) for place, choices in enumerate(requests)]
    render_takes(clip, jobs, progress=lambda _: None)
    for place in range(0, len(jobs), len(TEMPERATURES)):
        three = jobs[place : place + len(TEMPERATURES)]
        choices, takes = three[0].choices, [pictures(job.out) for job in three]
        for job, take in zip(three, takes, strict=True):
            stills[choices.prompt, choices.model_mode, job.choices.temperature] = take[middle][near]
        yield _row(person, choices.prompt, choices.model_mode, before, takes, face, middle)


def _row(person: str, emotion: str, region: str, before: list, takes: list[list[Rgb]], face: Face, middle: int) -> Row:
    after = [[luma(picture) for picture in take] for take in takes]
    still = slice(middle - 4, middle + 5)
    return Row(
        person,
        emotion,
        region,
        {patch: [rise(before[middle], take[middle], face, patch) for take in after] for patch in PATCHES},
        [sharpness(take[middle], face) / sharpness(before[middle], face) for take in after],
        [flicker(take[still], face) / flicker(before[still], face) for take in after],
        [stray_share(before[middle], take[middle], face, region) for take in after],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", nargs="*", help="parts of names (default: all)")
    parser.add_argument("--regions", nargs="*", default=list(get_args(ModelMode)))
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    args = parser.parse_args()
    head = " ".join(f"{name:>20}" for name in PATCHES)
    print(f"{'person':15}{'emotion':10}{'':5} {head} sharp flick  strays")
    every: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for person, clip in clips(Path(folder)):
            if args.people and not any(part in person for part in args.people):
                continue
            stills: dict[tuple[str, str, float], Rgb] = {}
            for row in rows(person, clip, args.regions, stills):
                print(row, flush=True)
                every.append(row)
            if args.sheets:
                sheet(stills, TEMPERATURES).save(args.sheets / f"{person.replace(', ', '-')}.png")
            print(speech_line(person, clip), flush=True)
    faulty = [row for row in every if row.faults]
    print(f"{len(every) - len(faulty)} of {len(every)} rows without faults")


if __name__ == "__main__":
    main()

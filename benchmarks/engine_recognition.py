"""Do others recognise the local engine's emotions? Classifiers that were trained apart from it look at its stills.

    .venv/bin/python benchmarks/engine_recognition.py [--portraits FOLDER] [--people NAME…] [--emotions sad…]
        [--cache FOLDER] [--sheets FOLDER] [--posed FOLDER] [--steady]

The people are those of benchmarks/engine.py (one frame each) and, with `--portraits`, every picture of a folder with
one face. Each is rendered at full strength for six emotions at temperature 0.3, 0.5, 0.8 and 1, in stills of at most 56
px between the eyes: classifiers look at smaller ones still. The face's box is taken from the source.

`rises`: the mean probability of the wanted emotion is higher than in the source. `first`, `second`: it is the first, or
among the first two, of the seven that the classifiers know (fear too). Monotonic: no temperature has a lower
probability than the one before by more than 0.05. Identity is the distance of dlib's descriptors at temperature 1 (0.6:
another person), sharpness the variance of the Laplacian, take by source.

A classifier's answer jumps when the crop of a face moves by a pixel. With `--steady` it is the mean over five crops,
the four others shifted by a pixel: what then falls with the temperature does so because of the expression.

A person takes a few seconds of one core, half of it for identity; with `--cache` faces are searched for once. `--posed`
first validates the classifiers on real expressions: pictures named `EMOTION-….jpg`. What the packages are and how they
are downloaded is told in benchmarks/recognition_judges.py.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from engine_measures import Face, luma, sharpness
from engine_people import Rgb, clips, pictures
from engine_sheet import sheet
from numpy.typing import NDArray
from recognition_judges import CLASSIFIERS, EMOTIONS, Seen, find_face, identity, judge, landmarks_in, mean_of

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.detect.faces import FaceFinder
from react1.pipeline.engine.detect.track import Track
from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.render.live_face import LiveFace

TEMPERATURES = (0.3, 0.5, 0.8, 1.0)
UNIT_PX, REACH_UNITS = 110.0, 2.6
"""Portraits are scaled to this distance between the eyes at most, and cropped to this reach."""
STILL_PX = 56.0
"""Distance between the eyes in the stills that are judged, at most."""
LOWER = 0.05
"""A temperature may fall short of the one before by this much: the noise of a classifier."""
SHIFTS_PX = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Where the crops of `--steady` lie, right and down."""


@dataclass(frozen=True)
class Person:
    """A face to be re-expressed."""

    name: str
    picture: Rgb
    frame: int
    face: LiveFace

    @property
    def points(self) -> NDArray[np.float64]:
        """The landmarks in the picture, (478, 3)."""
        points = self.face.landmarks[self.frame]
        assert points is not None
        return points


@dataclass
class Result:
    """What the classifiers say about one person: by (emotion, temperature)."""

    before: dict[str, float]
    after: dict[tuple[str, float], dict[str, float]] = field(default_factory=dict)
    distance: dict[tuple[str, float], float] = field(default_factory=dict)
    sharp: dict[tuple[str, float], float] = field(default_factory=dict)

    def place(self, emotion: str, temperature: float) -> int:
        """Return the place of the wanted emotion among all: 1 is first."""
        chances = self.after[emotion, temperature]
        return 1 + sum(value > chances[emotion] for value in chances.values())

    def chance(self, emotion: str, temperature: float) -> float:
        """Return the probability of the wanted emotion."""
        return self.after[emotion, temperature][emotion]

    def is_monotonic(self, emotion: str) -> bool:
        """Return whether the probability does not fall with the temperature."""
        values = [self.chance(emotion, temperature) for temperature in TEMPERATURES]
        return all(b >= a - LOWER for a, b in pairwise(values))


def _landmarks(name: str, film: list[Rgb], cache: Path) -> list[NDArray[np.float64] | None]:
    """Find the face in each picture; the result is kept in the cache folder."""
    stored = cache / f"{name}.npz"
    if stored.is_file():
        rows_px = np.load(stored)["points"]
    else:
        with FaceFinder() as finder:
            rows = [finder.find(picture) or finder.find_small_faces(picture) for picture in film]
        empty = np.full((478, 3), np.nan)
        rows_px = np.array([max(row, key=lambda face: FaceFrame(face).unit_px) if row else empty for row in rows])
        np.savez(stored, points=rows_px)
    return [None if np.isnan(points).any() else points for points in rows_px]


def _live(landmarks: list[NDArray[np.float64] | None]) -> LiveFace:
    track = Track({number: points for number, points in enumerate(landmarks) if points is not None})
    return LiveFace(1, track, len(landmarks), Fraction(25))


def film_people(cache: Path) -> Iterator[Person]:
    """Yield the people of benchmarks/engine_people.py, each in the middle frame of its clip."""
    for name, clip in clips(cache):
        film = [np.ascontiguousarray(picture) for picture in pictures(clip)]
        face = _live(_landmarks(name.replace(", ", "-"), film, cache))
        face.measure_teeth([(number, film[number]) for number in face.open_frames(4)])
        yield Person(name, film[len(film) // 2], len(film) // 2, face)


def portraits(folder: Path, cache: Path) -> Iterator[Person]:
    """Yield the faces of the pictures of a folder, cropped and scaled."""
    for path in sorted(folder.iterdir()):
        read = cv2.imread(str(path))
        if read is None:
            continue
        picture = np.ascontiguousarray(read[:, :, ::-1])
        scale = min(1.0, 1280 / max(picture.shape[:2]))
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        (points,) = _landmarks(path.stem, [picture], cache)
        if points is None:
            print(f"{path.name}: no face is found, skipped")
            continue
        unit = FaceFrame(points).unit_px
        scale = min(1.0, UNIT_PX / unit)
        middle = points[[33, 263], :2].mean(0) + np.array([0, 0.5 * unit])
        low = np.maximum(0, middle - REACH_UNITS * unit).astype(int)
        high = np.minimum(picture.shape[1::-1], middle + REACH_UNITS * unit).astype(int)
        part = picture[low[1] : high[1], low[0] : high[0]]
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        moved = (points - np.array([*low, 0.0])) * scale
        yield Person(path.stem, np.ascontiguousarray(part), 0, _live([moved]))


def _small(person: Person) -> tuple[Rgb, tuple[float, float], float]:
    """Return the part of the picture around a face, its corner in the picture, and its scale."""
    unit = FaceFrame(person.points).unit_px
    middle = person.points[[33, 263], :2].mean(0) + np.array([0, 0.5 * unit])
    low = np.maximum(0, middle - REACH_UNITS * unit).astype(int)
    high = np.minimum(person.picture.shape[1::-1], middle + REACH_UNITS * unit).astype(int)
    part = person.picture[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, STILL_PX / unit)
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    return np.ascontiguousarray(small), (float(low[0]), float(low[1])), small.shape[1] / part.shape[1]


def _chances(picture: Rgb, seen: Seen, *, steady: bool) -> dict[str, float]:
    """Return the mean of the classifiers, if `steady` over several crops."""
    shifts = SHIFTS_PX if steady else SHIFTS_PX[:1]
    rows = [mean_of(judge(picture, replace(seen, points=seen.points + np.array(shift)))) for shift in shifts]
    return {word: float(np.mean([row[word] for row in rows])) for word in rows[0]}


def look_at(
    person: Person, emotions: list[str], stills: dict[tuple[str, str, float], Rgb], *, steady: bool = False
) -> Result | None:
    """Render and judge one person; add the stills. None if dlib does not find the face in the source."""
    picture, corner, scale = _small(person)
    points = (person.points - np.array([*corner, 0.0])) * scale
    near = points[[33, 263, 61, 291], :2].mean(0)
    source = find_face(picture, (float(near[0]), float(near[1])))
    stills["source", "", 0.0] = picture
    if source is None:
        return None
    result, who = Result(_chances(picture, source, steady=steady)), identity(picture, source)
    face = Face(points[:, :2])
    sharp = sharpness(luma(picture), face)
    for emotion in emotions:
        for temperature in TEMPERATURES:
            key = emotion, temperature
            choices = React1Choices(prompt=emotion, temperature=temperature, model_mode="face")
            take = person.face.draw(picture, person.frame, choices, corner_px=corner, scale=scale)
            stills[emotion, "", temperature] = take
            seen = landmarks_in(take, source.corners)
            result.after[key] = _chances(take, seen, steady=steady)
            result.sharp[key] = sharpness(luma(take), face) / sharp
            if temperature == 1.0:
                result.distance[key] = float(np.linalg.norm(identity(take, seen) - who))
    return result


def table(results: dict[str, Result], emotions: list[str]) -> Iterator[str]:
    """Yield the lines of the tables."""
    people = list(results.values())
    yield f"{len(people)} people; mean probability before → after; rises / first / first or second, %"
    yield "| | " + " | ".join(f"at {value}" for value in TEMPERATURES) + " | monotonic | identity | sharpness |"
    yield "|---" * (len(TEMPERATURES) + 4) + "|"
    for emotion in emotions:
        before = np.mean([person.before[emotion] for person in people])
        cells = []
        for value in TEMPERATURES:
            chances = np.array([person.chance(emotion, value) for person in people])
            places = np.array([person.place(emotion, value) for person in people])
            rises = np.array([chance > person.before[emotion] for chance, person in zip(chances, people, strict=True)])
            shares = "/".join(f"{100 * share.mean():.0f}" for share in (rises, places == 1, places <= 2))
            cells.append(f"{before:.2f}→{chances.mean():.2f}; {shares}")
        steady = 100 * np.mean([person.is_monotonic(emotion) for person in people])
        far = [
            value for person in people for (name, at), value in person.distance.items() if (name, at) == (emotion, 1.0)
        ]
        sharp = [value for person in people for (name, _), value in person.sharp.items() if name == emotion]
        yield (
            f"| {emotion} | {' | '.join(cells)} | {steady:.0f} % | {np.mean(far):.2f}, most {max(far):.2f} "
            f"| {np.mean(sharp):.2f}, least {min(sharp):.2f} |"
        )


def by_person(results: dict[str, Result], emotions: list[str]) -> Iterator[str]:
    """Yield a line for each person: the wanted emotion's probability at 0.5 and 1, and what comes first instead."""
    for name, result in results.items():
        cells = []
        for emotion in emotions:
            chances = result.after[emotion, 1.0]
            first = max(chances, key=lambda word: chances[word])
            other = "" if first == emotion else f" ({first[:4]})"
            cells.append(f"{emotion[:4]} {result.chance(emotion, 0.5):.2f} {result.chance(emotion, 1.0):.2f}{other:7}")
        yield f"{name:22.22}" + "".join(cells)


def validate(folder: Path) -> None:
    """Print how often the classifiers are right on real expressions, pictures named EMOTION-….jpg."""
    right: dict[str, list[bool]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        read = cv2.imread(str(path))
        wanted = path.stem.split("-")[0]
        if read is None or wanted not in EMOTIONS:
            continue
        picture = np.ascontiguousarray(read[:, :, ::-1])
        seen: Seen | None = find_face(picture)
        if seen is None:
            continue
        judged = judge(picture, seen)
        for name, chances in (*judged.items(), ("mean", mean_of(judged))):
            right[name].append(max(chances, key=lambda word: chances[word]) == wanted)
    shares = ", ".join(f"{name} {np.mean(hits):.2f}" for name, hits in right.items())
    print(f"right on {len(right['mean'])} real expressions: {shares}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portraits", type=Path, help="a folder of pictures with one face each")
    parser.add_argument("--people", nargs="*", help="parts of names (default: all)")
    parser.add_argument("--emotions", nargs="*", default=list(EMOTIONS))
    parser.add_argument("--cache", type=Path, help="keep clips and landmarks here")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets; those of real people stay private")
    parser.add_argument("--steady", action="store_true", help="judge five crops of each still")
    parser.add_argument("--posed", type=Path, help="a folder of real expressions, to validate the classifiers")
    args = parser.parse_args()
    print(f"classifiers: {', '.join(CLASSIFIERS)}")
    if args.posed:
        validate(args.posed)
    results: dict[str, Result] = {}
    with TemporaryDirectory() as temp:
        cache = args.cache or Path(temp)
        cache.mkdir(parents=True, exist_ok=True)
        sources = [film_people(cache)] + ([portraits(args.portraits, cache)] if args.portraits else [])
        for person in (person for source in sources for person in source):
            if args.people and not any(part in person.name for part in args.people):
                continue
            stills: dict[tuple[str, str, float], Rgb] = {}
            result = look_at(person, args.emotions, stills, steady=args.steady)
            if result is None:
                print(f"{person.name}: dlib finds no face in the source, skipped")
                continue
            results[person.name] = result
            if args.sheets:
                sheet(stills, (0.5, 1.0)).save(args.sheets / f"{person.name.replace(', ', '-')}.png")
    print("\n".join(by_person(results, args.emotions)))
    print("\n".join(table(results, args.emotions)))


if __name__ == "__main__":
    main()

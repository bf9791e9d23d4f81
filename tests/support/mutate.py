"""Texts changed at random, as broken disks, hasty hands and other people's exporters change them."""

from __future__ import annotations

import random
import re

_NUMBER = re.compile(r"\d+")
_ODD_NUMBERS = ("0", "-1", "99", "60", "99999999999999999999", "1e400", "NaN", "Infinity", "0.1", "1/0", "٣", "")
_ODD_TEXTS = (
    "\0", "\r", "\t", ";", ":", "-->", "react1:", "react1: angry", '"', "'", "<", "&x;", "]]>", "{", "[", "*", "é",
    "\ud7ff", "\u2028", "M2   A001C003       050.0                01:00:04:00\n", "FCM: DROP FRAME\n",
)  # fmt: skip


def mutated(text: str, seed: int) -> str:
    """Change a text in one to eight places; the same seed changes it alike."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 8)):
        text = dice.choice(_WAYS)(text, dice)
    return text


def _number(text: str, dice: random.Random) -> str:
    matches = list(_NUMBER.finditer(text))
    if not matches:
        return text
    match = dice.choice(matches)
    new = dice.choice((*_ODD_NUMBERS, str(dice.randint(0, 10 ** dice.randint(1, 12)))))
    return text[: match.start()] + new + text[match.end() :]


def _cut(text: str, dice: random.Random) -> str:
    first, last = sorted(dice.randint(0, len(text)) for _ in range(2))
    return text[:first] + text[min(last, first + dice.choice((1, 3, 40, 10**6))) :]


def _put(text: str, dice: random.Random) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice(_ODD_TEXTS) + text[at:]


def _lines(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    item, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    if dice.random() < 0.5:
        lines[item], lines[other] = lines[other], lines[item]
    else:
        lines[item:item] = [lines[other]] * dice.choice((1, 1, 30))
    return "\n".join(lines)


def _move(text: str, dice: random.Random) -> str:
    first = dice.randint(0, len(text))
    part = text[first : first + dice.randint(1, 200)]
    at = dice.randint(0, len(text))
    return text[:at] + part + text[at:]


def _flip(text: str, dice: random.Random) -> str:
    if not text:
        return text
    at = dice.randrange(len(text))
    return text[:at] + chr(dice.choice((dice.randint(32, 126), dice.randint(1, 0xD7FF)))) + text[at + 1 :]


_WAYS = (_number, _number, _cut, _put, _lines, _move, _flip)

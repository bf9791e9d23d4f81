"""What a codec must tell so that its films can be spliced packet by packet.

A family says at which packets a decoder can resume after pictures that it has not seen before, and gives a coder:
an encoder whose packets may stand among the film's own, and how they and the resumed ones are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from av.video.frame import VideoFrame

from ...core.values import VideoStream
from ..encoders import Choice


class Resume(Enum):
    """Whether a decoder can resume at a packet."""

    NO = "no"
    PLAIN = "plain"
    """It stands for itself, and so do the packets after it."""
    BROKEN_LINK = "broken link"
    """It does, but pictures that are decoded after it and shown before it lean on what was there; it is marked."""


@dataclass(frozen=True)
class Stored:
    """What is known of a film's pictures before one is coded."""

    video: VideoStream
    config: bytes
    """What its container tells a decoder beforehand (avcC, hvcC, av1C and so on); empty where it tells nothing."""
    annexb: bool
    """Whether NAL units stand behind start codes."""
    first: bytes
    """The first packet: encoders leave their notes there."""
    reorder: int
    """How many places a picture may be decoded before it is shown."""
    frame: VideoFrame
    """The first picture, decoded: what travels with it, and how it is woven."""


@dataclass(frozen=True)
class Coder:
    """An encoder for the new pictures, and how packets are stored among the film's own."""

    choice: Choice
    config: bytes
    """What a decoder is to be told beforehand: the film's own words where nothing changes."""
    spell: Callable[[bytes, bool], bytes]
    """Spell an encoder's packet (and whether it is a keyframe) as the film stores it."""
    resume: Callable[[bytes], bytes]
    """Spell a packet of the film at which decoding resumes after new pictures."""
    twin: bool = True
    """Whether no word of the configuration changes anywhere in the film."""


class Family(Protocol):
    """One codec."""

    looks_into: bool
    """Whether keyframes are not all alike, so that the first bytes of each must be read."""

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """Tell whether decoding can resume at a packet that its container marks as a keyframe."""

    def coder(self, stored: Stored) -> Coder:
        """Choose the encoder.

        Raises:
            Unsuited: no packet of an encoder here can stand among the film's own.
        """


def same(packet: bytes) -> bytes:
    """Store a packet as it is."""
    return packet


def as_coded(packet: bytes, key: bool) -> bytes:
    """Store an encoder's packet as it came."""
    return packet

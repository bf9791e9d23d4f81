"""HEVC: decoding resumes at IDR pictures, and at CRA pictures that are marked as a broken link.

An x265 that writes the film's own parameter sets is searched. If there is none, its sets get ids that the film does
not use, and are added to the film's own.

Source: ITU-T H.265, 7.3.1.2 and table 7-1 (unit types), 8.1.3 (what is decoded after a broken link); ISO/IEC
14496-15, 8.3.3.1 (hvcC). x265 writes its options into an SEI message.

High-dynamic-range metadata in the pictures is passed to an encoder, or reported as lost. Source:
libavutil/mastering_display_metadata.h for the layout (ten rationals: red, green, blue, white, minimum and maximum
luminance; then two flags); x265's manual for `master-display` and `max-cll`.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ...core.values import VideoStream
from ...media.frames.decode import LARGE_PX
from ...media.nal_units import (
    BitReader,
    PacketConverter,
    escape,
    hevc_picture_type,
    hevc_unit_type,
    join_units,
    split_start_codes,
    split_units,
    unescape,
)
from ...media.not_applicable import NotApplicable
from ..encoders import EncoderSettings, pixel_formats
from .family import MatchedEncoder, RandomAccess, SourceVideo, open_encoder
from .h264_headers import BROKEN_SETS
from .hevc_sps import SPS, first_chroma_location, skip_to_picture_order

_CHROMA_STEPS, _LUMA_STEPS = 50_000, 10_000
MASTERING_DISPLAY = "MASTERING_DISPLAY_METADATA"


def with_static_hdr(settings: EncoderSettings, frame: Any) -> EncoderSettings:
    """Add the mastering display and light levels of a decoded frame to x265's settings."""
    if settings.encoder != "libx265":
        return settings
    side_data = {data.type.name: bytes(data) for data in frame.side_data}
    params = [settings.options["x265-params"]]
    if MASTERING_DISPLAY in side_data:
        params.append(f"master-display={mastering_display(side_data[MASTERING_DISPLAY])}")
    if "CONTENT_LIGHT_LEVEL" in side_data:
        levels = struct.unpack_from("=2I", side_data["CONTENT_LIGHT_LEVEL"])
        params.append("hdr10=1:max-cll={},{}".format(*levels))  # levels of 0, for unknown, are written only with hdr10
    return replace(settings, options={**settings.options, "x265-params": ":".join(params)})


def mastering_display(data: bytes) -> str:
    """Return a mastering display for x265: chromaticities in 1/50000, luminances in 1/10000 cd/m²."""
    numbers = struct.unpack_from("=20i", data)
    values = [Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2)]
    red, green, blue, white = (
        "({},{})".format(*(round(value * _CHROMA_STEPS) for value in values[i : i + 2])) for i in (0, 2, 4, 6)
    )
    minimum, maximum = (round(value * _LUMA_STEPS) for value in values[8:10])
    return f"G{green}B{blue}R{red}WP{white}L({maximum},{minimum})"


_OTHER_LAYERS = "the second view of the pictures (MV-HEVC), or another layer above the base,"
_CLEAN, _CRA, _BLA_WITHOUT_LEADING = (16, 17, 18, 19, 20), 21, 18
"""BLA and IDR pictures are clean; a CRA becomes a BLA without leading pictures."""
_FIRST_KEY, _LAST_KEY, _FIRST_NOT_PICTURE = 16, 23, 32
_VPS, _PPS, _SEI = 32, 34, 39
_SETS = (_VPS, SPS, _PPS)
_UNREGISTERED, _X265_ID = 5, bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e")
_BITS_BEFORE_LEVEL = 8 + 88
_BITS_BEFORE_ID = _BITS_BEFORE_LEVEL + 8
_FREE_VPS, _FREE_ID_CODE, _FREE_ID_BITS = 14, 0b000010000, 9
"""The id 15 of an SPS or PPS, as it is coded."""
_HEAD_BYTES = 22
_X265_NOTE = re.compile(rb"x265 \(build \d+\).*?options: ([ -~]+)", re.DOTALL)
_HEADER_OPTIONS = (
    *("bframes", "b-pyramid", "ref", "ctu", "min-cu-size", "max-tu-size", "tu-intra-depth", "tu-inter-depth", "sao"),
    *("selective-sao", "amp", "weightp", "weightb", "signhide", "tskip", "strong-intra-smoothing", "temporal-mvp"),
    *("deblock", "wpp", "cbqpoffs", "crqpoffs", "lossless", "cu-lossless", "level-idc", "high-tier", "limit-refs"),
    *("rect", "max-merge", "constrained-intra", "log2-max-poc-lsb", "temporal-layers", "qg-size"),
    *("vui-timing-info", "vui-hrd-info"),
)
"""Options that x265 writes into its parameter sets, by the names of its note."""
_NO_OPTIONS: Mapping[str, str] = {}
_INTRA_ONLY: Mapping[str, str] = {"keyint": "1"}
_PRESET, _PRESETS = "veryfast", ("medium", "fast", "faster", "veryfast", "superfast", "ultrafast", "slow", "slower")
_FINER_STEPS, _FINE_CRF = 4, 12
_USUAL_BFRAMES = 4
"""Of large pictures x265 holds as few as it can: at 4K with ten bits each takes 50 MB while it waits, and 90 MB more
while it is coded or others refer to it. The lookahead only needs to see the next B-frames, since nothing here asks it
for more, and the rows of one such picture keep many cores busy."""
_MAX_KBPS = {30: 128, 60: 1500, 63: 3000, 90: 6000, 93: 10000, 120: 12000, 123: 20000, 150: 25000, 153: 40000}
"""By level (30 times its number, as in the SPS): x265 chooses the level by the maximum bit rate."""


class Hevc:
    """The family of HEVC."""

    reads_keyframes = True

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return it by the type of the first picture unit."""
        unit_type = hevc_picture_type(packet, annexb=annexb)
        if unit_type in _CLEAN:
            return RandomAccess.CLEAN
        return RandomAccess.BROKEN_LINK if unit_type == _CRA else RandomAccess.NONE

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return the VPS, SPS and PPS of a packet."""
        return tuple(unit for unit in split_units(packet, annexb=annexb) if unit and hevc_unit_type(unit) in _SETS)

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return the SPS of the film."""
        units = split_start_codes(config) if annexb else hvcc_units(config)
        return frozenset(unit for unit in (*units, *in_band) if unit and hevc_unit_type(unit) == SPS)

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Find an x265 that writes the film's parameter sets, else one whose sets get free ids."""
        video, annexb = source.video, source.annexb
        if video.interlaced or video.pix_fmt not in pixel_formats("libx265"):
            raise NotApplicable("interlaced pictures or this pixel format cannot be matched by the encoder")
        config_sets = _config_sets(source)
        film_sets = tuple(dict.fromkeys((*config_sets, *source.in_band)))
        noted = _parse_x265_note(source.first_packet + source.config)
        kinds = _INTRA_ONLY if source.intra_only else {}
        match = matching_encoder(video, film_sets, noted, source.reorder, kinds)
        default = _default_encoder(video, source.film_reorder, film_sets, kinds)
        settings = with_static_hdr(match or default, source.frame)
        sets, sei = parameter_sets(video, settings), _headers(video, settings, (_SEI,))
        config = source.config
        if match is None:
            sets = renumber_sets(sets, film_sets)
            new_sets = tuple(unit for unit in sets if unit not in config_sets)
            config = config if annexb else _add_sets(config, new_sets)
        front = (*sets, *sei) if annexb else sei
        converter = PacketConverter(
            annexb=annexb,
            front=front,
            convert_unit=_own_message if match is not None else _renumber,
            is_stale=_is_encoder_note,
        )
        lost = (_OTHER_LAYERS,) if _has_layers(source.first_packet, annexb=annexb) else ()
        relinker = _Relinker(annexb=annexb)
        return MatchedEncoder(settings, config, converter, relinker, same_config=match is not None, lost=lost)


def _has_layers(packet: bytes, *, annexb: bool) -> bool:
    """Return whether a packet has pictures of other layers than the base (nuh_layer_id), as those of two views have."""
    units = (unit for unit in split_units(packet, annexb=annexb) if len(unit) > 1)
    return any(hevc_unit_type(unit) < _FIRST_NOT_PICTURE and (unit[0] & 1 or unit[1] >> 3) for unit in units)


def _config_sets(source: SourceVideo) -> tuple[bytes, ...]:
    units = split_start_codes(source.config) if source.annexb else hvcc_units(source.config)
    sets = tuple(dict.fromkeys(unit for unit in units if unit and hevc_unit_type(unit) in _SETS))
    if len(sets) < len(_SETS):
        raise NotApplicable("the container does not have the parameter sets of the pictures")
    return sets


def hvcc_units(config: bytes) -> Iterator[bytes]:
    """Yield the units of an hvcC.

    Raises:
        NotApplicable: it is broken, or NAL lengths are not four bytes.
    """
    if len(config) <= _HEAD_BYTES or config[21] & 3 != 3:
        raise NotApplicable("NAL units are not stored with four-byte lengths")
    position = _HEAD_BYTES + 1
    for _ in range(config[_HEAD_BYTES]):
        count, position = int.from_bytes(config[position + 1 : position + 3], "big"), position + 3
        for _ in range(count):
            size, position = int.from_bytes(config[position : position + 2], "big"), position + 2
            if position + size > len(config):  # a few bytes may name millions of units
                raise NotApplicable(BROKEN_SETS)
            yield config[position : position + size]
            position += size


def _parse_x265_note(data: bytes) -> dict[str, str]:
    """Parse the options that x265 noted; empty if there is no note. A bare word is an option that is on."""
    match = _X265_NOTE.search(data)
    if match is None:
        return {}
    noted = {}
    for word in match[1].decode("ascii").split():
        name, sign, value = word.partition("=")
        noted[name.removeprefix("no-")] = value if sign else str(int(not name.startswith("no-")))
    return noted


def matching_encoder(
    video: VideoStream,
    film_sets: tuple[bytes, ...],
    noted: dict[str, str],
    reorder: int,
    kinds: Mapping[str, str] = _NO_OPTIONS,
) -> EncoderSettings | None:
    """Search an x265 that writes the source's own parameter sets; return None if there is none.

    `kinds` are options that decide which kinds of pictures it writes, whatever the sets say.
    There is none, either, if its pictures could be decoded more than `reorder` positions before they are shown.
    """
    if len(film_sets) != len(_SETS) or _reordered(film_sets) > reorder:
        return None
    params = {name: value.replace(":", ",") for name, value in noted.items() if name in _HEADER_OPTIONS}
    params |= {**_chroma_options(film_sets), **kinds}
    if noted.get("aq-mode") == noted.get("cutree") == "0":
        params["aq-mode"] = "0"  # else the PPS says that quantisers change within a picture
    crf = max(float(noted["crf"]) - _FINER_STEPS, 0) if noted.get("rc") == "crf" else _FINE_CRF
    aspects = (True, False) if video.sample_aspect == 1 else (True,)
    presets = (_PRESET,) if noted else _PRESETS
    time_bases = (None, video.time_base)
    rates: tuple[dict[str, str], ...] = ({}, _rate_limit(film_sets))
    for preset, aspect, time_base, rate in itertools.product(presets, aspects, time_bases, rates):
        settings = _settings(video, f"{crf:g}", params | rate)
        options = {**settings.options, "preset": preset}
        settings = replace(settings, options=options, writes_aspect=aspect, time_base=time_base)
        if set(parameter_sets(video, settings)) == set(film_sets):
            return settings
    return None


def _reordered(film_sets: tuple[bytes, ...]) -> int:
    """Return by how many positions an SPS lets pictures be decoded before they are shown (sps_max_num_reorder_pics).

    Source: ITU-T H.265, 7.3.2.2. Layers below the highest, which x265 writes only if asked to, are not read.
    """
    bits = BitReader(next(unit for unit in film_sets if hevc_unit_type(unit) == SPS), 2)
    if skip_to_picture_order(bits):
        return 0
    bits.ue(), bits.u(), bits.ue()
    return bits.ue()


def _rate_limit(film_sets: tuple[bytes, ...]) -> dict[str, str]:
    """Return the limits on the bit rate that make x265 choose the film's level."""
    bits = BitReader(next(unit for unit in film_sets if hevc_unit_type(unit) == SPS), 2)
    bits.u(_BITS_BEFORE_LEVEL)
    kbps = str(_MAX_KBPS.get(bits.u(8), 0))
    return {"vbv-maxrate": kbps, "vbv-bufsize": kbps}


def _chroma_options(film_sets: tuple[bytes, ...]) -> dict[str, str]:
    """Return the option that says where chroma lies: a player would shift that of new pictures."""
    place = first_chroma_location(film_sets)
    return {} if place is None else {"chromaloc": str(place)}


def _default_encoder(
    video: VideoStream, reorder: int, film_sets: tuple[bytes, ...], kinds: Mapping[str, str]
) -> EncoderSettings:
    params = {"bframes": "3" if reorder else "0", "b-pyramid": "1" if reorder > 1 else "0"}
    return _settings(video, str(_FINE_CRF), {**params, **_chroma_options(film_sets), **kinds})


def _settings(video: VideoStream, crf: str, params: dict[str, str]) -> EncoderSettings:
    fixed = {"log-level": "none", "open-gop": "0", "repeat-headers": "0", "info": "0", "cutree": "0"}
    if video.width_px * video.height_px > LARGE_PX:
        lookahead = int(params.get("bframes", _USUAL_BFRAMES)) + 1
        fixed |= {"frame-threads": "1", "rc-lookahead": str(lookahead)}
    joined = ":".join(f"{key}={value}" for key, value in {**params, **fixed}.items())
    options = {"preset": _PRESET, "crf": crf, "udu_sei": "1", "a53cc": "1", "x265-params": joined}
    return EncoderSettings("libx265", video.pix_fmt, options)


def parameter_sets(video: VideoStream, settings: EncoderSettings) -> tuple[bytes, ...]:
    """Open an encoder and return the VPS, SPS and PPS that it would write."""
    return _headers(video, settings, _SETS)


def _headers(video: VideoStream, settings: EncoderSettings, unit_types: tuple[int, ...]) -> tuple[bytes, ...]:
    units = split_start_codes(bytes(open_encoder(video, settings).extradata or b""))
    return tuple(unit for unit in units if unit and hevc_unit_type(unit) in unit_types)


def _add_sets(config: bytes, sets: tuple[bytes, ...]) -> bytes:
    """Add parameter sets to an hvcC, each to the array of its type."""
    result, position = bytearray(config[: _HEAD_BYTES + 1]), _HEAD_BYTES + 1
    for _ in range(config[_HEAD_BYTES]):
        start, count, position = position, int.from_bytes(config[position + 1 : position + 3], "big"), position + 3
        for _ in range(count):
            position += 2 + int.from_bytes(config[position : position + 2], "big")
            if position > len(config):
                raise NotApplicable(BROKEN_SETS)
        added = [unit for unit in sets if hevc_unit_type(unit) == config[start] & 63]
        result += config[start : start + 1] + (count + len(added)).to_bytes(2, "big") + config[start + 3 : position]
        result += b"".join(len(unit).to_bytes(2, "big") + unit for unit in added)
    return bytes(result) + config[position:]


def renumber_sets(sets: tuple[bytes, ...], film_sets: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return x265's parameter sets with the free ids. An earlier splice may have added the very same sets.

    Raises:
        NotApplicable: the film uses the ids for other sets.
    """
    film = {(hevc_unit_type(unit), _set_id(unit)): unit for unit in film_sets}
    renumbered = tuple(_renumber(unit) for unit in sets)
    if any(film.get((hevc_unit_type(unit), _set_id(unit)), unit) != unit for unit in renumbered):
        raise NotApplicable("the film uses the ids that the encoder's parameter sets would get")
    return renumbered


def _set_id(unit: bytes) -> int:
    bits = BitReader(unit, 2)
    if hevc_unit_type(unit) == _VPS:
        return bits.u(4)
    bits.u(_BITS_BEFORE_ID if hevc_unit_type(unit) == SPS else 0)
    return bits.ue()


def _renumber(unit: bytes) -> bytes:
    """Return a parameter set or slice of x265, where every id is 0, with the free ids."""
    unit_type, data = hevc_unit_type(unit), unescape(unit)
    if unit_type == _VPS:
        data = data[:2] + bytes([data[2] & 15 | _FREE_VPS << 4]) + data[3:]
    elif unit_type == SPS:
        data = data[:2] + bytes([data[2] & 15 | _FREE_VPS << 4]) + data[3:]
        data = _insert_id(data, 16 + _BITS_BEFORE_ID)
    elif unit_type == _PPS:
        data = _insert_id(_insert_id(data, 16), 16 + _FREE_ID_BITS)
    elif unit_type == _SEI:
        return _own_message(unit)
    elif unit_type < _FIRST_NOT_PICTURE:
        data = _insert_id(data, 16 + (2 if _FIRST_KEY <= unit_type <= _LAST_KEY else 1))
    return escape(data)


def _own_message(unit: bytes) -> bytes:
    """Return an SEI unit of x265 with a camera's unregistered message as it was; any other unit as it is.

    x265 puts its own identifier before the camera's. Source: ITU-T H.265, 7.3.5 (sizes are sums of bytes).
    """
    if hevc_unit_type(unit) != _SEI or unit[2] != _UNREGISTERED:
        return unit
    data = unescape(unit)
    place = next(place for place in range(3, len(data)) if data[place] != 255)
    size, payload = 255 * (place - 3) + data[place], place + 1
    if data[payload : payload + 16] != _X265_ID or size <= 32 or b"x265 (build" in data:
        return unit
    sizes = bytes([255]) * ((size - 16) // 255) + bytes([(size - 16) % 255])
    return escape(data[:3] + sizes + data[payload + 16 :])


def _is_encoder_note(unit: bytes) -> bool:
    """Return whether a unit is the note of its options that x265 leaves with the first picture of a film.

    The decoder gives it to later pictures too, and x265 would write its two kilobytes with each of them.
    """
    return hevc_unit_type(unit) == _SEI and unit[2] == _UNREGISTERED and b"x265 (build" in unit


def _insert_id(data: bytes, bit: int) -> bytes:
    """Replace the one-bit code of id 0 by the free id: eight bits more, so everything after it stays byte-aligned."""
    place, ahead = divmod(bit, 8)
    byte, after = data[place], 7 - ahead
    wide = (byte >> 8 - ahead) << _FREE_ID_BITS + after | _FREE_ID_CODE << after | byte & (1 << after) - 1
    return data[:place] + wide.to_bytes(2, "big") + data[place + 1 :]


class _Relinker:
    """Converts the film's packet that follows new pictures."""

    def __init__(self, *, annexb: bool) -> None:
        self._annexb = annexb

    def __call__(self, packet: bytes) -> bytes:
        units = split_units(packet, annexb=self._annexb)
        return join_units(map(_mark_broken_link, units), annexb=self._annexb)


def _mark_broken_link(unit: bytes) -> bytes:
    """Turn the units of a CRA picture into a BLA; the rest of the header stays."""
    if hevc_unit_type(unit) != _CRA:
        return unit
    return bytes([unit[0] & 0x81 | _BLA_WITHOUT_LEADING << 1]) + unit[1:]

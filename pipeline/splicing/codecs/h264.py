"""H.264: decoding resumes at IDR pictures only; an x264 with the film's own parameter sets is searched.

If x264 can write the very parameter sets of the film, nothing changes for a decoder. The search starts from the sets
themselves, so it does not need the note of its options that x264 leaves in a film. If no settings match, the new
pictures bring a second set with a free id.

Source: x264's encoder/set.c for how options become parameter sets: the quantiser of the PPS is the integer part of
crf, or 26 with `stitchable`; the bits of the order count follow from `bframes`; references are the default list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from ...core.values import VideoStream
from ...media.nal_units import PacketConverter, has_start_codes, split_start_codes, split_units
from ...media.not_applicable import NotApplicable
from ..encoders import EncoderSettings, pixel_formats
from ..pictures.fields import field_order
from . import h264_headers
from .family import MatchedEncoder, RandomAccess, SourceVideo, open_encoder, unchanged_packet
from .h264_headers import AvcConfig, PictureParameters, SequenceParameters, TimingLayout
from .h264_timing import first_field

FieldOptions = Mapping[str, str]
"""x264's options for interlaced pictures, and for two views in one."""
PROGRESSIVE: FieldOptions = {}
_CHROMA_OFFSETS = (0, 2, -2, 1, -1, 3, -3, 4, -4)
_BFRAMES = (3, 2, 1, 4, 5, 8, 16)
_LAST_PACKING = 7
"""Of the ways to pack two views that x264 knows."""
_STITCHABLE_QUANTISER, _FINE_CRF = 26, "12"
_FIELD_MARK = 0
"""Stands before a field's number; no unit of a stream begins with it."""
_MAX_QUANTISER = 20
"""The new pictures are never coarser than this, however coarse the film is."""
_FAST = {"trellis": "0", "b-adapt": "0"}
"""Options of a film's own encoder that no parameter set needs. At such quantisers a trellis takes half of the time of
`superfast`, and a search for the places of B-frames a sixth; what they gain in quality is gained back
by 9 % more bits in `_BIT_FACTOR`."""
_BIT_FACTOR, _MBTREE_BIT_FACTOR = 1.75, 1.48
"""Bits relative to the source's own, about 4 quantiser steps: the second generation must not show. A source with the
macroblock tree starts 5.4 steps coarser, since the tree refines from there."""


class H264:
    """The family of H.264. A film may have several parameter sets, each with its own id."""

    reads_keyframes = True

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for an IDR only: at other pictures frame numbers and order counts do not restart."""
        is_idr = h264_headers.first_slice_type(packet, annexb=annexb) == h264_headers.IDR
        return RandomAccess.CLEAN if is_idr else RandomAccess.NONE

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return the SPS and PPS of a packet, and which field is first in place of one more, if its headers tell."""
        units = list(split_units(packet, annexb=annexb))
        sets = tuple(unit for unit in units if unit and unit[0] & 31 in (h264_headers.SPS, h264_headers.PPS))
        field = 0
        with suppress(NotApplicable):
            field = first_field(units, _parse(config, annexb=annexb).with_units(sets))
        return (*sets, bytes([_FIELD_MARK, field])) if field else sets

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return the SPS of the film, each with which field is first."""
        marks = {unit for unit in in_band if unit[0] == _FIELD_MARK} or {b""}
        sps = _parse(config, annexb=annexb).with_units(in_band).sps
        return frozenset(unit + mark for unit, mark in itertools.product(sps, marks))

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Find an x264 that writes the film's parameter sets, else one whose sets have free ids."""
        video = source.video
        if video.pix_fmt not in pixel_formats("libx264"):
            raise NotApplicable(f"libx264 does not write {video.pix_fmt}")
        config = _parse(source.config, annexb=source.annexb)
        film = config.with_units(source.in_band)
        fields = {**_field_options(source, film), **_view_options(source)}
        match = matching_encoder(video, film, h264_headers.parse_x264_note(source.first_packet), source.reorder, fields)
        settings = match or encoder_with_free_ids(video, film, source.film_reorder, fields)
        sps, pps = parameter_sets(video, settings)
        both = config.with_sets(sps, pps)
        if match is None and h264_headers.used_ids(AvcConfig(b"", sps, pps)) & h264_headers.used_ids(film):
            raise NotApplicable("the encoder's parameter sets have ids that the film uses")
        return MatchedEncoder(
            settings,
            source.config if source.annexb else both.to_bytes(),
            PacketConverter(annexb=source.annexb, front=sps + pps if source.annexb else ()),
            unchanged_packet,
            same_config=match is not None,
        )


@lru_cache(maxsize=8)
def _parse(config: bytes, *, annexb: bool) -> AvcConfig:
    """Parse the decoder configuration of a film, which is asked for at each of its keyframes."""
    return (h264_headers.parse_in_band if annexb else h264_headers.parse_avcc)(config)


def _field_options(source: SourceVideo, config: AvcConfig) -> FieldOptions:
    """Return the options that code interlaced pictures as such, in the order of their fields."""
    if not source.video.interlaced:
        return PROGRESSIVE
    if not config.sps or not h264_headers.parse_sps(config.sps[0]).fields:
        raise NotApplicable("the pictures are interlaced, but coded as progressive")
    return {"bff": "1"} if field_order(source.frame) == "bottom first" else {"tff": "1"}


def _view_options(source: SourceVideo) -> FieldOptions:
    """Return the option that says in each new keyframe how two views are packed: the film's own words end there."""
    packing = h264_headers.frame_packing(source.first_packet, annexb=source.annexb)
    return {} if packing is None or packing > _LAST_PACKING else {"frame-packing": str(packing)}


def matching_encoder(
    video: VideoStream, config: AvcConfig, noted: dict[str, str], reorder: int, fields: FieldOptions = PROGRESSIVE
) -> EncoderSettings | None:
    """Search an x264 that writes the source's own parameter sets; return None if there is none."""
    if len(config.sps) != 1 or len(config.pps) != 1:
        return None
    try:
        sequence, picture = h264_headers.parse_sps(config.sps[0]), h264_headers.parse_pps(config.pps[0])
    except NotApplicable:
        return None
    if (sequence.reordered or 0) > reorder:
        return None
    for candidate in _candidates(video, sequence, picture, noted):
        settings = _with_params(candidate, fields)
        sps, _ = parameter_sets(video, settings)
        if sps != config.sps:
            continue
        for offset in _CHROMA_OFFSETS:
            shifted = _with_params(settings, {"chroma-qp-offset": str(offset)} if offset else {})
            if parameter_sets(video, shifted)[1] == config.pps:
                return shifted
    return None


def _candidates(
    video: VideoStream, sequence: SequenceParameters, picture: PictureParameters, noted: dict[str, str]
) -> Iterator[EncoderSettings]:
    """Yield settings that might write these parameter sets, the likeliest first."""
    params = {
        "cabac": str(int(picture.cabac)),
        "ref": str(picture.references),
        "8x8dct": str(int(picture.transform_8x8)),
        "weightb": str(int(picture.weighted_bi == 2)),
        "weightp": str(int(picture.weighted)),
        "constrained-intra": str(int(picture.constrained_intra)),
        "level": str(sequence.level),
        "mbtree": "0",
        "open-gop": "0",
        **_FAST,
        "psy-rd": noted.get("psy_rd", "1.00:0.00").replace(":", ","),
    }
    params |= _chroma_options(sequence) | _clock_options(sequence.timing)
    if sequence.fixed_rate:
        params["force-cfr"] = "1"
    if noted.get("bluray_compat", "0") != "0":
        params["bluray-compat"] = "1"
    if picture.quantiser == _STITCHABLE_QUANTISER:
        crf, params["stitchable"] = _FINE_CRF, "1"
    else:
        crf = str(picture.quantiser)
        params["zones"] = f"0,1000000,b={_MBTREE_BIT_FACTOR if noted.get('mbtree') == '1' else _BIT_FACTOR}"
        if picture.quantiser > _MAX_QUANTISER:
            params["qpmax"] = str(_MAX_QUANTISER)
    time_bases = dict.fromkeys((sequence.tick, None, video.time_base))
    for reordering, time_base in itertools.product(_reorderings(sequence, noted), time_bases):
        settings = _settings(video, crf, params | reordering)
        yield replace(settings, writes_aspect=sequence.has_aspect, time_base=time_base)


def _reorderings(sequence: SequenceParameters, noted: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield options for how pictures may be reordered."""
    if sequence.order_bits == 0 or sequence.reordered == 0:
        yield from ({"bframes": "0"}, {"bframes": "0", "keyint": "1"})
        return
    noted_bframes = int(noted.get("bframes", "0"))
    for bframes in dict.fromkeys((noted_bframes, *_BFRAMES) if noted_bframes else _BFRAMES):
        for pyramid in ("normal", "none", "strict") if bframes > 1 else ("none",):
            if (pyramid == "none") == ((sequence.reordered or 1) == 1):
                yield {"bframes": str(bframes), "b-pyramid": pyramid}


def encoder_with_free_ids(
    video: VideoStream, config: AvcConfig, reorder: int, fields: FieldOptions = PROGRESSIVE
) -> EncoderSettings:
    """Choose an x264 whose parameter sets have an id that the film does not use.

    Raises:
        NotApplicable: the film uses all ids.
    """
    used = h264_headers.used_ids(config)
    free = [number for number in range(1, 32) if number not in used]
    if not free:
        raise NotApplicable("the film uses all ids of parameter sets")
    params = {
        "mbtree": "0",
        **_FAST,
        "sps-id": str(free[0]),
        "open-gop": "0",
        "bframes": "3" if reorder else "0",
        "b-pyramid": "normal" if reorder > 1 else "none",
        **fields,
    }
    for sps in config.sps[:1]:
        with suppress(NotApplicable):
            params |= _chroma_options(h264_headers.parse_sps(sps))
    for sps in config.sps:
        params |= _clock_options(h264_headers.timing_layout(sps))
    return _settings(video, _FINE_CRF, params)


def _chroma_options(sequence: SequenceParameters) -> dict[str, str]:
    """Return the option that says where chroma lies: a player would shift that of new pictures."""
    return {"chromaloc": str(sequence.chroma_location)} if sequence.chroma_location else {}


def with_clocks(settings: EncoderSettings, config: bytes) -> EncoderSettings:
    """Return settings with which pictures can have clock timestamps if those of a film of H.264 can."""
    if settings.encoder != "libx264":
        return settings
    with suppress(NotApplicable):
        sets = (h264_headers.parse_in_band if has_start_codes(config) else h264_headers.parse_avcc)(config)
        for options in (_clock_options(h264_headers.timing_layout(sps)) for sps in sets.sps):
            settings = _with_params(settings, options)
    return settings


def _clock_options(timing: TimingLayout | None) -> dict[str, str]:
    """Return the option with which pictures can have clock timestamps."""
    return {"pic-struct": "1"} if timing is not None and timing.has_clocks else {}


def _settings(video: VideoStream, crf: str, params: dict[str, str]) -> EncoderSettings:
    options = {"preset": "superfast", "crf": crf, "x264-params": _join_params(params)}
    return EncoderSettings("libx264", video.pix_fmt, options)


def _with_params(settings: EncoderSettings, params: Mapping[str, str]) -> EncoderSettings:
    if not params:
        return settings
    joined = settings.options["x264-params"] + ":" + _join_params(params)
    return replace(settings, options={**settings.options, "x264-params": joined})


def _join_params(params: Mapping[str, str]) -> str:
    return ":".join(f"{key}={value}" for key, value in params.items())


def parameter_sets(video: VideoStream, settings: EncoderSettings) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Open an encoder and return the SPS and PPS that it would write."""
    units = split_start_codes(bytes(open_encoder(video, settings).extradata or b""))
    sps, pps = (tuple(unit for unit in units if unit[0] & 31 == kind) for kind in (h264_headers.SPS, h264_headers.PPS))
    return sps, pps

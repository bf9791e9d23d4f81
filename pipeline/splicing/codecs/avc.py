"""H.264: decoding resumes at IDR pictures alone, and a film may hold several parameter sets under their own numbers."""

from __future__ import annotations

from ..encoders import pixel_formats
from ..not_applicable import Unsuited
from ..pictures.fields import fields
from . import h264
from .family import Coder, Resume, Stored, same
from .h264 import Config
from .nal import Speller
from .x264 import PLAIN, Woven, parameter_sets, stranger, twin


class Avc:
    """The family of H.264."""

    looks_into = True

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """Only at an IDR: at any other picture frame numbers and order counts do not start anew."""
        return Resume.PLAIN if h264.picture_kind(packet, annexb=annexb) == h264.IDR else Resume.NO

    def coder(self, stored: Stored) -> Coder:
        """Take the source's twin, else an x264 whose parameter sets stand beside the film's own."""
        video = stored.video
        if video.pix_fmt not in pixel_formats("libx264"):
            raise Unsuited(f"libx264 does not write {video.pix_fmt}")
        config = h264.in_band_config(stored.config) if stored.annexb else h264.read_config(stored.config)
        woven = _woven(stored, config)
        match = twin(video, config, h264.x264_options(stored.first), stored.reorder, woven)
        choice = match or stranger(video, config, stored.reorder, woven)
        sps, pps = parameter_sets(video, choice)
        both = config.with_sets(sps, pps)
        if match is None and h264.used_ids(Config(b"", sps, pps)) & h264.used_ids(config):
            raise Unsuited("the encoder's parameter sets clash with the film's")
        return Coder(
            choice,
            stored.config if stored.annexb else both.write(),
            Speller(annexb=stored.annexb, front=sps + pps if stored.annexb else ()),
            same,
            twin=match is not None,
        )


def _woven(stored: Stored, config: Config) -> Woven:
    """Have interlaced pictures coded as such, in the order of their fields."""
    if not stored.video.interlaced:
        return PLAIN
    if not h264.read_sequence(config.sps[0]).fields:
        raise Unsuited("the pictures are interlaced, but coded as if they were not")
    return {"bff": "1"} if fields(stored.frame) == "bottom first" else {"tff": "1"}

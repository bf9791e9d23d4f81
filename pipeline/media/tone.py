"""From a film's colours to 8-bit bt709, as a chain of ffmpeg filters.

SDR keeps its primaries and transfer and changes only the matrix and the range: that loses nothing but rounding and
can be undone. HDR is tone-mapped, which cannot be undone: the result is for the model's eyes, not for the film.

Source  SMPTE ST 2084 for PQ; ITU-R BT.2408 puts diffuse white at 203 cd/m²; ITU-R BT.2100 for HLG, whose lower half
        is close to SDR's curve by design.
"""

from __future__ import annotations

from typing import Any

from ..kinds import VideoStream
from .colour import meant

WHITE_NITS = 203
PEAK = 1000 / WHITE_NITS
"""Brightest light that is kept apart, in units of diffuse white; most HDR is graded at 1000 cd/m²."""
_ZSCALE_SPACES = {"bt2020nc": "2020_ncl", "bt2020c": "2020_cl", "bt709": "709", "smpte170m": "170m", "bt470bg": "470bg"}
_ZSCALE_PRIMARIES = {"bt2020": "2020", "bt709": "709", "smpte432": "smpte432", "smpte431": "smpte431"}


def scaled_sdr(picture: Any, video: VideoStream, size_px: tuple[int, int]) -> Any:
    """Add one `scale` that resizes and brings matrix and range to bt709 and tv."""
    described = meant(video)
    known: dict[str, str] = {"out_color_matrix": "bt709", "out_range": "tv"}
    if described.space != "gbr":
        known |= {"in_color_matrix": _scale_matrix(described.space), "in_range": described.range}
    return picture.filter("scale", *size_px, flags="bicubic+accurate_rnd+full_chroma_int", **known)


def tone_mapped(picture: Any, video: VideoStream, *, zscale: bool) -> Any:
    """Add the filters that turn PQ or HLG into bt709 SDR."""
    described = meant(video)
    if not zscale:
        return _plain_curve(picture, video)
    source = {
        "matrixin": _ZSCALE_SPACES.get(described.space, "2020_ncl"),
        "primariesin": _ZSCALE_PRIMARIES.get(described.primaries, "2020"),
        "transferin": video.color_transfer,
        "rangein": "full" if described.range == "pc" else "limited",
    }
    linear = picture.filter("zscale", transfer="linear", npl=WHITE_NITS, **source).filter("format", "gbrpf32le")
    mapped = linear.filter("zscale", primaries="709").filter(
        "tonemap", "mobius", param=0.3, peak=f"{PEAK:.4f}", desat=0
    )
    return mapped.filter("zscale", transfer="709", matrix="709", range="limited").filter("format", "yuv420p")


def _plain_curve(picture: Any, video: VideoStream) -> Any:
    """For an ffmpeg without zimg: HLG is shown as it is; PQ goes through one curve per channel, primaries kept."""
    rgb = picture.filter("scale", in_color_matrix="bt2020", in_range=meant(video).range).filter("format", "gbrp")
    if video.color_transfer == "smpte2084":
        curve = pq_curve("clip(val/maxval,0,1)")  # the table is filled beyond the highest value, too
        rgb = rgb.filter("lutrgb", r=curve, g=curve, b=curve)
    return rgb.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")


def pq_curve(code: str) -> str:
    """Spell an ffmpeg expression from a PQ code value, 0 to 1, to an 8-bit SDR value.

    Light by ST 2084, in units of diffuse white; a Reinhard curve with its white at `PEAK`; then bt709's power.
    """
    root = f"pow({code},1/78.84375)"
    light = f"pow(max({root}-0.8359375,0)/(18.8515625-18.6875*{root}),1/0.1593017578125)*{10000 / WHITE_NITS:.5f}"
    mapped = f"({light})*(1+({light})/{PEAK * PEAK:.4f})/(1+({light}))"
    return f"255*clip(1.099*pow({mapped},0.45)-0.099,0,1)"


def _scale_matrix(space: str) -> str:
    known = {"bt709", "fcc", "bt470bg", "smpte170m", "smpte240m"}
    if space in known:
        return space
    return "bt2020" if space.startswith("bt2020") else "bt709"

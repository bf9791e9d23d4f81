"""Re-encode the complete picture stream, visually lossless: the strategy that always works.

`encode` writes a file of pictures alone; `mp4/rewrite.py` or `remux.py` puts them into the film.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from ..core.cancellation import stoppable
from ..core.values import VideoStream
from ..media.frames.decode import reformat
from ..media.mp4 import sample_tables
from ..media.mp4.boxes import merge_entries, read_moov
from ..media.mp4.sample_tables import Ints
from ..media.not_applicable import NotApplicable, refused_as
from ..media.timing.clock import timecode_rate
from .codecs.kept_metadata import NewMetadata, SourceMetadata
from .codecs.picture_metadata import metadata_codec
from .encoders import (
    EncoderSettings,
    color_conversion,
    configure_encoder,
    encoder_rate,
    normal_priority,
    with_keyframes,
)
from .mp4.replace_samples import NewSamples, find_track
from .mp4.sample_times import FrameGrid, composition_offsets

_BITEXACT = {"fflags": "+bitexact"}
"""Without it Matroska gets random track numbers."""


def encode(
    frames: Iterable[tuple[VideoFrame, int]],
    output: Path,
    video: VideoStream,
    settings: EncoderSettings,
    progress: Callable[[int], None],
    times: Ints | None = None,
    keyframes: Collection[int] = (),
    metadata: SourceMetadata | None = None,
) -> int:
    """Encode numbered frames into `output`; return their number.

    Every encoder gets a constant frame rate, because some accept only certain rates. `times` (units of the stream's
    time base, one per number) puts the packets of an encoder that does not reorder at their true times. The frames with
    the numbers `keyframes` become keyframes, beside those that the encoder chooses. `metadata` is that of the film's
    pictures of the same numbers, which pictures of the same codec get.

    Raises:
        NotApplicable: there are no frames, or the encoder or muxer refuses them.
    """
    settings = with_keyframes(settings) if keyframes else settings
    count, rate = 0, encoder_rate(settings, timecode_rate(video))
    conversion = color_conversion(video, settings.pix_fmt)
    refused = f"{settings.encoder} does not take these pictures"
    with refused_as(refused), av.open(str(output), "w", options=_BITEXACT) as out:
        stream = out.add_stream(settings.encoder, rate=rate)
        assert isinstance(stream, av.VideoStream)
        configure_encoder(stream.codec_context, video, settings)
        if times is not None:
            stream.time_base = video.time_base
        with normal_priority():
            out.start_encoding()
        new_metadata = _new_metadata(stream, settings, metadata)
        for source, number in stoppable(frames):
            frame = reformat(source, pix_fmt=settings.pix_fmt, **conversion)
            frame.pts, frame.time_base = number, 1 / rate
            frame.pict_type = PictureType.I if number in keyframes else PictureType.NONE
            for packet in stream.encode(frame):
                out.mux(_set_times(_with_metadata(packet, new_metadata), video, times))
            count += 1
            progress(count)
        if not count:
            raise NotApplicable("the picture stream has no frames")
        for packet in stream.encode(None):
            out.mux(_set_times(_with_metadata(packet, new_metadata), video, times))
    return count


def _new_metadata(stream: Any, settings: EncoderSettings, source: SourceMetadata | None) -> NewMetadata | None:
    if source is None or not settings.same_codec:
        return None
    # NAL units follow start codes, whatever the muxer makes of them.
    config = bytes(stream.codec_context.extradata or b"\0\0\1")
    return NewMetadata(metadata_codec(stream.codec_context.codec.canonical_name, config), source)


def _with_metadata(packet: Any, metadata: NewMetadata | None) -> Any:
    if metadata is None or packet.pts is None:
        return packet
    own = bytes(packet)
    data = metadata.put(own, packet.pts, key=packet.is_keyframe)
    if data == own:
        return packet
    changed: Any = Packet(data)
    for name in ("stream", "pts", "dts", "time_base", "duration", "is_keyframe"):
        setattr(changed, name, getattr(packet, name))
    return changed


def _set_times(packet: Any, video: VideoStream, times: Ints | None) -> Any:
    if times is not None and packet.pts is not None:
        start, after = int(times[packet.pts]), packet.pts + 1
        end = int(times[after]) if after < len(times) else start + video.timestamps.last_duration
        packet.pts = packet.dts = start
        packet.duration = end - start
        packet.time_base = video.time_base
    return packet


def place_in_slots(grid: FrameGrid, pictures: Path) -> NewSamples:
    """Place encoded pictures (an MP4 or MOV with one track) in the source's decode slots.

    Raises:
        NotApplicable: there are more of them than slots, or one would be shown before it is decoded.
    """
    if grid.track is None:
        raise NotApplicable("the film has no sample tables")
    _, moov = read_moov(pictures)
    track = find_track(moov, b"vide")
    samples = sample_tables.read_sample_table(track)
    if samples.count > grid.samples.count:
        raise NotApplicable("the encoder wrote more pictures than the source has")
    ranks = np.searchsorted(np.sort(samples.pts), samples.pts)
    source_stsd, stsd = (sample_tables.stbl(box).require(b"stsd").body for box in (grid.track, track))
    return NewSamples(
        first=0,
        end=samples.count,
        track_number=grid.track_number,
        file=pictures,
        offsets=samples.offsets,
        sizes=samples.sizes,
        composition=composition_offsets(grid, np.arange(len(ranks)), ranks),
        sync=samples.sync,
        stsd=merge_entries(source_stsd, stsd),
    )

"""Workflows for tests of ComfyUI's boxes, a renderer that takes no time, and what the films look like."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
from seen import gray_pictures

from react1.pipeline.core.values import Take
from react1.pipeline.media.probe import probe

SHADES = {"happy": 40, "sad": -40, "angry": 70, "neutral": -20, "surprised": 20, "disgusted": 55}
"""How much brighter a take of each emotion is at full temperature."""


class Renderer:
    """Renders a take that grows brighter and darker again; can be held up, as a long render would be."""

    def __init__(self):
        self.rendered = []
        self.started, self.held = threading.Event(), threading.Event()

    def load(self):
        """Load what a real engine would load, which cannot be stopped; does nothing."""

    def __call__(self, context, upload, choices, **options):
        self.rendered.append((choices.prompt, choices.temperature, choices.model_mode))
        self.load()
        self.started.set()
        while self.held.is_set():
            context.progress(0.5)
            time.sleep(0.005)
        segment, out = upload.segment, context.temp_path("take.mp4")
        shade = SHADES[choices.prompt] * choices.temperature + {"lips": 3, "face": 0, "head": 9}[choices.model_mode]
        with av.open(str(context.path(segment.media.file))) as source, av.open(str(out), "w") as target:
            stream = target.add_stream("libx264", rate=segment.media.video.rate)
            stream.width, stream.height = segment.media.video.width_px, segment.media.video.height_px
            stream.pix_fmt, stream.options = "yuv420p", {"crf": "10", "preset": "ultrafast"}
            for number, frame in enumerate(source.decode(video=0)):
                picture = frame.to_ndarray(format="yuv420p").astype(np.int16)
                length = segment.end_frame - segment.start_frame
                if 0 <= (place := number - segment.head_frames) < length:
                    face = picture[_face(frame.height, frame.width)]
                    face += round(shade * np.sin(np.pi * (place + 0.5) / length) ** 2)
                    face += np.random.default_rng(number).integers(-2, 3, face.shape, np.int16)
                brighter = av.VideoFrame.from_ndarray(np.clip(picture, 16, 235).astype(np.uint8), format="yuv420p")
                brighter.pts, brighter.time_base = frame.pts, frame.time_base
                target.mux(stream.encode(brighter))
            target.mux(stream.encode(None))
        file = context.store(out)
        return Take(
            segment=segment,
            media=probe(context.path(file), file),
            provider="local",
            request=choices.model_dump(),
            notes=("made by a test",),
        )


def foreign_nodes():
    """Return two nodes as other packs have them: one loads a video, one takes it."""

    class LoadVideo:
        RETURN_TYPES, OUTPUT_IS_LIST, INPUT_IS_LIST, OUTPUT_NODE = ("VIDEO",), (False,), False, False

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            return {"required": {"path": ("STRING", {})}}

        def execute(self, path, **hidden):
            return {"ui": {}, "result": (sys.modules["comfy_api.input_impl"].VideoFromFile(path),)}

    class Take:
        RETURN_TYPES, OUTPUT_IS_LIST, INPUT_IS_LIST, OUTPUT_NODE = ("VALUE",), (False,), False, True
        kinds = ("VIDEO",)

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            return {"required": {"value": (cls.kinds[0],)}}

        def execute(self, value, **hidden):
            return {"ui": {}, "result": (value,)}

    takers = {f"Use{kind}": type(f"Use{kind}", (Take,), {"kinds": (kind,)}) for kind in ("AUDIO", "IMAGE", "VIDEO")}
    return {"LoadVideo": LoadVideo, **takers}


def workflow(film="film.mp4", prompt="sad", temperature=0.8, *, edit=None, run=None, save=None):
    """Return a workflow: load, edit, re-express, save; the last three dictionaries change single widgets."""
    return {
        "1": {"class_type": "react1_load_film", "inputs": {"file": film}},
        "2": {
            "class_type": "react1_edit",
            "inputs": {"in": "10f", "out": "25f", "prompt": prompt, "temperature": temperature, **(edit or {})},
        },
        "3": {
            "class_type": "react1_reexpress",
            "inputs": {
                "video": ["1", 0],
                "edits": ["2", 0],
                "preset": "emotion-edit",
                "provider": "local",
                "on_failure": "stop",
                "max_cost_usd": 0.0,
            }
            | (run or {}),
        },
        "4": {
            "class_type": "react1_save_film",
            "inputs": {"video": ["3", 0], "filename_prefix": "react1/film", **(save or {})},
        },
    }


def steps(prompt="sad", temperature=0.8, *, react1=None, matrix="", film="film.mp4"):
    """Return a workflow of single steps; the film is saved."""
    edit = {"in": "10f", "out": "25f", "prompt": prompt, "temperature": temperature}
    job = {
        "1": {"class_type": "react1_fetch", "inputs": {"uri": film}},
        "2": {"class_type": "react1_edit", "inputs": edit},
        "3": {"class_type": "react1_trim", "inputs": {"source": ["1", 0], "edits": ["2", 0]}},
        "4": {"class_type": "react1_transcode", "inputs": {"segment": ["3", 0]}},
        "5": {"class_type": "react1_normalize_audio", "inputs": {"segment": ["4", 0]}},
        "6": {"class_type": "react1_upload", "inputs": {"segment": ["5", 0]}},
        "7": {"class_type": "react1_react1", "inputs": {"upload": ["6", 0], "provider": "local", **(react1 or {})}},
        "8": {"class_type": "react1_conform", "inputs": {"take": ["7", 0]}},
        "9": {"class_type": "react1_splice", "inputs": {"source": ["1", 0], "takes": ["8", 0]}},
        "10": {"class_type": "react1_media_to_video", "inputs": {"media": ["9", 0]}},
        "11": {"class_type": "react1_save_film", "inputs": {"video": ["10", 0], "filename_prefix": "film"}},
    }
    if matrix:
        job["12"] = {"class_type": "react1_takes_to_try", "inputs": {"prompt": matrix}}
        edit["takes_to_try"] = ["12", 0]
    return job


def luma(path):
    """Return the mean luma of the middle of each frame of a film."""
    return np.array([picture[_face(*picture.shape)].mean() for picture in gray_pictures(path)])


def _face(height, width):
    """Return the rows and columns that a take changes."""
    return slice(height // 4, 3 * height // 4), slice(width // 4, 3 * width // 4)


def saved(server):
    """Return the films in the output folder, by name."""
    return {path.name: path for path in sorted((server.folder / "output").rglob("*.mp4"))}


def digest(path):
    """Return the digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def packets(path):
    """Return the bytes of each packet of a film, by stream and time."""
    with av.open(str(path)) as container:
        return {(p.stream.index, p.pts): bytes(p) for p in container.demux() if p.size}


def spectrum_peak_hz(path, start_s, end_s):
    """Return the strongest frequency of the first track in a span."""
    from react1.pipeline.media.audio.samples import read_all

    samples = read_all(Path(path), 48_000, 1)[0, round(start_s * 48_000) : round(end_s * 48_000)]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * 48_000 / len(samples))

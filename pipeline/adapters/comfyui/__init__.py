"""The pack of boxes for ComfyUI: the whole job, edits, films and takes, and the single steps.

Each box is described once (`box.py`) and offered through ComfyUI's V3 interface, or through V1 where there is none.
ComfyUI takes `NODE_CLASS_MAPPINGS` first, so it is None where `comfy_entrypoint` is to be used.
"""

from __future__ import annotations

import functools
from typing import Any

from . import host
from .box import Box


@functools.cache
def all_boxes() -> dict[str, type[Box]]:
    """Return all boxes by ID, in the order of the menu."""
    from ...core.nodes.registry import load_registry
    from .boxes.edit_boxes import EditBox, EditsFromTextBox, TakesToTryBox
    from .boxes.film_boxes import LoadFilmBox, MediaToVideoBox, SaveFilmBox, TakeToVideoBox, VideoToMediaBox
    from .boxes.job_boxes import CostBox, ReExpressBox, SettingsBox
    from .boxes.step_boxes import step_boxes
    from .boxes.take_boxes import ContactSheetBox, PickTakeBox, TakeBox

    boxes: tuple[type[Box], ...] = (
        LoadFilmBox,
        EditBox,
        EditsFromTextBox,
        TakesToTryBox,
        ReExpressBox,
        SettingsBox,
        CostBox,
        ContactSheetBox,
        PickTakeBox,
        TakeBox,
        SaveFilmBox,
        VideoToMediaBox,
        MediaToVideoBox,
        TakeToVideoBox,
        *step_boxes(load_registry()),
    )
    return {box.id: box for box in boxes}


def node_class_mappings() -> dict[str, type[Any]] | None:
    """Return the V1 classes by ID; None where ComfyUI has the V3 interface."""
    from .interfaces import mappings

    return None if host.has_v3() else mappings(all_boxes())[0]


def node_display_name_mappings() -> dict[str, str] | None:
    """Return the titles by ID; None where ComfyUI has the V3 interface."""
    from .interfaces import mappings

    return None if host.has_v3() else mappings(all_boxes())[1]


async def comfy_entrypoint() -> Any:
    """Return the V3 extension."""
    from .interfaces import extension

    return extension(all_boxes())

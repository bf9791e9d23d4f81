"""Everything that is asked of the running ComfyUI: folders, the progress bar, interruption and its value types.

The only module that imports ComfyUI, and only inside functions: without it the boxes can still be described.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

FolderName = Literal["input", "output", "temp", "user"]


def has_v3() -> bool:
    """Return whether this ComfyUI has the V3 interface, `comfy_api.latest`."""
    try:
        latest = importlib.import_module("comfy_api.latest")
    except ImportError:
        return False
    return hasattr(latest, "ComfyExtension")


def v3() -> Any:
    """Return the module of the V3 interface."""
    return importlib.import_module("comfy_api.latest")


def folder(name: FolderName) -> Path:
    """Return one of ComfyUI's folders, with links resolved."""
    paths: Any = importlib.import_module("folder_paths")
    return Path(getattr(paths, f"get_{name}_directory")()).resolve()


def is_interrupted() -> bool:
    """Return whether the user has pressed Stop."""
    management: Any = importlib.import_module("comfy.model_management")
    return bool(management.processing_interrupted())


def interruption() -> BaseException:
    """Return the exception that tells ComfyUI that a box has stopped, and take back the request to stop."""
    management: Any = importlib.import_module("comfy.model_management")
    try:
        management.throw_exception_if_processing_interrupted()
    except management.InterruptProcessingException as error:
        stopped: BaseException = error
        return stopped
    return management.InterruptProcessingException()  # type: ignore[no-any-return]


def progress_bar(node_id: str) -> Callable[[float], bool]:
    """Return a function that sets the bar of a box to a share, 0 to 1, and returns False if the user has pressed Stop.

    Call it from the executor's own thread. ComfyUI raises the interruption in the bar and forgets it.
    """
    management: Any = importlib.import_module("comfy.model_management")
    utils: Any = importlib.import_module("comfy.utils")
    try:
        bar = utils.ProgressBar(1000, node_id=node_id or None)
    except TypeError:  # before ComfyUI 0.3.39 a bar had no node
        bar = utils.ProgressBar(1000)

    def move(share: float) -> bool:
        try:
            bar.update_absolute(round(1000 * share), 1000)
        except management.InterruptProcessingException:
            return False
        return True

    return move


def show_text(text: str, node_id: str) -> None:
    """Show text on a box while it runs, where this ComfyUI can."""
    server: Any = importlib.import_module("server")
    instance: Any = getattr(server.PromptServer, "instance", None)
    if node_id and hasattr(instance, "send_progress_text"):
        instance.send_progress_text(text, node_id)


def running_node_id() -> str:
    """Return the ID of the node that ComfyUI is asking about; empty where this ComfyUI does not say."""
    try:
        utils: Any = importlib.import_module("comfy_execution.utils")
    except ImportError:
        return ""
    context = utils.get_executing_context()
    return str(context.node_id) if context is not None else ""


def block(message: str) -> Any:
    """Return a value for an output that keeps the boxes after it from running, and shows them a message."""
    utils: Any = importlib.import_module("comfy_execution.graph_utils")
    if not hasattr(utils, "ExecutionBlocker"):  # before ComfyUI 0.3.48
        utils = importlib.import_module("comfy_execution.graph")
    return utils.ExecutionBlocker(message)


def video_from_file(path: Path) -> Any:
    """Return a `VIDEO` that is backed by a file."""
    return importlib.import_module("comfy_api.input_impl").VideoFromFile(str(path))


def tensor(array: Any) -> Any:
    """Return a torch tensor that shares the memory of a numpy array."""
    return importlib.import_module("torch").from_numpy(array)

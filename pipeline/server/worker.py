"""A process that makes one take: `python -m react1.pipeline.server.worker FOLDER`.

Reads `order.json` from the folder and leaves `told.json` there. What it cannot foresee ends it, and that request alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..core.errors import React1Error
from .worker_protocol import ORDER, Order, failed, write_told

MEMORY_BYTES = 8 << 30
"""Of address space: a file that unpacks to more than it says ends the worker, and not the machine."""


def main(folder: Path) -> None:
    """Make the take of a folder."""
    from .render_take import rendered

    _bound_memory()
    order = Order.model_validate_json((folder / ORDER).read_bytes())
    try:
        told = rendered(order, folder)
    except React1Error as error:
        told = failed(error)
    write_told(folder, told)


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

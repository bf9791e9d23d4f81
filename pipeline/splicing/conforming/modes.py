"""What of a take is put into the film, as a preset spells it."""

from __future__ import annotations

from typing import Literal

Composite = Literal["auto", "face", "frame"]
"""`auto`: what the take changed; `face`: of that, only what is tracked as the biggest change; `frame`: everything."""

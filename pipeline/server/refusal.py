"""Requests that are answered with an error of the contract."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """An answer other than what was asked for: a status of the contract, and one line for `{"error": …}`."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})

"""A parameter whose allowed words are known at run time only, because plug-ins add some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..suggest import not_one_of


@dataclass(frozen=True)
class OneOf:
    """Accept one of these words: `Annotated[str, OneOf(names)]`; the JSON Schema lists them as an `enum`."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of text that is checked."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema for editors and node boxes."""
        return {**handler(schema), "enum": list(self.names())}

    def _check(self, word: str) -> str:
        allowed = list(self.names())
        if word not in allowed:
            raise ValueError(not_one_of(word, allowed))
        return word

"""The types of what the studio's endpoints answer, for the page: TypeScript of the server's models.

Run this file to write them again after a model has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from react1.pipeline.studio.answers import film_answers, general_answers, job_answers
from react1.pipeline.studio.answers.general_answers import Answer

FILE = Path(general_answers.__file__).parent.parent / "page" / "answers.d.ts"
HEAD = "/* What the endpoints answer: made from the server's models by tests/support/page_types.py; do not edit. */\n"
_PLAIN = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean", "null": "null"}


def answer_types() -> str:
    """Return the text of the file."""
    models: dict[str, type[BaseModel]] = {}
    for module in (general_answers, film_answers, job_answers):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value not in (Answer, BaseModel):
                models.setdefault(value.__name__, value)
    return HEAD + "".join(_interface(name, model) for name, model in models.items())


def _interface(name: str, model: type[BaseModel]) -> str:
    mode = "validation" if issubclass(model, Answer) else "serialization"
    schema = model.model_json_schema(mode=mode)
    required = set(schema.get("required", ()))
    about = " ".join((model.__doc__ or "").split())
    rows = [
        f"  {field}{'' if field in required else '?'}: {_type(place)};\n"
        for field, place in schema["properties"].items()
    ]
    return f"\n/** {about} */\nexport interface {name} {{\n{''.join(rows)}}}\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " | ".join(f'"{word}"' for word in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema["items"])
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        return "Record<string, any>"
    return _PLAIN[kind] if kind else "any"


if __name__ == "__main__":
    sys.exit(FILE.write_text(answer_types(), "utf-8") and 0)

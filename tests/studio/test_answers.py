"""What the endpoints answer: each by a model, and the page knows the same models."""

from __future__ import annotations

import typing

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")

from fastapi.routing import APIRoute
from page_types import FILE, answer_types
from running_studio import answer_routes
from starlette.responses import Response

from react1.pipeline.studio.answers.general_answers import Answer


def test_every_endpoint_answers_by_a_model_or_with_a_file():
    """Neither a plain mapping nor something undeclared; a model refuses what it does not declare."""
    undeclared = []
    for route in answer_routes():
        answer = typing.get_type_hints(route.endpoint).get("return")
        if not (isinstance(answer, type) and issubclass(answer, (Answer, Response))):
            undeclared.append(f"{route.path}: {answer}")
    assert undeclared == []
    assert Answer.model_config["extra"] == "forbid"
    assert all(isinstance(route, APIRoute) for route in answer_routes())


def test_the_types_of_the_page_are_those_of_the_server():
    """`tsc` checks the page against them; python tests/support/page_types.py writes them again."""
    assert FILE.read_text("utf-8") == answer_types()

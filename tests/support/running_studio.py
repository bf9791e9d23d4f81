"""A studio that runs in a thread of the tests, and its client."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_type_hints

import httpx

from react1.pipeline.net.http_pool import tls_context


def wait_for(get, *, limit_s: float = 60):
    """Return the first true value of `get`; fail after the limit."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = get()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("nothing happened in time")


@dataclass
class Studio:
    """A running studio."""

    server: object
    folder: Path
    home: Path
    client: httpx.Client

    @property
    def url(self) -> str:
        return self.server.url

    def json(self, method: str, path: str, body=None, status: int = 200, **options):
        """Return an answer, which is exactly what the endpoint's model declares."""
        response = self.client.request(method, f"/api{path}", json=body, **options)
        assert response.status_code == status, response.text
        answer_model(method, f"/api{path}".partition("?")[0], response.status_code).model_validate_json(
            response.content
        )
        return response.json()


@cache
def answer_routes():
    """Return the endpoints that an application of the studio has."""
    from react1.pipeline.studio.routes import film_routes, media_routes, project_routes

    return [route for routes in (project_routes, film_routes, media_routes) for route in routes.router.routes]


def answer_model(method: str, path: str, status: int = 200):
    """Return the model of what an endpoint answers."""
    from react1.pipeline.studio.answers.general_answers import ErrorAnswer

    if status >= 400:
        return ErrorAnswer
    routes = (route for route in answer_routes() if method in route.methods and route.path_regex.match(path))
    return get_type_hints(next(routes).endpoint)["return"]


def start_studio(home: Path, folder: Path, first: Path | None = None, port: int = 0) -> Studio:
    """Start a studio on a folder, and sign in."""
    from react1.pipeline.studio.studio_options import StudioOptions
    from react1.pipeline.studio.studio_server import StudioServer

    ready = threading.Event()
    server = StudioServer(StudioOptions(home, (folder,), first, port=port), ready=lambda _: ready.set())
    server.thread = threading.Thread(target=server.run, daemon=True)
    server.thread.start()
    assert ready.wait(30)
    origin = f"http://127.0.0.1:{server.port}"
    headers = {"Origin": origin}
    client = httpx.Client(base_url=origin, headers=headers, timeout=120, trust_env=False, verify=tls_context())
    assert client.get(server.url).status_code == 303
    return Studio(server, folder, home, client)


def stop_studio(studio: Studio) -> None:
    """Stop it as Ctrl-C does."""
    studio.client.close()
    studio.server.stop()
    studio.server.thread.join(60)
    assert not studio.server.thread.is_alive()

"""A real S3 server on loopback: moto's, whose requests are noted, and which fails when a test says so."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

BUCKET = "films"


@dataclass
class Bucket:
    """One bucket; `asked` holds method and address of every request, `fail` what is to go wrong."""

    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    fail: dict[tuple[str, int], str] = field(default_factory=dict)
    """(method, its n-th request from 1) → the status that it is answered with."""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "REACT1_S3_URL": f"s3://{BUCKET}/for/react1",
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret/of/the/bucket",
        }

    def times(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)

    def names(self) -> list[str]:
        """The keys of all objects, and of uploads that were begun and never ended."""
        with httpx.Client(base_url=self.address, trust_env=False) as client:
            pages = [client.get(f"/{BUCKET}").text, client.get(f"/{BUCKET}?uploads").text]
        return [part.split("</Key>")[0] for page in pages for part in page.split("<Key>")[1:]]


@contextlib.contextmanager
def opened() -> Iterator[Bucket]:
    """Serve one empty bucket."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_args, **_more) -> None:
            """Say nothing."""

    app, bucket = DomainDispatcherApplication(create_backend_app), Bucket()

    def noted(environ, start):
        method = environ["REQUEST_METHOD"]
        bucket.asked.append((method, f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"))
        wrong = bucket.fail.get((method, bucket.times(method)))
        if wrong is None:
            return app(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(wrong, [("content-type", "application/xml")])
        return [b"<Error><Code>Told</Code><Message>a test wants this</Message></Error>"]

    server = make_server("127.0.0.1", 0, noted, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    bucket.address = f"http://127.0.0.1:{server.server_port}"
    try:
        httpx.put(f"{bucket.address}/{BUCKET}", trust_env=False).raise_for_status()
        bucket.asked.clear()
        yield bucket
    finally:
        httpx.post(f"{bucket.address}/moto-api/reset", trust_env=False)  # its objects belong to the process
        server.shutdown()
        thread.join(10)
        server.server_close()

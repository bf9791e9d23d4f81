"""A real S3 server on loopback: moto's, with recorded requests and failures that a test injects."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from react1.pipeline.net.http_pool import tls_context

BUCKET = "films"


@dataclass
class Bucket:
    """One bucket."""

    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path with query of every request."""
    failures: dict[tuple[str, int], str] = field(default_factory=dict)
    """The status of the response to (method, its n-th request from 1)."""
    ignored_headers: set[str] = field(default_factory=set)
    """Names of request headers that the server does not see, such as `HTTP_IF_MATCH`."""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "REACT1_S3_URL": f"s3://{BUCKET}/for/react1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret/of/the/bucket",
        }

    def count(self, method: str) -> int:
        """Return the number of requests with this method."""
        return sum(requested == method for requested, _ in self.requests)

    def names(self) -> list[str]:
        """Return the keys of all objects, and of unfinished multipart uploads."""
        with httpx.Client(base_url=self.url, trust_env=False, verify=tls_context()) as client:
            pages = [client.get(f"/{BUCKET}").text, client.get(f"/{BUCKET}?uploads").text]
        return [part.split("</Key>")[0] for page in pages for part in page.split("<Key>")[1:]]


@contextlib.contextmanager
def open_bucket() -> Iterator[Bucket]:
    """Serve one empty bucket."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class SilentHandler(WSGIRequestHandler):
        def log(self, *_args, **_kwargs) -> None:
            """Log nothing."""

    app, bucket = DomainDispatcherApplication(create_backend_app), Bucket()
    one_at_a_time = threading.Lock()

    def recording_app(environ, start_response):
        method = environ["REQUEST_METHOD"]
        bucket.requests.append((method, f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"))
        failure = bucket.failures.get((method, bucket.count(method)))
        for name in bucket.ignored_headers:
            environ.pop(name, None)
        if failure is None:
            with one_at_a_time:  # moto compares and then writes; a real server does both at once
                return app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(failure, [("content-type", "application/xml")])
        return [b"<Error><Code>Injected</Code><Message>a test wants this</Message></Error>"]

    server = make_server("127.0.0.1", 0, recording_app, threaded=True, request_handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    try:
        httpx.put(f"{bucket.url}/{BUCKET}", trust_env=False, verify=tls_context()).raise_for_status()
        bucket.requests.clear()
        yield bucket
    finally:
        httpx.post(
            f"{bucket.url}/moto-api/reset", trust_env=False, verify=tls_context()
        )  # its objects belong to the process
        server.shutdown()
        thread.join(10)
        server.server_close()

"""The public contract of providers: what a host of React-1 is to this package. fal and Replicate use nothing else.

    # pyproject.toml of your package
    [project.entry-points."react1.providers"]
    acme = "react1_acme:acme"

    # react1_acme.py
    def acme(environ: Mapping[str, str]) -> HostedProvider:
        settings = read_settings(environ, name="acme", key_name="ACME_API_KEY", url="https://api.acme.example")
        return HostedProvider(settings, AcmeClient.connect, storage=AcmeStorage.connect, prices=PRICES)

A client sends requests and interprets responses. It retries nothing that costs money, keeps no ledger and sleeps
never: the job manager does. `react1.testing.ProviderTests` is its conformance suite.
"""

from __future__ import annotations

from ..pipeline.core.errors import ProviderError
from ..pipeline.net.api_client import ApiClient, error_text, one_line
from ..pipeline.net.http_pool import HttpPool, HttpResponse, NotSent, Unanswered
from ..pipeline.providers.contract import (
    MAX_CALL_S,
    Done,
    Failed,
    JobOutcome,
    Latency,
    Limits,
    NoJob,
    ProviderClient,
    React1Request,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    UnknownJob,
    Waiting,
    parse_amount,
    parse_request_id,
)
from ..pipeline.providers.http_calls import (
    REFUSED,
    Verdict,
    match_request,
    read_page,
    read_request_id,
    search_from,
    send_query,
    send_submit,
    url_path,
)
from ..pipeline.providers.prices import Price
from ..pipeline.providers.provider_settings import HostedProvider, ProviderSettings, open_api, read_settings
from ..pipeline.storage.upload import (
    UPLOAD_TIMEOUT_S,
    check_size,
    content_type,
    file_size,
    put_to_url,
    read_chunks,
    send_with_retries,
    upload_limit_s,
)
from ..pipeline.storage.upload_storage import Progress, StoredUpload, UploadStorage, file_name, require_readable_url

__all__ = [
    "MAX_CALL_S",
    "REFUSED",
    "UPLOAD_TIMEOUT_S",
    "ApiClient",
    "Done",
    "Failed",
    "HostedProvider",
    "HttpPool",
    "HttpResponse",
    "JobOutcome",
    "Latency",
    "Limits",
    "NoJob",
    "NotSent",
    "Price",
    "Progress",
    "ProviderClient",
    "ProviderError",
    "ProviderSettings",
    "React1Request",
    "ResponseLost",
    "StoredUpload",
    "Submission",
    "TemporarilyUnavailable",
    "Ticket",
    "Unanswered",
    "UnknownJob",
    "UploadStorage",
    "Verdict",
    "Waiting",
    "check_size",
    "content_type",
    "error_text",
    "file_name",
    "file_size",
    "match_request",
    "one_line",
    "open_api",
    "parse_amount",
    "parse_request_id",
    "put_to_url",
    "read_chunks",
    "read_page",
    "read_request_id",
    "read_settings",
    "require_readable_url",
    "search_from",
    "send_query",
    "send_submit",
    "send_with_retries",
    "upload_limit_s",
    "url_path",
]

"""`react1 doctor`: check this machine and the settings, and say how to fix problems."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata

import typer

from ....core.settings import home_folder, require_folder, shared_store
from ...messages import out, out_json, report_failures
from ...options import AsJson, Home

EXAMPLES = ("react1 doctor",)
Check = tuple[str, bool, str]
"""The name of a check, whether it passes, and the details."""
_REQUIRED = ("python", "ffmpeg", "home", "shared store")
"""Without these nothing runs."""
_EXTRAS = {
    "timelines": ("timeline", ("opentimelineio", "srt", "webvtt-py", "defusedxml")),
    "provenance": ("provenance", ("c2pa-python", "cryptography")),
    "server": ("server", ("fastapi", "uvicorn")),
    "s3": ("s3", ("obstore",)),
    "traces": ("trace", ("opentelemetry-sdk", "opentelemetry-exporter-otlp-json-file")),
}
"""By the name of the check: an extra and its libraries."""
_OPTIONAL = ("local engine", "scikit-image", *_EXTRAS)
"""What an extra installs: without it the rest works."""


def command(as_json: AsJson = False, home: Home = None) -> None:
    """Check Python, ffmpeg, the local engine, the extras, the home folder, the shared store and the keys."""
    with report_failures(as_json):
        checks = [
            *_python_checks(),
            _ffmpeg_check(),
            *_codec_checks(),
            _engine_check(),
            *_extra_checks(),
            _home_folder_check(home),
            *_shared_store_checks(home),
            *_key_checks(),
        ]
        healthy = all(ok for name, ok, _ in checks if name in _REQUIRED)
        if as_json:
            rows = [{"check": name, "ok": ok, "about": about} for name, ok, about in checks]
            out_json({"ok": healthy, "checks": rows})
        else:
            for name, ok, about in checks:
                out(f"{'ok' if ok else 'no' if name in _OPTIONAL else 'FAIL':<5} {name:<14} {about}")
    if not healthy:
        raise typer.Exit(1)


def _python_checks() -> list[Check]:
    from ....core.version import version_text

    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return [("react1", True, version_text()), ("python", sys.version_info >= (3, 11), text)]


def _ffmpeg_check() -> Check:
    from ....media.tools.ffmpeg import ffmpeg_path, tool_version

    def detail() -> str:
        override = " (REACT1_FFMPEG)" if os.environ.get("REACT1_FFMPEG") else ""
        return f"{tool_version('ffmpeg')}{override}, {ffmpeg_path()}"

    return _run_check("ffmpeg", detail)


def _codec_checks() -> list[Check]:
    def detail() -> str:
        import av

        missing = [name for name in ("libx264", "libx265", "aac", "ffv1") if name not in av.codecs_available]
        if missing:
            raise LookupError(f"PyAV {av.__version__} has no {', '.join(missing)}; install the wheel from PyPI")
        return f"PyAV {av.__version__} with libx264, libx265, aac, ffv1"

    return [_run_check("codecs", detail)]


def _engine_check() -> Check:
    from ....engine.available import problem
    from ....engine.landmarks.network import networks_identity

    message = problem()
    return (
        "local engine",
        message is None,
        message or f"ready: a preview, not React-1; faces by {networks_identity()}",
    )


def _extra_checks() -> list[Check]:
    checks: list[Check] = []
    for name in ("scikit-image", "moviepy", "yt-dlp"):
        try:
            checks.append((name, True, metadata.version(name)))
        except metadata.PackageNotFoundError:
            is_demo = name == "scikit-image"
            fix = "`react1 demo` needs it: pip install 'react1-nodes[demo]'" if is_demo else "reinstall react1-nodes"
            checks.append((name, False, f"not installed; {fix}"))
    return [*checks, *(_libraries_check(label, *extra) for label, extra in _EXTRAS.items())]


def _libraries_check(label: str, extra: str, names: tuple[str, ...]) -> Check:
    """Check the libraries of an extra."""
    installed: list[str] = []
    missing: list[str] = []
    for name in names:
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return label, False, f"{', '.join(missing)} not installed; pip install 'react1-nodes[{extra}]'"
    return label, True, ", ".join(installed)


def _home_folder_check(override: str | None) -> Check:
    def detail() -> str:
        home = folder = require_folder(home_folder(override))
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise LookupError(f"{home} is not writable; set --home or REACT1_HOME")
        return f"{home}, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"

    return _run_check("home", detail)


def _shared_store_checks(override: str | None) -> list[Check]:
    """Open the store of REACT1_STORE, if it is set, without writing to it."""
    from ....store.store import open_backend

    def detail() -> str:
        return open_backend(home_folder(override), shared_store(), probe=False).place

    return [_run_check("shared store", detail)] if shared_store() else []


def _key_checks() -> list[Check]:
    from ....providers.choose_provider import KEY_NAMES, resolve_provider_name

    text = {True: "set", False: "not set (the local engine needs no key)"}
    checks = [(key, True, text[bool(os.environ.get(key))]) for key in KEY_NAMES.values()]
    auto = ("provider auto", True, f"uses {resolve_provider_name('auto')}")
    return [*checks, auto, *_provider_hosts(), *_plugin_checks()]


def _provider_hosts() -> list[Check]:
    """Check the URL of each provider that has a key."""
    from ....providers.choose_provider import KEY_NAMES

    return [
        _run_check(f"host {name}", partial(_host_detail, name))
        for name, key in KEY_NAMES.items()
        if os.environ.get(key)
    ]


def _host_detail(name: str) -> str:
    from ....providers.choose_provider import hosted_provider

    provider = hosted_provider(name)
    if provider is None:
        return "no host"
    provider.require()
    return f"{provider.base_url}{', a server on this machine' if provider.settings.is_local_server else ''}"


def _plugin_checks() -> list[Check]:
    """Import each provider and storage of a plug-in, and report those that cannot be used."""
    from ....core.nodes.plugins import PROVIDERS, STORAGES, entry_origin
    from ....net.http_pool import HttpPool
    from ....providers.choose_provider import hosted_provider, load_plugin_storage, plugin_names

    def storage_detail(name: str, origin: str) -> str:
        load_plugin_storage(name, HttpPool(), 3600)
        return origin

    def provider_detail(name: str, origin: str) -> str:
        provider = hosted_provider(name)
        key = provider.settings.key_name if provider is not None else ""
        return f"{origin}, {key} {'set' if os.environ.get(key) else 'not set'}"

    checks: list[Check] = []
    for kind, group, detail in (("provider", PROVIDERS, provider_detail), ("storage", STORAGES, storage_detail)):
        usable, broken = plugin_names(group)
        for name, entry in usable.items():
            checks.append(_run_check(f"{kind} {name}", partial(detail, name, entry_origin(entry))))
        checks += [(f"{kind} {item.name}", False, f"{item.origin}: {item.why}") for item in broken]
    return checks


def _run_check(name: str, detail: Callable[[], str]) -> Check:
    try:
        return (name, True, detail())
    except Exception as error:  # the other checks must still run
        return (name, False, str(error))

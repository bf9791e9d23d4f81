"""Only the page that the printed address opened may use the studio."""

from __future__ import annotations

import httpx
import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")

PORT, TOKEN = 8792, "t" * 40
OWN = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def guarded_app(tmp_path_factory):
    return app_on("127.0.0.1", tmp_path_factory.mktemp("guarded"))


def app_on(host, root):
    """Return the application that listens on a host."""
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions
    from react1.pipeline.studio.studio_server import build_app, guarded

    options = StudioOptions(root / "home", (root,), host=host)
    return guarded(build_app(Studio(options)), options, TOKEN, PORT)


def send(app, method="GET", path="/", *, base=OWN, cookie=True, **headers):
    """Send one request into the application."""
    import asyncio

    async def run():
        transport = httpx.ASGITransport(app=app)
        cookies = {f"react1_studio_{PORT}": TOKEN} if cookie else {}
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies) as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=names)

    return asyncio.run(run())


def test_without_the_token_nothing_is_served(guarded_app):
    """Neither the page nor the API."""
    for path in ("/", "/page/app.js", "/api/library", "/api/openapi.json"):
        assert send(guarded_app, path=path, cookie=False).status_code == 401
    assert send(guarded_app, path="/?token=wrong", cookie=False).status_code == 401


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(guarded_app):
    """And it leaves the address bar."""
    response = send(guarded_app, path=f"/?token={TOKEN}", cookie=False)

    assert response.status_code == 303
    assert response.headers["location"] == "/"
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("host", ["http://evil.example", "http://evil.example:8792", f"http://127.0.0.1:{PORT + 1}"])
def test_a_foreign_host_name_is_refused(guarded_app, host):
    """A name that was rebound to loopback is not the studio's own."""
    assert send(guarded_app, path="/api/library", base=host).status_code == 421


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 403),
        ("POST", {"Origin": "http://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("PUT", {"Origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ("POST", {"Origin": OWN}, 422),
        ("GET", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ("GET", {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, 403),
    ],
)
def test_only_the_own_page_changes_anything(guarded_app, method, headers, status):
    """422 is the answer to the empty body: the request was let in."""
    path = "/api/library" if method == "GET" else "/api/open" if method == "POST" else "/api/films?name=a.mp4"
    assert send(guarded_app, method, path, **headers).status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.5", "::"])
def test_other_machines_reach_the_studio_by_the_names_that_they_know(tmp_path, host):
    """Its address in the network, or the name of the proxy before it; other sites still change nothing."""
    app, statuses = app_on(host, tmp_path), []
    for base in (f"http://192.0.2.5:{PORT}", "https://studio.example"):
        origins = (base, "https://evil.example", "null")
        answers = [send(app, "POST", "/api/open", base=base, Origin=origin) for origin in origins]
        answers += [send(app, base=base), send(app, base=base, cookie=False)]
        statuses.append([answer.status_code for answer in answers])

    assert statuses == [[422, 403, 403, 200, 401]] * 2


def test_the_page_may_run_no_inline_script(guarded_app):
    """And may be shown in no frame."""
    response = send(guarded_app)

    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in response.text
    assert " style=" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../studio.py", "..%2Fstudio.py", "studio.py", "%2e%2e/__init__.py"])
def test_only_the_files_of_the_page_are_served(guarded_app, name):
    """No other file of the package."""
    assert send(guarded_app, path=f"/page/{name}").status_code == 404


def test_other_machines_need_a_token_that_somebody_chose(tmp_path):
    """The studio says so before it listens."""
    from react1.pipeline.core.errors import PresetError
    from react1.pipeline.studio.studio_options import StudioOptions
    from react1.pipeline.studio.studio_server import StudioServer

    with pytest.raises(PresetError, match=r"--token.*TLS"):
        StudioServer(StudioOptions(tmp_path, (tmp_path,), host="0.0.0.0", port=0))


@pytest.mark.parametrize("token", ["1", "react1-studio"])
def test_other_machines_cannot_guess_the_token(tmp_path, token):
    """They may try as often as they like; on this machine a short one will do."""
    from react1.pipeline.core.errors import PresetError
    from react1.pipeline.studio.studio_options import StudioOptions, require_safe_host

    with pytest.raises(PresetError, match="16 characters"):
        require_safe_host(StudioOptions(tmp_path, (tmp_path,), host="0.0.0.0", token=token))
    require_safe_host(StudioOptions(tmp_path, (tmp_path,), token=token))
    require_safe_host(StudioOptions(tmp_path, (tmp_path,), host="0.0.0.0", token="t" * 16))


def test_the_token_is_kept_for_the_user_only(tmp_path):
    """An open page works on after a restart; nobody else reads it."""
    from react1.pipeline.studio.studio_options import kept_token

    token = kept_token(tmp_path)

    assert kept_token(tmp_path) == token
    assert len(token) >= 32
    assert (tmp_path / "studio" / "token").stat().st_mode & 0o077 == 0


def test_files_outside_the_folders_cannot_be_opened(tmp_path):
    """Neither by a path, nor by a link in the folder."""
    from react1.pipeline.core.errors import InputMediaError
    from react1.pipeline.studio.projects.library import Library

    inside, outside = tmp_path / "films", tmp_path / "private.mp4"
    inside.mkdir()
    outside.write_bytes(b"x")
    (inside / "link.mp4").symlink_to(outside)
    library = Library((inside,), tmp_path / "jobs")

    for path in (outside, inside / ".." / "private.mp4", inside / "link.mp4", "/etc/passwd", "\0"):
        with pytest.raises(InputMediaError):
            library.resolve(str(path))


def test_a_dropped_file_never_leaves_its_folder_or_replaces_one(tmp_path):
    """Whatever its name."""
    from react1.pipeline.studio.projects.library import Library

    library = Library((tmp_path,), tmp_path / "jobs")
    (tmp_path / "film.mp4").write_bytes(b"first")

    assert library.upload_path("film.mp4") == tmp_path / "film-2.mp4"
    assert library.upload_path("../../etc/cron.mp4").parent == tmp_path
    assert library.upload_path("<img src=x>.mp4").name == "_img src_x_.mp4"

"""Every address of every service: foreign names, other sites, and operators."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2")

from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from cachecore import Cache  # noqa: E402
from cachecore_services.maintenance import Job, Runner  # noqa: E402
from cachecore_services.dashboard import Board, board_router, monitoring_router  # noqa: E402
from cachecore_services.guard import Guard  # noqa: E402

from .applications import SETTINGS, create  # noqa: E402

TOKEN = "the operators' token"

#: What probes and people reach under any name: it says nothing, and changes nothing.
OPEN = {"/health", "/health/cache-cleanup", "/metrics"}
DOCS = {"/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"}

#: Changes that users make themselves, with a token of their own or for themselves.
OF_USERS = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/narration"),
    ("DELETE", "/api/narration/requests/{id}"),
}


def addresses(app: FastAPI) -> list[tuple[str, str]]:
    """Methods and paths, as the application itself lists them."""
    paths: dict[str, Any] = app.openapi()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(found) > 6
    return found


@pytest.fixture(params=sorted(SETTINGS))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def real(path: str) -> str:
    return path.replace("{", "").replace("}", "")


def test_no_request_under_a_foreign_name(service: str, tmp_path: Path) -> None:
    """Else a page of the web that has its name resolved to us is of the same origin (rebinding)."""
    app = create(service, tmp_path)
    others = [("GET", path) for path in (*DOCS, "/", "/nothing", "/metrics/", "//metrics")]
    with TestClient(app) as client:
        for method, path in addresses(app) + others:
            for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.x.y"):
                answer = client.request(method, real(path), headers={"host": host})
                assert (answer.status_code == 400) is (path not in OPEN), (method, path, host)


def test_no_change_that_another_site_asks_for(service: str, tmp_path: Path) -> None:
    """With Sec-Fetch-Site as browsers send it to HTTPS and loopback, and without as to plain HTTP."""
    app = create(service, tmp_path)
    with TestClient(app, base_url="http://192.0.2.7:8000") as client:
        changing = [one for one in addresses(app) if one[0] != "GET"]
        assert changing
        for method, path in changing:
            for headers in (
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site", "origin": "http://192.0.2.7:8000"},
                {"origin": "http://evil.example"},
                {"origin": "http://192.0.2.7:9000"},
                {"origin": "http://192.0.2.70:8000"},
                {"origin": "http://192.0.2.7"},
                {"origin": "null"},
                {"origin": "file://192.0.2.7:8000"},
                {"origin": ""},
                {"origin": "http://[broken"},
            ):
                body = {"content": b"{}", "headers": {**headers, "content-type": "text/plain"}}
                answer = client.request(method, real(path), **body)  # type: ignore[arg-type]
                assert answer.status_code == 403, (method, path, headers, answer.text)


def guarded(guard: Guard | None = None) -> FastAPI:
    app = FastAPI()
    runner = Runner([Job("job", lambda run: {})])
    app.state.board = Board({"a/b": Cache(10)}, runner)
    if guard is not None:
        app.state.guard = guard
    app.include_router(board_router())
    return app


RUN = "/dashboard/jobs/job/run"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", None),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("192.0.2.7", "http://192.0.2.7"),
        ("localhost:80", "http://localhost"),
        ("service", "https://service:443"),  # by a proxy that speaks TLS
        ("app.localhost", "http://APP.localhost"),
    ],
)
def test_the_same_site_may(host: str, origin: str | None) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    with TestClient(guarded()) as client:
        assert client.post(RUN, headers=headers).status_code == 200
        fetched = headers | {"sec-fetch-site": "same-origin"}
        assert client.post(RUN, headers=fetched).status_code == 200


def test_names_that_are_listed() -> None:
    with TestClient(guarded(Guard(["Cache.example.org", "*.internal.example"]))) as client:
        for host, status in (
            ("cache.example.org:8000", 200),
            ("CACHE.example.org", 200),
            ("a.b.internal.example", 200),
            ("internal.example", 400),
            ("example.org", 400),
            ("xcache.example.org", 400),
        ):
            assert client.post(RUN, headers={"host": host}).status_code == status
    with TestClient(guarded(Guard(["*"]))) as client:
        assert client.post(RUN, headers={"host": "any.example"}).status_code == 200


def test_operators_know_a_token(service: str, tmp_path: Path) -> None:
    app = create(service, tmp_path, operator_token=TOKEN)
    password = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    wrong = base64.b64encode(b"anybody:the operators' tokem").decode()
    with TestClient(app) as client:
        for method, path in addresses(app):
            if path in OPEN:
                assert client.get(path).status_code == 200
                continue
            changes = method != "GET" and (method, path) not in OF_USERS
            wants = changes or path.startswith(("/dashboard", "/api/admin"))
            answers = {
                client.request(method, real(path), headers=headers).status_code
                for headers in (
                    {},
                    {"authorization": f"Basic {wrong}"},
                    {"authorization": "Basic ???"},
                    {"authorization": "Bearer"},
                    {"authorization": f"Bearer {TOKEN[:-1]}"},
                )
            }
            if wants:
                assert answers == {401}, (method, path)
            for given in (f"Bearer {TOKEN}", f"basic {password}"):
                answer = client.request(method, real(path), headers={"authorization": given})
                assert not wants or answer.status_code != 401, (method, path)
        asked = client.get("/dashboard")
        assert asked.headers["www-authenticate"].startswith("Basic")
        assert TOKEN not in repr(app.state.guard)


def test_a_token_may_have_any_characters() -> None:
    token = "the öperators' tøken"
    password = base64.b64encode(f"ann:{token}".encode())
    with TestClient(guarded(Guard((), token))) as client:
        for given in (b"Bearer " + token.encode(), b"Basic " + password):
            assert client.post(RUN, headers={"authorization": given}).status_code == 200
        assert client.post(RUN, headers={"authorization": b"Bearer \xff"}).status_code == 401


@pytest.mark.parametrize(
    ("server", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.7", 403), ("fe80::1", 403)],
)
def test_from_outside_there_are_no_operators_without_a_token(
    service: str, tmp_path: Path, server: str, status: int
) -> None:
    app = create(service, tmp_path)

    async def bound(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["server"] = (server, 8000)
        await app(scope, receive, send)

    with TestClient(bound) as client:
        for path in ("/dashboard", "/dashboard/data"):
            answer = client.get(path)
            assert answer.status_code == status
        assert status == 200 or "CACHECORE_OPERATOR_TOKEN" in answer.text
        assert client.get("/health").status_code == client.get("/metrics").status_code == 200


FORWARDED = [
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Host", "cache.example.org"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=203.0.113.9"),
    ("X-Real-IP", "203.0.113.9"),
    ("Via", "1.1 proxy"),
    ("CF-Connecting-IP", "203.0.113.9"),
]


@pytest.mark.parametrize("header", FORWARDED, ids=lambda header: str(header[0]))
def test_who_comes_by_a_proxy_of_this_machine_is_no_operator(
    service: str, tmp_path: Path, header: tuple[str, str]
) -> None:
    with TestClient(create(service, tmp_path), base_url="http://127.0.0.1:8000") as client:
        for path in ("/dashboard", "/dashboard/data"):
            assert client.get(path).status_code == 200
            assert client.get(path, headers=dict([header])).status_code == 403
        assert client.get("/health", headers=dict([header])).status_code == 200
    with TestClient(create(service, tmp_path, operator_token=TOKEN)) as client:
        known = {"authorization": f"Bearer {TOKEN}"} | dict([header])
        assert client.get("/dashboard", headers=known).status_code == 200


@pytest.mark.parametrize("server", [None, ("/run/cache.sock", None), ("unix:/run/cache.sock", None)])
def test_who_comes_by_a_socket_file_is_no_operator(
    service: str, tmp_path: Path, server: tuple[str, None] | None
) -> None:
    app = create(service, tmp_path)

    async def bound(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["server"] = server
        await app(scope, receive, send)

    with TestClient(bound) as client:
        assert client.get("/dashboard").status_code == 403
        assert client.get("/health").status_code == 200


def test_monitoring_apart_from_the_dashboard() -> None:
    made = guarded()
    app = FastAPI()
    app.state.board = made.state.board
    app.include_router(monitoring_router())
    with TestClient(app) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/dashboard").status_code == 404
    apart = FastAPI()
    apart.state.board = made.state.board
    apart.include_router(board_router(monitoring=False))
    with TestClient(apart) as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/dashboard").status_code == 200


def test_a_misspelt_dry_run_runs_nothing(service: str, tmp_path: Path) -> None:
    app = create(service, tmp_path)
    with TestClient(app) as client:
        for method, path in addresses(app):
            if path.endswith(("/run", "/cleanup")) and method == "POST":
                answer = client.post(real(path), params={"dryrun": "true"})
                assert answer.status_code == 422 and "dryrun" in answer.text
                assert client.post(real(path), params={"dry_run": "perhaps"}).status_code == 422


@pytest.fixture
def board() -> Iterator[TestClient]:
    with TestClient(guarded()) as client:
        yield client


def test_a_cache_may_have_slashes_in_its_name(board: TestClient) -> None:
    assert board.post("/dashboard/caches/a%2Fb/sweep").json() == {"removed": 0}

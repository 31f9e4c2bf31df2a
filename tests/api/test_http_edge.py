"""What every answer of the HTTP edge has in common, and that nothing is reachable undeclared."""

import asyncio
import contextlib
import json
import logging
import socket

import jsonschema
import pytest
from aiohttp import web

from api.app import make_app
from api.http_protocol import QuietRunner, QuietServer
from api.routes import ALL_ROUTES
from api.routes.open_api import make_document
from api.routing import INTAKE, PUBLIC, Access, Route, add_routes, key_scope, role
from shared.runtime import Runtime
from tests.api.running_api import RunningApi, make_event

ADDRESSES = [
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/warroom.js", 200),
    ("GET", "/widget.css", 200),
    ("GET", "/static/dashboard.css", 200),
    ("GET", "/nothing", 404),
    ("PUT", "/track", 405),
    ("POST", "/track", 400),
]


async def answer_nothing(_request: web.Request) -> web.Response:
    return web.Response()


async def fail(_request: web.Request) -> web.Response:
    raise RuntimeError("the password is hunter2")


@pytest.mark.parametrize(("method", "path", "status"), ADDRESSES)
async def test_every_answer_carries_the_security_headers(api: RunningApi, method: str, path: str, status: int) -> None:
    answer = await api.ask(method, path)
    assert answer.status == status
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert not answer.headers.get("Server")


async def test_even_what_is_not_http_hears_our_headers(api: RunningApi) -> None:
    answer = await api.raw(b"nonsense\r\n\r\n")
    assert b"Content-Security-Policy: default-src 'none'" in answer
    assert b"aiohttp" not in answer
    assert b"nonsense" not in answer


@pytest.mark.parametrize("access", [None, Access("role", "king"), Access("key", "everything"), "public"])
async def test_a_route_that_does_not_say_who_may_use_it_stops_the_start(runtime: Runtime, access: Access) -> None:
    with pytest.raises(ValueError, match="who may use it"):
        add_routes(make_app(runtime), [Route("GET", "/secret", answer_nothing, access)])


async def test_a_route_added_past_the_declaration_stops_the_start(runtime: Runtime) -> None:
    app = make_app(runtime)
    app.router.add_get("/secret", answer_nothing)
    runner = QuietRunner(app)
    with pytest.raises(ValueError, match="who may use it"):
        await runner.setup()
    await runner.cleanup()


@pytest.mark.parametrize("access", [PUBLIC, INTAKE, key_scope("events:write"), role("viewer")])
def test_known_rules_are_known(access: Access) -> None:
    assert access.is_known()


def test_no_two_routes_share_an_address() -> None:
    addresses = [(route.method, route.path) for route in ALL_ROUTES]
    assert len(addresses) == len(set(addresses))


async def test_an_unknown_error_says_an_id_and_nothing_else(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from api import app as module
    from api.server import serve

    monkeypatch.setattr(module, "ALL_ROUTES", [*ALL_ROUTES, Route("GET", "/fail", fail, PUBLIC)])
    async with serve(runtime), RunningApi(runtime) as api:
        answer = await api.ask("GET", "/fail?token=secret")
    assert answer.status == 500
    problem = answer.json()
    assert b"hunter2" not in answer.body
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert problem["reference"] in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_logs_hold_no_address_agent_or_query(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await api.ask("POST", "/track?canary-query", {"site": "docs", "events": [make_event(page="/x?canary-page")]})
    await api.ask("GET", "/canary-path", headers={"User-Agent": "canary-agent", "Cookie": "a=canary-cookie"})
    await api.raw(b"canary garbage\r\n\r\n")
    written = [record.getMessage() for record in caplog.records if record.name.startswith(("warroom", "api", "shared"))]
    assert any("/track" in line for line in written)
    assert not [line for line in written if "canary" in line or "127.0.0.1" in line]


CORS_REFUSED = [
    "https://evil.example",
    "null",
    "https://docs.example.evil.example",
    "https://evil-docs.example",
    "http://docs.example",
    "https://docs.example@evil.example",
    "https://docs.example/",
    "ftp://docs.example",
    "docs.example",
    "https://[docs.example",
]


@pytest.mark.parametrize("origin", CORS_REFUSED)
async def test_feedback_allows_no_foreign_origin(api: RunningApi, origin: str) -> None:
    answer = await api.ask("OPTIONS", "/feedback", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


async def test_feedback_allows_the_hosts_of_the_sites_without_credentials(api: RunningApi) -> None:
    answer = await api.ask("OPTIONS", "/feedback", headers={"Origin": "https://docs.example"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://docs.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_the_event_path_alone_allows_everybody(api: RunningApi) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    track = await api.ask("OPTIONS", "/track", headers=asked)
    assert track.headers["Access-Control-Allow-Origin"] == "*"
    for path in ("/healthz", "/openapi.json", "/app", "/api/v1/prompts/due"):
        assert "Access-Control-Allow-Origin" not in (await api.ask("GET", path, headers=asked)).headers


async def test_readiness_says_which_part_is_down_and_health_does_not_ask(api: RunningApi) -> None:
    api.runtime.parts.set("discord", "down", "connecting")
    ready = await api.ask("GET", "/readyz")
    assert ready.json()["parts"]["discord"] == {"state": "down", "sentence": "connecting"}
    assert (await api.ask("GET", "/healthz")).json() == {"status": "ok"}


async def test_metrics_are_prometheus_text(api: RunningApi) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    await api.track(make_event())
    text = (await api.ask("GET", "/metrics")).body.decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["warroom_intake_answers_total", "track", "2xx"] == 1
    assert samples[("warroom_leader",)] == 0


async def test_a_static_file_is_fetched_once(api: RunningApi) -> None:
    first = await api.ask("GET", "/warroom.js")
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = await api.ask("GET", "/warroom.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await api.ask("HEAD", "/warroom.js")).status == 200


async def start_slowly(api: RunningApi, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request of which all but the end has been sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST /track HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0 (X11) Chrome/1\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + body[:-1])
    await writer.drain()
    return reader, writer


class TestOverload:
    @pytest.fixture
    def server_settings(self) -> dict[str, object]:
        return {"max_requests": 1, "max_arriving_bodies": 1, "body_timeout_seconds": 60}

    async def test_more_requests_than_fit_are_told_to_come_back(
        self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from api import app as module
        from api.server import serve

        begun, go_on = asyncio.Event(), asyncio.Event()

        async def wait(_request: web.Request) -> web.Response:
            begun.set()
            await go_on.wait()
            return web.Response()

        monkeypatch.setattr(module, "ALL_ROUTES", [*ALL_ROUTES, Route("GET", "/wait", wait, PUBLIC)])
        async with serve(runtime), RunningApi(runtime) as api:
            waiting = asyncio.create_task(api.ask("GET", "/wait"))
            await begun.wait()
            refused = await api.ask("GET", "/openapi.json")
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "1"
            assert (await api.ask("GET", "/healthz")).status == 200
            go_on.set()
            assert (await waiting).status == 200
            assert (await api.ask("GET", "/openapi.json")).status == 200

    async def test_who_sends_slowly_takes_nobodys_place(self, api: RunningApi) -> None:
        bodies = [json.dumps({"site": "docs", "events": [make_event()]}).encode() for _ in range(2)]
        reader, writer = await start_slowly(api, bodies[0])
        for _ in range(20):
            assert (await api.track(make_event())).status == 202
        refused = None
        for _ in range(200):  # until the slow one has arrived
            other, other_writer = await start_slowly(api, bodies[1])
            with contextlib.suppress(TimeoutError):
                refused = await asyncio.wait_for(other.readline(), 0.1)
            other_writer.close()
            if refused:
                break
        assert refused is not None
        assert refused.startswith(b"HTTP/1.1 503")
        writer.write(bodies[0][-1:])
        assert (await reader.read()).startswith(b"HTTP/1.1 202")
        writer.close()


class TestOpenApi:
    async def test_the_document_is_served_and_whole(self, api: RunningApi) -> None:
        document = (await api.ask("GET", "/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        described = {(r.method.lower(), r.path) for r in ALL_ROUTES if r.operation is not None}
        assert {(method, path) for path, ways in document["paths"].items() for method in ways} == described
        names = [way["operationId"] for ways in document["paths"].values() for way in ways.values()]
        assert len(names) == len(set(names))

    def test_every_reference_leads_somewhere(self) -> None:
        document = make_document(ALL_ROUTES, "http://127.0.0.1:8080")
        text = json.dumps(document)
        for part in text.split('"#/components/schemas/')[1:]:
            assert part.split('"')[0] in document["components"]["schemas"]

    def test_what_it_says_of_a_batch_is_what_is_taken(self) -> None:
        document = make_document(ALL_ROUTES, "http://127.0.0.1:8080")
        schema = {"$ref": "#/components/schemas/TrackBatch", "components": document["components"]}
        jsonschema.validate({"site": "docs", "events": [make_event(props={"a": 1, "b": True})]}, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"site": "docs", "events": [make_event(engaged_ms=-1)]}, schema)


async def test_of_a_burst_of_connections_as_many_stay_as_may() -> None:
    """All of them are there before the first is seen, and none says a word."""

    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response()

    server = QuietServer(web.Server(answer), most=5)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, backlog=50)
    place = listener.sockets[0].getsockname()
    burst = [socket.create_connection(place) for _ in range(40)]
    try:
        async with asyncio.timeout(10):
            while len(server.connections) != 5:
                await asyncio.sleep(0.01)
        with socket.create_connection(place) as late:
            late.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(late, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            async with asyncio.timeout(10):
                assert (await asyncio.get_running_loop().sock_recv(late, 100)).startswith(b"HTTP/1.1 200")
    finally:
        for client in burst:
            client.close()
        listener.close()
        await server.shutdown(1)

"""The REST side: parses a request, lets faults and limits strike, calls the route, writes the journal."""

import asyncio
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.discord_server import channel_routes, command_routes, guild_routes, interaction_routes, message_routes, oauth
from tests.discord_server.calls import Answer, Call, Route
from tests.discord_server.errors import ApiError, unauthorized
from tests.discord_server.faults import Fault, rate_limited
from tests.discord_server.journal import RequestRecord
from tests.discord_server.rate_limits import Verdict
from tests.discord_server.validation import REQUEST_LIMIT_BYTES

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

API = re.compile(r"/api(?:/v10)?(/.*)")
WITH_BEARER = {"/users/@me", "/users/@me/guilds", "/users/@me/guilds/{guild}/member"}
ROUTES: list[Route] = [
    *guild_routes.ROUTES,
    *channel_routes.ROUTES,
    *message_routes.ROUTES,
    *command_routes.ROUTES,
    *interaction_routes.ROUTES,
    *oauth.ROUTES,
]


class Rest:
    def __init__(self, server: "ServerCore") -> None:
        self._server = server

    async def handle(self, request: web.Request) -> web.StreamResponse:
        found = API.fullmatch(request.path)
        if found is None:
            return _respond(404, {"message": "404: Not Found", "code": 0}, {})
        path = found.group(1)
        arrived_at = asyncio.get_running_loop().time()
        record = RequestRecord(
            arrived_at, request.method, path, None, dict(request.query), None, [], request.headers.get("User-Agent", "")
        )
        self._server.journal.requests.append(record)
        try:
            response = await self._answer(request, path, arrived_at, record)
        finally:
            self._server.notify()
        return response

    async def _answer(
        self, request: web.Request, path: str, arrived_at: float, record: RequestRecord
    ) -> web.StreamResponse:
        server = self._server
        try:
            call = await _parse(server, request, path, arrived_at)
        except ApiError as error:
            return self._finish(record, error.status, error.body(), {})
        record.body, record.files = call.body, [(name, len(content)) for name, content in call.uploads.values()]
        route, call.parameters = _find_route(request.method, path)
        record.template = route.template if route else None
        if server.rate_limits.is_banned():
            return self._finish(record, 429, "error code: 1015", {}, via=False)
        fault = server.faults.take(request.method, path)
        if fault is not None:
            record.fault = fault.name
            if fault.delay_seconds:
                await asyncio.sleep(fault.delay_seconds)
            if fault.status is not None:
                headers = self._limit_headers(route, call).headers | fault.headers
                return self._finish(record, fault.status, fault.body, headers, via=fault.via)
            if fault.drop == "before":
                return _drop(request)
        status, body, headers = await self._handle(route, call)
        if fault is not None and fault.delay_after_seconds:
            await asyncio.sleep(fault.delay_after_seconds)
        if fault is not None and fault.drop == "after":
            record.status = status
            return _drop(request)
        return self._finish(record, status, body, headers)

    async def _handle(self, route: Route | None, call: Call) -> tuple[int, Any, dict[str, str]]:
        if route is None:
            return 404, {"message": "404: Not Found", "code": 0}, {}
        verdict = self._limit_headers(route, call)
        if verdict.retry_after is not None:
            fault: Fault = rate_limited(round(verdict.retry_after, 3), is_global=verdict.is_global)
            return 429, fault.body, verdict.headers | fault.headers
        try:
            self._authorize(route, call)
            answer = await route.handler(call)
        except ApiError as error:
            answer = Answer(error.body(), error.status)
        except Exception as error:
            self._server.crashes.append(error)
            answer = Answer({"message": "500: Internal Server Error", "code": 0}, 500)
        return answer.status, answer.body, verdict.headers

    def _limit_headers(self, route: Route | None, call: Call) -> Verdict:
        if route is None:
            return Verdict({})
        counts = route.auth == "bot"
        key = f"{route.method} {route.template}"
        return self._server.rate_limits.take(key, route.major(call.parameters), counts_globally=counts)

    def _authorize(self, route: Route, call: Call) -> None:
        value = call.headers.get("Authorization", "")
        if value.startswith("Bearer ") and route.template in WITH_BEARER:
            grant = self._server.oauth.find_grant(value.removeprefix("Bearer "))
            call.user, call.scopes = grant.user, grant.scopes
        elif route.auth == "bot":
            if value != f"Bot {self._server.token}":
                raise unauthorized()
            if not call.headers.get("User-Agent", "").startswith("DiscordBot ("):
                raise ApiError(403, 40333, "internal network error")

    def _finish(
        self, record: RequestRecord, status: int, body: Any, headers: dict[str, str], *, via: bool = True
    ) -> web.Response:
        record.status = status
        record.answer = body
        record.code = body.get("code") if isinstance(body, dict) and status >= 400 else None
        if status in (401, 403, 429):
            self._server.rate_limits.note_invalid()
        return _respond(status, body, headers, via=via)


def _find_route(method: str, path: str) -> tuple[Route | None, dict[str, str]]:
    for route in ROUTES:
        parameters = route.match(method, path)
        if parameters is not None:
            return route, parameters
    return None, {}


async def _parse(server: "ServerCore", request: web.Request, path: str, arrived_at: float) -> Call:
    if (request.content_length or 0) > REQUEST_LIMIT_BYTES:
        raise ApiError(413, 40005, "Request entity too large")
    call = Call(
        server,
        request.method,
        path,
        dict(request.query),
        dict(request.headers),
        None,
        {},
        arrived_at,
        request.content_type,
    )
    if request.content_type == "multipart/form-data":
        return await _parse_multipart(request, call)
    raw = await request.read()
    if request.content_type == "application/x-www-form-urlencoded":
        return replace(call, body=dict(await request.post()))
    if raw:
        if request.content_type != "application/json":
            raise ApiError(400, 50035, "Invalid Form Body")
        call.body = _loads(raw)
    return call


async def _parse_multipart(request: web.Request, call: Call) -> Call:
    async for part in await request.multipart():
        name = getattr(part, "name", None) or ""
        content = bytes(await part.read(decode=False))  # type: ignore[union-attr]
        indexed = re.fullmatch(r"files\[(\d+)\]", name)
        if name == "payload_json":
            call.body = _loads(content)
        elif indexed:
            call.uploads[int(indexed.group(1))] = (getattr(part, "filename", None) or "file", content)
        else:
            raise ApiError(400, 50035, f"Invalid Form Body: unknown part {name}")
    if call.body is None:
        call.body = {}
    return call


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None


def _respond(status: int, body: Any, headers: dict[str, str], *, via: bool = True) -> web.Response:
    """`application/json` without a charset: the library compares the header as a whole."""
    if via:
        headers = {**headers, "Via": "1.1 google"}
    if body is None:
        return web.Response(status=status, headers=headers)
    if isinstance(body, str):
        return web.Response(status=status, text=body, headers={**headers, "Content-Type": "text/html"})
    raw = json.dumps(body).encode()
    return web.Response(status=status, body=raw, headers={**headers, "Content-Type": "application/json"})


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)

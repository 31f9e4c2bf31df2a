"""The HTTP application: middlewares in order, routes with declared access, nothing at import."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from api.authentication import KEYS_TOUCHED, PRINCIPAL, authorize
from api.cross_origin import add_cors, answer_preflight
from api.error_responses import (
    add_headers,
    error_response,
    http_error_response,
    internal_error_response,
    problem_response,
)
from api.live_streams import STREAMS, LiveStreams, close_streams
from api.routes import ALL_ROUTES
from api.routing import ACCESS_RULES, RUNTIME, access_of, add_routes, refuse_undeclared
from shared.errors import CannotStore, NotAllowed, WarroomError
from shared.guard.principals import ANONYMOUS
from shared.runtime import Runtime

logger = logging.getLogger("warroom.access")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
IN_FLIGHT: web.AppKey[list[int]] = web.AppKey("in_flight", list)
COUNTED = ("intake", "key")  # routes whose use is counted, by route, status, time and key
API_PREFIX = "/api/v1/"
INTAKE_NAMES = {"/api/track": "/track", "/api/feedback": "/feedback"}


def make_app(runtime: Runtime) -> web.Application:
    """The application of one process; raises ValueError when a route does not say who may use it."""
    server = runtime.settings.server
    app = web.Application(
        middlewares=[observe, allow_origins, answer_errors, bound_requests, check_access],
        client_max_size=server.body_limit_bytes,
    )
    app[RUNTIME] = runtime
    app[ACCESS_RULES] = {}
    app[IN_FLIGHT] = [0]
    app[KEYS_TOUCHED] = {}
    app[STREAMS] = LiveStreams()
    app.on_shutdown.append(close_streams)
    add_routes(app, ALL_ROUTES)
    app.on_startup.append(refuse_undeclared)
    app.on_response_prepare.append(add_headers)
    return app


@web.middleware
async def observe(request: web.Request, handler: Next) -> web.StreamResponse:
    """One log line and one count an answer; no address, user agent or query in either."""
    runtime = request.app[RUNTIME]
    started = runtime.clock.monotonic()
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "(none)"
    seconds = runtime.clock.monotonic() - started
    logger.debug("%s %s %d %.1f ms", request.method, route, response.status, seconds * 1000)
    access = access_of(request)
    if access is not None and (access.kind in COUNTED or route.startswith(API_PREFIX)):
        asker = request.get(PRINCIPAL, ANONYMOUS)
        key_id = asker.id if asker.kind == "key" else ""
        runtime.meter.use(f"{request.method} {route}", response.status, key_id, seconds)
    if access is not None and access.kind == "intake" and request.method == "POST":
        runtime.meter.answer(INTAKE_NAMES.get(route, route).strip("/"), response.status)
    return response


@web.middleware
async def answer_errors(request: web.Request, handler: Next) -> web.StreamResponse:
    """Domain errors become their answer; everything unknown an id that leads to the log."""
    try:
        return await handler(request)
    except WarroomError as error:
        return error_response(request, error)
    except web.HTTPException as error:
        return http_error_response(request, error)
    except Exception as error:  # the edge's border: nothing of it may reach the sender
        if isinstance(error, ConnectionError) and request.transport is None:
            return problem_response(400, "Cut off", "The sender went away.")  # nobody hears it, nothing is wrong
        return internal_error_response(request)


@web.middleware
async def bound_requests(request: web.Request, handler: Next) -> web.StreamResponse:
    """No more requests at once than we can keep; /healthz always passes."""
    count = request.app[IN_FLIGHT]
    if count[0] >= request.app[RUNTIME].settings.server.max_requests and request.path != "/healthz":
        response: web.StreamResponse = problem_response(503, "Try again", "Too many requests at once.")
        response.headers["Retry-After"] = "1"
        return response
    count[0] += 1
    try:
        return await handler(request)
    finally:
        count[0] -= 1


@web.middleware
async def allow_origins(request: web.Request, handler: Next) -> web.StreamResponse:
    """CORS of the intake routes; the dashboard and the JSON API allow no other origin."""
    preflight = answer_preflight(request)
    if preflight is not None:
        return preflight
    response = await handler(request)
    add_cors(request, response)  # errors too, so that a page can read why and when to come back
    return response


@web.middleware
async def check_access(request: web.Request, handler: Next) -> web.StreamResponse:
    access = access_of(request)
    if access is not None:
        if access.kind == "role" and not request.app[RUNTIME].is_settled():
            raise CannotStore("Warroom is starting and first erases again who was erased. Please try again.")
        await authorize(request, access)
    elif request.match_info.route.resource is not None:
        raise NotAllowed("This address does not say who may use it.")
    return await handler(request)

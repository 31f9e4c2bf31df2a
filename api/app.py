"""The HTTP application: one edge that every request passes, routes with declared access, nothing at import."""

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
from api.routes.script import routes_in_folder
from api.routing import (
    ACCESS_RULES,
    ARRIVING,
    IN_FLIGHT,
    LARGE_BODIES,
    RUNTIME,
    Access,
    access_of,
    add_routes,
    refuse_undeclared,
)
from shared.errors import CannotStore, NotAllowed, WarroomError
from shared.guard.principals import ANONYMOUS
from shared.runtime import Runtime

logger = logging.getLogger("warroom.access")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
COUNTED = ("intake", "key")  # routes whose use is counted, by route, status, time and key
API_PREFIX = "/api/v1/"
INTAKE_NAMES = {"/api/track": "/track", "/api/feedback": "/feedback"}


def make_app(runtime: Runtime) -> web.Application:
    """The application of one process; raises ValueError when a route does not say who may use it."""
    server = runtime.settings.server
    app = web.Application(
        middlewares=[at_the_edge],
        client_max_size=server.body_limit_bytes,
    )
    app[RUNTIME] = runtime
    app[ACCESS_RULES] = {}
    app[IN_FLIGHT] = [0]
    app[ARRIVING] = [0]
    app[LARGE_BODIES] = [0]
    app[KEYS_TOUCHED] = {}
    app[STREAMS] = LiveStreams()
    app.on_shutdown.append(close_streams)
    add_routes(app, [*ALL_ROUTES, *routes_in_folder(runtime.settings.script)])
    app.on_startup.append(refuse_undeclared)
    app.on_response_prepare.append(add_headers)
    return app


@web.middleware
async def at_the_edge(request: web.Request, handler: Next) -> web.StreamResponse:
    """What every request passes: opened to other origins, bounded in number, allowed, its errors translated, counted.

    One function, not one for each, because the hot path pays for every layer.
    """
    runtime = request.app[RUNTIME]
    started = runtime.clock.monotonic()
    access = access_of(request)
    response: web.StreamResponse | None = answer_preflight(request)
    if response is None:
        response = await _answer(request, handler, access)
        add_cors(request, response)  # errors too, so that a page can read why and when to come back
    _observe(request, response.status, access, runtime.clock.monotonic() - started)
    return response


async def _answer(request: web.Request, handler: Next, access: Access | None) -> web.StreamResponse:
    """Domain errors become their answer; everything unknown an id that leads to the log."""
    count = request.app[IN_FLIGHT]
    if count[0] >= request.app[RUNTIME].settings.server.max_requests and request.path != "/healthz":
        busy = problem_response(503, "Try again", "Too many requests at once.")
        busy.headers["Retry-After"] = "1"
        return busy
    count[0] += 1
    try:
        if access is None or access.kind != "intake":
            await _check_access(request, access)
        return await handler(request)
    except WarroomError as error:
        return error_response(request, error)
    except web.HTTPException as error:
        return http_error_response(request, error)
    except Exception as error:  # the edge's border: nothing of it may reach the sender
        if isinstance(error, ConnectionError) and request.transport is None:
            return problem_response(400, "Cut off", "The sender went away.")  # nobody hears it, nothing is wrong
        return internal_error_response(request)
    finally:
        count[0] -= 1


async def _check_access(request: web.Request, access: Access | None) -> None:
    if access is not None:
        if access.kind == "role" and not request.app[RUNTIME].is_settled():
            raise CannotStore("Warroom is starting and first erases again who was erased. Please try again.")
        await authorize(request, access)
    elif request.match_info.route.resource is not None:
        raise NotAllowed("This address does not say who may use it.")


def _observe(request: web.Request, status: int, access: Access | None, seconds: float) -> None:
    """One log line and one count an answer; no address, user agent or query in either."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "(none)"
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s %s %d %.1f ms", request.method, route, status, seconds * 1000)
    if access is None:
        return
    meter = request.app[RUNTIME].meter
    if access.kind in COUNTED or route.startswith(API_PREFIX):
        asker = request.get(PRINCIPAL, ANONYMOUS)
        meter.use(f"{request.method} {route}", status, asker.id if asker.kind == "key" else "", seconds)
    if access.kind == "intake" and request.method == "POST":
        route = request.app[RUNTIME].settings.script.plain_path(route)
        meter.answer(INTAKE_NAMES.get(route, route).strip("/"), status)

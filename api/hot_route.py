"""The short way for `POST /track`: handed to the intake as soon as its bytes are here, answered in ready bytes.

A connection begins on the short way. The first thing that is not exactly such a request hands it over to aiohttp,
for good. What the ordinary way does for a request is done here too: the bound on how many are handled at once,
errors as problem documents, the same headers, one count and one log line.
"""

import logging
from collections.abc import Callable

from aiohttp import web

from api.authentication import FORWARDED
from api.error_responses import internal_problem, problem_of
from api.hot_request import HotRequest
from api.ready_answer import ReadyAnswers
from api.request_body import JSON_TYPES, media_type_of
from api.routes.openpanel import MARK
from api.routes.track import answer_of
from api.routing import IN_FLIGHT, RUNTIME
from shared.errors import CannotStore, WarroomError
from shared.guard.privacy import client_address, is_proxy
from shared.ingest.events import Sender, TrackOutcome
from shared.ingest.noise_filter import opted_out

logger = logging.getLogger("warroom.access")

ROUTES = {"/track": "POST /track", "/api/track": "POST /api/track"}
WISHES = ("sec-gpc", "dnt")
FORWARDED_NAMES = frozenset(name.lower().encode() for name in FORWARDED)


class HotRoute:
    """Answers requests of the short way; one per application."""

    def __init__(self, app: web.Application) -> None:
        runtime = app[RUNTIME]
        self._server = runtime.settings.server
        self._events = runtime.events
        self._meter = runtime.meter
        self._clock = runtime.clock
        self._in_flight = app[IN_FLIGHT]
        self._answers = ReadyAnswers(runtime.settings.base_url, runtime.clock)

    def takes(self, request: HotRequest, peer: str) -> bool:
        """Whether nothing about it needs the ordinary way."""
        if len(request.body) > self._server.body_limit_bytes or MARK in request.body:
            return False
        if not FORWARDED_NAMES.isdisjoint(request.headers) and not is_proxy(peer, self._server.proxy_networks):
            return False  # somebody should hear of it
        try:
            return media_type_of(request.header(b"content-type")) in JSON_TYPES
        except WarroomError:
            return False

    def begin(self, request: HotRequest, peer: str, send: Callable[[bytes], None]) -> bool:
        """Sends the answer when what it says is durable; False when that needs a task, and then `answer` does it."""
        if self._in_flight[0] >= self._server.max_requests:
            return False
        started = self._clock.monotonic()
        self._in_flight[0] += 1

        def then(what: TrackOutcome | Exception) -> None:
            self._in_flight[0] -= 1
            send(self._end(request, _response_of(what, request.path), started))

        if self._events.begin(request.body, self._sender(request, peer), then):
            return True
        self._in_flight[0] -= 1
        return False

    async def answer(self, request: HotRequest, peer: str) -> bytes:
        """The bytes of the answer, when what it says is durable."""
        started = self._clock.monotonic()
        return self._end(request, await self._response(request, peer), started)

    def _end(self, request: HotRequest, response: web.Response | None, started: float) -> bytes:
        status = 202 if response is None else response.status
        seconds = self._clock.monotonic() - started
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("POST %s %d %.1f ms", request.path, status, seconds * 1000)
        self._meter.serve(ROUTES[request.path], "track", status, seconds)
        return self._answers.accepted() if response is None else self._answers.render(response)

    async def _response(self, request: HotRequest, peer: str) -> web.Response | None:
        """None is the usual one."""
        if self._in_flight[0] >= self._server.max_requests:
            return problem_of(CannotStore("Too many requests at once. Please try again."))
        self._in_flight[0] += 1
        try:
            return _response_of(await self._events.take(request.body, self._sender(request, peer)), request.path)
        except Exception as error:  # the edge's border: nothing of it may reach the sender
            return _response_of(error, request.path)
        finally:
            self._in_flight[0] -= 1

    def _sender(self, request: HotRequest, peer: str) -> Sender:
        wishes = {name: request.header(name.encode()) for name in WISHES if name.encode() in request.headers}
        forwarded = request.header(b"x-forwarded-for") if b"x-forwarded-for" in request.headers else None
        return Sender(
            address=client_address(peer, forwarded, self._server.proxy_networks),
            user_agent=request.header(b"user-agent"),
            opted_out=opted_out(wishes) if wishes else None,
        )


def _response_of(what: TrackOutcome | Exception, path: str) -> web.Response | None:
    """None when 202 with an empty body says all."""
    try:
        if isinstance(what, Exception):
            raise what
        return answer_of(what)
    except WarroomError as error:
        return problem_of(error)
    except Exception:  # the edge's border: nothing of it may reach the sender
        return internal_problem(path)

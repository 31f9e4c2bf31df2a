"""The server itself: lifecycle, the order of checks on each request, and the driver that tests use.

A request passes the scripted faults, the authentication, the rate limit, then the handler; the journal sees the end.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.ports import free_port
from tests.x_server.faults import UNAVAILABLE_HTML, Drop, Fault, FaultScript
from tests.x_server.journal import Call, Journal
from tests.x_server.oauth1 import Credentials, SignatureVerifier, make_credentials
from tests.x_server.problems import (
    Problem,
    forbidden,
    not_found,
    too_many_requests,
    unauthorized,
    unsupported_authentication,
)
from tests.x_server.rate_limits import RateLimiter
from tests.x_server.routes import Api, Endpoint
from tests.x_server.text import find_mentions
from tests.x_server.world import DirectMessage, Tweet, User, World

HOST = "127.0.0.1"


class _Dropped(Exception):
    """The connection was cut; there is nobody to answer."""


class XServer:
    """X with one automated account, the `bot`. Use it as `async with XServer() as server:` or start and stop it."""

    def __init__(self, username: str = "warroom_bot", clock: Callable[[], datetime] | None = None) -> None:
        world = World(clock or _utc_now)
        self.journal = Journal()
        self.bot: User = world.add_user(username, "Warroom")
        self.credentials: Credentials = make_credentials(self.bot.id)
        self.rate_limits = RateLimiter()
        self.port = 0
        self._world = world
        self._api = Api(world, self.journal, self.bot)
        self._verifier = SignatureVerifier(self.credentials)
        self._faults = FaultScript()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The origin to put in the place of https://api.twitter.com."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        self._stopping.clear()
        app = web.Application()
        for endpoint in self._api.endpoints():
            app.router.add_route(endpoint.method, endpoint.path, self._make_handler(endpoint))
        app.router.add_route("*", "/{rest:.*}", self._make_handler(None))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=False)
        await self._runner.setup()
        await self.up()

    async def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self.down()
            await self._runner.cleanup()
            self._runner = None

    async def down(self) -> None:
        """Refuse connections and cut the open ones, until `up`; what is stored stays."""
        if self._site is not None and self._runner is not None:
            site, self._site = self._site, None
            await site.stop()
            for connection in list(self._runner.server.connections if self._runner.server else ()):
                if connection.transport is not None:
                    connection.transport.abort()

    async def up(self) -> None:
        """Listen again, on the same port."""
        if self._site is None:
            assert self._runner is not None, "start the server first"
            self._site = web.TCPSite(self._runner, HOST, self.port or free_port())
            await self._site.start()
            self.port = self._runner.addresses[0][1]

    def add_user(self, username: str, name: str | None = None) -> User:
        return self._world.add_user(username, name or username)

    def mention(self, user: User, text: str, in_reply_to: str | None = None) -> str:
        """A tweet to the bot; `@bot` is put in front when the text does not have it. Returns the tweet's id."""
        if self.bot.username.lower() not in find_mentions(text):
            text = f"@{self.bot.username} {text}"
        return self.post(user, text, in_reply_to=in_reply_to)

    def post(self, user: User, text: str, in_reply_to: str | None = None, quotes: str | None = None) -> str:
        """A tweet as it is; quoting one of the bot's summons it too."""
        return self._world.add_tweet(user.id, text, in_reply_to, quotes).id

    def delete_tweet(self, tweet_id: str) -> None:
        """As if its author had deleted it."""
        self._world.delete_tweet(tweet_id)

    def dm(self, user: User, text: str) -> str:
        """A message to the bot, which opens the conversation. Returns the event's id."""
        return self._world.add_message(user.id, self.bot.id, text).id

    def block(self, user: User) -> None:
        """The user blocks the bot: replies and messages to them are refused."""
        self._world.blocked_by.add(user.id)

    def tweets(self) -> list[Tweet]:
        """What the bot has posted and not deleted, replies included, oldest first."""
        return [tweet for tweet in self._world.tweets.values() if tweet.author_id == self.bot.id]

    def replies_to(self, tweet_id: str) -> list[Tweet]:
        return [tweet for tweet in self.tweets() if tweet.in_reply_to_id == tweet_id]

    def dms_to(self, user: User) -> list[DirectMessage]:
        return [message for message in self._world.messages if message.recipient_id == user.id]

    def use_up_limit(self, group: str) -> None:
        """Exhaust the bot's short window of a group in `rate_limits.LIMITS`, as "dm events"."""
        self.rate_limits.use_up(group, self.bot.id, self._world.now())

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        detail: str | None = None,
        reset_in_seconds: int = 900,
        delay_seconds: float = 0,
        drop: Drop | None = None,
        times: int = 1,
    ) -> None:
        """Script the next `times` requests to a path; `*` in it matches anything.

        `status` answers without doing anything: 429 with the reset, 401 and 403 as problems, 5xx with an HTML page.
        `delay_seconds` answers late and `drop` cuts the connection: "before" doing it, or "after" it is stored.
        """
        self._faults.waiting.append(Fault(method, path, status, detail, reset_in_seconds, delay_seconds, drop, times))

    def _make_handler(self, endpoint: Endpoint | None) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            status, refusal, headers = 0, None, dict[str, str]()
            try:
                response = await self._answer(request, endpoint, headers)
                status = response.status
            except Problem as problem:
                status, refusal = problem.status, problem.detail
                response = web.json_response(
                    problem.body, status=problem.status, content_type="application/problem+json"
                )
            except _Dropped:
                response = web.Response()
            finally:
                query = dict(request.query)
                self.journal.calls.append(Call(request.method, request.path, query, status, refusal, self._world.now()))
            response.headers.update(headers)
            return response

        return handle

    async def _answer(self, request: web.Request, endpoint: Endpoint | None, headers: dict[str, str]) -> web.Response:
        """The answer of the route; the rate limit's headers go to `headers` even when a rule refuses."""
        fault = self._faults.take(request.method, request.path)
        if fault is not None and fault.drop == "before":
            _cut(request)
        if fault is not None and fault.status is not None:
            return await self._misbehave(fault, headers)
        if endpoint is None:
            raise not_found()
        self._authorise(request, endpoint, headers)
        response = await endpoint.handler(request)
        if fault is not None:
            await self._wait(fault.delay_seconds)
            if fault.drop == "after":
                _cut(request)
        return response

    async def _misbehave(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        await self._wait(fault.delay_seconds)
        if fault.status == 429:
            reset = int(self._world.now().timestamp()) + fault.reset_in_seconds
            headers |= {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)}
            raise too_many_requests()
        if fault.status == 401:
            raise unauthorized("scripted")
        if fault.status == 403:
            raise forbidden(fault.detail or "You are not permitted to perform this action.")
        return web.Response(status=fault.status or 503, text=UNAVAILABLE_HTML, content_type="text/html")

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not longer than the server lives."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _authorise(self, request: web.Request, endpoint: Endpoint, headers: dict[str, str]) -> None:
        """Check the token and its kind, then count the request against the limit."""
        authorization = request.headers.get("Authorization", "")
        caller_id: str | None = self.bot.id
        if authorization.startswith("Bearer "):
            if authorization != f"Bearer {self.credentials.bearer_token}":
                raise unauthorized("unknown bearer token")
            if not endpoint.app_only:
                raise unsupported_authentication()
            caller_id = None
        else:
            raw_path, _, query = request.raw_path.partition("?")
            reason = self._verifier.find_fault(authorization, request.method, raw_path, query)
            if reason is not None:
                raise unauthorized(reason)
        allowance = self.rate_limits.take(endpoint.group, caller_id, self._world.now())
        headers |= allowance.headers
        if not allowance.allowed:
            raise too_many_requests()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise _Dropped


def _utc_now() -> datetime:
    return datetime.now(UTC)

"""Keeps Discord connected: a new client after each failure, with patience, within the budget of sign-ins.

A failure before the gateway's IDENTIFY (no network, REST down) is tried again after at most 60 seconds.
IDENTIFYs are counted per minute and per day, because Discord resets the token after a thousand a day.
A refused token parks: no retry can help. A stop answers new interactions with "restarting", waits for the
handlers in flight, then says goodbye.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable

import aiohttp
import discord
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.discord_client import BeforeIdentify, WarroomClient, make_client
from shared.errors import CannotStore, StartRefused
from shared.runtime import Runtime
from shared.store.dialect import add_up
from shared.store.models import Spend

logger = logging.getLogger(__name__)

PART = "discord"
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
MANY_IDENTIFIES_A_DAY = 300
MANY_PAUSE_SECONDS = 300.0
LONGEST_SILENCE_SECONDS = 60.0
WATCH_SECONDS = 2.0
STARTING_SECONDS = 0.2
HANDLERS_SECONDS = 5.0
CLOSE_SECONDS = 1.0
FATAL_CLOSES = {4004, 4010, 4011, 4012, 4013, 4014}
IDENTIFY_ITEM = "discord_identify"
ClientFactory = Callable[[Runtime, BeforeIdentify], WarroomClient]


class HeldBack(Exception):
    """One more sign-in now would be too many; ends the client, and the supervisor waits."""


class IdentifyBudget:
    """Counts sign-ins to the gateway and says how long the next one must wait."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._recent: deque[float] = deque(maxlen=runtime.settings.discord.identifies_per_minute)

    async def wait_seconds(self) -> float:
        """Before a new client: until the minute has room, and much longer once the day has seen many."""
        many = await self._spent_today() >= MANY_IDENTIFIES_A_DAY
        return max(self._minute_wait(), MANY_PAUSE_SECONDS if many else 0.0)

    async def spend(self, initial: bool) -> None:
        """Counts one. It cannot wait here: the library gives a connection 60 seconds in all."""
        may_go_on = initial or await self._spent_today() < MANY_IDENTIFIES_A_DAY
        if self._minute_wait() > 0 or not may_go_on:
            raise HeldBack
        self._recent.append(self._runtime.clock.monotonic())
        try:
            await self._runtime.store.writer.run(self._count)
        except CannotStore:
            logger.warning("a sign-in to Discord could not be counted")

    def _minute_wait(self) -> float:
        if len(self._recent) < (self._recent.maxlen or 1):
            return 0.0
        return max(0.0, self._recent[0] + 60.0 - self._runtime.clock.monotonic())

    async def _spent_today(self) -> int:
        today = self._runtime.clock.now().date()
        async with self._runtime.store.read() as session:
            query = select(col(Spend.calls)).where(Spend.day == today, Spend.item == IDENTIFY_ITEM)
            return (await session.execute(query)).scalar_one_or_none() or 0

    async def _count(self, session: AsyncSession) -> None:
        row = {"day": self._runtime.clock.now().date(), "item": IDENTIFY_ITEM, "calls": 1, "micro_usd": 0}
        await add_up(session, Spend, [row], ["calls"])


class DiscordSupervisor:
    """`run()` until it is cancelled; `client` is the one of the moment."""

    def __init__(self, runtime: Runtime, factory: ClientFactory = make_client) -> None:
        self._runtime = runtime
        self._factory = factory
        self._budget = IdentifyBudget(runtime)
        self._failures = 0
        self.client: WarroomClient | None = None

    async def run(self) -> None:
        token = self._runtime.settings.secrets.discord_token
        if token is None:
            self._runtime.parts.set(PART, "off", "Discord is off: set WARROOM_DISCORD_TOKEN to turn it on.")
            return
        self._say_down("Discord is being connected.")
        await self._runtime.clock.sleep(await self._held_back_seconds())
        while True:
            refusal = await self._run_once(token.get_secret_value())
            if refusal is not None:
                await self._park(refusal)
            pause = max(self._pause_seconds(), await self._held_back_seconds())
            logger.warning("Discord is not connected; next try in %.0f s", pause)
            await self._runtime.clock.sleep(pause)

    async def _run_once(self, token: str) -> str | None:
        """One client from start to end; a sentence when no retry can help."""
        self._say_down("Discord is being connected.")
        client = self.client = self._factory(self._runtime, self._budget.spend)
        running = asyncio.create_task(client.start(token), name="discord client")
        try:
            await self._watch(client, running)
            await running
            self._say_down("Discord ended the connection; it is being restored.")
        except asyncio.CancelledError:
            await self._stop(client, running)
            raise
        except Exception as error:  # the border of the loop: every failure but a refusal is tried again
            return self._judge(error)
        finally:
            if not client.is_closed():
                await self._close(client, running)
        return None

    async def _watch(self, client: WarroomClient, running: asyncio.Task[None]) -> None:
        """Returns when the client ended, or when it was without a connection for too long."""
        silent_since: float | None = None
        while not running.done():
            await asyncio.wait({running}, timeout=WATCH_SECONDS if client.is_ready() else STARTING_SECONDS)
            if not client.is_ready():
                continue
            if is_connected(client):
                silent_since, self._failures = None, 0
                self._runtime.parts.set(PART, "ok", "Discord is connected.")
                continue
            now = self._runtime.clock.monotonic()
            silent_since = now if silent_since is None else silent_since
            self._say_down("Discord lost the connection; it is being restored.")
            if now - silent_since > LONGEST_SILENCE_SECONDS:
                await self._close(client, running)  # the library's own pauses grow to 17 minutes
                return

    def _judge(self, error: Exception) -> str | None:
        self._failures += 1
        if isinstance(error, StartRefused):
            return str(error)
        if isinstance(error, discord.LoginFailure):
            return "Discord refuses the token: put a valid one into WARROOM_DISCORD_TOKEN and restart."
        if isinstance(error, discord.PrivilegedIntentsRequired):
            return "Discord refuses the intents of this bot (4014)."
        if isinstance(error, discord.ConnectionClosed) and error.code in FATAL_CLOSES:
            return f"Discord refuses the connection (close code {error.code}): check token and application."
        known = isinstance(error, OSError | aiohttp.ClientError | discord.DiscordException | AttributeError | HeldBack)
        logger.warning("Discord failed: %s", type(error).__name__, exc_info=None if known else error)
        self._say_down(f"Discord cannot be reached ({type(error).__name__}); trying again.")
        return None

    async def _park(self, sentence: str) -> None:
        logger.error("%s", sentence)
        self._say_down(sentence)
        await asyncio.Event().wait()

    def _pause_seconds(self) -> float:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
        return random.uniform(longest / 2, longest)

    async def _held_back_seconds(self) -> float:
        try:
            return await self._budget.wait_seconds()
        except Exception:  # a store that cannot be read must not end the loop
            logger.exception("the sign-ins to Discord could not be counted")
            return LONGEST_PAUSE_SECONDS

    def _say_down(self, sentence: str) -> None:
        self._runtime.parts.set(PART, "down", sentence)

    async def _stop(self, client: WarroomClient, running: asyncio.Task[None]) -> None:
        """Answers new interactions with "restarting", waits for those in flight, closes."""
        client.in_flight.is_stopping = True
        if not await client.in_flight.wait(HANDLERS_SECONDS):
            logger.warning("handlers were still running after %.0f s", HANDLERS_SECONDS)
        await self._close(client, running)
        self._say_down("Discord is stopped.")

    async def _close(self, client: WarroomClient, running: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait_for(client.close(), CLOSE_SECONDS)
        except Exception:  # a goodbye that fails must not keep the process
            logger.exception("Discord was not closed cleanly")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def is_connected(client: WarroomClient) -> bool:
    """Whether the gateway's socket is open at this moment."""
    socket = client.ws
    return socket is not None and getattr(socket, "open", False)

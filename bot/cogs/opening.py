"""After each connection of a new client: reads what was missed, then lets the outbox through.

Nothing of this belongs into `on_ready`, which fires again and again.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.ext import commands

from bot.channels.discord_channel import DiscordChannel
from bot.cogs.conversations import ConversationsCog
from bot.cogs.standing_message import StandingMessageCog
from bot.read_marks import forget_old, watched_channels
from shared.errors import CannotStore

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)

MISSED_MESSAGES = 100
Watched = Sequence[tuple[int, int]]
REQUEST_ERRORS = (discord.DiscordException, aiohttp.ClientError, TimeoutError, OSError)


class OpeningCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        self._channel: DiscordChannel | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_open = asyncio.Event()

    async def cog_load(self) -> None:
        watched = await self._watched()  # before the gateway opens: a live message would move a mark over missed ones
        self._task = asyncio.create_task(self._open(watched), name="discord opening")

    async def cog_unload(self) -> None:
        if self._channel is not None:
            self.client.runtime.channels.detach(self._channel)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new session in the same client: what was said between the two was never delivered."""
        if self.is_open.is_set() and not self.client.in_flight.is_stopping:
            with self.client.in_flight.one():
                await self._look_around(await self._watched())

    async def _open(self, watched: Watched) -> None:
        await self.client.wait_until_ready()
        await self._look_around(watched)
        self._channel = DiscordChannel(self.client)
        self.client.runtime.channels.attach(self._channel)
        self.is_open.set()

    async def _look_around(self, watched: Watched) -> None:
        try:
            await self._catch_up(watched)
            await self._post_standing_messages()
        except Exception:  # the border of a task: whatever failed must not keep the outbox shut
            logger.exception("the opening of Discord was not complete")

    async def _watched(self) -> Watched:
        store, now = self.client.runtime.store, self.client.runtime.clock.now()
        with suppress(CannotStore):  # the next connection tidies up
            await store.writer.run(lambda session: forget_old(session, now))
        async with store.read() as session:
            return await watched_channels(session, now)

    async def _catch_up(self, watched: Watched) -> None:
        """Replies in direct conversations that were written while nobody listened."""
        conversations = self.client.get_cog(ConversationsCog.__name__)
        if not isinstance(conversations, ConversationsCog):
            return
        for channel_id, last_id in watched:
            channel = self.client.get_partial_messageable(channel_id)
            try:
                missed = channel.history(after=discord.Object(last_id), limit=MISSED_MESSAGES, oldest_first=True)
                async for message in missed:
                    await conversations.read_direct(message)
            except REQUEST_ERRORS as error:
                logger.warning("a conversation could not be read: %s", type(error).__name__)

    async def _post_standing_messages(self) -> None:
        standing = self.client.get_cog(StandingMessageCog.__name__)
        if isinstance(standing, StandingMessageCog):
            await standing.restore_all()

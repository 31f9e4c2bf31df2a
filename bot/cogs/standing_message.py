"""The one standing message with the button "Ask me in a week" in each community's feedback channel.

Posted once, restored when it is deleted or no longer says what it should; it never mentions anybody. A restart
between posting and storing finds the message in the channel instead of posting a second one.
"""

import asyncio
import logging
from collections import defaultdict, deque
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.ext import commands
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.channels.discord_channel import custom_ids, is_own
from bot.views.opt_in_button import OPT_IN_ID, opt_in_view
from shared.config import CommunitySettings
from shared.deliver.discord_text import clean
from shared.identifiers import fingerprint
from shared.store.models import StandingMessage

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)

RESTORES = 6
RESTORES_SECONDS = 3_600.0
LOOK_BACK = 50
REQUEST_ERRORS = (discord.DiscordException, aiohttp.ClientError, TimeoutError, OSError)


class StandingMessageCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._restored: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=RESTORES))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self._on_change(event.guild_id, event.channel_id, {event.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self._on_change(event.guild_id, event.channel_id, event.message_ids)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        await self._on_change(event.guild_id, event.channel_id, {event.message_id})

    async def _on_change(self, guild_id: int | None, channel_id: int, message_ids: set[int]) -> None:
        community = self.client.runtime.settings.discord.community(guild_id or 0)
        if community is None or community.feedback_channel != channel_id or self.client.in_flight.is_stopping:
            return
        with self.client.in_flight.one():
            async with self._locks[community.guild]:  # a message that is being posted must be stored first
                stored = await self._stored(community)
            if stored is not None and int(stored.message_id) in message_ids:
                await self.restore(community)

    async def restore_all(self) -> None:
        for community in self.client.runtime.settings.discord.communities:
            if community.feedback_channel:
                await self.restore(community)

    async def restore(self, community: CommunitySettings) -> None:
        """Makes the message stand as it should; failures are logged, the next event or start tries again."""
        async with self._locks[community.guild]:
            try:
                await self._restore(community)
            except REQUEST_ERRORS as error:
                logger.warning("the standing message of server %s failed: %s", community.guild, type(error).__name__)

    async def _restore(self, community: CommunitySettings) -> None:
        text, language = self._text(community)
        stored = await self._stored(community)
        message = await self._find(community, stored)
        view = opt_in_view(self.client.runtime.texts, language)
        if message is None:
            if not self._may_post(community.guild):
                return
            channel = self.client.get_partial_messageable(community.feedback_channel)
            message = await channel.send(text, view=view, silent=True)
        elif message.content != text or OPT_IN_ID not in custom_ids(message):
            await message.edit(content=text, view=view, allowed_mentions=discord.AllowedMentions.none())
        if stored is None or stored.message_id != str(message.id) or stored.text_hash != fingerprint(text):
            await self._store(community, message.id, text)

    def _may_post(self, guild_id: int) -> bool:
        """Somebody who deletes it again and again is not fought with."""
        now, times = self.client.runtime.clock.monotonic(), self._restored[guild_id]
        if len(times) == RESTORES and now - times[0] < RESTORES_SECONDS:
            return False
        times.append(now)
        return True

    def _text(self, community: CommunitySettings) -> tuple[str, str]:
        runtime = self.client.runtime
        site = runtime.settings.site(community.site)
        language = site.language if site else "en"
        name = clean(site.name if site else community.site, 200)
        return runtime.texts.say(language, "opt_in_standing", site=name), language

    async def _find(self, community: CommunitySettings, stored: StandingMessage | None) -> discord.Message | None:
        channel = self.client.get_partial_messageable(community.feedback_channel)
        if stored is not None and stored.channel_id == str(community.feedback_channel):
            try:
                return await channel.fetch_message(int(stored.message_id))
            except discord.NotFound:
                pass
        async for message in channel.history(limit=LOOK_BACK):
            if is_own(self.client, message) and OPT_IN_ID in custom_ids(message):
                return message
        return None

    async def _stored(self, community: CommunitySettings) -> StandingMessage | None:
        async with self.client.runtime.store.read() as session:
            query = select(StandingMessage).where(StandingMessage.guild_id == str(community.guild))
            return (await session.execute(query)).scalar_one_or_none()

    async def _store(self, community: CommunitySettings, message_id: int, text: str) -> None:
        row = StandingMessage(
            guild_id=str(community.guild),
            channel_id=str(community.feedback_channel),
            message_id=str(message_id),
            text_hash=fingerprint(text),
            posted_at=self.client.runtime.clock.now(),
        )

        async def unit(session: AsyncSession) -> None:
            await session.merge(row)

        await self.client.runtime.store.writer.run(unit)

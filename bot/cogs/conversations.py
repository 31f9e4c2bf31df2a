"""What people write: direct messages and mentions of the bot are feedback; after an opt-in any message is usage.

Nothing here needs the content of messages that are not addressed to the bot: without that intent Discord
leaves it out, and only who wrote and when is looked at.
"""

import logging
from collections import OrderedDict
from datetime import date
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.ext import commands

from bot.cogs.usage import count_usage
from bot.direct_replies import answer_direct
from bot.places import community_id, community_of, first_site, site_of
from bot.read_marks import note_read
from shared.clock import local_day
from shared.config import CommunitySettings
from shared.errors import CannotStore, WarroomError
from shared.ingest.identities import find_identity
from shared.ingest.social_messages import SocialMessage, take_mention
from shared.store.models import Platform

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)

WRITTEN = (discord.MessageType.default, discord.MessageType.reply)
REMEMBERED = 20_000
RECEIVED = "✅"


class ConversationsCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        self._counted: OrderedDict[tuple[int, date], None] = OrderedDict()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or message.webhook_id is not None or message.type not in WRITTEN:
            return
        if self.client.in_flight.is_stopping and message.guild is None:
            return  # read from the conversation at the next start
        with self.client.in_flight.one():
            if message.guild is None:
                await self.read_direct(message)
                return
            community = community_of(self.client.runtime.settings, message.guild.id)
            if community is None:
                return
            if self._is_addressed(message):
                await self._take_mention(message)
            await self._count(message, community)

    async def read_direct(self, message: discord.Message) -> None:
        """One direct message: feedback, an answer, and the mark that it was read. A repeat changes nothing."""
        if message.author.bot or message.type not in WRITTEN:
            return
        try:
            if message.content.strip():
                await answer_direct(self.client.runtime, message)
            now = self.client.runtime.clock.now()
            await self.client.runtime.store.writer.run(
                lambda session: note_read(session, message.channel.id, message.id, now)
            )
        except CannotStore:
            logger.warning("a direct message waits for the next start: the store is busy")

    def _is_addressed(self, message: discord.Message) -> bool:
        """Written to the bot: its mention stands in the text. A reply that merely pings does not count."""
        return self.client.user is not None and any(sign in message.content for sign in self._mentions())

    def _mentions(self) -> tuple[str, str]:
        own_id = self.client.user.id if self.client.user else 0
        return f"<@{own_id}>", f"<@!{own_id}>"

    async def _take_mention(self, message: discord.Message) -> None:
        """The words beside the mention are feedback; a tick says that they arrived."""
        runtime = self.client.runtime
        text = message.content
        for sign in self._mentions():
            text = text.replace(sign, " ")
        if not text.strip():
            return
        place = message.guild.id if message.guild else None
        site = await site_of(runtime, place, message.author.id)
        mention = SocialMessage(
            platform="discord",
            author_id=str(message.author.id),
            message_id=str(message.id),
            text=" ".join(text.split()),
            site=site.key,
            guild_id=community_id(runtime.settings, place),
        )
        try:
            await take_mention(runtime.feedback, mention)
            await message.add_reaction(RECEIVED)
        except WarroomError as error:
            logger.warning("a mention was not stored: %s", error.code)
        except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError) as error:
            logger.info("a mention could not be ticked: %s", type(error).__name__)

    async def _count(self, message: discord.Message, community: CommunitySettings) -> None:
        """A usage day, once a day, of people who opted in; of nobody else anything is kept."""
        runtime = self.client.runtime
        site = runtime.settings.site(community.site) or first_site(runtime.settings)
        key = (message.author.id, local_day(runtime.clock.now(), site.zone))
        if key in self._counted:
            return
        async with runtime.store.read() as session:
            known = await find_identity(session, Platform.DISCORD.value, str(message.author.id))
        if known is None or known[1].opted_in_at is None or known[1].opted_out_at is not None:
            return
        try:
            await count_usage(runtime, site, message.author.id, None, str(community.guild))
        except CannotStore:
            return  # the next message counts
        self._counted[key] = None
        while len(self._counted) > REMEMBERED:
            self._counted.popitem(last=False)

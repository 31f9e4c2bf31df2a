"""Sends outbox messages to Discord: War Room posts, direct messages, posts into community channels.

Every send carries the row's nonce, so a repeat within minutes returns the first message; later a look at the
newest messages finds it by the marker in its footer or by its buttons. The loop decides what happens next.
"""

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import discord
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.channels import discord_posts as posts
from bot.channels.discord_failures import translate
from bot.discord_client import WarroomClient
from bot.read_marks import note_read
from bot.views.dynamic_button import PREFIX
from bot.views.negative_note import note_view
from bot.views.score_buttons import answer_view, question_text, question_view, words_view
from shared import messages
from shared.decide.prompts import time_until_awake
from shared.deliver.channel import NOT_WANTED, PermanentFailure, RetryLater, Sent
from shared.deliver.discord_text import clean
from shared.deliver.war_room import describe, late_minutes
from shared.messages import DOUBT, WAR_ROOM, Doubt, parse_message
from shared.store.models import Identity, OutboxMessage, Person, Prompt, PromptState

NAME = "discord"
EDITABLE_FOR = timedelta(hours=1)
LOOK_BACK = 50
OWN_SHARE_OF_TIME = 0.8  # gives up before the loop does, so that the failure can be named
NOBODY = discord.AllowedMentions.none()  # the library sends its default with new messages only
SENDING_ERRORS = (discord.DiscordException, aiohttp.ClientError, TimeoutError, OSError)


class DiscordChannel:
    """`send` returns where the message stands, or raises what the failure means."""

    name = NAME

    def __init__(self, client: WarroomClient) -> None:
        self._client = client
        self._runtime = client.runtime
        war_room = client.runtime.settings.discord.war_room_channel
        self.destinations = frozenset({"discord_dm", "discord_channel", *({WAR_ROOM} if war_room else ())})

    async def send(self, row: OutboxMessage, message: messages.Message) -> Sent:
        """A question that may have arrived is looked for before it is sent again, so a failure never doubles it.

        One that was taken back and waited has a new row, so a direct question is looked for at its first try too.
        """
        is_question = DOUBT.get(row.kind) is Doubt.NEVER_RESEND
        if isinstance(message, messages.PromptDirect | messages.PromptFallback):
            await self._check_wanted(message)
            may_stand = row.attempts > 1 or isinstance(message, messages.PromptDirect)
            if may_stand and (found := await self.already_sent(row)):
                return found
        try:
            async with asyncio.timeout(self._runtime.settings.delivery.send_timeout_seconds * OWN_SHARE_OF_TIME):
                return await self._send(row, message)
        except SENDING_ERRORS as error:
            translated = translate(error)
            if translated is not error:
                raise translated from error
            if is_question:
                raise RetryLater("the line broke while sending; looking for it next time", None) from error
            raise

    async def _send(self, row: OutboxMessage, message: messages.Message) -> Sent:
        if isinstance(message, messages.PostRemoval):
            return await self._remove(message)
        if isinstance(message, messages.PromptDirect):
            return await self._send_prompt(row, message)
        if isinstance(message, messages.PromptFallback):
            return await self._send_fallback(row, message)
        if isinstance(message, messages.DirectReply):
            return await self._send_reply(row, message)
        if isinstance(message, messages.AlertPost) and message.reply_to_outbox is not None:
            return await self._follow_up(row, message)
        return await self._post(row, message)

    async def _post(
        self, row: OutboxMessage, message: messages.Message, reference: discord.PartialMessage | None = None
    ) -> Sent:
        channel = self._channel(self._runtime.settings.discord.war_room_channel)
        view = self._buttons(message)
        arguments = await self._embed_arguments(row, message, late_minutes(row, self._runtime.clock.now()))
        if view is not None:
            arguments["view"] = view
        if reference is not None:
            arguments["reference"] = reference.to_reference(fail_if_not_exists=False)
        return sent(await channel.send(nonce=row.nonce or "", **arguments))

    async def _embed_arguments(self, row: OutboxMessage, message: messages.Message, late: int) -> dict[str, Any]:
        """The post with the marker of `row`, and how late it is."""
        post = describe(message, self._runtime.settings, self._runtime.texts, late)
        chart = await posts.draw(self._runtime.worker, post)
        arguments: dict[str, Any] = {"embed": posts.with_chart(posts.make_embed(post, row.nonce), chart)}
        if chart is not None:
            arguments["file"] = chart
        return arguments

    def _buttons(self, message: messages.Message) -> discord.ui.View | None:
        if not isinstance(message, messages.NegativeFeedback) or message.quote.removed:
            return None
        runtime = self._runtime
        return note_view(runtime.texts, runtime.settings, message.quote.feedback_id, can_reply=message.can_reply)

    async def _follow_up(self, row: OutboxMessage, message: messages.AlertPost) -> Sent:
        """Within the first hour the alert's own post changes; later ones are a reply to it."""
        first = await self._row(message.reply_to_outbox)
        if first is None or first.sent_through != NAME or not first.channel_id or not first.message_id:
            return await self._post(row, message)
        post = self._channel(int(first.channel_id)).get_partial_message(int(first.message_id))
        if first.sent_at is None or self._runtime.clock.now() - first.sent_at >= EDITABLE_FOR:
            return await self._post(row, message, reference=post)
        late = late_minutes(row, self._runtime.clock.now())  # of this change; the marker stays the first post's
        arguments = await self._embed_arguments(first, message, late)
        chart = arguments.pop("file", None)
        try:
            return sent(await post.edit(**arguments, attachments=[chart] if chart else [], allowed_mentions=NOBODY))
        except discord.NotFound:
            return await self._post(row, message)

    async def _remove(self, message: messages.PostRemoval) -> Sent:
        """Writes the post anew from its row, from which the erased words are gone."""
        row = await self._row(message.outbox_id)
        # A post that was being sent when its words were erased has its place only in its row.
        channel_id = message.channel_id or (row.channel_id if row else None)
        message_id = message.message_id or (row.message_id if row else None)
        if not channel_id or not message_id:
            return Sent(NAME, channel_id, message_id)  # it was never posted
        post = self._channel(int(channel_id)).get_partial_message(int(message_id))
        embed = discord.Embed(description=self._runtime.texts.say(None, "removed_at_request"))
        if row is not None:
            late = late_minutes(row, row.sent_at) if row.sent_at else 0
            described = describe(parse_message(row.payload), self._runtime.settings, self._runtime.texts, late)
            embed = posts.make_embed(described, row.nonce)
            if described.chart is not None:
                embed.set_image(url=f"attachment://{posts.CHART_FILE}")
        try:
            await post.edit(content=None, embed=embed, view=None, allowed_mentions=NOBODY)
        except discord.NotFound:
            pass  # somebody deleted the post: nothing is left to remove
        return Sent(NAME, channel_id, message_id)

    async def _check_wanted(self, message: messages.PromptDirect | messages.PromptFallback) -> None:
        """The person may have answered, refused or gone to bed while the question waited for another try."""
        async with self._runtime.store.read() as session:
            query = select(Prompt.state, Person.opted_in_at, Person.opted_out_at, Person.zone)
            query = query.join(Person, col(Person.id) == col(Prompt.person_id))
            found = (await session.execute(query.where(Prompt.id == message.prompt_id))).first()
        if found is None or found[0] != PromptState.CLAIMED.value:
            raise PermanentFailure("the question is answered or gone", NOT_WANTED)
        if found[1] is None or found[2] is not None:
            raise PermanentFailure("the person does not want to be asked", NOT_WANTED)
        asleep = time_until_awake(found[3], self._runtime.settings.prompts, self._runtime.clock.now())
        if asleep:
            raise RetryLater("it is night for the person", asleep.total_seconds())

    async def _send_prompt(self, row: OutboxMessage, message: messages.PromptDirect) -> Sent:
        runtime = self._runtime
        identity = await self._identity(message.identity_id)
        channel = await self._direct_channel(identity)
        language = message.language or identity.language
        text = question_text(runtime.texts, runtime.settings, language, message.site)
        view = question_view(runtime.texts, language, message.prompt_id)
        posted = await channel.send(text, view=view, nonce=row.nonce or "")
        await self._watch(posted)
        return sent(posted)

    async def _send_fallback(self, row: OutboxMessage, message: messages.PromptFallback) -> Sent:
        """The one message that mentions somebody: its owner."""
        runtime = self._runtime
        identity = await self._identity(message.identity_id)
        text = runtime.texts.say(message.language, "fallback_button", user=identity.external_id)
        user = discord.Object(int(identity.external_id))
        posted = await self._channel(int(message.channel_id)).send(
            text,
            view=answer_view(runtime.texts, message.language, message.prompt_id),
            nonce=row.nonce or "",
            allowed_mentions=discord.AllowedMentions(everyone=False, roles=False, users=[user], replied_user=False),
        )
        return sent(posted)

    async def _send_reply(self, row: OutboxMessage, message: messages.DirectReply) -> Sent:
        identity = await self._identity(message.identity_id)
        channel = await self._direct_channel(identity)
        arguments: dict[str, Any] = {}
        if message.offer_words and message.feedback_id:
            arguments["view"] = words_view(self._runtime.texts, identity.language, message.feedback_id)
        posted = await channel.send(clean(message.text), nonce=row.nonce or "", **arguments)
        await self._watch(posted)
        return sent(posted)

    async def already_sent(self, row: OutboxMessage) -> Sent | None:
        """Looks for the message of this row among the newest of its channel."""
        message = parse_message(row.payload)
        try:
            channel = await self._channel_of(message)
            if channel is None:
                return None
            async for found in channel.history(limit=LOOK_BACK):
                if is_own(self._client, found) and is_message_of(found, row, message):
                    return sent(found)
        except SENDING_ERRORS as error:
            raise translate(error) from error
        return None

    async def _channel_of(self, message: messages.Message) -> discord.PartialMessageable | None:
        """Where a message would stand; None when that conversation was never opened."""
        if isinstance(message, messages.PromptDirect | messages.DirectReply):
            identity = await self._identity(message.identity_id)
            return self._channel(int(identity.dm_channel_id)) if identity.dm_channel_id else None
        if isinstance(message, messages.PromptFallback):
            return self._channel(int(message.channel_id))
        return self._channel(self._runtime.settings.discord.war_room_channel)

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id)

    async def _direct_channel(self, identity: Identity) -> discord.PartialMessageable:
        """The conversation with a person; opened once per person ever."""
        if identity.dm_channel_id:
            return self._channel(int(identity.dm_channel_id))
        try:
            opened = await self._client.create_dm(discord.Object(int(identity.external_id)))
        except SENDING_ERRORS as error:
            raise translate(error, opening_dm=True) from error

        async def keep(session: AsyncSession) -> None:
            await session.execute(
                update(Identity).where(col(Identity.id) == identity.id).values(dm_channel_id=str(opened.id))
            )

        await self._runtime.store.writer.run(keep)
        return self._channel(opened.id)

    async def _watch(self, posted: discord.Message) -> None:
        """Replies from here on are read, also those written while we are away."""
        await self._runtime.store.writer.run(
            lambda session: note_read(session, posted.channel.id, posted.id, self._runtime.clock.now())
        )

    async def _identity(self, identity_id: str) -> Identity:
        async with self._runtime.store.read() as session:
            query = select(Identity).where(Identity.id == identity_id)
            identity = (await session.execute(query)).scalar_one_or_none()
        if identity is None:
            raise PermanentFailure("this person is not known any more", "gone")
        return identity

    async def _row(self, row_id: int | None) -> OutboxMessage | None:
        async with self._runtime.store.read() as session:
            query = select(OutboxMessage).where(OutboxMessage.id == row_id)
            return (await session.execute(query)).scalar_one_or_none()


def sent(message: discord.Message) -> Sent:
    return Sent(NAME, str(message.channel.id), str(message.id))


def is_own(client: WarroomClient, message: discord.Message) -> bool:
    return client.user is not None and message.author.id == client.user.id


def is_message_of(found: discord.Message, row: OutboxMessage, message: messages.Message) -> bool:
    """Whether a message of ours is the one of this row: by nonce, footer or the id on its buttons."""
    if row.nonce and str(found.nonce or "") == row.nonce:
        return True
    if any(embed.footer.text == posts.marker(row.nonce) for embed in found.embeds):
        return True
    if isinstance(message, messages.PromptDirect):
        return f"{PREFIX}:never:{message.prompt_id}" in custom_ids(found)
    if isinstance(message, messages.PromptFallback):
        return f"{PREFIX}:answer:{message.prompt_id}" in custom_ids(found)
    return False


def custom_ids(message: discord.Message) -> set[str]:
    """The ids of all buttons of a message."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return {str(child.custom_id) for row in rows for child in row.children if getattr(child, "custom_id", None)}

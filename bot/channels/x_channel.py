"""Sends outbox messages to X: the one reply to a mention, and direct messages into conversations that people opened.

Each call is paid for before it is made. Nobody is written to who did not write first, said STOP, or, for questions
and for what we send by ourselves, never said START. X knows no idempotency key: after doubt the own posts are looked
at, and "duplicate content" means that it is there.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.x_budget import DM_EVENT_READ, DM_SEND, OWNED_READ, SUMMONED_REPLY, BudgetSpent, XBudget
from bot.x_client import XClient, XFailure, XLimited, XRefused, XUnauthorized, XUnavailable
from shared.config import Settings
from shared.deliver import x_text
from shared.deliver.channel import DM_CLOSED, NOT_WANTED, PermanentFailure, RetryLater, Sent
from shared.messages import DirectReply, Message, PromptDirect, XReply, parse_message
from shared.runtime import Runtime
from shared.store.models import Identity, OutboxMessage, Person

NAME = "x"
LATER_SECONDS = 900.0
CLOCKS_APART = timedelta(minutes=2)
OWN_POSTS = (5, 100)  # least and most that one look reads
OWN_MESSAGES = 5
LONGEST_MESSAGE = 10_000
Answer = TypeVar("Answer")


class XChannel:
    """The way out to X while the reader is connected and up to date."""

    name = NAME
    destinations = frozenset({"x_reply", "x_dm"})

    def __init__(self, runtime: Runtime, client: XClient, budget: XBudget) -> None:
        self._runtime = runtime
        self._client = client
        self._budget = budget

    async def send(self, row: OutboxMessage, message: Message) -> Sent:
        match message:
            case XReply():
                return await self._reply(row, message)
            case PromptDirect():
                return await self._ask(message)
            case DirectReply():
                return await self._answer(row, message)
        raise PermanentFailure(f"X has no place for a {message.kind}")

    async def already_sent(self, row: OutboxMessage) -> Sent | None:
        """Looks for what an earlier try may have left."""
        message = parse_message(row.payload)
        try:
            if isinstance(message, XReply):
                return await self._find_reply(message)
            if isinstance(message, DirectReply):
                identity, _ = await self._recipient(message.identity_id)
                return await self._find_message(identity, message, row.created_at)
        except (XFailure, BudgetSpent) as error:
            raise self._translate(error) from error
        return None

    async def _reply(self, row: OutboxMessage, message: XReply) -> Sent:
        """Without a link: it would cost twenty times as much, and X asks for none in replies."""
        if await self._has_opted_out(row.person_id):
            raise PermanentFailure("the person said STOP", NOT_WANTED)
        text = x_text.fit(message.text)
        if x_text.has_address(text):
            raise PermanentFailure("a reply must not carry a link; change the text x_mention_reply", "has_link")
        try:
            reply_id = await self._paid(SUMMONED_REPLY, lambda: self._client.reply(text, message.in_reply_to))
        except XRefused as refused:
            if not refused.is_duplicate:
                raise PermanentFailure(str(refused), NOT_WANTED) from refused
            return await self._look_for_duplicate(message)
        return Sent(NAME, None, reply_id)

    async def _look_for_duplicate(self, message: XReply) -> Sent:
        """It is there; its id is good to have, no more."""
        try:
            return await self._find_reply(message) or Sent(NAME)
        except (XFailure, BudgetSpent):
            return Sent(NAME)

    async def _ask(self, message: PromptDirect) -> Sent:
        identity, person = await self._recipient(message.identity_id)
        if person.opted_in_at is None:
            raise PermanentFailure("the person never said START", NOT_WANTED)
        site = self._runtime.settings.site(message.site)
        language = message.language or identity.language or (site.language if site else None)
        text = self._say("x_question", language, site=site.name if site else message.site)
        return await self._write(identity, person, text)

    async def _answer(self, row: OutboxMessage, message: DirectReply) -> Sent:
        identity, person = await self._recipient(message.identity_id, after_stop=message.confirms_stop)
        if row.attempts > 1 and (found := await self.already_sent(row)) is not None:
            return found
        return await self._write(identity, person, message.text)

    async def _recipient(self, identity_id: str, *, after_stop: bool = False) -> tuple[Identity, Person]:
        """Whom to write to; refuses who did not open a conversation and who said STOP."""
        async with self._runtime.store.read() as session:
            query = select(Identity, Person).join(Person, col(Person.id) == col(Identity.person_id))
            found = (await session.execute(query.where(col(Identity.id) == identity_id))).first()
        if found is None:
            raise PermanentFailure("this person is not known any more", NOT_WANTED)
        identity, person = found
        if identity.dm_channel_id is None:
            raise PermanentFailure("this person did not open a conversation", DM_CLOSED)
        if person.opted_out_at is not None and not after_stop:
            raise PermanentFailure("the person said STOP", NOT_WANTED)
        return identity, person

    async def _write(self, identity: Identity, person: Person, text: str) -> Sent:
        """The first message that somebody gets carries the link to the privacy page, and no later one."""
        is_first = identity.privacy_link_sent_at is None and person.opted_out_at is None
        if is_first:
            text = f"{text}\n{self._say('x_privacy_link', identity.language, url=privacy_url(self._runtime.settings))}"
        text = text[:LONGEST_MESSAGE]
        try:
            where = await self._paid(DM_SEND, lambda: self._client.send_message(identity.external_id, text))
        except XRefused as refused:
            raise PermanentFailure(str(refused), DM_CLOSED) from refused
        if is_first:
            await self._note_privacy_link(identity)
        return Sent(NAME, *where)

    async def _paid(self, kind: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """One call within the budget; the money comes back when nothing was done for certain."""
        try:
            paid = await self._budget.reserve(kind)
        except BudgetSpent as spent:
            raise self._translate(spent) from spent
        try:
            return await call()
        except XFailure as failure:
            if not isinstance(failure, XUnavailable) or failure.surely_not_done:
                await self._budget.give_back(paid)
            if isinstance(failure, XRefused):
                raise
            raise self._translate(failure) from failure

    async def _find_reply(self, message: XReply) -> Sent | None:
        """Our own post under the same mention; what we posted before the mention cannot be it."""
        paid, size = await self._budget.reserve_reading([OWNED_READ], most=OWN_POSTS[1], least=OWN_POSTS[0])
        try:
            page = await self._client.own_posts(size, since_id=message.in_reply_to)
        except XFailure:
            await self._budget.give_back(paid)
            raise
        await self._budget.settle(paid, {OWNED_READ: [post.id for post in page.entries]})
        found = [post.id for post in page.entries if post.in_reply_to == message.in_reply_to]
        return Sent(NAME, None, found[0]) if found else None

    async def _find_message(self, identity: Identity, message: DirectReply, since: datetime) -> Sent | None:
        """The same words in the newest messages of the conversation."""
        paid, size = await self._budget.reserve_reading([DM_EVENT_READ], most=OWN_MESSAGES)
        try:
            page = await self._client.conversation_with(identity.external_id, size)
        except XFailure:
            await self._budget.give_back(paid)
            raise
        await self._budget.settle(paid, {DM_EVENT_READ: [event.id for event in page.entries]})
        for event in page.entries:
            is_ours = event.sender_id == self._client.own_id and event.created_at >= since - CLOCKS_APART
            if is_ours and event.text.startswith(message.text):
                return Sent(NAME, event.conversation_id, event.id)
        return None

    async def _has_opted_out(self, person_id: str | None) -> bool:
        async with self._runtime.store.read() as session:
            query = select(Person.opted_out_at).where(Person.id == person_id)
            return (await session.execute(query)).scalar_one_or_none() is not None

    async def _note_privacy_link(self, identity: Identity) -> None:
        now = self._runtime.clock.now()

        async def unit(session: AsyncSession) -> None:
            sent = update(Identity).where(col(Identity.id) == identity.id, col(Identity.privacy_link_sent_at).is_(None))
            await session.execute(sent.values(privacy_link_sent_at=now).execution_options(synchronize_session=False))

        await self._runtime.store.writer.run(unit)

    def _say(self, key: str, language: str | None, *, site: str = "", url: str = "") -> str:
        return self._runtime.texts.say(language, key, site=site, url=url)

    def _translate(self, error: Exception) -> Exception:
        """The delivery loop's word for it; what may have been done stays as it is: doubt."""
        now = self._runtime.clock.now()
        match error:
            case BudgetSpent():
                return RetryLater(str(error), (error.until - now).total_seconds())
            case XLimited() if error.reset_at is not None:
                return RetryLater(str(error), max(1.0, (error.reset_at - now).total_seconds()))
            case XLimited() | XUnauthorized():
                return RetryLater(str(error), LATER_SECONDS)
            case XUnavailable() if error.surely_not_done:
                return RetryLater(str(error))
        return error


def privacy_url(settings: Settings) -> str:
    return settings.x.privacy_url or f"{settings.base_url}/privacy"

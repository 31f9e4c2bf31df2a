"""What a mention or a direct message on X means: a STOP, a START, the answer to a question, or feedback.

Comes in: one message, perhaps for the second time. Goes out: rows, each under a key made from the message's id, so a
repeat changes nothing. Words are judged by the time they were written: an older START never lifts a newer STOP.
"""

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.x_client import DirectMessage, Mention
from shared.config import SiteSettings
from shared.errors import InvalidInput, LimitReached
from shared.ingest.feedback import FeedbackOutcome, FeedbackSender, NewFeedback
from shared.ingest.identities import ERASED, ensure_identity, find_identity, note_usage, opt_in, opt_out
from shared.ingest.social_messages import find_prompt_for_reply
from shared.messages import DirectReply, Message, XReply
from shared.runtime import Runtime
from shared.store.models import Identity, OutboxMessage, Person, Platform
from shared.store.outbox import enqueue
from shared.store.writer import Unit

logger = logging.getLogger(__name__)

X = Platform.X.value
REPLY, DIRECT = "x_reply", "x_dm"
REPLY_WITHIN = timedelta(hours=24)
WRITTEN_A_DAY = 5  # to one person, by ourselves: two bots that thank each other must come to an end
FILLERS = {"please", "pls", "me", "now"}
OPT_IN_TEXTS = {
    "scheduled": "x_welcome",
    "already": "opt_in_already",
    "asked": "opt_in_asked",
    "answered": "opt_in_answered",
}

_LEADING_HANDLES = re.compile(r"^(?:[.\s]*@\w{1,15}\b:?)+\s*")
_HANDLE = re.compile(r"\w{1,15}", re.ASCII)
_RETWEET = re.compile(r"RT @\w")
# Our question asks for a number and words: "4 love it", "4/5", "4: works". Not "4.5", "4/10", "4-5 times".
_SCORE = re.compile(
    r"([1-5])(?:\ufe0f?\u20e3)?(?:\s*/\s*5|\s+(?:out )?of 5)?(?!\s*[.,–—-]\s*\d)(?=$|[\s.,:;!)–—-])[\s.,:;!)–—-]*"
)
Word = Literal["start", "stop"]


class XInbox:
    """Takes messages in for one site; each call is durable when it returns."""

    def __init__(self, runtime: Runtime, site: SiteSettings) -> None:
        self._runtime = runtime
        self._site = site
        self._starts = {normalise(word) for word in runtime.settings.x.start_words}
        self._stops = {normalise(word) for word in runtime.settings.x.stop_words}

    async def take_mention(self, mention: Mention) -> None:
        """Feedback and usage, and one reply; a STOP here counts too."""
        text, when = _LEADING_HANDLES.sub("", mention.text).strip(), self._written_at(mention.created_at)
        if _RETWEET.match(mention.text):
            return  # somebody passed on what another person said to us
        word = self._word(text)
        if word == "stop":
            await self._run(lambda session: self._stop(session, mention.author_id, when))
            return
        feedback_id, is_welcome = None, True
        if text and word is None:
            feedback_id, is_welcome = await self._feed(self._plain(text), mention.author_id, mention.id)

        async def unit(session: AsyncSession) -> None:
            identity, person = await self._note_usage(session, mention.author_id, when)
            if is_welcome and self._runtime.clock.now() - mention.created_at < REPLY_WITHIN:
                await self._reply(session, identity, person, mention, feedback_id)

        await self._run(unit)

    async def take_message(self, message: DirectMessage) -> None:
        """START and STOP at once; everything else is an answer to our question, or feedback."""
        text, when = message.text.strip(), self._written_at(message.created_at)
        match self._word(text):
            case "stop":
                await self._run(lambda session: self._stop(session, message.sender_id, when, message))
            case "start":
                await self._run(lambda session: self._start(session, message, when))
            case None:
                await self._take_words(message, text, when)

    def _word(self, text: str) -> Word | None:
        normal = normalise(text)
        if normal in self._stops:
            return "stop"
        return "start" if normal in self._starts else None

    def _written_at(self, created_at: datetime) -> datetime:
        return min(created_at, self._runtime.clock.now())

    def _plain(self, text: str) -> NewFeedback:
        return NewFeedback(site=self._site.key, text=text[: self._runtime.settings.limits.text_characters])

    async def _take_words(self, message: DirectMessage, text: str, when: datetime) -> None:
        feedback_id, is_welcome = None, False
        if text:
            address = {"platform": X, "conversation_id": message.conversation_id}
            new = await self._as_answer(self._plain(text), message.sender_id)
            feedback_id, is_welcome = await self._feed(new, message.sender_id, f"dm:{message.id}", address)

        async def unit(session: AsyncSession) -> None:
            identity, person = await self._note_usage(session, message.sender_id, when)
            self._note_conversation(session, identity, message)
            if is_welcome and person.opted_in_at is not None:
                await self._write(session, identity, person, "thanks", f"x-thanks:{message.id}", feedback_id)

        await self._run(unit)

    async def _as_answer(self, new: NewFeedback, sender_id: str) -> NewFeedback:
        """With the question it answers, if one was asked, and then with its score."""
        async with self._runtime.store.read() as session:
            prompt = await find_prompt_for_reply(session, X, sender_id, self._runtime.clock.now())
        if prompt is None:
            return new
        score, words = read_score(new.text or "")
        answer = {"site": prompt.site, "survey": prompt.survey, "prompt": prompt.id, "score": score, "text": words}
        return new.model_copy(update=answer)

    async def _feed(
        self, new: NewFeedback, author_id: str, message_key: str, address: Mapping[str, str] | None = None
    ) -> tuple[str | None, bool]:
        """The feedback's id, and whether thanks are due. Usage is noted with the time of writing instead."""
        sender = FeedbackSender(
            source="x",
            platform=X,
            external_id=author_id,
            message_key=message_key,
            reply_to=address or {},
            counts_as_usage=False,
        )
        try:
            outcome: FeedbackOutcome = await self._runtime.feedback.take(new, sender)
        except LimitReached:
            logger.info("feedback from X is over the limit")
            return None, False
        except InvalidInput as error:
            logger.info("feedback from X cannot be taken: %s", [problem.field for problem in error.problems])
            return None, False
        return outcome.id, outcome.dropped is None

    async def _note_usage(self, session: AsyncSession, author_id: str, when: datetime) -> tuple[Identity, Person]:
        runtime = self._runtime
        identity, person = await ensure_identity(session, runtime.instance_key, X, author_id, self._site.key, when)
        if person.opted_out_at is None:
            await note_usage(session, runtime.settings, identity, person, self._site, when)
        return identity, person

    def _note_conversation(self, session: AsyncSession, identity: Identity, message: DirectMessage) -> None:
        """They opened it; without it nobody is ever written to."""
        identity.dm_channel_id = message.conversation_id
        identity.dm_unreachable_at = identity.dm_unreachable_reason = None
        session.add(identity)

    async def _stop(
        self, session: AsyncSession, author_id: str, when: datetime, message: DirectMessage | None = None
    ) -> None:
        """Ends everything; who had started by direct message gets one confirmation there."""
        found = await find_identity(session, X, author_id)
        started_at = found[1].opted_in_at if found else None
        if found and (_is_after(started_at, when) or _is_after(found[1].opted_out_at, when, or_equal=True)):
            return
        runtime = self._runtime
        await opt_out(session, runtime.settings, runtime.instance_key, X, author_id, self._site, when, "x")
        if message is not None and started_at is not None and found is not None:
            identity, person = found
            self._note_conversation(session, identity, message)
            await self._write(session, identity, person, "x_stopped", f"x-stopped:{message.id}", confirms_stop=True)

    async def _start(self, session: AsyncSession, message: DirectMessage, when: datetime) -> None:
        found = await find_identity(session, X, message.sender_id)
        if found and found[1].opted_out_source != ERASED and _is_after(found[1].opted_out_at, when):
            return
        runtime = self._runtime
        outcome = await opt_in(
            session, runtime.settings, runtime.instance_key, X, message.sender_id, self._site, when, "x"
        )
        found = await find_identity(session, X, message.sender_id)
        if found is None:
            raise LookupError("an identity vanished while it was opted in")
        identity, person = found
        self._note_conversation(session, identity, message)
        await self._write(session, identity, person, OPT_IN_TEXTS[outcome.state], f"x-welcome:{message.id}")

    async def _write(
        self,
        session: AsyncSession,
        identity: Identity,
        person: Person,
        text_key: str,
        dedupe_key: str,
        feedback_id: str | None = None,
        *,
        confirms_stop: bool = False,
    ) -> None:
        """A direct message into the conversation that they opened."""
        text = self._runtime.texts.say(self._language(identity), text_key)
        reply = DirectReply(identity_id=identity.id, text=text, feedback_id=feedback_id, confirms_stop=confirms_stop)
        await self._enqueue(session, person, reply, DIRECT, dedupe_key, f"dm:{identity.id}")

    async def _reply(
        self, session: AsyncSession, identity: Identity, person: Person, mention: Mention, feedback_id: str | None
    ) -> None:
        """The one reply: it names the author, and from the second on a number, because X refuses equal texts."""
        if person.opted_out_at is not None:
            return
        language, texts = self._language(identity), self._runtime.texts
        is_first = await _count_written(session, person, REPLY) == 0
        text = texts.say(language, "x_mention_thanks", reference=mention.id[-6:])
        if is_first and person.opted_in_at is None and _HANDLE.fullmatch(mention.author):
            text = texts.say(language, "x_mention_reply")
        if _HANDLE.fullmatch(mention.author):
            text = f"@{mention.author} {text}"
        reply = XReply(in_reply_to=mention.id, text=text, feedback_id=feedback_id)
        await self._enqueue(session, person, reply, REPLY, f"x-reply:{mention.id}", f"x:{identity.id}")

    async def _enqueue(
        self, session: AsyncSession, person: Person, message: Message, destination: str, dedupe_key: str, lane: str
    ) -> None:
        now = self._runtime.clock.now()
        if await _count_written(session, person, destination, now - timedelta(days=1)) >= WRITTEN_A_DAY:
            logger.info("nothing more is written to this person on X today")
            return
        await enqueue(
            session,
            message,
            destination=destination,
            dedupe_key=dedupe_key,
            now=now,
            lane=lane,
            person_id=person.id,
        )

    def _language(self, identity: Identity) -> str:
        return identity.language or self._site.language

    async def _run(self, unit: Unit[None]) -> None:
        await self._runtime.store.writer.run(unit)


async def _count_written(session: AsyncSession, person: Person, destination: str, since: datetime | None = None) -> int:
    """What was written to a person, or waits to be."""
    query = select(func.count()).select_from(OutboxMessage)
    query = query.where(col(OutboxMessage.person_id) == person.id, col(OutboxMessage.destination) == destination)
    if since is not None:
        query = query.where(col(OutboxMessage.created_at) > since)
    return int((await session.execute(query)).scalar_one())


def normalise(text: str) -> str:
    """The words alone: "Please STOP!" and "stop" are one."""
    words = re.findall(r"[\w'-]+", text.casefold())
    return " ".join([word for word in words if word not in FILLERS] or words)


def read_score(text: str) -> tuple[int | None, str | None]:
    """The number at the beginning, and the words after it."""
    found = _SCORE.match(text)
    if found is None:
        return None, text
    return int(found[1]), text[found.end() :] or None


def _is_after(moment: datetime | None, when: datetime, *, or_equal: bool = False) -> bool:
    return moment is not None and (moment > when or (or_equal and moment == when))

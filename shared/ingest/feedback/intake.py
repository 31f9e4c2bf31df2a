"""Takes feedback in: checked, redacted and scored first; then limits, row, counters, prompt and note in one unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import ceil
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.clock import Clock, local_day
from shared.config import Settings, SiteSettings
from shared.decide.prompts import note_answer
from shared.derive.rollups import count_feedback
from shared.errors import LimitReached, NotAllowed, NotFound
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import Limit, hit_all
from shared.identifiers import keyed_hash, new_id
from shared.ingest.feedback.negative_note import is_very_negative, make_note, tell_if_very_negative
from shared.ingest.feedback.new_feedback import FeedbackOutcome, FeedbackSender, NewFeedback, check_feedback
from shared.ingest.feedback.plain import PlainFeedback, PlainStore
from shared.ingest.feedback.preparing import Preparation, PreparedText, clean_fields
from shared.ingest.feedback.repeats import (
    find_earlier,
    form_keys,
    heard_before,
    remember_message,
    repeat_since,
    stable_key,
)
from shared.ingest.identities import ensure_identity, note_usage, note_web_usage
from shared.ingest.intake_meter import IntakeMeter
from shared.ingest.noise_filter import is_bot
from shared.store.database import Store
from shared.store.dialect import insert_if_new
from shared.store.models import Feedback, Identity, Prompt
from shared.store.outbox import TOPIC as OUTBOX_TOPIC
from shared.store.writer import note_topic
from shared.texts import Texts

TOPIC = "feedback"
HOUR_SECONDS = 3600
MINUTE_SECONDS = 60


@dataclass(frozen=True)
class _Sent:
    """One feedback on its way into the store."""

    new: NewFeedback
    sender: FeedbackSender
    site: SiteSettings
    prepared: PreparedText
    daily_visitor: str | None  # never stored when the browser asked not to be followed
    address_bucket: str | None  # in a limit, of today
    now: datetime

    @property
    def is_from_stranger(self) -> bool:
        """Whether no person moves with it."""
        is_platform = self.sender.platform is not None and self.sender.external_id is not None
        return not is_platform and (self.new.person is None or self.sender.opted_out is not None)

    def language(self, author: "_Author") -> str:
        """In which the sender is answered."""
        return self.sender.language or self.new.language or author.language or self.site.language


@dataclass(frozen=True)
class _Author:
    person_id: str | None
    visitor: str | None
    reply_to: Mapping[str, Any] = field(default_factory=dict)  # how the team can answer
    language: str | None = None  # as the platform last told it


class FeedbackIntake:
    """The one way in for what people tell us, whatever the source."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        hasher: VisitorHasher,
        texts: Texts,
        meter: IntakeMeter,
        key: bytes,
    ) -> None:
        self.settings = settings
        self.store = store
        self._clock = clock
        self._hasher = hasher
        self._texts = texts
        self._meter = meter
        self._key = key
        self._preparation = Preparation()

    @cached_property
    def _plain(self) -> PlainStore:
        """Made with the first feedback: building its statements would only lengthen the start."""
        return PlainStore(self.store.writing_engine.dialect)

    async def take(self, new: NewFeedback, sender: FeedbackSender) -> FeedbackOutcome:
        """Stored when it returns; raises `InvalidInput`, `LimitReached`, `NotAllowed` or `CannotStore`."""
        site = self.settings.site(new.site)
        presented = sender.key or sender.passed_on_by
        if presented is not None and presented.site != new.site:
            raise NotAllowed("This key belongs to another site.")
        if site is None:
            return self._drop("", "unknown_site")
        if sender.key is None and sender.source in ("web", "form") and is_bot(sender.user_agent, site.key):
            return self._drop(site.key, "bot")
        check_feedback(new, self.settings.limits)
        new = clean_fields(new, self.settings.limits, self._key)
        now = self._clock.now()
        prepared = await self._preparation.prepare(new.text, self.settings.sentiment, new.language or sender.language)
        visitor = bucket = None
        if sender.address is not None and sender.key is None:
            visitor = await self._hasher.visitor(site.key, site.zone, sender.address, sender.user_agent or "", now)
            bucket = await self._hasher.address_bucket(sender.address, now)
        sent = _Sent(new, sender, site, prepared, visitor, bucket, now)
        if sent.is_from_stranger and (outcome := await self._store_plainly(sent)) is not None:
            return outcome
        return await self.store.writer.run(lambda session: self._store_once(session, sent), brief=True)

    def _drop(self, site: str, reason: str) -> FeedbackOutcome:
        self._meter.drop_feedback(site, reason)
        return FeedbackOutcome(None, dropped=reason)

    async def _store_plainly(self, sent: _Sent) -> FeedbackOutcome | None:
        """None when it was sent before, which `_store_once` looks at."""
        author = _Author(None, None if sent.sender.opted_out else sent.daily_visitor)
        keys, since = self._keys(sent, author, None)
        plain = PlainFeedback(_row_values(sent, author, None, keys[0]), keys, since, self._limits(sent, author))
        if is_very_negative(plain.row, self.settings.war_room.negative_compound):
            plain.note = make_note(plain.row)
        wait = await self.store.writer.run_steps(lambda: self._plain.steps(plain, sent.now))
        if wait is None:
            return None
        self._refuse_after(wait, sent, author)
        self.store.writer.tell(frozenset({TOPIC} if plain.note is None else {TOPIC, OUTBOX_TOPIC}))
        return FeedbackOutcome(plain.row.id)

    def _keys(self, sent: _Sent, author: _Author, prompt: Prompt | None) -> tuple[list[str], datetime | None]:
        """Under which keys the same thing stands, the first for a new row; and since when that counts."""
        key = stable_key(sent.new, sent.sender, prompt.id if prompt else None)
        if key is not None:
            return [key], None
        minutes = self.settings.limits.form_repeat_minutes
        keys = form_keys(sent.new, _repeater(sent, author), sent.prepared.text, sent.now, minutes)
        return keys, repeat_since(sent.now, minutes)

    async def _store_once(self, session: AsyncSession, sent: _Sent) -> FeedbackOutcome:
        author = await self._recognise(session, sent)
        answered = await heard_before(session, author.person_id, sent.sender.message_key)
        if answered is not None:
            return FeedbackOutcome(answered, repeated=True)
        prompt = await _own_prompt(session, sent.new.prompt, author.person_id)
        keys, since = self._keys(sent, author, prompt)
        earlier = await find_earlier(session, sent.site.key, keys, since)
        if earlier is None:
            row = Feedback(**_row_values(sent, author, prompt, keys[0]))
            if await insert_if_new(session, row):  # before the limits: of twins sent at once only one counts
                await self._check_limits(session, sent, author)
                return await self._follow_up(session, row, prompt, sent.now)
            earlier = await find_earlier(session, sent.site.key, keys[:1])  # another replica was first
        if earlier is None:
            raise NotFound("This feedback was removed a moment ago.")
        by_its_sender = sent.new.id is not None and earlier.source == sent.sender.source
        if prompt is not None or by_its_sender:
            await self._complete_answer(session, earlier, sent)
        return FeedbackOutcome(earlier.id, repeated=True)

    async def _recognise(self, session: AsyncSession, sent: _Sent) -> _Author:
        sender, new = sent.sender, sent.new
        if sender.platform is not None and sender.external_id is not None:
            identity, person = await ensure_identity(
                session,
                self._key,
                sender.platform,
                sender.external_id,
                sent.site.key,
                sent.now,
                sender.language,
                sender.guild_id,
            )
            if sender.counts_as_usage:
                await note_usage(session, self.settings, identity, person, sent.site, sent.now)
            passed_on = not sender.counts_as_usage  # who did not write to us is not written to
            reply_to = sender.reply_to if passed_on else {"identity_id": identity.id, **sender.reply_to}
            language = None if passed_on else identity.language or person.language
            return _Author(person.id, None, reply_to, language)
        if sender.opted_out:
            return _Author(None, None)
        if new.person is not None:
            return _Author(
                *await note_web_usage(
                    session,
                    self.settings,
                    self._key,
                    sent.site,
                    new.person,
                    sent.now,
                    language=new.language,
                    zone=new.zone,
                )
            )
        return _Author(None, sent.daily_visitor)

    async def _check_limits(self, session: AsyncSession, sent: _Sent, author: _Author) -> None:
        self._refuse_after(await hit_all(session, self._limits(sent, author), sent.now), sent, author)

    def _refuse_after(self, wait: int, sent: _Sent, author: _Author) -> None:
        """Raises `LimitReached` when there are seconds to wait."""
        if wait:
            minutes = ceil(wait / MINUTE_SECONDS)
            raise LimitReached(self._texts.say(sent.language(author), "limited", count=minutes), wait)

    def _limits(self, sent: _Sent, author: _Author) -> list[Limit]:
        limits, sender = self.settings.limits, sent.sender
        checked = [Limit("feedback:all", limits.feedback_overall_minute, MINUTE_SECONDS)]

        def check(bucket: str, most: int) -> None:
            checked.append(Limit(f"feedback:{bucket}", most, HOUR_SECONDS))

        if sender.limited_as is not None:
            check(passer_on_bucket(self._key, sender.limited_as), limits.feedback_per_person_hour)
        elif author.person_id is not None:
            check(person_bucket(author.person_id), limits.feedback_per_person_hour)
        if author.visitor is not None:
            check(f"visitor:{author.visitor}", limits.feedback_per_visitor_hour)
        if sent.address_bucket is not None:
            check(f"address:{sent.address_bucket}", limits.feedback_per_address_hour)
        return checked

    async def _follow_up(
        self, session: AsyncSession, row: Feedback, prompt: Prompt | None, now: datetime
    ) -> FeedbackOutcome:
        await count_feedback(session, row)
        if prompt is not None:
            await note_answer(session, prompt.id, now)
        await tell_if_very_negative(session, row, self.settings.war_room.negative_compound, now)
        note_topic(session, TOPIC)
        return FeedbackOutcome(row.id)

    async def _complete_answer(self, session: AsyncSession, row: Feedback, sent: _Sent) -> None:
        """A score after the words, or a reason and words after the score: one answer, the first of each kept."""
        row.reply_to = remember_message(row.reply_to, sent.sender.message_key)
        if row.score is None and sent.new.score is not None:
            await count_feedback(session, row, -1)
            row.score = sent.new.score
            row.scale_min, row.scale_max = sent.new.bounds or (None, None)
            await session.flush()
            await count_feedback(session, row)
            note_topic(session, TOPIC)
        row.reason = row.reason or sent.new.reason
        if row.text is None and sent.prepared.text is not None:
            await self._set_words(session, row, sent.prepared, sent.now)

    async def add_words(
        self, feedback_id: str, text: str, *, platform: str | None = None, external_id: str | None = None
    ) -> FeedbackOutcome:
        """Words that follow a score belong to the same feedback; sent twice they count once.

        With a platform identity the feedback must be that person's own, else `NotFound`.
        """
        async with self.store.read() as session:
            row = await _own_feedback(session, feedback_id, platform, external_id)
        joined = _joined(row.text, text, self.settings.limits.text_characters)
        prepared = await self._preparation.prepare(joined, self.settings.sentiment, row.language)
        before, now = row.text, self._clock.now()

        async def unit(session: AsyncSession) -> FeedbackOutcome:
            current = await _own_feedback(session, feedback_id, platform, external_id)
            if prepared.text == current.text or prepared.text is None or current.text != before:
                return FeedbackOutcome(feedback_id, repeated=True)
            await self._set_words(session, current, prepared, now)
            return FeedbackOutcome(feedback_id)

        return await self.store.writer.run(unit)

    async def _set_words(self, session: AsyncSession, row: Feedback, prepared: PreparedText, now: datetime) -> None:
        await count_feedback(session, row, -1)
        for name, value in prepared.columns.items():
            setattr(row, name, value)
        await session.flush()
        await count_feedback(session, row)
        await tell_if_very_negative(session, row, self.settings.war_room.negative_compound, now, words_came_later=True)
        note_topic(session, TOPIC)


def person_bucket(person_id: str) -> str:
    """The limit of one known person; erasing removes it."""
    return f"person:{person_id}"


def passer_on_bucket(key: bytes, account: str) -> str:
    """The limit of who passes on what others wrote; erasing removes it."""
    return f"by:{keyed_hash(key, 'limit', account)}"


def _repeater(sent: _Sent, author: _Author) -> str | None:
    """Who a form without an id is recognised by. The daily hash goes into a one-way mix with the text only."""
    return author.person_id or author.visitor or sent.daily_visitor


def _row_values(sent: _Sent, author: _Author, prompt: Prompt | None, key: str) -> dict[str, Any]:
    new, bounds = sent.new, sent.new.bounds
    return {
        "id": new_id(sent.now),
        "site": sent.site.key,
        "external_key": key,
        "source": sent.sender.source,
        "received_at": sent.now,
        "local_day": local_day(sent.now, sent.site.zone),
        "person_id": author.person_id,
        "visitor": author.visitor,
        "prompt_id": prompt.id if prompt else None,
        "survey": prompt.survey if prompt else new.survey,
        "score": new.score,
        "scale_min": bounds[0] if bounds else None,
        "scale_max": bounds[1] if bounds else None,
        "category": new.category or "unsorted",
        "reason": new.reason,
        "page": new.page,
        "element": new.element,
        "plan": new.plan,
        "segment": new.segment,
        "contact": new.contact,
        "reply_to": remember_message(author.reply_to, sent.sender.message_key if prompt else None),
        **sent.prepared.columns,
    }


def _joined(before: str | None, added: str, limit: int) -> str:
    added = added.strip()
    if not before or before == added:
        return added[:limit]
    if before.endswith("\n" + added):
        return before
    return f"{before}\n{added}"[:limit]


async def _own_prompt(session: AsyncSession, prompt_id: str | None, person_id: str | None) -> Prompt | None:
    """The prompt, if it was this person who was asked."""
    if prompt_id is None or person_id is None:
        return None
    query = select(Prompt).where(Prompt.id == prompt_id, Prompt.person_id == person_id)
    return (await session.execute(query)).scalar_one_or_none()


async def _own_feedback(
    session: AsyncSession, feedback_id: str, platform: str | None, external_id: str | None
) -> Feedback:
    query = select(Feedback).where(Feedback.id == feedback_id)
    if platform is not None:
        owner = select(Identity.person_id).where(Identity.platform == platform, Identity.external_id == external_id)
        query = query.where(Feedback.person_id == owner.scalar_subquery())
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such feedback.")
    return found

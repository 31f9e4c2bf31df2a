"""Keeps X read: direct messages first, because a STOP must be heard before anything is said, then mentions.

One task for the leader. The way out is attached only while the direct messages are read up to the newest; an outage,
a rate limit or a spent budget detaches it, so that what waits in the outbox keeps waiting.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.channels.x_channel import XChannel
from bot.x_budget import DM_EVENT_READ, OWNED_READ, USER_READ, BudgetSpent, XBudget
from bot.x_client import DirectMessage, Mention, Page, XClient, XFailure, XLimited, XUnauthorized, open_client
from bot.x_inbox import XInbox
from bot.x_timeline import Backlog, Progress, Timeline
from shared.config import SiteSettings
from shared.errors import CannotStore
from shared.runtime import Runtime

logger = logging.getLogger(__name__)

PART = "x"
TICK_SECONDS = 1.0
LONGEST_PAUSE = timedelta(minutes=15)
MENTIONS_PAGE = (5, 20)  # least (X takes no less) and most of a first page
MESSAGES_PAGE = (1, 5)  # X knows no "since" here, so each reading pays for a whole page once a day


class XReader:
    """`run()` until cancelled."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def run(self) -> None:
        settings, parts = self._runtime.settings, self._runtime.parts
        site = settings.site(settings.x.site) if settings.x.site else next(iter(settings.all_sites()), None)
        if not settings.x.enabled or not settings.secrets.has_x() or site is None:
            parts.set(PART, "off", "X is off: it needs x.enabled, the four WARROOM_X_… secrets and a site.")
            return
        parts.set(PART, "down", "X is being connected.")
        async with open_client(settings) as client:
            line = XLine(self._runtime, client, site)
            try:
                while True:
                    await line.read_due()
                    await self._runtime.clock.sleep(TICK_SECONDS)
            finally:
                line.close()


@dataclass
class _Rhythm:
    """When one place is read next; failures stretch the pause."""

    seconds: float
    due_at: datetime | None = None
    failures: int = 0

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now

    def went_well(self, now: datetime) -> None:
        self.failures, self.due_at = 0, now + timedelta(seconds=self.seconds)

    def went_wrong(self, now: datetime, until: datetime | None = None) -> None:
        self.failures = min(self.failures + 1, 8)
        pause = timedelta(seconds=self.seconds * 2 ** (self.failures - 1))
        self.due_at = until or now + min(pause, LONGEST_PAUSE)


@dataclass
class XLine:
    """One connected account: what is read, and the way out."""

    runtime: Runtime
    client: XClient
    site: SiteSettings
    budget: XBudget = field(init=False)
    channel: XChannel = field(init=False)

    def __post_init__(self) -> None:
        settings, store, clock = self.runtime.settings.x, self.runtime.store, self.runtime.clock
        self.budget = XBudget(settings, store, clock)
        self.channel = XChannel(self.runtime, self.client, self.budget)
        self._inbox = XInbox(self.runtime, self.site)
        self._problems: dict[str, Exception] = {}
        self._rhythms = {
            "messages": _Rhythm(settings.poll_messages_seconds),
            "mentions": _Rhythm(settings.poll_mentions_seconds),
        }
        self._messages: Timeline[DirectMessage] = Timeline(
            "x:messages", (DM_EVENT_READ,), MESSAGES_PAGE, self._message_page, _bill_messages, store, clock, self.budget
        )
        self._mentions: Timeline[Mention] = Timeline(
            "x:mentions",
            (OWNED_READ, USER_READ),
            MENTIONS_PAGE,
            self._mention_page,
            _bill_mentions,
            store,
            clock,
            self.budget,
        )

    async def read_due(self) -> None:
        """Reads what is due by now: messages, then mentions."""
        for place, read in (("messages", self.read_messages), ("mentions", self.read_mentions)):
            if self._rhythms[place].is_due(self.runtime.clock.now()):
                await self._try(place, read)
        self._report()

    async def read_messages(self) -> Exception | None:
        """Takes in new direct messages; what cut it short, if anything did."""
        batch = await self._messages.read_new()
        foreign = [message for message in batch.entries if message.sender_id != self.client.own_id]
        for message in foreign:
            await self._take(message.id, lambda message=message: self._inbox.take_message(message))  # type: ignore[misc]
        await self._messages.keep(batch.progress)
        return batch.shortage

    async def read_mentions(self) -> Exception | None:
        """Takes in new mentions; what cut it short, if anything did."""
        batch = await self._mentions.read_new()
        foreign = [mention for mention in batch.entries if mention.author_id != self.client.own_id]
        for mention in foreign:
            await self._take(mention.id, lambda mention=mention: self._inbox.take_mention(mention))  # type: ignore[misc]
        await self._mentions.keep(batch.progress)
        return batch.shortage

    def close(self) -> None:
        self.runtime.channels.detach(self.channel)
        self.runtime.parts.set(PART, "down", "X is stopped.")

    async def _try(self, place: str, read: Callable[[], Awaitable[Exception | None]]) -> None:
        try:
            problem = await read()
        except (XFailure, BudgetSpent, CannotStore) as error:
            problem = error
        now, rhythm = self.runtime.clock.now(), self._rhythms[place]
        if problem is None:
            self._problems.pop(place, None)
            rhythm.went_well(now)
        else:
            self._problems[place] = problem
            rhythm.went_wrong(now, _until(problem, now))
            logger.warning("X %s: %s", place, problem)
        if place == "messages":
            self._open_or_close(is_heard=problem is None)

    def _open_or_close(self, *, is_heard: bool) -> None:
        change = self.runtime.channels.attach if is_heard else self.runtime.channels.detach
        change(self.channel)

    async def _take(self, entry_id: str, take: Callable[[], Awaitable[None]]) -> None:
        """One message that cannot be taken in must not stop those after it; a store that is down must."""
        try:
            await take()
        except CannotStore:
            raise
        except Exception:  # the border of the loop
            logger.exception("message %s of X could not be taken in", entry_id)

    def _report(self) -> None:
        parts = self.runtime.parts
        if not self._problems:
            parts.set(PART, "ok", "X is connected.")
            return
        sentences = dict.fromkeys(_sentence(problem) for problem in self._problems.values())
        is_meant = all(isinstance(problem, BudgetSpent) for problem in self._problems.values())
        parts.set(PART, "off" if is_meant else "down", " ".join(sentences))

    async def _message_page(self, size: int, progress: Progress, token: str | None) -> Page[DirectMessage]:
        return await self.client.messages(size, token=token)

    async def _mention_page(self, size: int, progress: Progress, token: str | None) -> Page[Mention]:
        return await self.client.mentions(size, since_id=progress.mark, token=token)


def _bill_messages(messages: Sequence[DirectMessage]) -> Mapping[str, set[str]]:
    return {DM_EVENT_READ: {message.id for message in messages}}


def _bill_mentions(mentions: Sequence[Mention]) -> Mapping[str, set[str]]:
    """The authors come along; whether X charges them is not said, so they are counted."""
    return {
        OWNED_READ: {mention.id for mention in mentions},
        USER_READ: {mention.author_id for mention in mentions},
    }


def _until(problem: Exception, now: datetime) -> datetime | None:
    """When the next reading makes sense, if that is known."""
    match problem:
        case Backlog():
            return now
        case BudgetSpent():
            return problem.until
        case XLimited():
            return problem.reset_at
        case XUnauthorized():
            return now + LONGEST_PAUSE
    return None


def _sentence(problem: Exception) -> str:
    match problem:
        case BudgetSpent():
            return f"X has used its budget for today and goes on at {problem.until:%Y-%m-%d %H:%M} UTC."
        case XUnauthorized():
            return "X refuses the keys: put valid ones into the four WARROOM_X_… secrets and restart."
        case XLimited() if problem.reset_at is not None:
            return f"X limits the rate until {problem.reset_at:%H:%M} UTC."
    return f"{str(problem).rstrip('.')}."

"""Watches whether changes can still be stored: for `/readyz`, and to tell the team once when not and once when again.

Commits of real work are the evidence; only when there were none for a while a small unit is tried. The word that
nothing can be stored cannot itself be stored, so it is the one message that goes to the War Room past the outbox,
once and never again; the word that all is well goes through the outbox.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.deliver.channel import ChannelDirectory
from shared.errors import CannotStore
from shared.identifiers import message_nonce
from shared.messages import WAR_ROOM, Notice
from shared.store.database import Store
from shared.store.dialect import insert_for
from shared.store.models import OutboxMessage, OutboxState, StateValue
from shared.store.outbox import enqueue

logger = logging.getLogger(__name__)

PROBE = "write_probe"  # the key of the small value that is touched
TICK_SECONDS = 1.0
QUIET_SECONDS = 5.0  # so long without a commit nothing is known any more
ANSWER_SECONDS = 2.0  # how long a tried unit may take
AGAIN_SECONDS = 0.5  # least time between two tries, whoever asks
SURE_SECONDS = 2.0  # a fault is told, and its end believed, when it lasted so long
LEAST_BETWEEN_WORDS = timedelta(minutes=10)
SEND_SECONDS = 10.0


class StoreWatch:
    """`check` answers `/readyz`; `run` tells the team."""

    def __init__(
        self, clock: Clock, store: Store, channels: ChannelDirectory, is_leader: Callable[[], bool], instance: str
    ) -> None:
        self._clock = clock
        self._store = store
        self._channels = channels
        self._is_leader = is_leader
        self._instance = instance
        self._seen_commits = -1
        self._known_at = float("-inf")  # monotonic: when a commit was last seen
        self._tried_at = float("-inf")
        self._problem: str | None = None
        self._probe: asyncio.Task[None] | None = None
        self._wrong_since: float | None = None
        self._right_since: float | None = None
        self._began_at: datetime | None = None  # of the fault that was told
        self._led = False  # when the fault began
        self._is_ours_to_tell = False
        self._told_at: datetime | None = None

    async def check(self) -> str | None:
        """What keeps changes from being stored, or None; takes at most `ANSWER_SECONDS`."""
        now, record = self._clock.monotonic(), self._store.writer.record
        if not record.is_failing and record.commits != self._seen_commits:
            self._seen_commits, self._known_at, self._problem = record.commits, now, None
        is_known = not record.is_failing and self._problem is None and now - self._known_at < QUIET_SECONDS
        if not is_known and now - self._tried_at >= AGAIN_SECONDS:
            self._tried_at = now
            self._problem = await self._try_to_write()
        return self._problem

    async def _try_to_write(self) -> str | None:
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._store.writer.run(self._touch), name="write probe")
            self._probe.add_done_callback(_look_at_error)
        await asyncio.wait([self._probe], timeout=ANSWER_SECONDS)
        if not self._probe.done():
            return "the database takes no changes: it does not answer"
        error = self._probe.exception()
        if error is None:
            self._known_at = self._clock.monotonic()
            return None
        cause = error.__cause__ or error
        return f"the database takes no changes ({type(getattr(cause, 'orig', None) or cause).__name__})"

    async def _touch(self, session: AsyncSession) -> None:
        now = self._clock.now()
        statement = insert_for(session, StateValue).values(key=PROBE, value={}, changed_at=now)
        statement = statement.on_conflict_do_update(index_elements=["key"], set_={"changed_at": now})
        await session.execute(statement)

    async def run(self) -> None:
        """Until cancelled: looks each second, and tells a fault and its end once each."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One look: a fault is told when it lasts, its end when that lasts."""
        problem, now = await self.check(), self._clock.monotonic()
        if problem is not None:
            self._right_since = None
            if self._wrong_since is None:
                self._wrong_since = now
                self._led = self._is_leader()  # soon nobody does: the lease cannot be renewed either
            if self._began_at is None and now - self._wrong_since >= SURE_SECONDS:
                await self._tell_fault(problem)
            return
        self._wrong_since = None
        self._right_since = now if self._right_since is None else self._right_since
        if self._began_at is not None and now - self._right_since >= SURE_SECONDS:
            await self._tell_end(self._began_at)

    async def _tell_fault(self, problem: str) -> None:
        now = self._began_at = self._clock.now()
        logger.error("%s; senders are told to try again", problem)
        is_new = self._told_at is None or now - self._told_at >= LEAST_BETWEEN_WORDS
        self._is_ours_to_tell = is_new and self._led
        channel = self._channels.for_destination(WAR_ROOM)
        if not self._is_ours_to_tell or channel is None:
            return
        self._told_at = now
        notice = Notice(
            title="Nothing can be stored",
            text=f"Since {_clock_time(now)} UTC {problem}. Senders are told to try again; nothing that was "
            "acknowledged is lost. See /readyz, the disk and the database.",
            severity="bad",
        )
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.send(self._unstored(notice, now), notice)
        except Exception as error:  # whatever a platform says: the log has it, and the end is told
            logger.warning("the War Room could not be told: %s", type(error).__name__)

    def _unstored(self, notice: Notice, now: datetime) -> OutboxMessage:
        """The row that could not be written."""
        return OutboxMessage(
            kind=notice.kind,
            destination=WAR_ROOM,
            lane=WAR_ROOM,
            dedupe_key=f"store:{now.isoformat()}",
            site=notice.site,
            payload=notice.model_dump(mode="json"),
            state=OutboxState.CLAIMED.value,
            created_at=now,
            next_try_at=now,
            attempts=1,
            nonce=message_nonce(-int(now.timestamp()), self._instance),
        )

    async def _tell_end(self, began_at: datetime) -> None:
        ended_at = self._clock.now()
        seconds = round((ended_at - began_at).total_seconds())
        notice = Notice(
            title="Changes are stored again",
            text=f"From {_clock_time(began_at)} to {_clock_time(ended_at)} UTC ({seconds} s) nothing could be stored; "
            "senders were told to try again.",
        )
        key = f"store:{began_at.isoformat()}:end"
        if self._is_ours_to_tell:
            try:
                await self._store.writer.run(
                    lambda session: enqueue(session, notice, destination=WAR_ROOM, dedupe_key=key, now=ended_at)
                )
            except CannotStore:
                return  # not over after all; looked at again
        logger.info("changes are stored again after %d s", seconds)
        self._began_at = None


def _look_at_error(task: asyncio.Task[None]) -> None:
    """So that an error which nobody waited for is not reported by the loop."""
    if not task.cancelled():
        task.exception()


def _clock_time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"

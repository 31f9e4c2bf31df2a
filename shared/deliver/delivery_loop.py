"""Sends what the outbox holds: claims with a lease, sends once, marks what happened.

Each lane has one message on its way at a time and a least pause between two, so a lane that hangs or fails
never holds up another. What follows from an outcome is decided in `delivery_outcomes`.
"""

import asyncio
import logging
from collections.abc import Callable

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.config import Settings
from shared.deliver.channel import Channel, ChannelDirectory, LooksFirst, PermanentFailure, RetryLater, Sent
from shared.deliver.delivery_outcomes import Doubted, Outcome, TooLate, is_too_late, note_uncertain, settle
from shared.errors import CannotStore
from shared.messages import DOUBT, Doubt, parse_message
from shared.store.database import Store
from shared.store.leases import LEADER, holds_lease
from shared.store.models import OutboxMessage, OutboxState
from shared.store.outbox import TOPIC, claim_due, take_back_lost_claims

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0  # also finds what became due by itself or was written by another replica
SWEEP_SECONDS = 30.0
FINISH_SECONDS = 4.0
MARK_TRIES = 60
MAX_SENDING = 20
LANES_KEPT = 2_000


class DeliveryLoop:
    """The one sender; `run` while leader, `run_once` for a single round."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        channels: ChannelDirectory,
        epoch: Callable[[], int],
        is_leader: Callable[[], bool],
        instance: str = "",
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._channels = channels
        self._epoch = epoch
        self._is_leader = is_leader
        self._instance = instance
        self._wake = asyncio.Event()
        self._stopping = False
        self._sending: dict[asyncio.Task[None], str] = {}  # with the lane of each
        self._lane_free_at: dict[str, float] = {}
        self._swept: tuple[int, float] = (0, float("-inf"))  # epoch and time of the last look at lost claims
        store.writer.listen(self._hear)
        channels.listen(self._wake.set)

    async def run(self) -> None:
        """Until stopped or cancelled; what is on its way is finished first."""
        self._stopping = False
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    started = await self._start_due()
                except CannotStore:
                    logger.warning("delivery waits for the store")
                    started = []
                if not started:
                    await self._wait()
        finally:
            await self._finish()

    async def run_once(self) -> int:
        """Sends everything that is due now, at most one message of each lane; how many were tried."""
        started = await self._start_due()
        if started:
            await asyncio.gather(*started)
        return len(started)

    async def stop(self) -> None:
        """Takes nothing new and waits for what is on its way."""
        self._stopping = True
        self._wake.set()
        await self._finish()

    def _hear(self, topics: frozenset[str]) -> None:
        if TOPIC in topics:
            self._wake.set()

    async def _wait(self) -> None:
        now = self._clock.monotonic()
        paces = [free_at - now for free_at in self._lane_free_at.values() if free_at > now]
        try:
            await asyncio.wait_for(self._wake.wait(), min([POLL_SECONDS, *paces]))
        except TimeoutError:
            pass

    async def _start_due(self) -> list[asyncio.Task[None]]:
        destinations = sorted(self._channels.destinations())
        free = MAX_SENDING - len(self._sending)
        if not self._is_leader():
            return []
        await self._take_over()
        if not destinations or free <= 0:
            return []
        tasks = []
        for row in await self._claim(destinations, free):
            task = asyncio.create_task(self._deliver(row), name=f"delivery of {row.id}")
            self._sending[task] = row.lane
            task.add_done_callback(self._forget)
            tasks.append(task)
        return tasks

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a delivery failed", exc_info=error)
        self._wake.set()

    async def _claim(self, destinations: list[str], limit: int) -> list[OutboxMessage]:
        now, epoch, delivery = self._clock.now(), self._epoch(), self._settings.delivery
        busy = [*self._paced_lanes(), *self._sending.values()]
        lease = 2 * delivery.send_timeout_seconds + SWEEP_SECONDS

        async def unit(session: AsyncSession) -> list[OutboxMessage]:
            if not await holds_lease(session, LEADER, epoch):
                return []
            return await claim_due(
                session,
                now,
                epoch,
                lease,
                destinations,
                limit,
                self._instance,
                skip_lanes=busy,
                patience=delivery.attempts,
            )

        return await self._store.writer.run(unit)

    def _paced_lanes(self) -> list[str]:
        now = self._clock.monotonic()
        if len(self._lane_free_at) > LANES_KEPT:
            self._lane_free_at = {lane: free_at for lane, free_at in self._lane_free_at.items() if free_at > now}
        return [lane for lane, free_at in self._lane_free_at.items() if free_at > now]

    async def _take_over(self) -> None:
        """Settles claims whose holder is gone: at the start of each epoch, then now and then."""
        epoch, (swept_epoch, swept_at) = self._epoch(), self._swept
        if self._sending or (epoch == swept_epoch and self._clock.monotonic() - swept_at < SWEEP_SECONDS):
            return
        now = self._clock.now()

        async def unit(session: AsyncSession) -> int:
            if not await holds_lease(session, LEADER, epoch):
                return 0
            uncertain = await take_back_lost_claims(session, now, epoch)
            for row in uncertain:
                await note_uncertain(session, row, "the process ended while sending", now)
            return len(uncertain)

        if count := await self._store.writer.run(unit):
            logger.warning("%d messages may or may not have arrived and are not repeated", count)
        self._swept = (epoch, self._clock.monotonic())

    async def _deliver(self, row: OutboxMessage) -> None:
        outcome = await self._try(row)
        self._lane_free_at[row.lane] = self._clock.monotonic() + self._settings.delivery.channel_pace_seconds
        state = await self._settle(row, outcome)
        if state is OutboxState.DEAD:
            logger.error("message %s (%s) is a dead letter", row.id, row.kind)
        elif not isinstance(outcome, Sent):
            logger.warning("message %s (%s) was not sent: %s", row.id, row.kind, type(outcome).__name__)

    async def _try(self, row: OutboxMessage) -> Outcome:
        if is_too_late(row, self._clock.now()):
            return TooLate()
        channel = self._channels.for_destination(row.destination)
        if channel is None:
            return RetryLater("nothing is connected for it")
        try:
            message = parse_message(row.payload)
        except ValidationError:
            return PermanentFailure("the stored message cannot be read", "unreadable")
        seconds = self._settings.delivery.send_timeout_seconds
        if (found := await self._look(channel, row, seconds)) is not None:
            return found
        try:
            return await asyncio.wait_for(channel.send(row, message), seconds)
        except (RetryLater, PermanentFailure) as failure:
            return failure
        except TimeoutError:
            return Doubted(f"no answer within {seconds:.0f} s")
        except Exception as error:  # the border of a platform: whatever it was, it may have arrived
            logger.exception("channel %s failed unexpectedly", channel.name)
            return Doubted(f"unexpected {type(error).__name__}")

    async def _look(self, channel: Channel, row: OutboxMessage, seconds: float) -> Sent | RetryLater | None:
        """For kinds that must not appear twice: whether an earlier try arrived; None: send it."""
        if row.attempts < 2 or DOUBT[row.kind] is not Doubt.LOOK_THEN_RESEND or not isinstance(channel, LooksFirst):
            return None
        try:
            return await asyncio.wait_for(channel.already_sent(row), seconds)
        except RetryLater as later:
            return later
        except Exception as error:  # looking failed, so nothing was sent now
            return RetryLater(f"could not look for an earlier try ({type(error).__name__})")

    async def _settle(self, row: OutboxMessage, outcome: Outcome) -> OutboxState | None:
        """What was sent must be marked: waits for a busy store rather than send it again."""
        for _ in range(MARK_TRIES):
            now = self._clock.now()
            try:
                return await self._store.writer.run(
                    lambda session, now=now: settle(session, self._settings, row, outcome, now)  # type: ignore[misc]
                )
            except CannotStore:
                logger.warning("message %s waits to be marked", row.id)
                await self._clock.sleep(1.0)
        return None

    async def _finish(self) -> None:
        if not self._sending:
            return
        _, late = await asyncio.wait(list(self._sending), timeout=FINISH_SECONDS)
        for task in late:
            task.cancel()  # its claim is settled by the next leader
        if late:
            await asyncio.wait(late, timeout=1.0)

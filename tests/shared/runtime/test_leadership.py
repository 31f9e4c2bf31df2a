"""Leadership: one leads, parts run with the lease and stop with it, a failing part is started again."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text

from shared.clock import ManualClock
from shared.runtime.leadership import Leadership
from shared.store.database import Store
from shared.store.leases import LEADER, holds_lease, release_lease, renew_lease, take_lease


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_one_holds_the_lease_until_it_ends(store: Store, clock: ManualClock) -> None:
    first = await store.writer.run(lambda session: take_lease(session, LEADER, "a", clock.now(), 10))
    assert first is not None
    assert await store.writer.run(lambda session: take_lease(session, LEADER, "b", clock.now(), 10)) is None
    clock.advance(seconds=11)
    second = await store.writer.run(lambda session: take_lease(session, LEADER, "b", clock.now(), 10))
    assert second is not None
    assert second.epoch == first.epoch + 1
    assert await store.writer.run(lambda session: renew_lease(session, first, clock.now(), 10)) is None
    async with store.read() as session:
        assert await holds_lease(session, LEADER, second.epoch)
        assert not await holds_lease(session, LEADER, first.epoch)


async def test_a_released_lease_is_free_at_once(store: Store, clock: ManualClock) -> None:
    held = await store.writer.run(lambda session: take_lease(session, LEADER, "a", clock.now(), 10))
    assert held is not None
    await store.writer.run(lambda session: release_lease(session, held, clock.now()))
    assert await store.writer.run(lambda session: take_lease(session, LEADER, "b", clock.now(), 10)) is not None


async def test_parts_run_while_we_lead_and_stop_with_us(store: Store, clock: ManualClock) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def part() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    leadership = Leadership(store, clock, 30)
    task = asyncio.create_task(leadership.run([("part", part)]))
    await asyncio.wait_for(started.wait(), 10)
    assert leadership.is_leader()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stopped.is_set()
    assert not leadership.is_leader()


async def test_a_leader_whose_lease_was_taken_stops_its_parts(store: Store, clock: ManualClock) -> None:
    stopped = asyncio.Event()

    async def part() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    leadership = Leadership(store, clock, 0.3)
    task = asyncio.create_task(leadership.run([("part", part)]))
    await until(leadership.is_leader)
    await until(lambda: leadership._running)
    later = clock.now() + timedelta(hours=1)
    await store.writer.run(lambda session: take_lease(session, LEADER, "other", later, 3600, force=True))
    await asyncio.wait_for(stopped.wait(), 10)
    assert not leadership.is_leader()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_part_that_fails_is_started_again(store: Store, clock: ManualClock) -> None:
    runs: list[int] = []
    again = asyncio.Event()

    async def part() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("once")
        again.set()
        await asyncio.Event().wait()

    leadership = Leadership(store, clock, 0.3)
    task = asyncio.create_task(leadership.run([("part", part)]))
    await asyncio.wait_for(again.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_failure_that_nobody_foresaw_does_not_end_leading(store: Store, clock: ManualClock) -> None:
    """Without its table a renewal fails in the driver's own way; once it is back, leading goes on."""

    async def rename(old: str, new: str) -> None:
        await store.writer.run(lambda session: session.execute(text(f"ALTER TABLE {old} RENAME TO {new}")))

    leadership = Leadership(store, clock, 0.3)
    task = asyncio.create_task(leadership.run([]))
    await until(leadership.is_leader)
    await rename("lease", "lease_away")
    await until(lambda: not leadership.is_leader())
    assert not task.done()
    await rename("lease_away", "lease")
    await until(leadership.is_leader)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

"""Open pages hear that there is something new."""

import asyncio

from shared.clock import SystemClock
from shared.deliver.live_feed import FEEDBACK_TOPIC, LiveFeed
from shared.messages import Notice
from shared.store.database import open_store
from shared.store.outbox import enqueue
from shared.store.writer import note_topic


async def put(store, clock, key: str) -> None:
    notice = Notice(title="x", text="y")
    await store.writer.run(
        lambda session: enqueue(session, notice, destination="war_room", dedupe_key=key, now=clock.now())
    )


async def test_a_page_is_told_at_once_and_after_each_change(store, clock):
    feed = LiveFeed(store, SystemClock())
    ticks = feed.subscribe(idle_seconds=30)
    assert await anext(ticks) is True
    await put(store, clock, "one")
    assert await anext(ticks) is True
    await ticks.aclose()
    assert feed._waiting == set()


async def test_silence_is_told_too(store):
    ticks = LiveFeed(store, SystemClock()).subscribe(idle_seconds=0.02)
    assert [await anext(ticks) for _ in range(3)] == [True, False, False]
    await ticks.aclose()


async def test_feedback_is_heard_and_other_changes_are_not(store):
    async def note(session, topic):
        note_topic(session, topic)

    ticks = LiveFeed(store, SystemClock()).subscribe(idle_seconds=0.05)
    await anext(ticks)
    await store.writer.run(lambda session: note(session, "weather"))
    assert await anext(ticks) is False
    await store.writer.run(lambda session: note(session, FEEDBACK_TOPIC))
    assert await anext(ticks) is True
    await ticks.aclose()


async def test_all_pages_hear(store, clock):
    feed = LiveFeed(store, SystemClock())
    pages = [feed.subscribe(idle_seconds=30) for _ in range(3)]
    for page in pages:
        await anext(page)
    waiting = [asyncio.ensure_future(anext(page)) for page in pages]
    await put(store, clock, "one")
    assert await asyncio.gather(*waiting) == [True] * 3
    for page in pages:
        await page.aclose()


async def test_what_another_replica_writes_is_seen(store, settings, clock):
    if settings.uses_sqlite:
        return  # one process owns the file
    other = open_store(settings)
    ticks = LiveFeed(store, SystemClock()).subscribe(idle_seconds=30)
    await anext(ticks)
    await put(other, clock, "elsewhere")
    assert await anext(ticks) is True
    await ticks.aclose()
    await other.close()

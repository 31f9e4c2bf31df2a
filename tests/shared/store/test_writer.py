"""Units of work: durable before the caller wakes, and a failing unit harms nobody else."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.config import Settings
from shared.errors import CannotStore
from shared.store.database import DATABASE_FILE, Store
from shared.store.dialect import insert_if_new
from shared.store.models import StateValue
from shared.store.sqlite_writer import SqliteWriter
from shared.store.writer import ERASED, note_topic

NOW = datetime(2026, 3, 11, tzinfo=UTC)


def make_value(key: str) -> StateValue:
    return StateValue(key=key, value={"n": 1}, changed_at=NOW)


async def stored_keys(store: Store) -> list[str]:
    async with store.read() as session:
        return sorted((await session.execute(select(StateValue.key))).scalars())


async def test_a_unit_is_readable_when_its_caller_wakes(store: Store) -> None:
    async def unit(session: AsyncSession) -> str:
        session.add(make_value("a"))
        return "done"

    assert await store.writer.run(unit) == "done"
    assert await stored_keys(store) == ["a"]


async def test_a_failing_unit_rolls_back_only_itself(store: Store) -> None:
    async def good(session: AsyncSession) -> None:
        session.add(make_value("good"))

    async def bad(session: AsyncSession) -> None:
        session.add(make_value("bad"))
        await session.flush()
        raise ValueError("no")

    results = await asyncio.gather(store.writer.run(good), store.writer.run(bad), return_exceptions=True)
    assert isinstance(results[1], ValueError)
    assert await stored_keys(store) == ["good"]


async def test_a_brief_unit_is_stored_and_rolled_back_like_any_other(store: Store) -> None:
    async def unit(session: AsyncSession, key: str) -> None:
        session.add(make_value(key))
        await session.flush()
        if key == "bad":
            raise ValueError("no")

    units = [store.writer.run(lambda session, key=key: unit(session, key), brief=True) for key in ("a", "bad", "b")]  # type: ignore[misc]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert await stored_keys(store) == ["a", "b"]


@pytest.mark.parametrize("brief", [True, False])
async def test_only_a_brief_unit_of_sqlite_keeps_the_loop_for_itself(store: Store, brief: bool) -> None:
    turns = 0

    async def unit(session: AsyncSession) -> int:
        asyncio.get_running_loop().call_soon(note_turn)
        session.add(make_value("a"))
        await session.flush()
        return len((await session.execute(select(StateValue.key))).all()) * 100 + turns

    def note_turn() -> None:
        nonlocal turns
        turns += 1

    stays = brief and isinstance(store.writer, SqliteWriter)
    assert await store.writer.run(unit, brief=brief) == (100 if stays else 101)
    assert await stored_keys(store) == ["a"]


async def test_a_second_row_under_a_unique_key_is_refused_quietly(store: Store) -> None:
    async def unit(session: AsyncSession) -> bool:
        return await insert_if_new(session, make_value("a"))

    assert await store.writer.run(unit) is True
    assert await store.writer.run(unit) is False


async def test_listeners_hear_the_topics_of_a_commit(store: Store) -> None:
    heard: list[frozenset[str]] = []
    store.writer.listen(heard.append)

    async def unit(session: AsyncSession) -> None:
        session.add(make_value("a"))
        note_topic(session, "outbox")

    await store.writer.run(unit)
    assert heard == [frozenset({"outbox"})]


async def test_a_full_queue_says_busy(store: Store) -> None:
    writer = store.writer
    if isinstance(writer, SqliteWriter):
        writer._queue_limit = 0
    else:
        writer._free = 0  # type: ignore[attr-defined]

    async def unit(session: AsyncSession) -> None:
        session.add(make_value("a"))

    with pytest.raises(CannotStore):
        await writer.run(unit)


async def test_readers_cannot_write_on_sqlite(store: Store) -> None:
    if store.is_postgresql:
        return
    async with store.read() as session:
        session.add(make_value("a"))
        with pytest.raises(OperationalError, match="readonly"):
            await session.flush()


async def test_many_units_at_once_are_all_stored(store: Store) -> None:
    async def store_one(number: int) -> None:
        async def unit(session: AsyncSession) -> None:
            session.add(make_value(f"{number:03}"))

        await store.writer.run(unit)

    await asyncio.gather(*(store_one(number) for number in range(60)))
    assert len(await stored_keys(store)) == 60


async def test_erased_words_are_in_no_file_of_sqlite(store: Store, settings: Settings) -> None:
    if store.is_postgresql:
        return

    async def write(session: AsyncSession) -> None:
        session.add(StateValue(key="a", value={"words": "purple-elephant"}, changed_at=NOW))

    async def erase(session: AsyncSession) -> None:
        await session.execute(delete(StateValue))
        note_topic(session, ERASED)

    def is_left() -> bool:
        files = settings.store.data_dir.glob(DATABASE_FILE + "*")
        return any(b"purple-elephant" in path.read_bytes() for path in files)

    await store.writer.run(write)
    assert is_left()
    await store.writer.run(erase)
    assert store._cleaning is not None
    await store._cleaning
    assert not is_left()


async def test_a_listener_that_fails_makes_no_commit_fail(store: Store) -> None:
    def fail(_topics: frozenset[str]) -> None:
        raise RuntimeError("not heard")

    store.writer.listen(fail)

    async def unit(session: AsyncSession) -> str:
        session.add(make_value("a"))
        note_topic(session, "outbox")
        return "done"

    assert await store.writer.run(unit) == "done"
    assert await stored_keys(store) == ["a"]

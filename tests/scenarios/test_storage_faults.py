"""The disk is full, the file is locked, PostgreSQL is gone: senders hear "try again", and all is well again by itself.

Nothing is acknowledged without its row, the process says that it lives and that it is not ready, pages can be read
where the rows can be, and the team hears once of the fault and once of its end.
"""

import asyncio
import os
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from sqlmodel import select

from shared.store.database import DATABASE_FILE
from shared.store.models import OutboxMessage
from tests.postgres_server import PostgresServer, start_postgres
from tests.scenarios.disturbed_process import PROGRAM, SYNC_FAILED, WRITE_FAILED, disturbed
from tests.scenarios.disturbed_process import fault as wrong_disk
from tests.scenarios.load import (
    WITHOUT_LIMITS,
    Journal,
    check_against_store,
    settle,
    under_load,
    watching_health,
)
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

REFUSALS = 8  # of a fault that are waited for
FAULT_SECONDS = float(os.environ.get("WARROOM_FAULT_SECONDS", "0"))  # how long it lasts after that; a release takes 60
HEALTH_SECONDS = 2.5  # ten times what is promised
FULL_BYTES = 1_000_000
RECOVERY_SECONDS = 15.0  # three times what is promised: other tests run beside this one
SENDERS = 4
BEGAN, ENDED = "Nothing can be stored", "Changes are stored again"
Fault = Callable[[WarroomProcess], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def full_disk(warroom: WarroomProcess) -> AsyncIterator[None]:
    """No file of the process may grow beyond a megabyte, which its WAL soon wants to; no root needed."""
    pid = warroom.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@asynccontextmanager
async def locked_file(warroom: WarroomProcess) -> AsyncIterator[None]:
    """Another program holds the write lock of the file, as a careless copy or a shell would."""
    other = sqlite3.connect(warroom.settings.store.data_dir / DATABASE_FILE, isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@asynccontextmanager
async def failing_sync(warroom: WarroomProcess) -> AsyncIterator[None]:
    """The disk takes what is written and says that it could not keep it."""
    with wrong_disk(warroom, sync=(SYNC_FAILED, 0.0)):
        yield


@asynccontextmanager
async def read_only_disk(warroom: WarroomProcess) -> AsyncIterator[None]:
    """The system has made the file system read-only, as it does after an error."""
    with wrong_disk(warroom, write=(WRITE_FAILED, 0.0), truncate=(WRITE_FAILED, 0.0)):
        yield


@pytest.mark.slow
@pytest.mark.timeout(240 + 3 * FAULT_SECONDS)
@pytest.mark.parametrize("fault", [full_disk, locked_file])
async def test_sqlite_that_takes_no_changes(tmp_path: Path, fault: Fault) -> None:
    async with running_warroom(tmp_path, "", {"limits": WITHOUT_LIMITS}) as warroom:
        await live_through(warroom, fault, reads=True)


@pytest.mark.slow
@pytest.mark.timeout(240 + 3 * FAULT_SECONDS)
async def test_a_disk_that_keeps_nothing(tmp_path: Path) -> None:
    variables = disturbed(tmp_path)
    async with running_warroom(tmp_path, "", {"limits": WITHOUT_LIMITS}, variables, program=PROGRAM) as warroom:
        await live_through(warroom, failing_sync, reads=True)
        warroom.shift_clock(minutes=11)  # the team is not told of every flutter
        await live_through(warroom, read_only_disk, reads=True, times=2)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(300 + 3 * FAULT_SECONDS)
async def test_postgresql_that_crashes_and_takes_no_connections(tmp_path: Path) -> None:
    """A server of its own, because the others share theirs."""
    server = await asyncio.to_thread(start_postgres, tmp_path / "postgres")
    try:
        await server.create_database("faults")
        await run_sql(server, "CREATE ROLE app LOGIN; ALTER DATABASE faults OWNER TO app")
        url = server.dsn("faults").replace("//postgres@", "//app@")

        @asynccontextmanager
        async def stopped(_warroom: WarroomProcess) -> AsyncIterator[None]:
            await asyncio.to_thread(server.halt, "immediate")
            try:
                yield
            finally:
                await asyncio.to_thread(server.resume)

        @asynccontextmanager
        async def no_connections_left(_warroom: WarroomProcess) -> AsyncIterator[None]:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
            await run_sql(server, "ALTER ROLE app CONNECTION LIMIT 0")
            await run_sql(server, ended)
            try:
                yield
            finally:
                await run_sql(server, "ALTER ROLE app CONNECTION LIMIT -1")

        async with running_warroom(tmp_path / "app", url, {"limits": WITHOUT_LIMITS}) as warroom:
            await live_through(warroom, stopped, reads=False)
            warroom.shift_clock(minutes=11)  # the team is not told of every flutter
            await live_through(warroom, no_connections_left, reads=False, times=2)
    finally:
        await asyncio.to_thread(server.stop)


async def run_sql(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.asyncpg_dsn())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def live_through(warroom: WarroomProcess, fault: Fault, *, reads: bool, times: int = 1) -> None:
    """The story of one fault; `times` counts the faults of this process so far."""
    events, feedback = Journal(), Journal("feedback")
    before = await stored_ids(warroom)
    async with aiohttp.ClientSession(warroom.base_url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as member:
        await sign_in(warroom, member)
        async with watching_health(warroom) as health, under_load(warroom, (events, SENDERS), (feedback, 1)):
            await warroom.until(lambda: len(events.acknowledged) >= 20 and feedback.acknowledged)  # all is loaded
            async with fault(warroom):
                await warroom.until(lambda: is_ready(warroom, False), 40)
                await warroom.until(lambda: events.answers[503] >= REFUSALS and feedback.answers[503], 60)
                await warroom.until(lambda: warroom.log().count(BEGAN) == times)
                await asyncio.sleep(FAULT_SECONDS)
                if reads:
                    assert await page_status(member, "/app") == 200
            recovered = await seconds_to_recovery(warroom, events)
        assert await page_status(member, "/app") == 200
    await settle(warroom, events, feedback)
    await check_story(warroom, before, events, feedback)
    assert health.bad == []
    assert health.percentile(0.99) <= HEALTH_SECONDS
    await warroom.until(lambda: warroom.log().count(ENDED) == times)
    assert await notices(warroom) == times
    assert recovered < RECOVERY_SECONDS
    assert "Traceback" not in warroom.log()
    print(f"{fault.__name__}: {recovered=:.1f} s, longest {events.longest_seconds:.1f} s, {dict(events.answers)}")


async def check_story(
    warroom: WarroomProcess, before: tuple[set[str], set[str]], events: Journal, feedback: Journal
) -> None:
    events.acknowledged |= before[0]
    feedback.acknowledged |= before[1]
    await check_against_store(warroom, events, feedback)
    for journal in (events, feedback):
        assert journal.without_retry_after == 0
        assert set(journal.answers) <= {200, 201, 202, 503}, journal.answers


async def stored_ids(warroom: WarroomProcess) -> tuple[set[str], set[str]]:
    from shared.store.models import Event, Feedback

    async with warroom.read() as session:
        events = set((await session.execute(select(Event.event_id))).scalars())
        texts = (await session.execute(select(Feedback.text))).scalars()
        return events, {text.rsplit(" ", 1)[1] for text in texts if text}


async def sign_in(warroom: WarroomProcess, member: aiohttp.ClientSession) -> None:
    link = await warroom.operator("sign-in", name="Ada", role=None)
    form, page = {"token": link.partition("#")[2]}, {"Sec-Fetch-Site": "same-origin"}
    async with member.post("/app/sign-in", data=form, headers=page, allow_redirects=False) as answer:
        assert answer.status == 303


async def page_status(member: aiohttp.ClientSession, path: str) -> int:
    async with member.get(path, headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        return answer.status


async def is_ready(warroom: WarroomProcess, wanted: bool) -> bool:
    return (await warroom.readiness()).get("ready") is wanted


async def seconds_to_recovery(warroom: WarroomProcess, events: Journal) -> float:
    started, known = time.monotonic(), len(events.acknowledged)
    await warroom.until(lambda: len(events.acknowledged) > known, 40)
    await warroom.until(lambda: is_ready(warroom, True), 40)
    return time.monotonic() - started


async def notices(warroom: WarroomProcess) -> int:
    """Words about the end that went through the outbox."""
    async with warroom.read() as session:
        rows = (await session.execute(select(OutboxMessage).where(OutboxMessage.kind == "notice"))).scalars()
        return sum(row.payload["title"] == ENDED for row in rows)

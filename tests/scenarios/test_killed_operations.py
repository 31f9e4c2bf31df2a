"""kill -9, a power cut or a lost line in the middle of a long operation: it ends or begins anew, nothing is lost.

Each operation dies at moments spread over all of its steps. Then comes what a start does, and the caller who was told
nothing asks again.
"""

import asyncio
import os
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlmodel import col

from shared.jobs.purging import purge_old_rows
from shared.runtime import Runtime
from shared.store.database import DATABASE_FILE
from shared.store.models import Event
from tests.conftest import NOON
from tests.postgres_server import PostgresServer
from tests.scenarios.killed_operations import (
    ADA,
    EVENTS,
    WINDOW_DAYS,
    Death,
    End,
    Place,
    committed,
    counters_agree,
    desk_at,
    event_ids,
    fill,
    filled_folder,
    problems_of_file,
    run_operation,
    runtime_of,
    take,
)
from tests.shared.ingest.track import make_event

KILLS = int(os.environ.get("WARROOM_KILLS_OF_AN_OPERATION", "20"))
ON_POSTGRESQL, CUT_LINES = 0.5, 0.2  # of so many: another database costs half a second each time
LEAST_DEATHS = 0.5  # how many events share a commit, and so how many steps there are, differs from run to run
OLDER_SCHEMA = "0001"
FILLED = "warroom_filled"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Scene:
    """Where operations die: each time on the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    async def fresh(self) -> Place:
        self._number += 1
        folder = self._folder / str(self._number)
        shutil.copytree(filled_folder(), folder)
        return Place(folder)

    async def age(self, place: Place) -> None:
        """The schema of an older release."""
        connection = sqlite3.connect(place.folder / DATABASE_FILE)
        connection.execute("UPDATE alembic_version SET version_num = ?", (OLDER_SCHEMA,))
        connection.commit()
        connection.close()

    async def lying(self, place: Place) -> bytes:
        """Everything as it lies on the disk."""
        return b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())

    async def leave(self, place: Place) -> None:
        shutil.rmtree(place.folder)


class PostgresScene(Scene):
    def __init__(self, folder: Path, server: PostgresServer) -> None:
        super().__init__(folder)
        self._server = server

    async def fresh(self) -> Place:
        await self._server.ensure_template(FILLED, lambda url: fill(Place(self._folder / "filled", url)))
        name = f"killed_{uuid.uuid4().hex}"
        await self._server.create_database(name, FILLED)
        self._number += 1
        return Place(self._folder / str(self._number), self._server.dsn(name))

    async def age(self, place: Place) -> None:
        connection = await asyncpg.connect(self._server.asyncpg_dsn(self._name(place)))
        await connection.execute(f"DROP TABLE visitor_salt; UPDATE alembic_version SET version_num = '{OLDER_SCHEMA}'")
        await connection.close()

    async def lying(self, place: Place) -> bytes:
        return (await asyncio.to_thread(self._server.dump, self._name(place))).encode()

    async def leave(self, place: Place) -> None:
        await self._server.drop_database(self._name(place))

    def _name(self, place: Place) -> str:
        return place.url.rpartition("/")[2]


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    if request.param == "sqlite":
        return Scene(tmp_path)
    return PostgresScene(tmp_path, request.getfixturevalue("postgres_server"))


ON_BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
both = pytest.mark.parametrize("scene", ON_BOTH, indirect=True)
on_sqlite = pytest.mark.parametrize("scene", ["sqlite"], indirect=True)
Check = Callable[[Place, Runtime, End], Awaitable[None]]


async def die_again_and_again(
    scene: Scene, name: str, check: Check, *, aged: bool = False, gone: str = "", lives_on: bool = False
) -> None:
    """Dies at moments spread over the operation, and is looked at after each; what is `gone` is nowhere on the disk.

    `lives_on`: on PostgreSQL the line is cut as well, which the operation survives.
    """

    async def prepared() -> Place:
        place = await scene.fresh()
        if aged:
            await scene.age(place)
        return place

    whole = await prepared()
    steps = (await asyncio.to_thread(run_operation, whole, name, Death())).steps
    assert steps
    chosen = deaths_on_postgresql(steps, lives_on) if whole.url else deaths_on_sqlite(steps)
    hit = 0
    for death in chosen:
        place = await prepared()
        end = await asyncio.to_thread(run_operation, place, name, death)
        hit += end.was_hit
        async with runtime_of(place) as runtime:  # what a start does
            await runtime.eraser.apply_log()
            await check(place, runtime, end)
        assert not gone or gone.encode() not in await scene.lying(place), death
        if not place.url:
            assert problems_of_file(place.folder) == [], death
        await scene.leave(place)
    await scene.leave(whole)
    print(f"{name}: {hit} of {len(chosen)} died or were cut off, in {steps} steps")
    assert hit >= LEAST_DEATHS * len(chosen)


def deaths_on_sqlite(steps: int) -> list[Death]:
    return [Death(step, cuts_power=number % 2 == 1) for number, step in enumerate(spread(steps, KILLS))]


def deaths_on_postgresql(steps: int, lives_on: bool) -> list[Death]:
    kills = [Death(step) for step in spread(steps, round(KILLS * ON_POSTGRESQL))]
    return kills + [Death(step, cuts_line=True) for step in spread(steps, round(KILLS * CUT_LINES)) if lives_on]


def spread(steps: int, count: int) -> list[int]:
    """So many of these steps, the first and the last among them."""
    count = min(count, steps)
    return [1 + number * (steps - 1) // max(1, count - 1) for number in range(count)]


async def all_that_was_said_is_there_once(_place: Place, runtime: Runtime, end: End) -> None:
    stored = await committed(runtime)
    assert len(stored) == len(set(stored))
    assert end.said <= set(stored)
    for known in sorted(end.said):  # who heard of it may send it again
        assert (await take(runtime, [make_event(id=known)])).stored == 0
    assert len(await committed(runtime)) == len(stored)
    await counters_agree(runtime)


@on_sqlite
@pytest.mark.parametrize("name", ["commit", "checkpoint"])
async def test_what_was_acknowledged_stays(scene: Scene, name: str) -> None:
    await die_again_and_again(scene, name, all_that_was_said_is_there_once)


@on_sqlite
async def test_a_first_start_is_started_again(scene: Scene) -> None:
    await die_again_and_again(scene, "first start", all_that_was_said_is_there_once)


@on_sqlite
async def test_a_copy_is_whole_that_was_being_made(scene: Scene) -> None:
    """By the backup API, as an owner's program makes it while this one stores events."""
    copied = threading.Event()
    for step in range(2, 2 + 3 * KILLS, 3):
        place = await scene.fresh()
        copied.clear()
        dying = asyncio.to_thread(run_operation, place, "commit", Death(step))
        copying = asyncio.to_thread(copy_again_and_again, place.folder, copied)
        dead = asyncio.create_task(dying)
        dead.add_done_callback(lambda _: copied.set())
        await asyncio.gather(dead, copying)
        for found in (place, Place(place.folder / "copy")):
            async with runtime_of(found) as runtime:
                assert len(await event_ids(runtime)) >= 4 * EVENTS
                await counters_agree(runtime)
            assert problems_of_file(found.folder) == []
        await scene.leave(place)


def copy_again_and_again(folder: Path, enough: threading.Event) -> None:
    """The one that was being made at the death is left in a folder of its own."""
    (folder / "copy").mkdir()
    while True:
        source = sqlite3.connect(folder / DATABASE_FILE)
        copy = sqlite3.connect(folder / "copy" / DATABASE_FILE)
        source.backup(copy, pages=8, sleep=0.001)
        copy.close()
        source.close()
        if enough.is_set():
            return


@both
async def test_who_is_erased_stays_erased(scene: Scene) -> None:
    async def check(_place: Place, runtime: Runtime, end: End) -> None:
        if not end.said:  # the caller was told nothing
            await runtime.eraser.erase("web", f"docs/{ADA}", "self")
        assert len(await event_ids(runtime)) == 2 * EVENTS  # those of the other person
        await counters_agree(runtime)

    await die_again_and_again(scene, "erase", check, gone=ADA, lives_on=True)


@both
async def test_a_purge_goes_on_where_it_was_cut(scene: Scene) -> None:
    place = await scene.fresh()
    async with runtime_of(place) as runtime:
        counted = await desk_at(runtime).counters()
    await scene.leave(place)
    oldest = (NOON - timedelta(days=WINDOW_DAYS + 1)).date()

    async def check(_place: Place, runtime: Runtime, _end: End) -> None:
        await purge_old_rows(runtime.job_context())
        assert await event_ids(runtime, col(Event.local_day) < oldest) == []
        assert len(await event_ids(runtime)) == 2 * EVENTS
        assert await desk_at(runtime).counters() == counted  # nobody is in them: they stay
        assert await purge_old_rows(runtime.job_context()) == 0

    await die_again_and_again(scene, "purge", check, lives_on=True)


@both
async def test_an_update_begins_anew_and_leaves_no_half_copy(scene: Scene) -> None:
    async def check(place: Place, runtime: Runtime, _end: End) -> None:
        assert len(await event_ids(runtime)) == 4 * EVENTS
        await counters_agree(runtime)
        copies = list((place.folder / "copies").glob("before-*"))
        assert bool(copies) is not bool(place.url)
        assert {copy.name: events_in(copy) for copy in copies} == {copy.name: 4 * EVENTS for copy in copies}

    await die_again_and_again(scene, "update", check, aged=True)


def events_in(copy: Path) -> int:
    """Of a copy that somebody puts back."""
    connection = sqlite3.connect(copy)
    try:
        known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event'").fetchone()[0]
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0]) if known else 0
    finally:
        connection.close()

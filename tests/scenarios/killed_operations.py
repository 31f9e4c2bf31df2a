"""Long operations in a process of their own that dies at a chosen moment: what a test starts, and what it finds.

On SQLite a moment is one step on the way to the disk (a write, a truncation, a sync). On PostgreSQL it is one step on
the line to the server: a request that does not arrive, or one that was obeyed and of which nobody hears; there the
line may end alone, too, and the process lives. The process is forked from one that has loaded everything, so that a
death costs a tenth of a second.
"""

import asyncio
import atexit
import functools
import json
import multiprocessing
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import CannotStore
from shared.ingest.events import Sender, TrackOutcome
from shared.jobs.purging import purge_old_rows
from shared.runtime import Runtime, build_runtime
from shared.store.database import DATABASE_FILE, open_engines
from shared.store.migrate import migrate
from shared.store.models import Event
from shared.store.writer import ERASED, note_topic
from tests.conftest import NOON, make_settings
from tests.scenarios.warroom_process import BROWSER
from tests.scenarios.watched_disk import OK, Access, Watcher, die, watch_disk
from tests.scenarios.watched_line import LineCut, watch_line
from tests.shared.ingest.intake import Desk
from tests.shared.ingest.track import make_event

ADA, BEA = "ada-0123456789abcdef", "bea-0123456789abcdef"
WORDS = "canarywords about the install guide"
AGE, WINDOW_DAYS = timedelta(days=20), 7
EVENTS = 30  # of each person on each of two days
SECONDS = 60  # more than any operation takes
TRIES = 3  # of a caller who hears "try again": a line is cut once
RULES = {
    "event_days": WINDOW_DAYS,
    "page_view_days": WINDOW_DAYS,
    "visitor_day_days": WINDOW_DAYS,
    "batch_rows": 7,
    "batch_pauses": 0.0,
}
# Imported once by the process that is forked, which has no threads.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Place:
    """Where the data is: a folder, and on PostgreSQL an address too."""

    folder: Path
    url: str = ""

    def settings(self) -> Settings:
        return make_settings(self.folder, self.url, retention=RULES)


@dataclass(frozen=True)
class Death:
    """At which step, and what goes with the process: the machine's power; or only the line goes, without the process.

    Without a step nothing happens, and the steps are counted.
    """

    step: int | None = None
    cuts_power: bool = False
    cuts_line: bool = False


@dataclass(frozen=True)
class End:
    """What an operation acknowledged before it ended, its steps when it lived to count them, and whether it was hit."""

    said: set[str]
    steps: int | None
    was_hit: bool


class Reaper(Watcher):
    """Counts steps while it is on, and ends the process, or the line, before the chosen one."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self.steps = 0
        self.is_on = False

    def count(self, *_: Any) -> None:
        self.steps += self.is_on
        if not self.is_on or self.steps != self._death.step:
            return
        if self._death.cuts_line:
            raise LineCut
        die(watch_disk(), cut_power=self._death.cuts_power)

    def before(self, _access: Access) -> int:
        self.count()
        return OK

    def after(self, access: Access) -> None:
        if access.what == "sync":
            self.count()


def run_operation(place: Place, name: str, death: Death) -> End:
    """Blocks until the process has ended, one way or the other."""
    hear, say = _context.Pipe(duplex=False)
    process = _context.Process(target=_live, args=(place, name, death, say))
    process.start()
    say.close()
    process.join(SECONDS)
    assert process.exitcode in (0, -9), f"{name} ended with {process.exitcode}"
    said = list(_all_of(hear))
    process.close()
    steps = next((word for word in said if isinstance(word, int)), None)
    was_hit = steps is None or (death.step is not None and steps >= death.step)
    return End({word for word in said if isinstance(word, str)}, steps, was_hit)


def _all_of(hear: Connection) -> Any:
    with hear:
        while True:
            try:
                yield hear.recv()
            except EOFError:
                return


def _live(place: Place, name: str, death: Death, say: Connection) -> None:
    reaper = Reaper(death)
    if place.url:
        place = replace(place, url=watch_line(place.url, reaper.count))
    else:
        watch_disk().watcher = reaper
    asyncio.run(OPERATIONS[name](place, reaper, say.send))
    say.send(reaper.steps)


@asynccontextmanager
async def runtime_of(place: Place, clock: ManualClock | None = None) -> AsyncIterator[Runtime]:
    async with build_runtime(place.settings(), clock or ManualClock(NOON)) as runtime:
        yield runtime


async def fill(place: Place) -> None:
    """Two days of two people, far apart, and what one of them said."""
    clock = ManualClock(NOON - AGE)
    async with runtime_of(place, clock) as runtime:
        for moment in (NOON - AGE, NOON):
            clock.move_to(moment)
            for person in (ADA, BEA):
                await take(runtime, [make_event(view=f"{person[:3]}{n // 2}") for n in range(EVENTS)], person)
            await runtime.meter.flush(runtime.store)


async def take(runtime: Runtime, events: list[dict[str, Any]], person: str | None = None) -> TrackOutcome:
    """Events as a browser sends them; known ones are taken too."""
    body = json.dumps({"site": "docs", "events": events, **({"person": person} if person else {})})
    return await runtime.events.take(body.encode(), Sender("192.0.2.1", BROWSER))


Say = Callable[[str], None]


async def until_taken(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Who hears "try again" does so; any other error is one of ours."""
    for _ in range(TRIES - 1):
        try:
            return await ask()
        except CannotStore:
            pass
    return await ask()


async def commit(place: Place, reaper: Reaper, say: Say) -> None:
    """Events one after the other and at once, each acknowledged when the intake returns."""
    async with runtime_of(place) as runtime:
        reaper.is_on = True

        async def send(number: int) -> None:
            sent_id = f"committed-{number:04}"
            await until_taken(lambda: take(runtime, [make_event(id=sent_id)]))
            say(sent_id)

        for number in range(0, 40, 10):
            await asyncio.gather(*(send(number + more) for more in range(10)))


async def checkpoint(place: Place, reaper: Reaper, say: Say) -> None:
    """What is in the WAL goes into the file, as after each erasure and at each stop."""
    async with runtime_of(place) as runtime:
        for number in range(60):
            await take(runtime, [make_event(id=f"committed-{number:04}")])
            say(f"committed-{number:04}")
        reaper.is_on = True

        async def clean(session: Any) -> None:
            note_topic(session, ERASED)

        await runtime.store.writer.run(clean)


async def erase(place: Place, reaper: Reaper, say: Say) -> None:
    async with runtime_of(place) as runtime:
        reaper.is_on = True
        await until_taken(lambda: runtime.eraser.erase("web", f"docs/{ADA}", "self"))
        say("erased")


async def purge(place: Place, reaper: Reaper, say: Say) -> None:
    async with runtime_of(place) as runtime:
        reaper.is_on = True
        await until_taken(lambda: purge_old_rows(runtime.job_context()))
        say("purged")


async def update(place: Place, reaper: Reaper, say: Say) -> None:
    """The migration of an older database, with the copy that is made before it."""
    settings = place.settings()
    writing, reading = open_engines(settings)
    reaper.is_on = True
    await migrate(settings, writing, NOON - timedelta(hours=1))  # not the moment of the next start
    say("migrated")
    await writing.dispose()
    await reading.dispose()


async def first_start(place: Place, reaper: Reaper, say: Say) -> None:
    """Tables, keys and salts of a folder that is empty."""
    (place.folder / DATABASE_FILE).unlink()
    reaper.is_on = True
    async with runtime_of(place) as runtime:
        await take(runtime, [make_event(id="committed-0000")])
        say("committed-0000")


OPERATIONS: dict[str, Callable[[Place, Reaper, Say], Awaitable[None]]] = {
    "commit": commit,
    "checkpoint": checkpoint,
    "erase": erase,
    "purge": purge,
    "update": update,
    "first start": first_start,
}


@functools.cache
def filled_folder() -> Path:
    """A data folder with two people in it, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-filled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    maker = threading.Thread(target=lambda: asyncio.run(fill(Place(folder))))
    maker.start()
    maker.join()
    return folder


async def event_ids(runtime: Runtime, *conditions: Any) -> list[str]:
    async with runtime.store.read() as session:
        return list((await session.execute(select(col(Event.event_id)).where(*conditions))).scalars())


def desk_at(runtime: Runtime) -> Desk:
    return Desk(runtime.settings, runtime.store, ManualClock(NOON))


async def counters_agree(runtime: Runtime) -> None:
    desk = desk_at(runtime)
    counted = await desk.counters()
    assert counted == await desk.rebuilt_counters()


async def committed(runtime: Runtime) -> list[str]:
    return [found for found in await event_ids(runtime) if found.startswith("committed-")]


def problems_of_file(folder: Path, *, keys: bool = True) -> list[str]:
    """What SQLite itself finds wrong with the database, its foreign keys included."""
    connection = sqlite3.connect(folder / DATABASE_FILE)
    try:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        broken = [str(row) for row in connection.execute("PRAGMA foreign_key_check")] if keys else []
    finally:
        connection.close()
    return [text for text in found if text != "ok"] + broken

"""What one process consists of, and how it is put together and taken apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import IO, Literal

from shared.clock import Clock
from shared.config import Settings
from shared.deliver.channel import ChannelDirectory
from shared.deliver.live_feed import LiveFeed
from shared.errors import StartRefused
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import TrackLimiter
from shared.identifiers import fingerprint
from shared.ingest.erasure import Eraser
from shared.ingest.events import EventIntake
from shared.ingest.feedback import FeedbackIntake
from shared.ingest.foreign_events import ForeignIntake
from shared.ingest.intake_meter import IntakeMeter
from shared.jobs.context import JobContext
from shared.runtime.erase_watch import PART as ERASE_LOG
from shared.runtime.erase_watch import EraseWatch
from shared.runtime.leadership import Leadership
from shared.runtime.store_watch import StoreWatch
from shared.runtime.worker_process import ProcessWorker
from shared.store.damage import refuse_damage
from shared.store.database import Store, open_store, own_data_dir
from shared.store.dialect import cannot_open
from shared.store.instance_key import load_instance_key
from shared.store.migrate import migrate
from shared.texts import Texts
from shared.worker import Worker

EXPORTS_AT_ONCE = 2  # each keeps a connection for reading, of which SQLite has eight
State = Literal["ok", "off", "down", "starting"]


@dataclass(frozen=True)
class PartState:
    """`ok` works, `off` is not switched on, `down` should work and does not, `starting` keeps all from being ready."""

    state: State
    sentence: str


class PartsBoard:
    """What each part of the process says of itself; for /readyz, the start screen and Settings."""

    def __init__(self) -> None:
        self._parts: dict[str, PartState] = {}

    def set(self, part: str, state: State, sentence: str) -> None:
        self._parts[part] = PartState(state, sentence)

    def all(self) -> dict[str, PartState]:
        return dict(self._parts)


@dataclass
class Runtime:
    settings: Settings
    clock: Clock
    store: Store
    texts: Texts
    worker: Worker
    instance_key: bytes
    instance: str  # short name that keeps nonces of two installations apart
    hasher: VisitorHasher
    track_limiter: TrackLimiter
    meter: IntakeMeter
    events: EventIntake
    feedback: FeedbackIntake
    foreign: ForeignIntake
    channels: ChannelDirectory
    feed: LiveFeed
    leadership: Leadership
    store_watch: StoreWatch
    eraser: Eraser
    erase_watch: EraseWatch
    parts: PartsBoard = field(default_factory=PartsBoard)
    exporting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))

    def is_leader(self) -> bool:
        return self.leadership.is_leader()

    def is_settled(self) -> bool:
        """Whether nobody is left who must be erased again; before that nobody's data may be shown."""
        part = self.parts.all().get(ERASE_LOG)
        return part is None or part.state == "ok"

    def epoch(self) -> int:
        return self.leadership.epoch()

    def job_context(self) -> JobContext:
        return JobContext(
            settings=self.settings,
            clock=self.clock,
            store=self.store,
            meter=self.meter,
            hasher=self.hasher,
            eraser=self.eraser,
        )


@asynccontextmanager
async def build_runtime(settings: Settings, clock: Clock, lock: IO[str] | None = None) -> AsyncIterator[Runtime]:
    """A migrated store and everything around it; on SQLite it takes the data folder's lock unless given."""
    if settings.uses_sqlite and lock is None:
        lock = own_data_dir(settings.store.data_dir)
    store = open_store(settings, lock)
    worker = ProcessWorker()
    try:
        if settings.uses_sqlite:
            await refuse_damage(settings, clock)
        await _migrate(settings, store, clock)
        key = await load_instance_key(settings, store, clock.now())
        runtime = _assemble(settings, clock, store, worker, key)
        async with store.read() as session:
            await runtime.events.custom.load(session)
        yield runtime
    finally:
        await worker.close()
        await store.close()


async def _migrate(settings: Settings, store: Store, clock: Clock) -> None:
    """The first look at the database; the refusal shows neither its address nor its password."""
    try:
        await migrate(settings, store.writing_engine, clock.now())
    except Exception as error:  # while connecting, the driver's own errors come unwrapped
        if not cannot_open(error):
            raise
        cause = getattr(error, "orig", None) or error
        cause = cause.__cause__ or cause  # on PostgreSQL the driver's own error says more
        if settings.uses_sqlite:
            raise StartRefused(
                f"The database in {settings.store.data_dir} cannot be opened ({cause}); check store.data_dir."
            ) from error
        raise StartRefused(f"The database cannot be reached ({type(cause).__name__}); check DATABASE_URL.") from error


def _assemble(settings: Settings, clock: Clock, store: Store, worker: ProcessWorker, key: bytes) -> Runtime:
    texts = Texts(settings.texts)
    hasher = VisitorHasher(settings, store, clock)
    limiter = TrackLimiter(settings.limits, clock)
    meter = IntakeMeter(clock, {site.key: site.zone for site in settings.all_sites()})
    parts = PartsBoard()
    eraser = Eraser(settings, clock, store, key)
    instance = fingerprint(key.hex())[:8]
    channels = ChannelDirectory()
    leadership = Leadership(store, clock, settings.store.lease_seconds, parts.set)
    events = EventIntake(settings, clock, store, hasher, limiter, meter, key)
    return Runtime(
        settings=settings,
        clock=clock,
        store=store,
        texts=texts,
        worker=worker,
        instance_key=key,
        instance=instance,
        hasher=hasher,
        track_limiter=limiter,
        meter=meter,
        events=events,
        feedback=FeedbackIntake(settings, clock, store, hasher, texts, meter, key),
        foreign=ForeignIntake(settings, store, meter, events),
        channels=channels,
        feed=LiveFeed(store, clock),
        leadership=leadership,
        store_watch=StoreWatch(clock, store, channels, leadership.is_leader, instance),
        eraser=eraser,
        erase_watch=EraseWatch(eraser, lambda state, sentence: parts.set(ERASE_LOG, state, sentence)),
        parts=parts,
    )

"""An event intake on a real store, with short words for what tests send."""

import json
from typing import Any

from sqlmodel import SQLModel, select

from shared.clock import ManualClock
from shared.config import Settings
from shared.derive.rollups import INTAKE_MEASURES
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import TrackLimiter
from shared.identifiers import random_uuid
from shared.ingest.events import EventIntake, Sender, TrackOutcome
from shared.ingest.intake_meter import IntakeMeter
from shared.store.database import Store
from shared.store.models import Event, Rollup

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
KEY = b"k" * 32
Counters = dict[tuple[str, str, str, str], tuple[int, float]]


class Gate:
    """Where events are handed in."""

    def __init__(self, settings: Settings, store: Store, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.meter = IntakeMeter(clock)
        hasher = VisitorHasher(settings, store, clock)
        limiter = TrackLimiter(settings.limits, clock)
        self.intake = EventIntake(settings, clock, store, hasher, limiter, self.meter, KEY)

    async def send(self, *events: dict[str, Any], address: str = "192.0.2.1", **fields: Any) -> TrackOutcome:
        body = json.dumps({"site": "docs", "events": list(events), **fields})
        return await self.intake.take(body.encode(), Sender(address, BROWSER))

    async def rows(self, table: type[SQLModel]) -> list[Any]:
        async with self.store.read() as session:
            return list((await session.execute(select(table))).scalars())

    async def event(self) -> Event:
        (only,) = await self.rows(Event)
        assert isinstance(only, Event)
        return only

    async def counters(self, site: str = "docs") -> Counters:
        """What raw rows explain: (measure, hour, day, key) to count and total; zeros left out."""
        return {
            (row.measure, row.hour.isoformat(), row.local_day.isoformat(), row.key): (row.count, round(row.total, 6))
            for row in await self.rows(Rollup)
            if row.site == site and row.measure not in INTAKE_MEASURES and (row.count or row.total)
        }

    async def counts(self, measure: str) -> dict[str, int]:
        """The counts of one measure by key, all hours together."""
        found: dict[str, int] = {}
        for (name, _, _, key), (count, _) in (await self.counters()).items():
            if name == measure:
                found[key] = found.get(key, 0) + count
        return found


def make_event(name: str = "page_view", **fields: Any) -> dict[str, Any]:
    """A good event with a fresh id."""
    return {"id": random_uuid(), "name": name, **({"page": "/start"} if name == "page_view" else {}), **fields}

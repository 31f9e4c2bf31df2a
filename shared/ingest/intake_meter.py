"""How our own intake does: what came in and what became of it, answers, and the time from receipt to commit.

Counted in memory, because an answer that says "cannot store" has no transaction to count in; flushed
every few seconds. A killed process loses at most those seconds of counts, never a stored row: the equation
received = stored + repeated + dropped still holds for what was flushed, as a request's counts move together.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, local_day
from shared.derive.rollups import Tally, hour_of
from shared.derive.rollups.intake import (
    ANSWER,
    DROP,
    FEEDBACK_DROP,
    IGNORED_FIELD,
    LAG,
    RECEIVED,
    REPEATED,
    SCHEMA,
    STORED,
    UNDECLARED,
    UNDECLARED_PROPERTY,
    USAGE,
    USAGE_MS,
)
from shared.errors import CannotStore, InvalidInput, LimitReached, NotAllowed
from shared.store.database import Store

LAG_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
OPEN_BUCKET = "inf"
LIMIT = 5000  # distinct counters of open measures between two flushes
HELD = 1000  # distinct outcomes of requests that wait to be spelled out
REASONS: Mapping[type[BaseException], str] = {
    InvalidInput: "invalid",
    LimitReached: "limit",
    NotAllowed: "not_allowed",
    CannotStore: "cannot_store",
    asyncio.CancelledError: "cut_off",
}
INSTALLATION = ""  # the site of what belongs to none
Cell = tuple[str, datetime, str, str]  # site, hour, measure, key
Counts = tuple[tuple[tuple[str, str], int], ...]  # of one request, by measure and key
Outcome = tuple[str, datetime, str | None, Counts]  # site, hour, class of lag, counts
Answer = tuple[datetime, str, str, int, str]  # hour, route, name, status, class of time


class IntakeMeter:
    """Counts until they are flushed into the rollups.

    Most requests end in the same way, so their ends are counted as wholes first and spelled out when somebody reads.
    """

    def __init__(self, clock: Clock, zones: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._zones = zones or {}  # by site; what belongs to no site counts in UTC
        self._counts: Counter[Cell] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._outcomes: Counter[Outcome] = Counter()
        self._served: Counter[Answer] = Counter()

    @property
    def totals(self) -> Counter[tuple[str, str]]:
        """Counts by measure and key since the start, for /metrics."""
        self._spell_out()
        return self._totals

    def answer(self, route: str, status: int) -> None:
        """One answer of an intake route."""
        self._count(INSTALLATION, ANSWER, f"{route}:{status // 100}xx")

    def account(self, site: str, outcome: Mapping[tuple[str, str], int], lag: float | None = None) -> None:
        """What became of the events of one request: counts by measure and key, moved together.

        `lag` is the time from receipt to commit in seconds, if there was a commit.
        """
        self.note(site, tuple(outcome.items()), lag)

    def note(self, site: str, outcome: Counts, lag: float | None) -> None:
        """The same."""
        bucket = None if lag is None else _bucket(lag)
        self._outcomes[site, self._current_hour(), bucket, outcome] += 1
        if len(self._outcomes) > HELD:
            self._spell_out()

    def ignore_fields(self, site: str, count: int) -> None:
        """Fields that nobody knows; what carried them was taken without them."""
        if count:
            self._count(site, IGNORED_FIELD, "", count)

    def drop_feedback(self, site: str, reason: str) -> None:
        """Feedback that was left out by a rule."""
        self._count(site, FEEDBACK_DROP, reason)

    def undeclared(self, site: str, name: str) -> None:
        """One event whose name is not in the catalogue."""
        self._count_open((site, self._current_hour(), UNDECLARED, name))

    def undeclared_property(self, site: str, key: str) -> None:
        """A property of such an event was seen with a type for the first time on this day."""
        self._count_open((site, self._current_hour(), UNDECLARED_PROPERTY, key))

    def use(self, route: str, status: int, key_id: str, seconds: float) -> None:
        """One answer of the API: by route, status and key, and how long it took."""
        hour = self._current_hour()
        self._count_open((INSTALLATION, hour, USAGE, f"{route}|{status}|{key_id}"))
        self._count_open((INSTALLATION, hour, USAGE_MS, f"{route}|{_bucket(seconds)}"))

    def serve(self, route: str, name: str, status: int, seconds: float) -> None:
        """One answer of an intake route to nobody with a key: as `use` and `answer` together."""
        self._served[self._current_hour(), route, name, status, _bucket(seconds)] += 1

    def _spell_out(self) -> None:
        outcomes, self._outcomes = self._outcomes, Counter()
        for (site, hour, bucket, places), times in outcomes.items():
            if bucket is not None:
                self._add(INSTALLATION, hour, LAG, bucket, times)
            for (measure, key), count in places:  # none of these is an open measure
                self._add(site, hour, measure, key, count * times)
        served, self._served = self._served, Counter()
        for (hour, route, name, status, bucket), times in served.items():
            self._count_open((INSTALLATION, hour, USAGE, f"{route}|{status}|"), times)
            self._count_open((INSTALLATION, hour, USAGE_MS, f"{route}|{bucket}"), times)
            self._add(INSTALLATION, hour, ANSWER, f"{name}:{status // 100}xx", times)

    def _add(self, site: str, hour: datetime, measure: str, key: str, count: int) -> None:
        self._counts[site, hour, measure, key] += count
        self._totals[measure, key] += count

    def _count(self, site: str, measure: str, key: str, count: int = 1) -> None:
        self._add(site, self._current_hour(), measure, key, count)

    def _count_open(self, cell: Cell, count: int = 1) -> None:
        """Of a measure whose keys are decided by what is sent: bounded until the next flush."""
        if cell in self._counts or len(self._counts) < LIMIT:
            self._counts[cell] += count

    def _current_hour(self) -> datetime:
        return hour_of(self._clock.now())

    async def flush(self, store: Store) -> int:
        """Moves what was counted into the rollups; how many counters moved. Kept when the store is down."""
        self._spell_out()
        waiting, self._counts = self._counts, Counter()
        if not waiting:
            return 0
        try:
            await store.writer.run(lambda session: _store_counts(session, waiting, self._zones))
        except Exception:  # a cancelled caller's unit may still be committed: counts are rather lost than doubled
            self._counts.update(waiting)
            raise
        return len(waiting)


class Receipt:
    """What becomes of the events of one request. At its end what is not accounted for was dropped.

    Used as a context: the error that leaves it is the reason of the drop, so that received always equals
    stored + repeated + dropped.
    """

    __slots__ = ("_count", "_declared", "_lag", "_left", "_meter", "_others", "_site", "_stored")

    def __init__(self, meter: IntakeMeter, site: str, count: int) -> None:
        self._meter = meter
        self._site = site
        self._count = self._left = count
        self._lag: float | None = None
        self._stored = self._declared = 0
        self._others: dict[tuple[str, str], int] = {}  # what seldom happens, by measure and key

    def store(self, new: int, repeated: int, lag: float | None = None) -> None:
        """Events that are in the store, now or since before; `lag` is the time from receipt to commit in seconds."""
        self._lag = lag
        self._stored += new
        if repeated:
            self._add(REPEATED, "", repeated)
        self._left -= new + repeated

    def drop(self, reason: str, count: int = 1) -> None:
        """Events that were left out, and the rule that did it."""
        if count:
            self._add(DROP, reason, count)
            self._left -= count

    def judge(self, verdict: str, count: int) -> None:
        """What the catalogue said of events; not part of the equation."""
        if verdict == "declared":
            self._declared += count
        elif count:
            self._add(SCHEMA, verdict, count)

    def _add(self, measure: str, key: str, count: int) -> None:
        place = (measure, key)
        self._others[place] = self._others.get(place, 0) + count

    def _outcome(self) -> Counts:
        seldom = tuple(self._others.items()) if self._others else ()
        return _usual_outcome(self._count, self._declared, self._stored) + seldom

    def __enter__(self) -> "Receipt":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Counts all of it; at the end of the context, or once by who uses it without."""
        if self._left:
            self.drop(reason_of(error), self._left)
        self._meter.note(self._site, self._outcome(), self._lag)


@lru_cache(maxsize=1000)
def _usual_outcome(received: int, declared: int, stored: int) -> Counts:
    counts = (((RECEIVED, ""), received), ((SCHEMA, "declared"), declared), ((STORED, ""), stored))
    return tuple((place, count) for place, count in counts if count)


def reason_of(error: BaseException | None) -> str:
    """The reason for which events were left out that an error stopped."""
    for kind, reason in REASONS.items():
        if isinstance(error, kind):
            return reason
    return "error"


def _bucket(seconds: float) -> str:
    """The upper bound in milliseconds of the class of times that these belong to."""
    bucket = bisect_left(LAG_BUCKETS_MS, max(0.0, seconds * 1000))
    return str(LAG_BUCKETS_MS[bucket]) if bucket < len(LAG_BUCKETS_MS) else OPEN_BUCKET


async def _store_counts(session: AsyncSession, counts: Counter[Cell], zones: Mapping[str, str]) -> None:
    for site in sorted({cell[0] for cell in counts}):
        tally = Tally(site)
        for (owner, hour, measure, key), count in counts.items():
            if owner == site:
                tally.add(measure, hour, local_day(hour, zones.get(site, "UTC")), key, count)
        await tally.store(session)

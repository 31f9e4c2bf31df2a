"""Takes events in: check, clean, drop by rule, store once, count, all before the sender hears "thanks"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, local_day
from shared.config import Settings, SiteSettings
from shared.errors import FieldProblem, InvalidInput, LimitReached, NotAllowed
from shared.guard.principals import Principal
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import TrackLimiter
from shared.identifiers import keyed_hash
from shared.ingest.event_fields import (
    BATCH_FIELDS,
    EVENT_FIELDS,
    Received,
    TrackEvent,
    find_problem,
    make_row,
    read_event,
)
from shared.ingest.event_groups import EventGroups, store_alone
from shared.ingest.identities import note_web_usage
from shared.ingest.intake_meter import INSTALLATION, IntakeMeter
from shared.ingest.noise_filter import is_bot
from shared.ingest.strict_json import parse_json_fast
from shared.store.database import Store


@dataclass(frozen=True)
class Sender:
    """Who sent it; address and user agent live no longer than this object."""

    address: str = ""
    user_agent: str = ""
    opted_out: str | None = None  # gpc or dnt
    key: Principal | None = None
    passed_on_by: Principal | None = None  # the docs site that speaks for this browser


@dataclass(frozen=True)
class Dropped:
    """An event of a batch that was left out, and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True)
class TrackOutcome:
    """What became of a request; `rule` names the rule that dropped all of it."""

    stored: int = 0
    repeated: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    rule: str | None = None


@dataclass(frozen=True)
class About:
    """What a sender says beside the events: its consented id, or a server's own id of its user; language and zone."""

    person: str | None = None
    language: str | None = None
    zone: str | None = None
    identified: str | None = None


@dataclass(frozen=True)
class _Batch:
    site: str
    events: Sequence[TrackEvent | FieldProblem]
    about: About
    unknown_fields: int = 0
    is_flat: bool = False

    def place(self, index: int, field: str) -> str:
        """Where a field stands in what was sent."""
        return field if self.is_flat else f"events[{index}].{field}".rstrip(".")


class EventIntake:
    """The way in for events."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        hasher: VisitorHasher,
        limiter: TrackLimiter,
        meter: IntakeMeter,
        key: bytes,
    ) -> None:
        self._groups = EventGroups(store, settings.store.queue_limit)
        self._settings = settings
        self._clock = clock
        self._store = store
        self._hasher = hasher
        self._limiter = limiter
        self._meter = meter
        self._key = key

    async def take(self, body: bytes, sender: Sender) -> TrackOutcome:
        """Stores a batch or one flat event.

        Raises `InvalidInput` when nothing in it is good, `LimitReached` for a key over its limit,
        `NotAllowed` for a key of another site, `CannotStore` when the store cannot take it.
        """
        received_at = self._clock.monotonic()
        batch = self._read(body)
        site = self._settings.site(batch.site)
        if site is None:
            return self._drop(INSTALLATION, "unknown_site", len(batch.events))
        return await self._take(site, batch, sender, received_at)

    async def take_events(
        self,
        site: SiteSettings,
        events: Sequence[TrackEvent],
        sender: Sender,
        *,
        person: str | None = None,
        language: str | None = None,
        zone: str | None = None,
        identified: str | None = None,
    ) -> TrackOutcome:
        """As `take`, for events that are read already: rules, check, limits, visitor, store, all before it returns.

        `identified` is a server's own id of its user: the visitor is then a keyed hash of it that is the same
        on all days, never the id itself.
        """
        problems = _about_problems({"person": person, "language": language, "zone": zone})
        if problems:
            raise InvalidInput("The events were refused.", problems)
        batch = _Batch(site.key, events, About(person, language, zone, identified))
        return await self._take(site, batch, sender, self._clock.monotonic())

    async def _take(self, site: SiteSettings, batch: _Batch, sender: Sender, received_at: float) -> TrackOutcome:
        if rule := self._dropping_rule(site, sender):
            return self._drop(site.key, rule, len(batch.events))
        self._meter.drop(site.key, "unknown_field", batch.unknown_fields)
        good, dropped = self._check(batch, site)
        if not await self._is_within_limit(site, sender, len(good)):
            return self._drop(site.key, "limit", len(good))
        rows = await self._rows(batch.about, site, sender, good)
        if batch.about.person is not None:
            stored = await self._store_as_person(batch.about, site, rows, batch.about.person)
        else:
            stored = await self._groups.store_rows(site.key, rows)
        self._meter.lag(self._clock.monotonic() - received_at)
        return TrackOutcome(stored, len(rows) - stored, dropped)

    def _read(self, body: bytes) -> _Batch:
        raw = parse_json_fast(body, self._settings.server.body_depth)
        if not isinstance(raw, dict):
            raise InvalidInput("The body must be an object.", [FieldProblem("", "not an object")])
        is_batch = "events" in raw
        events = raw["events"] if is_batch else [{key: raw[key] for key in raw if key in EVENT_FIELDS}]
        known = BATCH_FIELDS if is_batch else BATCH_FIELDS | EVENT_FIELDS
        problems = _envelope_problems(raw, events, self._settings.limits.batch_events)
        if problems:
            raise InvalidInput("The batch was refused.", problems)
        unknown = len(set(raw) - known)
        unknown += sum(len(set(event) - EVENT_FIELDS) for event in events if isinstance(event, dict))
        about = About(raw.get("person"), raw.get("language"), raw.get("zone"))
        return _Batch(raw["site"], [read_event(event) for event in events], about, unknown, is_flat=not is_batch)

    def _dropping_rule(self, site: SiteSettings, sender: Sender) -> str | None:
        presented = sender.key or sender.passed_on_by
        if presented is not None and presented.site != site.key:
            raise NotAllowed(f"This key belongs to another site than {site.key}.")
        if sender.key is not None:
            return None
        if sender.opted_out:
            return sender.opted_out
        return "bot" if is_bot(sender.user_agent, site.key) else None

    def _drop(self, site: str, rule: str, count: int) -> TrackOutcome:
        self._meter.drop(site, rule, count)
        return TrackOutcome(rule=rule)

    def _check(self, batch: _Batch, site: SiteSettings) -> tuple[list[TrackEvent], list[Dropped]]:
        good, dropped = [], []
        for index, event in enumerate(batch.events):
            problem = event if isinstance(event, FieldProblem) else find_problem(event, self._settings.limits)
            if problem is None:
                good.append(cast(TrackEvent, event))
            else:
                dropped.append(Dropped(index, problem.field, problem.reason))
        if not good:
            places = [FieldProblem(batch.place(bad.index, bad.field), bad.reason) for bad in dropped]
            raise InvalidInput("No event could be taken.", places)
        self._meter.drop(site.key, "invalid", len(dropped))
        return good, dropped

    async def _is_within_limit(self, site: SiteSettings, sender: Sender, events: int) -> bool:
        if sender.key is not None:
            if not self._limiter.allow_key(sender.key.id, events):
                raise LimitReached("This key has sent too many events; please wait a minute.", 60)
            return True
        visitor = await self._visitor(site, sender, self._clock.now())
        return self._limiter.allow_visitor(visitor, events)

    async def _visitor(self, site: SiteSettings, sender: Sender, moment: datetime) -> str:
        return await self._hasher.visitor(site.key, site.zone, sender.address, sender.user_agent, moment)

    async def _rows(
        self, about: About, site: SiteSettings, sender: Sender, events: Sequence[TrackEvent]
    ) -> list[dict[str, Any]]:
        """Rows with the visitor of the day they belong to; a late beacon crosses midnight with yesterday's salt."""
        now = self._clock.now()
        visitor_at = await self._visitors(about, site, sender, now)
        received = Received(site, now, visitor_at, None, with_key=sender.key is not None)
        return [make_row(event, received, self._settings.limits) for event in events]

    async def _visitors(
        self, about: About, site: SiteSettings, sender: Sender, now: datetime
    ) -> Callable[[datetime], str | None]:
        if about.identified is not None:
            identified = keyed_hash(self._key, "identified", site.key, about.identified)
            return lambda _occurred: identified
        visitors: dict[date, str] = {}
        if sender.key is None and about.person is None:
            for moment in (now - timedelta(days=1), now):
                visitors[local_day(moment, site.zone)] = await self._visitor(site, sender, moment)
        today = visitors.get(local_day(now, site.zone))

        def visitor_at(occurred: datetime) -> str | None:
            day = local_day(occurred, site.zone)
            return visitors.get(day) or (today and self._hasher.on_another_day(today, day))

        return visitor_at

    async def _store_as_person(
        self, about: About, site: SiteSettings, rows: Sequence[dict[str, Any]], person: str
    ) -> int:
        """In a unit of its own, because the person's usage moves with the rows."""
        now = self._clock.now()

        async def unit(session: AsyncSession) -> int:
            person_id, visitor = await note_web_usage(
                session, self._settings, self._key, site, person, now, language=about.language, zone=about.zone
            )
            owned = [{**row, "person_id": person_id, "visitor": visitor} for row in rows]
            return await store_alone(session, site.key, owned)

        return await self._store.writer.run(unit)


def _envelope_problems(raw: Mapping[str, Any], events: Any, most: int) -> list[FieldProblem]:
    problems = []
    site = raw.get("site")
    if not isinstance(site, str) or not 1 <= len(site) <= 32:
        problems.append(FieldProblem("site", "the key of a site is needed"))
    if not isinstance(events, list) or not events:
        problems.append(FieldProblem("events", "a list with at least one event is needed"))
    elif len(events) > most:
        problems.append(FieldProblem("events", f"at most {most} events at once"))
    return problems + _about_problems(raw)


def _about_problems(raw: Mapping[str, Any]) -> list[FieldProblem]:
    problems = []
    for name, characters in (("person", 64), ("language", 35), ("zone", 64)):
        value = raw.get(name)
        if value is not None and (not isinstance(value, str) or not 1 <= len(value) <= characters):
            problems.append(FieldProblem(name, f"a text of at most {characters} characters is needed"))
    person = raw.get("person")
    if isinstance(person, str) and not (len(person) >= 8 and person.replace("-", "").replace("_", "").isalnum()):
        problems.append(FieldProblem("person", "a random id of 8 to 64 letters, digits, - and _ is needed"))
    return problems
